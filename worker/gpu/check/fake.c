/* The line's word check=pass|fail|crash|hang|none says what happens; without one it passes. */
#include "fake.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/slice.h"

#define WORD "check="

static void act(struct slice word)
{
    if (slice_is(word, "crash")) {
        (void)raise(SIGABRT);
    }
    while (slice_is(word, "hang")) {
        (void)pause();
    }
}

/* The rest of the card's line; false when the file has none. */
static bool find_line(const char *path, const char *uuid, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    bool is_found = false;
    while (file != NULL && !is_found && fgets(line, (int)size, file) != NULL) {
        struct slice rest = slice_of(line);
        is_found = slice_is(slice_cut(&rest, ' '), uuid);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return is_found;
}

enum check_verdict fake_check(const char *path, const char *uuid, struct check_figures *figures,
                              char problem[CHECK_PROBLEM_SIZE])
{
    char line[512];
    if (!find_line(path, uuid, line, sizeof(line))) {
        (void)snprintf(problem, CHECK_PROBLEM_SIZE, "%s has no card %s", path, uuid);
        return CHECK_UNFIT;
    }
    (void)snprintf(figures->name, sizeof(figures->name), "a line in a file");
    const char *at = strstr(line, " " WORD);
    struct slice word = slice_of(at != NULL ? at + sizeof(WORD) : "pass");
    word.len = strcspn(word.ptr, " \r\n");
    act(word);
    if (slice_is(word, "none")) {
        (void)snprintf(problem, CHECK_PROBLEM_SIZE, "the file says it cannot be checked");
        return CHECK_IMPOSSIBLE;
    }
    if (slice_is(word, "fail")) {
        (void)snprintf(problem, CHECK_PROBLEM_SIZE, "memory test: 3 words were not as written");
        return CHECK_UNFIT;
    }
    return CHECK_FIT;
}
