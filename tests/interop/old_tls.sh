#!/usr/bin/env bash
# A host whose TLS has CBC suites alone, as Server 2012 R2 with an RSA certificate: rustls says what to do, and the system's TLS
# gets in, bound to the channel. $HVREPLICA_BIN has to be a build with the feature native-tls.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export HVREPLICA_PASSWORD="old-$RANDOM-$RANDOM"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -addext basicConstraints=critical,CA:FALSE -days 2 -keyout "$work/tls.key" -out "$work/tls.pem" 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -addext subjectAltName=DNS:other \
    -addext basicConstraints=critical,CA:FALSE -days 2 -keyout "$work/other.key" -out "$work/other.pem" 2>/dev/null

# host CIPHERS: a simulated host behind those.
host() {
    local out port
    stop_servers
    simulate --tls-cert "$work/tls.pem" --tls-key "$work/tls.key" --cbt strict --speed 60
    port=${url##*:}
    exec {out}< <(exec "$python" "$here/tls_front.py" "$work/tls.pem" "$work/tls.key" "$1" "${port%%/*}" 2>>"$work/host.err")
    servers+=("$!")
    read -r -t 30 port <&"$out" || fail "no TLS in front: $(tail -n 3 "$work/host.err")"
    url=https://localhost:$port/wsman
}

# cell NAME EXIT PATTERN OPTION…: the resynchronization; the error has to say that.
cell() {
    local name=$1 wanted=$2 pattern=$3 code=0
    shift 3
    "$bin" --host "${at:-$url}" --auth "${method:-ntlm}" --user operator "$@" resync web01 -o json </dev/null >"$work/out" 2>"$work/err" || code=$?
    [ "$code" = "$wanted" ] || fail "$name: exit $code, not $wanted: $(cat "$work/out" "$work/err")"
    grep -qE -- "$pattern" "$work/out" "$work/err" || fail "$name: nothing of '$pattern' in $(cat "$work/out" "$work/err")"
    printf '%-60s %s\n' "$name" "$([ "$wanted" = 0 ] && echo "gets in" || echo "refused: $pattern")"
}

for ciphers in ECDHE-RSA-AES256-SHA AES128-SHA; do
    host "$ciphers"
    cell "$ciphers, rustls" 3 "tls-backend native" --ca-cert "$work/tls.pem"
    cell "$ciphers, native, root unknown" 3 "leads to no trusted root" --tls-backend native
    cell "$ciphers, native, another root" 3 "leads to no trusted root" --tls-backend native --ca-cert "$work/other.pem"
    at=${url/localhost/127.0.0.1} cell "$ciphers, native, another name" 3 "for another name" --tls-backend native --ca-cert "$work/tls.pem"
    cell "$ciphers, native, strict binding" 0 succeeded --tls-backend native --ca-cert "$work/tls.pem"
done
host ECDHE-RSA-AES256-GCM-SHA384
cell "a suite of today, native, strict binding" 0 succeeded --tls-backend native --ca-cert "$work/tls.pem"
cell "native, pinned" 2 "cannot pin" --tls-backend native --pin-sha256 "$(printf '%064d' 0)"

# A client certificate by the system's TLS.
printf 'subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:operator@localhost\n' >"$work/client.ext"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=authority -days 2 -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=operator -keyout "$work/client.key" -out "$work/client.csr" 2>/dev/null
openssl x509 -req -in "$work/client.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -days 2 -extfile "$work/client.ext" \
    -out "$work/client.pem" 2>/dev/null
openssl rsa -traditional -in "$work/client.key" -out "$work/pkcs1.key" 2>/dev/null
stop_servers
simulate --tls-cert "$work/tls.pem" --tls-key "$work/tls.key" --client-ca "$work/ca.pem" --speed 60
url=${url/127.0.0.1/localhost} method=certificate
with=(--tls-backend native --ca-cert "$work/tls.pem" --cert "$work/client.pem")
cell "native, client certificate" 0 succeeded "${with[@]}" --key "$work/client.key"
cell "native, client certificate, PKCS#1" 2 "PKCS#8 alone" "${with[@]}" --key "$work/pkcs1.key"
