# The Debian packages (12 and 13) that Millrace needs, and how to install the missing ones. Sourced:
#
#   . deploy/packages.sh
#   packages_install build run        groups: build, run, test
#
# Nothing happens when all are there. Needs root or sudo otherwise.
# shellcheck shell=bash

# packages_by_version ON_12 LATER. llhttp is a library on Debian 13, and C sources in node-llhttp
# on 12; the sanitizers and fuzzer of clang have a package without a version since 13.
packages_by_version() {
    local version
    version=$(. /etc/os-release 2>/dev/null && printf '%s' "${VERSION_ID:-}")
    if [ "$version" = 12 ]; then echo "$1"; else echo "$2"; fi
}

# packages_list GROUP...: one name a line.
packages_list() {
    local group
    for group in "$@"; do
        case $group in
        build)
            printf '%s\n' gcc libc6-dev cmake ninja-build pkg-config libuv1-dev libhiredis-dev \
                libcurl4-openssl-dev libnng-dev libcjson-dev libssl-dev libpng-dev zlib1g-dev \
                "$(packages_by_version node-llhttp libllhttp-dev)"
            ;;
        run) printf '%s\n' redis-server python3 python3-venv ca-certificates ;;
        test)
            printf '%s\n' libcmocka-dev clang clang-format lua-check curl iproute2 openssl procps podman crun \
                docker-compose systemd \
                "$(packages_by_version libclang-rt-14-dev libclang-rt-dev)"
            # The one of Debian 12 is too old for deploy/k8s: its tests are skipped without another.
            packages_by_version '' kubernetes-client | grep . || true
            ;;
        *)
            printf 'packages: there is no group %s; there are: build run test\n' "$group" >&2
            return 2
            ;;
        esac
    done
}

# A Redis, Valkey or kubectl from elsewhere is as good as the package.
packages_is_there() {
    case $1 in
    redis-server) { command -v redis-server || command -v valkey-server; } >/dev/null && return 0 ;;
    kubernetes-client) command -v kubectl >/dev/null && return 0 ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

packages_missing() {
    local name
    for name in $(packages_list "$@"); do
        packages_is_there "$name" || printf '%s\n' "$name"
    done
}

packages_as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian starts a service when its package is installed. Millrace runs a Redis of its own, so while
# redis-server is being installed its service is forbidden to start, and is not enabled for the next
# boot. A redis-server that was there before is not touched.
packages_policy=/usr/sbin/policy-rc.d
packages_apt() {
    local status=0 has_policy=
    if [[ " $* " == *" redis-server "* ]] && [ ! -e "$packages_policy" ]; then
        has_policy=1
        printf '#!/bin/sh\ncase "$1" in redis-server*) exit 101 ;; esac\nexit 0\n' |
            packages_as_root tee "$packages_policy" >/dev/null
        packages_as_root chmod 755 "$packages_policy"
    fi
    packages_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends "$@" || status=$?
    if [ -n "$has_policy" ]; then
        packages_as_root rm -f "$packages_policy"
        packages_as_root systemctl disable redis-server >/dev/null 2>&1 || true
    fi
    return "$status"
}

# packages_install GROUP...: installs what is missing; tells what it does on stderr.
packages_install() {
    local missing log
    packages_list "$@" >/dev/null || return
    mapfile -t missing < <(packages_missing "$@")
    [ ${#missing[@]} -eq 0 ] && return 0
    if ! command -v apt-get >/dev/null; then
        printf 'packages: no apt-get here; install what these Debian packages hold: %s\n' \
            "${missing[*]}" >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        printf 'packages: neither root nor sudo; as root run: apt-get install %s\n' \
            "${missing[*]}" >&2
        return 1
    fi
    printf 'installing %d packages: %s\n' ${#missing[@]} "${missing[*]}" >&2
    log=$(mktemp)
    if { packages_as_root apt-get update && packages_apt "${missing[@]}"; } >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 20 "$log" >&2
    printf 'packages: apt-get failed, the whole output is in %s; correct that and run again\n' \
        "$log" >&2
    return 1
}
