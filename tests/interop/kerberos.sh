#!/usr/bin/env bash
# Kerberos against MIT's KDC and the referee, whose acceptor is MIT's, too: every source of tickets under every scheme, and
# what must be refused. $HVREPLICA_PYTHON has to have the referee's packages for Kerberos.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/kdc.sh"
password="Geheim-$RANDOM-Wort"
export HVREPLICA_PASSWORD=$password
start_kdc
unset HVREPLICA_PASSWORD

# row METHOD WAY RESULT: a line of the table.
row() { printf '%-34s %-40s %s\n' "$1" "$2" "$3"; }

# host [OPTION…]: a referee that offers Negotiate and Kerberos; sets $url by name.
host() {
    HVREPLICA_PASSWORD=$password referee --scenario healthy --set resync.duration=5 --auth "${schemes:-kerberos}" --keytab "${service_keytab:-$kdc/service.keytab}" \
        --log "$work/referee.ndjson" --verdict-exit "$@"
    url=${url/127.0.0.1/localhost}
}

# run CODE OPTION…: resync at $url; keeps what it says.
run() {
    local wanted=$1 code=0
    shift
    "$bin" --host "$url" -v --poll-interval 200ms "$@" resync target -o json </dev/null >"$work/out" 2>"$work/err" || code=$?
    [ "$code" = "$wanted" ] || fail "exit $code, not $wanted: $* : $(cat "$work/err" "$work/out")"
}

# said PATTERN: the last run said that on stderr.
said() { grep -qE -- "$1" "$work/err" || fail "nothing of '$1' in: $(cat "$work/err")"; }

