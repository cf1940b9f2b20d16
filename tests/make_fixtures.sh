#!/usr/bin/env bash
# Makes the recordings of fixtures/ anew, with the recorder, against the simulated host.
#
# make_fixtures.sh BINARY
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
binary=$(realpath "$1")
export HVREPLICA_USER=operator HVREPLICA_PASSWORD="fixture-$RANDOM"
unset HVREPLICA_HOST HVREPLICA_AUTH HVREPLICA_PROFILE HVREPLICA_LOG

# make NAME SCENARIO EXIT WHAT ARGUMENT...
make() {
    local name=$1 scenario=$2 wanted=$3 what=$4 folder=fixtures/$1 ready host code=0
    shift 4
    rm -rf "$folder"
    exec 3< <(exec "$binary" simulate --scenario "$scenario" --speed 30 2>/dev/null)
    host=$!
    read -r ready <&3
    HVREPLICA_HOST=$(sed 's/.*"url":"\([^"]*\)".*/\1/' <<<"$ready") \
        "$binary" --record "$folder" -q "$@" >/tmp/fixture.$$ || code=$?
    kill "$host"
    [ "$code" = "$wanted" ] || { echo "$name: exit $code, not $wanted" >&2; exit 1; }
    mv /tmp/fixture.$$ "$folder/stdout"
    printf '%s\n' "$@" >"$folder/arguments"
    printf '%s\n' "$code" >"$folder/exit"
    printf '# %s\n\n%s\n\nRecorded by `--record` against `hvreplica simulate --scenario %s` (`tests/make_fixtures.sh`).\n' \
        "$name" "$what" "$scenario" >"$folder/README.md"
}

make resync-succeeds healthy 0 "A virtual machine in state 9 is resynchronized by a long job." resync web01 -o json
make resync-job-fails job-exception 6 "The job ends in Exception; GetErrorEx says why." resync web01 -o json
make resync-short-job short-job 0 "The job only begins the resynchronization; the state decides." resync web01 -o json
make resync-reply-lost response-lost 0 "The reply to Resynchronize is lost; state and jobs show that it runs." resync web01 -o json
make resync-suspended suspended-midway 7 "Somebody suspends it on the way." resync web01 -o json
make resync-refused-locally healthy-vm 5 "A virtual machine that replicates is refused before anything is asked." resync web01 -o json
make resync-not-found healthy 9 "No virtual machine has that name." resync nobody -o json
make resync-busy-host busy-503 0 "The host answers 503 at first; reads are tried again." resync web01 -o json
make status healthy 0 "All relationships of a host." status -o json
make wsman-enumerate healthy 0 "Instances and references of a class, in small pages." \
    wsman enumerate Msvm_ReplicationRelationship --mode object-and-epr --max-elements 7 -o ndjson
make wsman-fault no-hyperv 5 "The namespace does not exist." status -o json
