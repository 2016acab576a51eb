/* What INFO tells about a server's fitness. */
#include "test.h"

#include "queue/checkup.h"

static const char good[] = "# Server\r\nredis_version:7.0.15\r\n# Memory\r\nused_memory:1048576\r\n"
                           "maxmemory:0\r\nmaxmemory_policy:noeviction\r\n# Persistence\r\n"
                           "aof_enabled:1\r\naof_last_write_status:ok\r\nrole:master\r\n"
                           "connected_slaves:2\r\n";

/* The finding of one kind for the good server with some lines before its own. */
static struct checkup_finding look(const char *lines, const char *what)
{
    struct checkup_finding findings[CHECKUP_MAX];
    struct buf info = BUF_INIT;
    (void)buf_printf(&info, "%s%s", lines, good);
    size_t count = checkup_read(buf_slice(&info), findings);
    buf_done(&info);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(findings[i].what, what) == 0) {
            return findings[i];
        }
    }
    fail_msg("no finding about %s", what);
    return findings[0];
}

static void expect(const char *lines, const char *what, enum checkup_level level, const char *words)
{
    struct checkup_finding finding = look(lines, what);
    if (finding.level != level || strstr(finding.text, words) == NULL) {
        fail_msg("%s: %s, %s", what, checkup_level_name(finding.level), finding.text);
    }
}

static void a_good_server_has_only_good_findings(void **state)
{
    (void)state;
    struct checkup_finding findings[CHECKUP_MAX];
    size_t count = checkup_read(SLICE_NONE, findings);
    assert_int_equal(count, CHECKUP_MAX);
    count = checkup_read(slice_of(good), findings);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(findings[i].level, CHECKUP_OK);
    }
    expect("", "version", CHECKUP_OK, "Redis 7.0.15");
    expect("", "durability", CHECKUP_OK, "replicas connected: 2");
}

static void an_old_server_is_refused(void **state)
{
    (void)state;
    expect("redis_version:6.0.16\r\n", "version", CHECKUP_REFUSE, "6.0.16");
    expect("redis_version:5\n", "version", CHECKUP_REFUSE, "6.2");
    expect("redis_version:6.2.0\r\n", "version", CHECKUP_OK, "6.2.0");
    expect("redis_version:10.1\r\n", "version", CHECKUP_OK, "10.1");
    expect("redis_version:7.2.4\r\nvalkey_version:8.1.1\r\n", "version", CHECKUP_OK,
           "Valkey 8.1.1");
    expect("redis_version:banana\r\n", "version", CHECKUP_WARN, "does not tell");
}

static void eviction_is_refused_where_it_can_happen(void **state)
{
    (void)state;
    expect("maxmemory_policy:volatile-ttl\r\nmaxmemory:1000\r\n", "eviction", CHECKUP_REFUSE,
           "volatile-ttl");
    expect("maxmemory_policy:allkeys-lru\r\n", "eviction", CHECKUP_WARN, "noeviction");
}

static void what_may_cost_jobs_is_a_warning(void **state)
{
    (void)state;
    expect("aof_enabled:0\r\n", "durability", CHECKUP_WARN, "appendonly yes");
    expect("role:slave\r\nmaster_host:10.0.0.9\r\nmaster_port:6380\r\n", "role", CHECKUP_WARN,
           "10.0.0.9:6380");
    expect("aof_last_write_status:err\r\n", "disk", CHECKUP_WARN, "append-only file");
    expect("rdb_last_bgsave_status:err\r\n", "disk", CHECKUP_WARN, "snapshot");
    expect("used_memory:96468992\r\nmaxmemory:104857600\r\n", "memory", CHECKUP_WARN, "92 of 100");
    expect("used_memory:94371840\r\nmaxmemory:104857600\r\n", "memory", CHECKUP_OK, "90 of 100");
}

static void values_that_are_no_plain_text_are_not_shown(void **state)
{
    (void)state;
    expect("maxmemory:1\r\nmaxmemory_policy:a\"b\033[2J\r\n", "eviction", CHECKUP_REFUSE,
           "(unreadable)");
}

static void values_from_outside_are_cut(void **state)
{
    (void)state;
    char lines[1200] = "maxmemory:1\r\nmaxmemory_policy:";
    memset(lines + strlen(lines), 'x', 1000);
    struct checkup_finding finding = look(lines, "eviction");
    assert_int_equal(finding.level, CHECKUP_REFUSE);
    assert_true(strlen(finding.text) < 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_server_has_only_good_findings),
        cmocka_unit_test(an_old_server_is_refused),
        cmocka_unit_test(eviction_is_refused_where_it_can_happen),
        cmocka_unit_test(what_may_cost_jobs_is_a_warning),
        cmocka_unit_test(values_that_are_no_plain_text_are_not_shown),
        cmocka_unit_test(values_from_outside_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