# judged: the referee is content with what the client did.
judged() {
    stop_servers_but_kdc
    python3 - "$work/referee.ndjson" "$@" <<'PY' || fail "the referee is not content: $(tail -n 1 "$work/referee.ndjson")"
import json, sys
# A connection may say that it is closed behind the summary.
lines = [json.loads(line) for line in open(sys.argv[1])]
summary = [line["summary"] for line in lines if "summary" in line][-1]
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

# bound NAME OPTION…: gets in where the ticket has to be bound to the TLS channel.
bound() {
    local name=$1 method
    shift
    for method in negotiate kerberos; do
        host --tls --tls-dir "$work/tls" --cbt strict
        run 0 --auth "$method" --ca-cert "$work/tls/ca.pem" "$@"
        judged "$method/kerberos"
        row "$name" "https, strict binding, scheme $method" "gets in"
    done
}
bound "ticket of kinit"
bound "keytab" --keytab "$kdc/operator.keytab"
export HVREPLICA_PASSWORD=$password
bound "password" -u "operator@$realm"
unset HVREPLICA_PASSWORD
stop_servers_but_kdc

# refused NAME PATTERN OPTION…: exit 4, and the error says why; nothing is executed.
refused() {
    local name=$1 pattern=$2
    shift 2
    run 4 "$@"
    python3 - "$work/out" "$pattern" <<'PY' || fail "$name: nothing of '$pattern' in: $(cat "$work/out")"
import json, re, sys
(result,) = json.load(open(sys.argv[1]))["results"]
assert result["outcome"] == "unauthorized" and not result["invoked"], result
assert result["error"]["hint"] and not result["error"]["may_have_run"], result
assert re.search(sys.argv[2], result["error"]["message"]), result
PY
    row "$name" "http sealed" "refused: $pattern"
}

host
export HVREPLICA_PASSWORD=not-$password
refused "wrong password" "refuses the password or key of operator@$realm" --auth kerberos -u operator
refused "negotiate, wrong password" "refuses the password or key" --auth negotiate -u operator
export HVREPLICA_PASSWORD=$password
refused "unknown user" "does not know the user nobody@$realm" --auth kerberos -u nobody
refused "expired account" "former@$realm is disabled, locked or expired" --auth kerberos -u former
refused "account without pre-authentication" "need no pre-authentication" --auth kerberos -u trusting
refused "user of an unknown realm" "no KDC of the realm NOWHERE" --auth kerberos -u 'NOWHERE\operator'
refused "unknown service, password" "knows no service HTTP/elsewhere" --auth kerberos -u operator --spn HTTP/elsewhere
refused "unknown host, password" "knows no service WSMAN/elsewhere" --auth kerberos -u operator --kerberos-host elsewhere
refused "no KDC answers" "no KDC of the realm $realm answers" --auth kerberos -u operator --kdc "127.0.0.1:$(free_port)"
KRB5_CONFIG=/dev/null refused "no realm" "the realm of the user is not known" --auth kerberos -u operator
unset HVREPLICA_PASSWORD

head -c 40 "$kdc/operator.keytab" >"$work/cut.keytab"
head -c 400 /dev/zero >"$work/none.keytab"
cp "$kdc/operator.keytab" "$work/stale.keytab"
refused "corrupt keytab" "the keytab is damaged" --auth kerberos --keytab "$work/cut.keytab"
refused "no keytab" "the file is no keytab" --auth kerberos --keytab "$work/none.keytab"
refused "absent keytab" "cannot be read" --auth kerberos --keytab "$work/absent.keytab"
refused "keytab of another" "no key of eve but of operator@$realm" --auth kerberos --keytab "$kdc/operator.keytab" -u eve

refused "unknown service, ticket" "knows no service HTTP/elsewhere" --auth kerberos --spn HTTP/elsewhere
refused "ticket of another" "no ticket for eve@$realm" --auth kerberos -u "eve@$realm"
export KRB5CCNAME=FILE:$work/absent
refused "no ticket" "there is no ticket" --auth kerberos
unset KRB5CCNAME

kinit_as() { printf '%s\n' "$password" | kinit "$@" >/dev/null; }
kinit_as -l 1s -c "FILE:$work/short" operator
until [ "$(klist -c "FILE:$work/short" -s; echo $?)" != 0 ]; do sleep 0.2; done
KRB5CCNAME=FILE:$work/short refused "expired ticket" "the ticket has expired" --auth kerberos

# The host's clock is this machine's; the KDC's is two hours ahead.
skewed_kdc
export HVREPLICA_PASSWORD=$password
KRB5_CONFIG=$work/skewed/krb5.conf refused "KDC with a wrong clock, password" "clocks .* too far apart" --auth kerberos -u operator
unset HVREPLICA_PASSWORD
KRB5_CONFIG=$work/skewed/krb5.conf refused "KDC with a wrong clock, keytab" "clocks .* too far apart" --auth kerberos --keytab "$kdc/operator.keytab"

# falls_back NAME REASON OPTION…: NTLM gets in, and the reason is said.
falls_back() {
    local name=$1 reason=$2
    shift 2
    schemes=ntlm,kerberos host
    [ "${by_address:-}" = "" ] || url=${url/localhost/127.0.0.1}
    run 0 "$@"
    said "negotiate: using NTLM: .*$reason"
    judged negotiate/ntlm
    row "$name" "http sealed" "NTLM: $reason"
}
stop_servers_but_kdc
export HVREPLICA_PASSWORD=$password
by_address=yes falls_back "negotiate, host by address" "given by its address" -u operator
falls_back "negotiate, local account" "an account of the host itself" -u '.\operator'
falls_back "negotiate, no KDC answers" "no KDC of the realm $realm answers" -u operator --kdc "127.0.0.1:$(free_port)"
falls_back "negotiate, unknown service" "knows no service HTTP/elsewhere" -u operator --spn HTTP/elsewhere
KRB5_CONFIG=/dev/null falls_back "negotiate, no configuration" "the realm of the user is not known" -u operator

administer "delprinc -force HTTP/localhost"
host
run 0 --auth kerberos -u operator
said "for WSMAN/localhost"
judged kerberos/kerberos
row "only WSMAN/ is registered" "http sealed" "gets in"
unset HVREPLICA_PASSWORD

cp "$kdc/service.keytab" "$work/former.keytab"
administer "ktadd -k $kdc/service.keytab WSMAN/localhost"
kinit_as operator
service_keytab=$work/former.keytab host
refused "the host's key is older" "cannot read a ticket for WSMAN/localhost|refused a ticket for WSMAN/localhost" --auth kerberos
administer "cpw -pw other-$password operator"
refused "stale keytab" "refuses the password or key of operator@$realm" --auth kerberos --keytab "$kdc/operator.keytab"
