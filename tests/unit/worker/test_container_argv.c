/* Command lines for a container runtime: what is said, and what is only named. */
#include "test.h"

#include "container_argv.h"
#include "env.h"

struct fixture {
    char *env[8], *inherited[8], *command[3], *volumes[3];
    const char *extra[2];
    struct config_strings extras;
    struct endpoint endpoint;
    struct container_plan plan;
    char **argv;
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){
        .env = {"TOKEN=secret", "PATH=/opt/bin", "A*=x", "DOCKER_HOST=tcp://h",
                "EMPTY=", "DOCKER_THING=y"},
        .inherited = {"PATH=/bin", "HOME=/root", "MILLRACE_REDIS=redis://:pw@h", "TOKEN=other"},
        .command = {"python", "h.py"},
        .volumes = {"/m y:/models:ro", "/x:/y"},
        .extra = {"--init"},
        .endpoint = {.id = "ep", .cwd = "/app", .handler = HANDLER_IMAGE},
    };
    fixture.extras = (struct config_strings){fixture.extra, 1};
    fixture.endpoint.image = (struct endpoint_image){
        .command = fixture.command, .volumes = fixture.volumes, .shm_bytes = 65536};
    fixture.plan = (struct container_plan){
        .program = "podman",
        .kind = RUNTIME_PODMAN,
        .name = "millrace-w",
        .image = "0123",
        .owner = "a0-1",
        .run = "feed",
        .worker = "w",
        .endpoint = &fixture.endpoint,
        .env = fixture.env,
        .extra = &fixture.extras,
    };
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    env_free(fixture->argv);
    return 0;
}

/* Is there "name value", or "name" alone when value is NULL? */
static bool has(struct fixture *f, const char *name, const char *value)
{
    for (char **at = f->argv; *at != NULL; at++) {
        if (strcmp(*at, name) == 0 &&
            (value == NULL || (at[1] != NULL && strcmp(at[1], value) == 0))) {
            return true;
        }
    }
    return false;
}

static size_t count(char *const *argv)
{
    size_t total = 0;
    while (argv[total] != NULL) {
        total++;
    }
    return total;
}

static void make(struct fixture *f)
{
    env_free(f->argv);
    f->argv = container_run_argv(&f->plan);
}

static void all_of_the_document_is_said(void **state)
{
    struct fixture *f = *state;
    make(f);
    assert_string_equal(f->argv[0], "podman");
    assert_string_equal(f->argv[1], "run");
    assert_true(has(f, "--network", "host") && has(f, "--pull", "never"));
    assert_true(has(f, "--name", "millrace-w") && has(f, "--workdir", "/app"));
    assert_true(has(f, "--shm-size", "65536"));
    assert_true(has(f, "--mount", "type=bind,src=/m y,dst=/models,readonly"));
    assert_true(has(f, "--mount", "type=bind,src=/x,dst=/y"));
    assert_true(has(f, "--label", "millrace.owner=a0-1") && has(f, "--label", "millrace.run=feed"));
    assert_false(has(f, "--rm", NULL));
    size_t words = count(f->argv);
    assert_string_equal(f->argv[words - 4], "--init"); /* before the image, or it would be its */
    assert_string_equal(f->argv[words - 3], "0123");
    assert_string_equal(f->argv[words - 2], "python");
    assert_string_equal(f->argv[words - 1], "h.py");
}

static void an_image_alone_runs_its_own_entry_point(void **state)
{
    struct fixture *f = *state;
    f->endpoint.image.command = f->endpoint.image.volumes = NULL;
    f->endpoint.cwd = NULL;
    make(f);
    assert_string_equal(f->argv[count(f->argv) - 1], "0123");
    assert_false(has(f, "--workdir", NULL) || has(f, "--mount", NULL));
}

static void secrets_are_named_and_not_told(void **state)
{
    struct fixture *f = *state;
    make(f);
    assert_true(has(f, "--env", "TOKEN") && has(f, "--env", "EMPTY"));
    assert_true(has(f, "--env", "DOCKER_THING"));
    AUTO(env_free) char **env = container_client_env(&f->plan, f->inherited);
    assert_string_equal(env_get(env, "TOKEN"), "secret");
    assert_string_equal(env_get(env, "EMPTY"), "");
    assert_string_equal(env_get(env, "HOME"), "/root");
    assert_null(env_get(env, "MILLRACE_REDIS"));
}

static void what_the_client_heeds_is_told_and_left_alone(void **state)
{
    struct fixture *f = *state;
    make(f);
    assert_true(has(f, "--env", "PATH=/opt/bin") && has(f, "--env", "A*=x"));
    assert_true(has(f, "--env", "DOCKER_HOST=tcp://h"));
    AUTO(env_free) char **env = container_client_env(&f->plan, f->inherited);
    assert_string_equal(env_get(env, "PATH"), "/bin");
    assert_null(env_get(env, "DOCKER_HOST"));
    assert_null(env_get(env, "A*"));
}

static void cards_are_given_by_uuid(void **state)
{
    struct fixture *f = *state;
    make(f);
    assert_false(has(f, "--device", NULL) || has(f, "--gpus", NULL));
    f->plan.uuids = "GPU-1,GPU-2";
    make(f);
    assert_true(has(f, "--device", "nvidia.com/gpu=GPU-1"));
    assert_true(has(f, "--device", "nvidia.com/gpu=GPU-2"));
    f->plan.kind = RUNTIME_DOCKER;
    make(f);
    assert_true(has(f, "--gpus", "\"device=GPU-1,GPU-2\""));
    assert_false(has(f, "--device", NULL));
}

static void without_cards_of_its_own_it_sees_none(void **state)
{
    struct fixture *f = *state;
    f->plan.uuids = "";
    make(f);
    assert_true(has(f, "--env", "NVIDIA_VISIBLE_DEVICES=void"));
    assert_false(has(f, "--device", NULL));
}

static void removing_does_not_wait(void **state)
{
    struct fixture *f = *state;
    f->argv = container_remove_argv("/usr/bin/podman", RUNTIME_PODMAN, "c");
    assert_true(has(f, "--force", NULL) && has(f, "--time", "0"));
    env_free(f->argv);
    f->argv = container_remove_argv("docker", RUNTIME_DOCKER, "c");
    assert_true(has(f, "--force", "c"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_of_the_document_is_said),    TEST(an_image_alone_runs_its_own_entry_point),
        TEST(secrets_are_named_and_not_told), TEST(what_the_client_heeds_is_told_and_left_alone),
        TEST(cards_are_given_by_uuid),        TEST(without_cards_of_its_own_it_sees_none),
        TEST(removing_does_not_wait),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
