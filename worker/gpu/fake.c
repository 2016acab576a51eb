/* Cards from a file, so that everything but the cards themselves can be tested on any machine. One
 * line is one card:
 *
 *   UUID NAME... MEMORY_MIB [KEY=VALUE...]
 *
 *   driver, cuda, capability, parent   what the inventory says
 *   held, processes                    MiB in use, programs that compute on it
 *   ecc, xid                           uncorrected errors so far; a new number is a new error
 *   check                              what the fitness check does: see check/fake.c
 *
 * The file is read again when it has changed; a card whose line is gone has fallen off the bus.
 * What cannot be read (a file half written) changes nothing. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "gpu/source.h"

#define PERIOD_MS 200
#define FILE_MAX ((size_t)1 << 20)

struct card {
    char uuid[sizeof(((struct gpu *)NULL)->uuid)];
    struct gpu_reading reading;
};

struct fake {
    struct gpu_source source;
    char *path;                 /* owned */
    struct card known[GPU_MAX]; /* in the order of the inventory */
    struct timespec changed;
};

struct line {
    struct gpus *gpus;  /* gets the card, and the versions */
    struct card *cards; /* gets its reading, at the same place */
};

static bool copy(char *out, size_t size, struct slice text)
{
    (void)snprintf(out, size, "%.*s", SLICE_ARG(text));
    return text.len > 0 && text.len < size;
}

static bool take_number(struct slice text, int64_t max, int64_t *ret_value)
{
    return slice_to_i64(text, ret_value) == ERR_OK && *ret_value >= 0 && *ret_value <= max;
}

static bool take_reading(struct gpu_reading *reading, struct slice key, struct slice text)
{
    int64_t value = 0;
    if (!take_number(text, INT64_C(1) << 30, &value)) {
        return false;
    }
    if (slice_is(key, "held")) {
        reading->held = value << 20;
    } else if (slice_is(key, "processes")) {
        reading->processes = value;
    } else if (slice_is(key, "ecc")) {
        reading->ecc = value;
    } else if (slice_is(key, "xid")) {
        reading->xid = (unsigned)value;
    } else {
        return false;
    }
    return true;
}

static bool take_attribute(const struct line *line, struct gpu *gpu, struct slice word)
{
    struct slice value = word;
    struct slice key = slice_cut(&value, '=');
    const struct {
        const char *key;
        char *target;
        size_t size;
    } texts[] = {
        {"driver", line->gpus->driver, sizeof(line->gpus->driver)},
        {"cuda", line->gpus->cuda, sizeof(line->gpus->cuda)},
        {"capability", gpu->capability, sizeof(gpu->capability)},
        {"parent", gpu->parent, sizeof(gpu->parent)},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (slice_is(key, texts[i].key)) {
            return copy(texts[i].target, texts[i].size, value);
        }
    }
    return slice_is(key, "check") ||
           take_reading(&line->cards[line->gpus->count].reading, key, value);
}

/* Cuts the last word off. */
static struct slice cut_last(struct slice *text)
{
    size_t at = text->len;
    while (at > 0 && text->ptr[at - 1] != ' ') {
        at--;
    }
    struct slice word = slice_from(*text, at);
    *text = slice_trim((struct slice){text->ptr, at});
    return word;
}

static bool read_card(const struct line *line, struct slice rest)
{
    struct gpu gpu = {0};
    int64_t mib = 0;
    struct slice uuid = slice_cut(&rest, ' '), word = cut_last(&rest);
    while (word.len > 0 && memchr(word.ptr, '=', word.len) != NULL) {
        if (!take_attribute(line, &gpu, word)) {
            return false;
        }
        word = cut_last(&rest);
    }
    if (!copy(gpu.uuid, sizeof(gpu.uuid), uuid) || !copy(gpu.name, sizeof(gpu.name), rest) ||
        !take_number(word, INT64_C(1) << 40, &mib) || mib == 0) {
        return false;
    }
    gpu.memory = mib << 20;
    memcpy(line->cards[line->gpus->count].uuid, gpu.uuid, sizeof(gpu.uuid));
    line->gpus->items[line->gpus->count++] = gpu;
    return true;
}

