# Sourced by the checks beside it: hosts to talk to, a folder that goes away, and what a failure says.
set -euo pipefail

bin=${HVREPLICA_BIN:?names the hvreplica to check}
python=${HVREPLICA_PYTHON:-python3}
shared=${HVREPLICA_SHARED:-}
work=$(mktemp -d)
servers=()

clean_up() {
    for pid in "${servers[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT

# Wherever a command's output goes, a failure is said on the script's own stderr.
exec {complaints}>&2
fail() {
    echo "$(basename "$0"): $*" >&"$complaints"
    exit 1
}

# Nothing of this machine's user takes part.
export HOME=$work/home XDG_CONFIG_HOME=$work/home
mkdir "$HOME"
unset HVREPLICA_HOST HVREPLICA_USER HVREPLICA_AUTH HVREPLICA_PROFILE HVREPLICA_LOG

# Reads the line by which a server says that it is ready; sets $url.
await_ready() {
    local ready
    read -r -t 30 ready <&"$1" || fail "$2 did not get ready: $(tail -n 3 "$work/host.err")"
    url=$(sed -E 's/.*"url": ?"([^"]*)".*/\1/' <<<"$ready")
}

# simulate [OPTION…]: a simulated host whose operator has the password $HVREPLICA_PASSWORD; sets $url.
simulate() {
    local out
    exec {out}< <(exec "$bin" simulate --listen 127.0.0.1:0 --user operator "$@" 2>>"$work/host.err")
    servers+=("$!")
    await_ready "$out" "the simulated host"
}

# referee [OPTION…]: the same with the independent host; sets $url.
referee() {
    local out
    exec {out}< <(cd "$shared/referee" && exec "$python" -m referee --user operator --password "$HVREPLICA_PASSWORD" "$@" 2>>"$work/host.err")
    servers+=("$!")
    await_ready "$out" "the referee"
}

# gone PID: waits until a server has said its last; the shell does not wait for each of them by itself.
gone() {
    local wait
    wait "$1" 2>/dev/null || true
    for wait in {1..200}; do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.05
    done
    fail "a server does not end"
}

# stop_servers: nobody answers any more.
stop_servers() {
    for pid in "${servers[@]}"; do
        kill "$pid" 2>/dev/null && gone "$pid"
    done
    servers=()
}

# expect CODE COMMAND…: the command has to exit with that code.
expect() {
    local wanted=$1 code=0
    shift
    "$@" </dev/null || code=$?
    [ "$code" = "$wanted" ] || fail "exit $code, not $wanted: $*"
}
