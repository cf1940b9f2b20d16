#!/usr/bin/env bash
# Kerberos between the command and its own simulated host, with tickets of MIT's KDC: every source of tickets under every
# scheme, what the host's guards refuse, and a ticket that ends in mid-follow.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/kdc.sh"
password="Geheim-$RANDOM-Wort"
export HVREPLICA_PASSWORD=$password
start_kdc
unset HVREPLICA_PASSWORD
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -addext basicConstraints=critical,CA:FALSE -days 2 -keyout "$work/tls.key" -out "$work/tls.pem" 2>/dev/null
cells=0

row() {
    printf '%-36s %-40s %s\n' "$1" "$2" "$3"
    cells=$((cells + 1))
}

# host [OPTION…]: a simulated host with the services' keys; sets $url by name.
host() {
    stop_servers_but_kdc
    : >"$work/host.err"
    HVREPLICA_PASSWORD=$password simulate --keytab "${service_keytab:-$kdc/service.keytab}" --speed "${speed:-60}" "$@"
    url=${url/127.0.0.1/localhost}
}

stop_servers_but_kdc() {
    local kept=${servers[0]}
    servers=("${servers[@]:1}")
    stop_servers
    servers=("$kept")
}

tls=(--tls-cert "$work/tls.pem" --tls-key "$work/tls.key")

# run CODE OPTION…: resync at $url; keeps what it says.
run() {
    local wanted=$1 code=0
    shift
    "$bin" --host "$url" -vv "$@" resync web01 -o json </dev/null >"$work/out" 2>"$work/err" || code=$?
    [ "$code" = "$wanted" ] || fail "exit $code, not $wanted: $* : $(cat "$work/err" "$work/out" "$work/host.err")"
}

said() { grep -qE -- "$1" "$work/err" "$work/out" || fail "nothing of '$1' in: $(cat "$work/err" "$work/out")"; }

# judged [PATTERN]: what the host has to complain of; nothing.
judged() {
    stop_servers_but_kdc
    if [ -n "${1:-}" ]; then
        grep -qE -- "$1" "$work/host.err" || fail "the host does not complain of '$1' but: $(cat "$work/host.err")"
    elif [ -s "$work/host.err" ]; then
        fail "the host complains: $(cat "$work/host.err")"
    fi
}

# works NAME OPTION…: the whole resynchronization by http with sealed messages and by https, under both schemes.
works() {
    local name=$1 method
    shift
    for method in negotiate kerberos; do
        host --offer "negotiate,kerberos"
        run 0 --auth "$method" "$@"
        said "$method: using Kerberos as operator@$realm"
        judged
        row "$name" "http sealed, scheme $method" "gets in"
        host --offer "$method" "${tls[@]}"
        run 0 --auth "$method" --ca-cert "$work/tls.pem" "$@"
        judged
        row "$name" "https, scheme $method" "gets in"
        host --offer "$method" "${tls[@]}" --cbt strict
        run 0 --auth "$method" --ca-cert "$work/tls.pem" "$@"
        judged
        row "$name" "https, strict binding, scheme $method" "gets in"
    done
}

export HVREPLICA_PASSWORD=$password
works "password" -u operator
unset HVREPLICA_PASSWORD
works "keytab" --keytab "$kdc/operator.keytab"
printf '%s\n' "$password" | kinit operator >/dev/null
works "ticket of kinit"

# refused NAME REASON COMPLAINT OPTION…: exit 4; the host says why, and nothing is executed.
refused() {
    local name=$1 reason=$2 complaint=$3
    shift 3
    run 4 "$@"
    said "$reason"
    grep -q '"invoked": *false' "$work/out" || fail "$name: invoked: $(cat "$work/out")"
    judged "$complaint"
    row "$name" "http sealed" "refused: ${complaint:-$reason}"
}

administer "addprinc -pw \"$password\" somebody"
export HVREPLICA_PASSWORD=$password
host
refused "another user's ticket" "refused a ticket" "" --auth kerberos -u somebody
host --offer kerberos
refused "NTLM where only Kerberos is offered" "offers Kerberos" "auth-scheme" --auth ntlm -u operator
host --offer negotiate
refused "Basic where only Negotiate is offered" "offers Negotiate" "" --auth basic --danger-allow-unencrypted -u operator
cp "$kdc/service.keytab" "$work/former.keytab"
administer "ktadd -k $kdc/service.keytab HTTP/localhost"
service_keytab=$work/former.keytab host
refused "the host's key is older" "refused a ticket" "the keytab has no key of HTTP/localhost" \
    --auth kerberos -u operator --spn HTTP/localhost
unset HVREPLICA_PASSWORD

# A KDC that listens at UDP alone.
host
port=$(free_port)
configure "$work/packets" "$port"
sed -i 's/kdc_tcp_listen = .*/kdc_tcp_listen = ""/' "$work/packets/kdc.conf"
KRB5_CONFIG=$work/packets/krb5.conf KRB5_KDC_PROFILE=$work/packets/kdc.conf krb5kdc -n -r "$realm" >"$work/packets/out" 2>&1 &
servers+=("$!")
for _ in {1..100}; do
    HVREPLICA_PASSWORD=$password KRB5_CONFIG=$work/packets/krb5.conf kinit_works && break
    sleep 0.1
done
(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && fail "that KDC listens at TCP"
HVREPLICA_PASSWORD=$password KRB5_CONFIG=$work/packets/krb5.conf run 0 --auth kerberos -u operator
said "kerberos: using Kerberos as operator@$realm"
judged
row "password, KDC at UDP alone" "http sealed" "gets in"

# The KDC gives tickets of a few seconds, which end while the job is followed: the follow goes on with new ones.
administer "modprinc -maxlife \"8 seconds\" HTTP/localhost"
speed=6 host
HVREPLICA_PASSWORD=$password run 0 --auth kerberos -u operator
again=$(grep -c "the host forgot the session; authenticating again" "$work/err" || true)
[ "$again" -ge 1 ] || fail "no ticket ended in mid-follow: $(cat "$work/err")"
[ "$(grep -o '"invoked": *true' "$work/out" | wc -l)" = 1 ] || fail "not invoked once: $(cat "$work/out")"
judged
row "tickets that end in mid-follow" "http sealed" "gets in again, $again times"

# A ticket of kinit that ends for good: the job goes on without a witness, and can be followed after the next kinit.
administer "modprinc -maxlife \"24 hours\" HTTP/localhost"
printf '%s\n' "$password" | kinit -l 4s operator >/dev/null
speed=6 host
run 7 --auth kerberos
said "Kerberos: the ticket has expired; the resynchronization goes on"
[ "$(grep -o '"invoked": *true' "$work/out" | wc -l)" = 1 ] || fail "not invoked once: $(cat "$work/out")"
judged
row "a ticket of kinit that ends for good" "http sealed" "exit 7: the ticket has expired"
echo "$cells cells"
