#!/usr/bin/env bash
# Every way in, over every transport, against every acceptor that can be had here: method × transport × server; and what
# has to be refused. $HVREPLICA_PYTHON has to have pyspnego, with gssapi for the acceptors that are libraries of the system.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/kdc.sh"
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
export HVREPLICA_PASSWORD="Geheim-ß-$RANDOM$RANDOM-Wört"
[ -d "$shared/referee" ] || export HVREPLICA_SHARED=

# certificate NAME ISSUER EXTENSIONS…: NAME.pem and NAME.key, signed by ISSUER or, without one, by itself.
certificate() {
    local name=$1 issuer=$2 by=()
    shift 2
    printf '%s\n' "$@" >"$work/tls/extensions"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/tls/$name.key" -subj "/CN=$name" \
        -out "$work/tls/request" 2>/dev/null
    by=(-CA "$work/tls/$issuer.pem" -CAkey "$work/tls/$issuer.key" -CAcreateserial)
    [ -n "$issuer" ] || by=(-signkey "$work/tls/$name.key")
    openssl x509 -req -in "$work/tls/request" "${by[@]}" -days 2 -extfile "$work/tls/extensions" -out "$work/tls/$name.pem" 2>/dev/null
}

mkdir "$work/tls"
certificate ca "" "basicConstraints=critical,CA:TRUE" "subjectKeyIdentifier=hash"
for name in server other; do
    certificate "$name" ca "basicConstraints=critical,CA:FALSE" "extendedKeyUsage=serverAuth" "subjectAltName=DNS:localhost,IP:127.0.0.1"
done
certificate client ca "basicConstraints=critical,CA:FALSE" "extendedKeyUsage=clientAuth" \
    "subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:operator@localhost"

if "$python" -c 'import gssapi' 2>/dev/null; then
    compgen -G "/usr/lib/*/gssntlmssp/gssntlmssp.so" >/dev/null && export GSS_NTLMSSP=yes
    if PATH=$PATH:/usr/sbin:/sbin command -v krb5kdc >/dev/null; then
        start_kdc
        export REALM=$realm
        for user in fleeting stale disabled locked stranger; do
            administer "addprinc -pw \"$HVREPLICA_PASSWORD\" $user"
        done
        administer 'modprinc -maxlife "8 seconds" fleeting'
        administer "ktadd -norandkey -k $kdc/fleeting.keytab fleeting"
        administer "modprinc -pwexpire yesterday stale"
        administer "modprinc -allow_tix disabled"
        administer "addpol -maxfailure 2 -failurecountinterval 1h -lockoutduration 1h lockout"
        administer "modprinc -policy lockout locked"
        printf '%s\n' "$HVREPLICA_PASSWORD" | kinit -c "FILE:$work/ccache" operator >/dev/null
        printf '%s\n' "$HVREPLICA_PASSWORD" | kinit -c "FILE:$work/ccache-of-stranger" stranger >/dev/null
    fi
fi
FAKETIME_LIBRARY=$(compgen -G "/usr/lib/*/faketime/libfaketime.so.1" || true)
export FAKETIME_LIBRARY
"$python" "$here/matrix.py" "$work"
