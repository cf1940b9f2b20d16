#!/usr/bin/env bash
# Kerberos against MIT's KDC and the referee, whose acceptor is MIT's, too: every source of tickets under every scheme, and
# what must be refused. $HVREPLICA_PYTHON has to have the referee's packages for Kerberos.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/kdc.sh"
password="Geheim-$RANDOM-Wort"
export HVREPLICA_PASSWORD=$password
start_kdc
unset HVREPLICA_PASSWORD

rows=()
# row METHOD WAY RESULT: a line of the table.
row() { rows+=("$(printf '%-34s %-34s %s' "$1" "$2" "$3")"); }

# host [OPTION…]: a referee that offers Negotiate and Kerberos; sets $url by name.
host() {
    HVREPLICA_PASSWORD=$password referee --scenario healthy --auth "${schemes:-kerberos}" --keytab "$kdc/service.keytab" \
        --log "$work/referee.ndjson" --verdict-exit "$@"
    url=${url/127.0.0.1/localhost}
}

# run CODE OPTION…: resync at $url; keeps what it says.
run() {
    local wanted=$1 code=0
    shift
    "$bin" --host "$url" -v "$@" resync target -o json </dev/null >"$work/out" 2>"$work/err" || code=$?
    [ "$code" = "$wanted" ] || fail "exit $code, not $wanted: $* : $(cat "$work/err" "$work/out")"
}

# said PATTERN: the last run said that on stderr.
said() { grep -qE -- "$1" "$work/err" || fail "nothing of '$1' in: $(cat "$work/err")"; }

# judged: the referee is content with what the client did.
judged() {
    stop_servers_but_kdc
    python3 - "$work/referee.ndjson" "$@" <<'PY' || fail "the referee is not content: $(tail -n 1 "$work/referee.ndjson")"
import json, sys
summary = json.loads(open(sys.argv[1]).read().splitlines()[-1])["summary"]
assert summary["verdict"] == "pass", summary
assert set(summary["auth"]) == {sys.argv[2]}, summary["auth"]
assert not summary["bodies_in_clear"] and not summary["credentials_in_clear"], summary
PY
}

# stop_servers_but_kdc: the KDC was started first.
stop_servers_but_kdc() {
    local kept=${servers[0]}
    servers=("${servers[@]:1}")
    stop_servers
    servers=("$kept")
}

# works NAME OPTION…: gets in by http with sealed messages, and by https, under both schemes.
works() {
    local name=$1 method
    shift
    for method in negotiate kerberos; do
        host
        run 0 --auth "$method" "$@"
        said "$method: using Kerberos as operator@$realm"
        judged "$method/kerberos"
        row "$name" "http sealed, scheme $method" "gets in"
        host --tls --tls-dir "$work/tls"
        run 0 --auth "$method" --ca-cert "$work/tls/ca.pem" "$@"
        judged "$method/kerberos"
        row "$name" "https, scheme $method" "gets in"
    done
}

export HVREPLICA_PASSWORD=$password
for user in operator "operator@$realm" "EXAMPLE\\operator"; do
    works "password of $user" -u "$user"
done
unset HVREPLICA_PASSWORD
works "keytab" --keytab "$kdc/operator.keytab"
works "keytab, by name" --keytab "$kdc/operator.keytab" -u "operator@$realm"
printf '%s\n' "$password" | kinit operator >/dev/null
works "ticket of kinit"
works "ticket of kinit, by name" -u "operator@$realm"

printf '%s\n' "${rows[@]}"
