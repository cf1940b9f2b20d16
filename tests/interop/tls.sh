#!/usr/bin/env bash
# The resynchronization over https against the referee: channel binding of every strength and hash, client certificates
# in the files that openssl makes, certificates that are not good, and packaged proxies where they are installed.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export HVREPLICA_PASSWORD="tls-$RANDOM-$RANDOM"
unset HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy
tls=$work/tls
passed=0

# host REFEREE-OPTION…: a fresh referee, and with --tls fresh certificates in $tls.
host() {
    stop_servers
    rm -rf "$tls"
    referee --scenario healthy --tls-dir "$tls" --log "$work/host.log" --summary "$work/summary" "$@"
}

# cell NAME EXIT OPTION…: one resynchronization, of a VM that may have been resynchronized before.
cell() {
    local name=$1 wanted=$2 code=0
    shift 2
    "$bin" --host "$url" "$@" resync "${vm:-target}" --suspend-first -o json >"$work/out" 2>"$work/err" || code=$?
    [ "$code" = "$wanted" ] || fail "$name: exit $code, not $wanted: $(cat "$work/out" "$work/err")"
    printf '%-52s %s\n' "$name" "$([ "$wanted" = 0 ] && echo passed || echo "refused, as it must be")"
    passed=$((passed + 1))
}

bound() {
    stop_servers
    grep -q "\"cbt\": \"$1\"" "$work/host.log" || fail "the channel binding was not $1"
}

for level in none relaxed strict; do
    for digest in sha256 sha384; do
        host --tls --auth ntlm --cbt "$level" --tls-digest "$digest"
        cell "NTLM, channel binding $level, $digest" 0 --auth ntlm --user operator --ca-cert "$tls/ca.pem"
        bound "$([ "$level" = none ] && echo ignored || echo right)"
    done
    # The referee's authority signs by P-256, which with SHA-512 is unknown to ring; its RSA does it.
    host --tls --auth ntlm --cbt "$level" --tls-digest sha512 --tls-cert self-signed
    cell "NTLM, channel binding $level, sha512" 0 --auth ntlm --user operator --ca-cert "$tls/server_cert.pem"
    bound "$([ "$level" = none ] && echo ignored || echo right)"
done
host --tls --auth ntlm --cbt strict --tls-max 1.2
cell "NTLM, channel binding strict, TLS 1.2" 0 --auth ntlm --user 'EXAMPLE\operator' --ca-cert "$tls/ca.pem"

for kind in expired wrong-host self-signed; do
    host --tls --auth ntlm --cbt strict --tls-cert "$kind"
    cell "certificate $kind" 3 --auth ntlm --user operator --ca-cert "$tls/ca.pem"
    pin=$(grep -oE '[0-9a-f]{64}' "$work/out" | head -n 1)
    cell "certificate $kind, pinned" 0 --auth ntlm --user operator --pin-sha256 "$pin"
done

host --tls --auth certificate
with=(--auth certificate --ca-cert "$tls/ca.pem")
cell "client certificate, PEM" 0 "${with[@]}" --cert "$tls/client_cert.pem" --key "$tls/client_key.pem"
cat "$tls/client_cert.pem" "$tls/client_key.pem" >"$work/both.pem"
cell "client certificate, one PEM file" 0 "${with[@]}" --cert "$work/both.pem"
cell "no client certificate" 4 --auth ntlm --user operator --ca-cert "$tls/ca.pem"
openssl ec -in "$tls/client_key.pem" -out "$work/sec1.pem" 2>/dev/null
cell "client certificate, SEC1" 0 "${with[@]}" --cert "$tls/client_cert.pem" --key "$work/sec1.pem"
export HVREPLICA_KEY_PASSPHRASE="Schlüssel $RANDOM"
for cipher in "-v2 aes-256-cbc" "-v2 des3 -v2prf hmacWithSHA1" "-scrypt"; do
    # shellcheck disable=SC2086
    openssl pkcs8 -topk8 $cipher -in "$tls/client_key.pem" -out "$work/key.pem" -passout env:HVREPLICA_KEY_PASSPHRASE
    cell "client certificate, PKCS#8 $cipher" 0 "${with[@]}" --cert "$tls/client_cert.pem" --key "$work/key.pem"
done
HVREPLICA_KEY_PASSPHRASE=wrong cell "client certificate, wrong passphrase" 2 "${with[@]}" --cert "$tls/client_cert.pem" --key "$work/key.pem"
for kind in "" "-legacy" "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1"; do
    # shellcheck disable=SC2086
    openssl pkcs12 -export $kind -inkey "$tls/client_key.pem" -in "$tls/client_cert.pem" -certfile "$tls/ca.pem" \
        -out "$work/client.pfx" -passout env:HVREPLICA_KEY_PASSPHRASE
    cell "client certificate, PFX ${kind:-of OpenSSL 3}" 0 "${with[@]}" --pfx "$work/client.pfx"
