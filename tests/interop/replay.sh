#!/usr/bin/env bash
# A recorded resynchronization replays without a network to the same output and exit code, and not when it was changed.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export HVREPLICA_PASSWORD="replay-$RANDOM$RANDOM"

# offline COMMAND…: runs it where no network is, as far as this system lets us.
offline() {
    if unshare -rn true 2>/dev/null; then
        env -u HVREPLICA_PASSWORD unshare -rn "$@"
    else
        env -u HVREPLICA_PASSWORD "$@"
    fi
}

# another_selector FILE: changes one character of the first selector's value.
another_selector() {
    cp "$1" "$work/before"
    sed -E -i '0,/<[A-Za-z0-9]*:?Selector [^>]*>[^<]/ s/(<[A-Za-z0-9]*:?Selector [^>]*>)[^<]/\1~/' "$1"
    cmp -s "$1" "$work/before" && fail "no selector in $1"
    return 0
}

# check NAME CODE VM [OPTION…]: records a resynchronization at $url, then replays it.
check() {
    local folder=$work/$1 code=$2 vm=$3 changed
    shift 3
    expect "$code" "$bin" --host "$url" --auth ntlm -u operator --record "$folder" resync "$vm" -o json "$@" >"$folder.out"
    stop_servers
    expect "$code" offline "$bin" --replay "$folder" resync "$vm" -o json "$@" >"$folder.again"
    diff "$folder.out" "$folder.again" || fail "the replay says something else"
    changed=$(find "$folder" -name '*-invoke.request.xml' | sort | head -n 1)
    [ -n "$changed" ] || fail "no invocation was recorded"
    another_selector "$changed"
    expect 2 offline "$bin" --replay "$folder" resync "$vm" -o json "$@" >"$folder.changed" 2>/dev/null
    echo "$(basename "$folder"): $(find "$folder" -name '*.request.xml' | wc -l) exchanges replayed"
}

simulate
check simulated 0 web01
simulate --scenario job-exception
check simulated-failure 6 web01
if [ -d "$shared/referee" ]; then
    referee --scenario healthy
    check referee 0 target
    referee --scenario job-exception
    check referee-failure 6 target
fi
