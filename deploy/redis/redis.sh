#!/bin/sh
# Starts what runs in a pod of Redis: redis.sh redis | redis.sh sentinel
#
# The password is the one in MILLRACE_REDIS, so that it is written in one place. With REDIS_SERVICE
# (the headless service) set there are sentinels, and the primary is who they say; at the very first
# start it is the pod with the number 0. Names, not addresses: a pod keeps its name.
set -eu
umask 077
readonly name=${HOSTNAME%-*} role=${1:-redis}
readonly me=$HOSTNAME${REDIS_SERVICE:+.$REDIS_SERVICE}

login=${MILLRACE_REDIS#*://millrace:}
readonly password=${login%%@*}
case $password in
*CHANGE-ME* | "$login" | "")
    echo "redis.sh: set a password in MILLRACE_REDIS: scheme://millrace:PASSWORD@..." >&2
    exit 2
    ;;
esac

digest() { printf '%s' "$1" | sha256sum | cut -d' ' -f1; }

write_users() {
    sed "s/>CHANGE-ME/#$(digest "$password")/" /etc/redis/users.acl
    [ -n "${REDIS_SERVICE:-}" ] || return 0
    printf 'user replica on #%s resetchannels -@all +psync +replconf +ping\n' \
        "$(digest "$REPLICATION_PASSWORD")"
    printf 'user sentinel on #%s resetchannels &__sentinel__:* -@all' \
        "$(digest "$REPLICATION_PASSWORD")"
    printf ' +%s' auth client\|kill client\|setname config\|rewrite exec info multi ping publish \
        replicaof role script\|kill slaveof subscribe
    printf '\n'
}

# The primary's name as a sentinel knows it; those of other pods first: this one may have been away.
ask_sentinels() {
    for n in 0 1 2; do
        [ "$name-$n" != "$HOSTNAME" ] || continue
        ask "$name-$n.$REDIS_SERVICE" && return 0
    done
    ask "$me"
}

ask() {
    answer=$(REDISCLI_AUTH=$REPLICATION_PASSWORD timeout 3 redis-cli -h "$1" -p 26379 \
        sentinel get-master-addr-by-name millrace 2>/dev/null | head -n 1) || return 1
    case $answer in
    "$name"-*) printf '%s\n' "$answer" ;;
    *) return 1 ;;
    esac
}

run_redis() {
    write_users >/run/redis/users.acl
    # Users guard it: the one without a password may PING alone, but for protected mode that he has
    # none is reason to refuse everybody.
    set -- --dir /data --aclfile /run/redis/users.acl --port 6379 --protected-mode no
    if [ -n "${REDIS_SERVICE:-}" ]; then
        # The sentinel beside this container answers when no other does.
        until primary=$(ask_sentinels); do sleep 1; done
        set -- "$@" --replica-announce-ip "$me" --masteruser replica \
            --masterauth "$REPLICATION_PASSWORD" --min-replicas-to-write 1
        [ "$primary" = "$me" ] || set -- "$@" --replicaof "$primary" 6379
    fi
    # Sentinel writes what it changes into the file of settings.
    cp /etc/redis/redis.conf /run/redis/redis.conf
    exec redis-server /run/redis/redis.conf "$@"
}

run_sentinel() {
    if [ ! -s /data/sentinel.conf ]; then
        cat >/data/sentinel.conf.new <<SETTINGS
port 26379
dir /data
requirepass $REPLICATION_PASSWORD
sentinel sentinel-pass $REPLICATION_PASSWORD
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $me
sentinel monitor millrace $name-0.$REDIS_SERVICE 6379 2
sentinel auth-user millrace sentinel
sentinel auth-pass millrace $REPLICATION_PASSWORD
sentinel down-after-milliseconds millrace 5000
sentinel failover-timeout millrace 30000
sentinel parallel-syncs millrace 1
SETTINGS
        mv /data/sentinel.conf.new /data/sentinel.conf
    fi
    exec redis-sentinel /data/sentinel.conf
}

case $role in
redis) run_redis ;;
sentinel) run_sentinel ;;
*)
    echo "redis.sh: $role: use redis or sentinel" >&2
    exit 2
    ;;
esac
