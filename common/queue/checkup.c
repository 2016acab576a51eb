/* INFO is lines of "name:value"; what a server (or a proxy before it) does not tell is not judged,
 * except for the version, without which nothing can be said. */
#include "queue/checkup.h"

#include <stdarg.h>
#include <stdio.h>

#define VERSION_MIN 602 /* Redis 6.2; Valkey calls itself 7.2 there */
#define MEMORY_FULL_PERCENT 90

struct checkup {
    struct slice info;
    struct checkup_finding *findings;
    size_t count;
};

static void find(struct checkup *checkup, const char *what, enum checkup_level level,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

static void find(struct checkup *checkup, const char *what, enum checkup_level level,
                 const char *format, ...)
{
    struct checkup_finding *finding = &checkup->findings[checkup->count++];
    ensure(checkup->count <= CHECKUP_MAX);
    finding->what = what;
    finding->level = level;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(finding->text, sizeof(finding->text), format, args);
    va_end(args);
}

/* Of the value shown at most this many bytes: it comes from outside. */
#define SHOWN_MAX 40

static bool is_plain(struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < ' ' || value.ptr[i] > '~' || value.ptr[i] == '"') {
            return false;
        }
    }
    return true;
}

static struct slice field(const struct checkup *checkup, const char *name)
{
    struct slice rest = checkup->info;
    while (rest.len > 0) {
        struct slice value = slice_cut(&rest, '\n');
        struct slice key = slice_cut(&value, ':');
        if (slice_is(key, name)) {
            value.len -= value.len > 0 && value.ptr[value.len - 1] == '\r' ? 1 : 0;
            value.len = value.len > SHOWN_MAX ? SHOWN_MAX : value.len;
            return is_plain(value) ? value : SLICE("(unreadable)");
        }
    }
    return SLICE_NONE;
}

static int64_t number(const struct checkup *checkup, const char *name)
{
    return slice_to_i64_or(field(checkup, name), 0);
}

static void check_version(struct checkup *checkup)
{
    struct slice text = field(checkup, "redis_version");
    struct slice rest = text;
    int64_t major = slice_to_i64_or(slice_cut(&rest, '.'), -1);
    int64_t minor = slice_to_i64_or(slice_cut(&rest, '.'), 0);
    if (major < 0) {
        find(checkup, "version", CHECKUP_WARN,
             "the server does not tell its version; Redis 6.2 or Valkey 7.2 is the least");
    } else if (major * 100 + minor < VERSION_MIN) {
        find(checkup, "version", CHECKUP_REFUSE,
             "this is Redis %.*s; Redis 6.2 or Valkey 7.2 is the least", SLICE_ARG(text));
    } else {
        struct slice valkey = field(checkup, "valkey_version");
        struct slice shown = valkey.len > 0 ? valkey : text;
        find(checkup, "version", CHECKUP_OK, "%s %.*s", valkey.len > 0 ? "Valkey" : "Redis",
             SLICE_ARG(shown));
    }
}

static void check_eviction(struct checkup *checkup)
{
    struct slice policy = field(checkup, "maxmemory_policy");
    if (policy.len == 0 || slice_is(policy, "noeviction")) {
        find(checkup, "eviction", CHECKUP_OK, "maxmemory-policy is noeviction");
    } else if (number(checkup, "maxmemory") > 0) {
        find(checkup, "eviction", CHECKUP_REFUSE,
             "maxmemory-policy is %.*s: jobs would be thrown away when memory runs short; set "
             "maxmemory-policy noeviction",
             SLICE_ARG(policy));
    } else {
        find(checkup, "eviction", CHECKUP_WARN,
             "maxmemory-policy is %.*s: jobs would be thrown away once a maxmemory is set; set "
             "maxmemory-policy noeviction",
             SLICE_ARG(policy));
    }
}

static void check_durability(struct checkup *checkup)
{
    int64_t replicas = number(checkup, "connected_slaves");
    if (slice_is(field(checkup, "aof_enabled"), "0")) {
        find(checkup, "durability", CHECKUP_WARN,
             "the append-only file is off: when Redis dies, the jobs since its last snapshot are "
             "lost; set appendonly yes (replicas connected: %lld)",
             (long long)replicas);
    } else {
        find(checkup, "durability", CHECKUP_OK, "append-only file on, replicas connected: %lld",
             (long long)replicas);
    }
}

static void check_role(struct checkup *checkup)
{
    if (slice_is(field(checkup, "role"), "slave")) {
        struct slice master = field(checkup, "master_host");
        find(checkup, "role", CHECKUP_WARN,
             "this is a replica of %.*s:%lld and refuses writes; name its master, or use "
             "redis+sentinel://",
             SLICE_ARG(master), (long long)number(checkup, "master_port"));
    } else {
        find(checkup, "role", CHECKUP_OK, "takes writes");
    }
}

static void check_disk(struct checkup *checkup)
{
    bool is_aof_bad = slice_is(field(checkup, "aof_last_write_status"), "err");
    bool is_rdb_bad = slice_is(field(checkup, "rdb_last_bgsave_status"), "err");
    if (is_aof_bad || is_rdb_bad) {
        find(checkup, "disk", CHECKUP_WARN,
             "the last write of the %s failed, Redis may refuse writes: is its disk full?",
             is_aof_bad ? "append-only file" : "snapshot");
    } else {
        find(checkup, "disk", CHECKUP_OK, "the last writes to disk went well");
    }
}

static void check_memory(struct checkup *checkup)
{
    int64_t used = number(checkup, "used_memory"), max = number(checkup, "maxmemory");
    int64_t used_mb = used >> 20, max_mb = max >> 20;
    if (max <= 0) {
        find(checkup, "memory", CHECKUP_OK, "%lld MB used, no limit set", (long long)used_mb);
    } else {
        bool is_full = used / MEMORY_FULL_PERCENT > max / 100;
        find(checkup, "memory", is_full ? CHECKUP_WARN : CHECKUP_OK, "%lld of %lld MB used%s",
             (long long)used_mb, (long long)max_mb,
             is_full ? ": new jobs are refused with 503 when it is full; raise maxmemory" : "");
    }
}

size_t checkup_read(struct slice info, struct checkup_finding findings[CHECKUP_MAX])
{
    static void (*const checks[CHECKUP_MAX])(struct checkup *) = {
        check_version, check_eviction, check_durability, check_role, check_disk, check_memory};
    struct checkup checkup = {.info = info, .findings = findings};
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        checks[i](&checkup);
    }
    return checkup.count;
}

const char *checkup_level_name(enum checkup_level level)
{
    static const char *const names[] = {"ok", "warning", "refused"};
    ensure(level < COUNT_OF(names));
    return names[level];
}
