/* The fitness check of the one card this process sees. Plain C for both compilers. */
#ifndef WORKER_GPU_CHECK_H
#define WORKER_GPU_CHECK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum check_verdict { /* and the exit status */
                     CHECK_FIT = 0,
                     CHECK_UNFIT = 1,
                     CHECK_IMPOSSIBLE = 3 /* no card is visible, or this build has no CUDA */
};

#define CHECK_PROBLEM_SIZE 160

/* What was measured; 0 for what was not reached. */
struct check_figures {
    char name[96];
    uint64_t total_bytes, free_bytes, tested_bytes;
    double to_device_gbs, to_host_gbs, within_gbs; /* 10^9 bytes a second */
    double gemm_gflops;
};

/* problem: one line when the verdict is not CHECK_FIT. */
enum check_verdict check_card(struct check_figures *figures, char problem[CHECK_PROBLEM_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