done
HVREPLICA_KEY_PASSPHRASE=wrong cell "client certificate, PFX, wrong passphrase" 2 "${with[@]}" --pfx "$work/client.pfx"
host --tls --auth ntlm
cell "client certificate, not allowed there" 4 "${with[@]}" --cert "$tls/client_cert.pem" --key "$tls/client_key.pem"

# The simulated host takes client certificates, too: by their principal name, from issuers that it trusts.
issue() {
    printf 'subjectAltName=%s\n' "$4" >"$work/$1.ext"
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$work/$1.key" -out "$work/$1.csr" 2>/dev/null
    openssl x509 -req -in "$work/$1.csr" -CA "$work/$2.pem" -CAkey "$work/$2.key" -days "$3" -extfile "$work/$1.ext" \
        -out "$work/$1.pem" 2>/dev/null
}
for authority in authority stranger; do
    openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=$authority" -days 2 -keyout "$work/$authority.key" \
        -out "$work/$authority.pem" 2>/dev/null
done
principal='otherName:1.3.6.1.4.1.311.20.2.3;UTF8:'
issue localhost authority 2 DNS:localhost
issue operator authority 2 "${principal}operator@localhost"
issue eve authority 2 "${principal}eve@localhost"
issue impostor stranger 2 "${principal}operator@localhost"
stop_servers
simulate --tls-cert "$work/localhost.pem" --tls-key "$work/localhost.key" --client-ca "$work/authority.pem" --cbt strict --speed 60
url=${url/127.0.0.1/localhost}
vm=web01
with=(--auth certificate --ca-cert "$work/authority.pem")
cell "simulated host, client certificate" 0 "${with[@]}" --cert "$work/operator.pem" --key "$work/operator.key"
cell "simulated host, certificate of another account" 4 "${with[@]}" --cert "$work/eve.pem" --key "$work/eve.key"
cell "simulated host, certificate of another issuer" 4 "${with[@]}" --cert "$work/impostor.pem" --key "$work/impostor.key"
cell "simulated host, NTLM beside it" 0 --auth ntlm --user operator --ca-cert "$work/authority.pem"
vm=target

# through NAME PORT: a listener that came up, to be used as a proxy.
through() {
    for _ in $(seq 100); do
        (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null && return
        sleep 0.1
    done
    fail "$1 did not get ready"
}

free_port() { "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

proxied() {
    local name=$1 proxy=$2
    host --tls --auth ntlm --cbt strict
    "start_$name" "${proxy##*:}"
    cell "$name, CONNECT" 0 --auth ntlm --user operator --ca-cert "$tls/ca.pem" --proxy "$proxy"
    stop_servers
}

start_squid() {
    chmod 755 "$work"
    mkdir -p -m 777 "$work/squid"
    printf '%s\n' "http_port 127.0.0.1:$1" "http_access allow localhost" "cache deny all" "pid_filename none" \
        "access_log none" "cache_log $work/squid/log" "coredump_dir $work/squid" "pinger_enable off" \
        "shutdown_lifetime 0 seconds" >"$work/squid.conf"
    squid -N -f "$work/squid.conf" >/dev/null 2>&1 &
    servers+=("$!")
    through squid "$1"
}

start_tinyproxy() {
    printf '%s\n' "Port $1" "Listen 127.0.0.1" "Allow 127.0.0.1" "BasicAuth me Wort" "MaxClients 20" >"$work/tiny.conf"
    tinyproxy -d -c "$work/tiny.conf" >/dev/null 2>&1 &
    servers+=("$!")
    through tinyproxy "$1"
}

if command -v squid >/dev/null; then
    port=$(free_port)
    proxied squid "http://127.0.0.1:$port"
    host --auth ntlm
    start_squid "$port"
    cell "squid, sealed http" 0 --auth ntlm --user operator --proxy "http://127.0.0.1:$port"
else
    echo "squid is not installed: left out"
fi
if command -v tinyproxy >/dev/null; then
    proxied tinyproxy "http://me:Wort@127.0.0.1:$(free_port)"
    host --auth ntlm
    port=$(free_port)
    start_tinyproxy "$port"
    cell "tinyproxy, sealed http, which it cannot keep" 3 --auth ntlm --user operator --proxy "http://me:Wort@127.0.0.1:$port"
else
    echo "tinyproxy is not installed: left out"
fi
echo "$passed cells"