static enum err read_line(const struct line *line, struct slice text, struct buf *problem)
{
    if (line->gpus->count < GPU_MAX && read_card(line, text)) {
        return ERR_OK;
    }
    buf_printf(
        problem,
        "'%.*s' is no card: use \"UUID NAME MEMORY_MIB [KEY=VALUE...]\" with the keys driver, "
        "cuda, capability, parent, held, processes, ecc, xid, check; at most %d lines",
        SLICE_ARG(text), GPU_MAX);
    return ERR_BAD_REQUEST;
}

/* gpus and cards are filled from their beginning. */
static enum err read_file(const char *path, struct gpus *gpus, struct card *cards,
                          struct buf *problem)
{
    AUTO(buf_done) struct buf text = BUF_INIT;
    enum err err = file_get(path, FILE_MAX, &text);
    if (err != ERR_OK) {
        buf_printf(problem, "cannot read it: %s", err_text(err));
        return err;
    }
    struct line line = {gpus, cards};
    struct slice rest = buf_slice(&text);
    gpus->count = 0;
    while (err == ERR_OK && rest.len > 0) {
        struct slice one = slice_cut(&rest, '\n');
        one = slice_trim(slice_cut(&one, '\r'));
        if (one.len > 0) {
            err = read_line(&line, one, problem);
        }
    }
    return err;
}

static const struct card *find(const struct card *cards, size_t count, const char *uuid)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(cards[i].uuid, uuid) == 0) {
            return &cards[i];
        }
    }
    return NULL;
}

static void read_again(struct fake *fake, struct gpu_reading *readings, size_t count)
{
    AUTO(free) void *gpus_memory = xcalloc(1, sizeof(struct gpus));
    AUTO(free) void *cards_memory = xcalloc(GPU_MAX, sizeof(struct card));
    struct gpus *gpus = gpus_memory;
    struct card *cards = cards_memory;
    AUTO(buf_done) struct buf problem = BUF_INIT;
    if (read_file(fake->path, gpus, cards, &problem) != ERR_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct gpu_reading *known = &fake->known[i].reading;
        const struct card *card = find(cards, gpus->count, fake->known[i].uuid);
        unsigned xid = known->xid;
        *known = card != NULL ? card->reading : (struct gpu_reading){.is_lost = true};
        readings[i].xid = known->xid != xid ? known->xid : 0;
    }
}

static void fake_look(struct gpu_source *source, struct gpu_reading *readings, size_t count)
{
    struct fake *fake = container_of(source, struct fake, source);
    struct stat now;
    memset(readings, 0, count * sizeof(*readings));
    if (stat(fake->path, &now) == 0 && (now.st_mtim.tv_sec != fake->changed.tv_sec ||
                                        now.st_mtim.tv_nsec != fake->changed.tv_nsec)) {
        fake->changed = now.st_mtim;
        read_again(fake, readings, count);
    }
    for (size_t i = 0; i < count; i++) {
        unsigned xid = readings[i].xid;
        readings[i] = fake->known[i].reading;
        readings[i].xid = xid;
    }
}

static void fake_close(struct gpu_source *source)
{
    struct fake *fake = container_of(source, struct fake, source);
    free(fake->path);
    free(fake);
}

struct gpu_source *source_file(struct gpus *gpus, const char *path, struct buf *problem)
{
    struct fake *fake = xcalloc(1, sizeof(*fake));
    fake->source = (struct gpu_source){PERIOD_MS, fake_look, fake_close};
    if (read_file(path, gpus, fake->known, problem) != ERR_OK) {
        free(fake);
        return NULL;
    }
    for (size_t i = 0; i < gpus->count; i++) {
        fake->known[i].reading.xid =
            0; /* what is there from the beginning is news to the first look */
    }
    fake->path = xstrdup(path);
    return &fake->source;
}
