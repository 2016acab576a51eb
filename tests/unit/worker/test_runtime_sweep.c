/* The keeper's clearing away, with a script in place of the runtime. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime.h"

#define CONTAINERS 300 /* their ids are more than a pipe's reader may take at once */

struct folder {
    char path[32];
    char *program, *told; /* owned */
};

/* `ps` lists, `kill` and `rm` say each id when it is done, as docker does, and note it. */
static const char script[] =
    "#!/bin/sh\n"
    "verb=$1; shift\n"
    "if [ $verb = ps ]; then\n"
    "  i=0; while [ $i -lt %d ]; do echo id$i; i=$((i+1)); done\n"
    "else\n"
    "  for id; do case $id in id*) echo $id-0123456789012345678901234567890123456789\n"
    "    echo $verb >> %s/told;; esac; done\n"
    "fi\n";

static int make_folder(void **state)
{
    static struct folder folder;
    (void)snprintf(folder.path, sizeof(folder.path), "/tmp/mr-sweep-XXXXXX");
    assert_non_null(mkdtemp(folder.path));
    folder.program = xasprintf("%s/runtime", folder.path);
    folder.told = xasprintf("%s/told", folder.path);
    FILE *file = fopen(folder.program, "we");
    assert_non_null(file);
    (void)fprintf(file, script, CONTAINERS, folder.path);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(folder.program, 0700), 0);
    *state = &folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    (void)unlink(folder->program);
    (void)unlink(folder->told);
    (void)rmdir(folder->path);
    free(folder->program);
    free(folder->told);
    return 0;
}

static size_t count(struct slice text, const char *word)
{
    size_t found = 0;
    while (text.len > 0) {
        found += slice_is(slice_cut(&text, '\n'), word);
    }
    return found;
}

static void each_container_is_killed_and_removed_however_much_the_runtime_says(void **state)
{
    const struct folder *folder = *state;
    AUTO(buf_done) struct buf told = BUF_INIT;
    runtime_sweep(folder->program, "run");
    assert_int_equal(file_get(folder->told, 1 << 20, &told), ERR_OK);
    assert_int_equal(count(buf_slice(&told), "kill"), CONTAINERS);
    assert_int_equal(count(buf_slice(&told), "rm"), CONTAINERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            each_container_is_killed_and_removed_however_much_the_runtime_says, make_folder,
            remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
