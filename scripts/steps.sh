# Sourced by the other scripts: paths, headings, timed steps, signals and free ports.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

TARGET_DIR=${CARGO_TARGET_DIR:-target}
[[ $TARGET_DIR == /* ]] || TARGET_DIR=$ROOT/$TARGET_DIR

# The debug binary that scripts/test builds.
# shellcheck disable=SC2034 # used by the scripts that source this file
BINARY=$TARGET_DIR/debug/mainstay

# The PATH of a shell without a login lacks the directory in which rustup installs cargo.
if ! command -v cargo >/dev/null && [[ -x ${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo ]]; then
    PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
fi

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# attend COMMAND…: runs a command and returns its exit code. Unlike a plain call, it passes a
# signal to the command at once, so that the command can clean up before this script does.
attend() {
    local status=0 interrupted=0 child
    "$@" &
    child=$!
    trap 'interrupted=130; kill -TERM "$child" 2>/dev/null || true' INT
    trap 'interrupted=143; kill -TERM "$child" 2>/dev/null || true' TERM HUP
    while :; do
        status=0
        wait "$child" || status=$?
        kill -0 "$child" 2>/dev/null || break
    done
    trap - INT TERM HUP
    ((interrupted == 0)) || status=$interrupted
    return "$status"
}

heading() {
    printf '\n==> %s\n' "$1"
}

# The names and seconds of the steps so far.
STEP_NAMES=()
STEP_SECONDS=()

# step NAME COMMAND…: runs one check with a heading, and prints its time. The script ends if it fails.
step() {
    local name=$1 started=$SECONDS status=0
    shift
    heading "$name"
    attend "$@" || status=$?
    if ((status != 0)); then
        printf '<== FAILED after %d s (exit code %d): %s\n' $((SECONDS - started)) "$status" "$name"
        exit "$status"
    fi
    printf '<== %d s\n' $((SECONDS - started))
    STEP_NAMES+=("$name")
    STEP_SECONDS+=($((SECONDS - started)))
}

# Prints how long each step took.
print_step_times() {
    local n
    heading 'Time of each step'
    for n in "${!STEP_NAMES[@]}"; do
        printf '%5d s  %s\n' "${STEP_SECONDS[n]}" "${STEP_NAMES[n]}"
    done
    printf '%5d s  in all before the tests\n' "$SECONDS"
}

# Prints a port of 127.0.0.1 that is free now and below the range of outgoing connections.
free_port() {
    local port
    for _ in {1..50}; do
        port=$((20000 + RANDOM % 12000))
        if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%d\n' "$port"
            return
        fi
    done
    fail "found no free port on 127.0.0.1"
}

# Prints the folder with initdb, pg_ctl and psql of the newest installed PostgreSQL, else of the one in PATH.
postgres_bin() {
    local newest
    newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb | grep -v '\*' | sort -V | tail -n 1)
    [[ -n $newest ]] || newest=$(command -v initdb) || return 1
    dirname "$(readlink -f "$newest")"
}
