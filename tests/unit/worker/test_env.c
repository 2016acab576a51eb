/* The environment of a handler: what it must have, what it must not get. */
#include "test.h"

#include "env.h"

struct fixture {
    char *inherited[8];
    struct endpoint_env extra[4];
    struct endpoint endpoint;
    struct env_spec spec;
    char **env;
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){
        .inherited = {"PATH=/bin", "MILLRACE_REDIS=redis://:secret@h", "MILLRACE_API_KEY=k",
                      "LISTEN_FDS=3", "RUNPOD_WEBHOOK_OLD=x", "EMPTY=", "A=b=c"},
        .endpoint = {.id = "echo", .env = fixture.extra},
    };
    fixture.spec = (struct env_spec){
        .inherited = fixture.inherited,
        .endpoint = &fixture.endpoint,
        .worker = "a0-123456",
        .token = "tok",
        .run = "feed",
        .host = "box",
        .port = 4711,
        .gpu_name = "NVIDIA H100 (80GB)",
    };
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    env_free(fixture->env);
    return 0;
}

static const char *get(struct fixture *fixture, const char *name)
{
    if (fixture->env == NULL) {
        fixture->env = env_build(&fixture->spec);
    }
    return env_get(fixture->env, name);
}

static void urls_leave_only_the_id_to_the_sdk(void **state)
{
    struct fixture *f = *state;
    const char *gpu = "NVIDIA+H100+%2880GB%29";
    AUTO_STR take = xasprintf("http://127.0.0.1:4711/v2/echo/job-take/a0-123456?gpu=%s", gpu);
    AUTO_STR done = xasprintf("http://127.0.0.1:4711/v2/echo/job-done/a0-123456/$ID?gpu=%s", gpu);
    AUTO_STR chunk =
        xasprintf("http://127.0.0.1:4711/v2/echo/job-stream/a0-123456/$ID?gpu=%s", gpu);
    AUTO_STR ping = xasprintf("http://127.0.0.1:4711/v2/echo/ping/a0-123456?gpu=%s", gpu);
    assert_string_equal(get(f, "RUNPOD_WEBHOOK_GET_JOB"), take);
    assert_string_equal(get(f, "RUNPOD_WEBHOOK_POST_OUTPUT"), done);
    assert_string_equal(get(f, "RUNPOD_WEBHOOK_POST_STREAM"), chunk);
    assert_string_equal(get(f, "RUNPOD_WEBHOOK_PING"), ping);
}

static void the_process_is_bound_to_its_agent(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(get(f, "MILLRACE_RUN"), "feed");
    assert_string_equal(get(f, "RUNPOD_POD_ID"), "a0-123456");
    assert_string_equal(get(f, "RUNPOD_AI_API_KEY"), "tok");
    assert_string_equal(get(f, "RUNPOD_ENDPOINT_ID"), "echo");
    assert_string_equal(get(f, "RUNPOD_PING_INTERVAL"), "5000");
    assert_string_equal(get(f, "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS"), "true");
    assert_string_equal(get(f, "RUNPOD_SKIP_GPU_CHECK"), "true");
    assert_string_equal(get(f, "PYTHONUNBUFFERED"), "1");
    assert_string_equal(get(f, "RUNPOD_LOG_LEVEL"), "INFO");
}

static void a_log_level_that_was_chosen_stays(void **state)
{
    struct fixture *f = *state;
    f->extra[0] = (struct endpoint_env){"RUNPOD_DEBUG_LEVEL", "DEBUG"};
    f->endpoint.env_count = 1;
    assert_null(get(f, "RUNPOD_LOG_LEVEL"));
    assert_string_equal(get(f, "RUNPOD_DEBUG_LEVEL"), "DEBUG");
}

static void secrets_of_the_agent_stay_with_it(void **state)
{
    struct fixture *f = *state;
    assert_null(get(f, "MILLRACE_REDIS"));
    assert_null(get(f, "MILLRACE_API_KEY"));
    assert_null(get(f, "LISTEN_FDS"));
    assert_null(get(f, "RUNPOD_WEBHOOK_OLD"));
}

static void the_rest_is_inherited(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(get(f, "PATH"), "/bin");
    assert_string_equal(get(f, "EMPTY"), "");
    assert_string_equal(get(f, "A"), "b=c");
}

static void the_endpoint_wins_except_over_the_binding(void **state)
{
    struct fixture *f = *state;
    f->extra[0] = (struct endpoint_env){"PATH", "/opt/bin"};
    f->extra[1] = (struct endpoint_env){"RUNPOD_PING_INTERVAL", "5000"};
    f->extra[2] = (struct endpoint_env){"RUNPOD_POD_ID", "stolen"};
    f->extra[3] = (struct endpoint_env){"RUNPOD_WEBHOOK_GET_JOB", "http://elsewhere"};
    f->endpoint.env_count = 4;
    assert_string_equal(get(f, "PATH"), "/opt/bin");
    assert_string_equal(get(f, "RUNPOD_PING_INTERVAL"), "5000");
    assert_string_equal(get(f, "RUNPOD_POD_ID"), "a0-123456");
    assert_null(strstr(get(f, "RUNPOD_WEBHOOK_GET_JOB"), "elsewhere"));
}

static void cards_are_named_only_when_the_machine_has_some(void **state)
{
    struct fixture *f = *state;
    assert_null(get(f, "CUDA_VISIBLE_DEVICES"));
    env_free(f->env);
    f->env = NULL;
    f->spec.cuda = "GPU-1,GPU-2";
    assert_string_equal(get(f, "CUDA_VISIBLE_DEVICES"), "GPU-1,GPU-2");
}

static void our_python_folder_stands_before_the_endpoints(void **state)
{
    struct fixture *f = *state;
    assert_null(get(f, "PYTHONPATH"));
    env_free(f->env);
    f->env = NULL;
    f->spec.python = "/lib/python";
    assert_string_equal(get(f, "PYTHONPATH"), "/lib/python");
    env_free(f->env);
    f->env = NULL;
    f->extra[0] = (struct endpoint_env){"PYTHONPATH", "/theirs"};
    f->endpoint.env_count = 1;
    assert_string_equal(get(f, "PYTHONPATH"), "/lib/python:/theirs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(urls_leave_only_the_id_to_the_sdk, setup, teardown),
        cmocka_unit_test_setup_teardown(the_process_is_bound_to_its_agent, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_level_that_was_chosen_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(secrets_of_the_agent_stay_with_it, setup, teardown),
        cmocka_unit_test_setup_teardown(the_rest_is_inherited, setup, teardown),
        cmocka_unit_test_setup_teardown(the_endpoint_wins_except_over_the_binding, setup, teardown),
        cmocka_unit_test_setup_teardown(cards_are_named_only_when_the_machine_has_some, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(our_python_folder_stands_before_the_endpoints, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
