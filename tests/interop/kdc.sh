# Sourced after lib.sh: a KDC of MIT Kerberos on loopback, whose files all lie in $work.

realm=EXAMPLE.TEST
kdc=$work/kdc

# free_port: a port of TCP that nobody listens at.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# configure FOLDER PORT: writes krb5.conf and kdc.conf.
configure() {
    mkdir -p "$1"
    cat >"$1/krb5.conf" <<CONF
[libdefaults]
    default_realm = $realm
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
    default_ccache_name = FILE:$work/ccache
[realms]
    $realm = {
        kdc = 127.0.0.1:$2
    }
[domain_realm]
    localhost = $realm
CONF
    cat >"$1/kdc.conf" <<CONF
[kdcdefaults]
    kdc_listen = 127.0.0.1:$2
    kdc_tcp_listen = 127.0.0.1:$2
[realms]
    $realm = {
        database_name = $kdc/principal
        key_stash_file = $kdc/stash
        acl_file = $kdc/acl
        max_life = 24h
        default_principal_flags = +preauth
    }
[logging]
    kdc = FILE:$1/kdc.log
CONF
}

administer() {
    kadmin.local -r "$realm" -q "$1" >>"$kdc/admin.log" 2>&1 || fail "kadmin.local: $1"
}

# Starts the KDC with the user operator, whose password is $HVREPLICA_PASSWORD, and the services of localhost.
start_kdc() {
    local port wait service
    PATH=$PATH:/usr/sbin:/sbin
    port=$(free_port)
    configure "$kdc" "$port"
    export KRB5_CONFIG=$kdc/krb5.conf KRB5_KDC_PROFILE=$kdc/kdc.conf KRB5RCACHEDIR=$work
    kdb5_util create -r "$realm" -s -P "master-$RANDOM$RANDOM" >"$kdc/admin.log" 2>&1 || fail "kdb5_util"
    administer "addprinc -pw \"$HVREPLICA_PASSWORD\" operator"
    administer "addprinc -pw \"$HVREPLICA_PASSWORD\" -expire yesterday former"
    administer "addprinc -requires_preauth -pw \"$HVREPLICA_PASSWORD\" trusting"
    for service in HTTP WSMAN; do
        administer "addprinc -randkey $service/localhost"
        administer "ktadd -k $kdc/service.keytab $service/localhost"
    done
    administer "ktadd -norandkey -k $kdc/operator.keytab operator"
    krb5kdc -n -r "$realm" >"$kdc/kdc.out" 2>&1 &
    servers+=("$!")
    for wait in {1..100}; do
        kinit_works && return
        sleep 0.1
    done
    fail "the KDC did not get ready: $(tail -n 3 "$kdc/kdc.out" "$kdc/kdc.log")"
}

kinit_works() {
    printf '%s\n' "$HVREPLICA_PASSWORD" | kinit -c "FILE:$work/probe" operator >/dev/null 2>&1
}

# Starts another KDC on the same data, whose clock is two hours ahead; its configuration is in $work/skewed.
skewed_kdc() {
    local port wait
    port=$(free_port)
    configure "$work/skewed" "$port"
    KRB5_CONFIG=$work/skewed/krb5.conf KRB5_KDC_PROFILE=$work/skewed/kdc.conf \
        LD_PRELOAD=$(echo /usr/lib/*/faketime/libfaketime.so.1) FAKETIME=+2h krb5kdc -n -r "$realm" >"$work/skewed/kdc.out" 2>&1 &
    servers+=("$!")
    for wait in {1..100}; do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
        sleep 0.1
    done
    fail "the KDC with a wrong clock did not get ready: $(tail -n 3 "$work/skewed/kdc.out")"
}
