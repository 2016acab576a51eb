/* What the library of tests/lib/fake_nvml.c answers; a test changes it through fake_nvml_state. */
#ifndef TESTS_FAKE_NVML_H
#define TESTS_FAKE_NVML_H

#define FAKE_CARDS 4
#define FAKE_SLICES 3
#define FAKE_EVENTS 8

struct fake_device {
    const char *uuid, *name;
    unsigned long long total, reserved, used, ecc;
    unsigned processes, instance;
    int status;  /* not 0: what every question about it answers */
    int has_ecc; /* 0: "not supported" */
};
struct fake_card {
    struct fake_device whole;
    struct fake_device slices[FAKE_SLICES]; /* an empty uuid: no slice in that place */
    int is_sliced;
    unsigned long long events; /* registered types */
};
struct fake_event {
    unsigned card, instance;
    unsigned long long type, data;
};
struct fake_nvml {
    unsigned count;
    struct fake_card cards[FAKE_CARDS];
    struct fake_event events[FAKE_EVENTS];
    unsigned event_count;
    int opened, event_sets; /* must be 0 at the end */
    int hangs_ms;           /* each look takes so long */
};

#endif
