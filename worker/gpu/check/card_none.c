/* A build without CUDA cannot compute on a card; the agent then takes cards as they are. */
#include <stdio.h>

#include "check.h"

enum check_verdict check_card(struct check_figures *figures, char problem[CHECK_PROBLEM_SIZE])
{
    (void)figures;
    (void)snprintf(problem, CHECK_PROBLEM_SIZE,
                   "this build has no CUDA (build with nvcc, -DMILLRACE_CUDA=ON)");
    return CHECK_IMPOSSIBLE;
}
