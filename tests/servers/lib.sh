# lib.sh - what the start scripts of throw-away MariaDB and MySQL servers share. Sourced by bash.
set -euo pipefail

servers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=${0##*/}
cache=${LEAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/leat}

die() { echo "$name: $*" >&2; exit 1; }

as_root() { [ "$(id -u)" != 0 ] || echo --user=root; }

# own_folder DIR: makes it, and prints its whole path; a socket in it must have room in its address.
own_folder() {
    local dir
    mkdir -p "$1/tmp" # a server takes what it finds in its tmpdir at its start for left over
    dir=$(cd "$1" && pwd)
    [ ${#dir} -le 90 ] || die "$dir: too long a path for a socket"
    echo "$dir"
}

# once DIR COMMAND...: fills DIR by `COMMAND... PART`, PART being an empty directory beside it that gets its name. It is done
# by one process at a time, and only if DIR is not there.
once() {
    local dir=$1; shift
    [ ! -d "$dir" ] || return 0
    mkdir -p "$(dirname "$dir")"
    (
        flock 9
        [ ! -d "$dir" ] || exit 0
        rm -rf "$dir.part"
        mkdir "$dir.part"
        "$@" "$dir.part" 9>&-
        mv "$dir.part" "$dir"
    ) 9> "$dir.lock"
}

# wait_until_up DIR PID COMMAND...: until it succeeds.
wait_until_up() {
    local dir=$1 pid=$2 until=$((SECONDS + 60)); shift 2
    echo "$pid" > "$dir/started.pid"
    until "$@"; do
        kill -0 "$pid" 2> /dev/null || { tail -5 "$dir/mysqld.err" >&2; die "the server ended at once"; }
        [ "$SECONDS" -lt "$until" ] || { kill "$pid"; die "not ready after 60 s, see $dir/mysqld.err"; }
        sleep 0.1
    done
}

# An ended child that nobody reaps stays as a zombie: it is gone all the same, once its other threads, which hold its ports
# and files, are gone too.
is_ended() { grep -q '^State:.*Z' "/proc/$1/status" 2> /dev/null && [ "$(ls "/proc/$1/task" 2> /dev/null | wc -l)" -le 1 ]; }

stop() {
    local dir=$1 signal=${2:-TERM} pid until=$((SECONDS + 60))
    [ -f "$dir/started.pid" ] || return 0
    dir=$(cd "$dir" && pwd)
    pid=$(cat "$dir/started.pid")
    # The number may be another process's by now.
    grep -qsaF "$dir" "/proc/$pid/cmdline" && kill -s "$signal" "$pid" 2> /dev/null || { rm -f "$dir/started.pid"; return 0; }
    while kill -0 "$pid" 2> /dev/null; do
        is_ended "$pid" && break
        [ "$SECONDS" -lt "$until" ] || die "pid $pid does not end"
        sleep 0.1
    done
    rm -f "$dir/started.pid"
}

# main ARGUMENT...: the script's command line, done by its own prepare(), start() and version().
main() {
    local usage="usage: $name prepare | version | start DIR PORT [OPTION...] | stop DIR [SIGNAL]"
    case "${1:-}" in
    prepare) prepare ;;
    version) prepare; version ;;
    start) [ $# -ge 3 ] || die "$usage"; shift; start "$@" ;;
    stop) [ $# -ge 2 ] || die "$usage"; shift; stop "$@" ;;
    *) die "$usage" ;;
    esac
}
