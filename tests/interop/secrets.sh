#!/usr/bin/env bash
# The password is in no recording and in nothing that any command or the simulated host says, in no encoding.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export HVREPLICA_PASSWORD="Geheim-ß-$RANDOM-Wört:$RANDOM"
said=$work/said
mkdir "$said"

hex() { od -An -v -tx1 | tr -d ' \n'; }

# What to look for, as hexadecimal: the password in UTF-8, in UTF-16, as JSON and URLs escape it, and both encodings
# within base64 at each of its three alignments, less the characters that neighbours take part in.
needles() {
    local utf16=$work/utf16 utf8=$work/utf8 pad
    printf %s "$HVREPLICA_PASSWORD" >"$utf8"
    iconv -f UTF-8 -t UTF-16LE "$utf8" >"$utf16"
    hex <"$utf8"; echo
    hex <"$utf16"; echo
    sed 's/ß/\\u00df/; s/ö/\\u00f6/' "$utf8" | hex; echo
    sed 's/ß/%C3%9F/; s/ö/%C3%B6/' "$utf8" | hex; echo
    for pad in "" a aa; do
        for form in "$utf8" "$utf16"; do
            { printf %s "$pad"; cat "$form"; } | base64 -w0 | cut -c5- | sed 's/.\{4\}$//' | tr -d '\n' | hex
            echo
        done
    done
}

# leaks FOLDER: names the files of it that hold a needle.
leaks() {
    local file
    find "$1" -type f | sort | while read -r file; do
        hex <"$file" | grep -qF -f "$work/needles" && echo "$file"
    done || true
}

needles >"$work/needles"
mkdir "$work/planted"
printf '%s' "$HVREPLICA_PASSWORD" >"$work/planted/plain"
printf '{"a":"%s"}' "$HVREPLICA_PASSWORD" | iconv -f UTF-8 -t UTF-16LE >"$work/planted/utf16"
printf 'operator:%s' "$HVREPLICA_PASSWORD" | base64 -w0 >"$work/planted/basic"
echo "operator: no secret" >"$work/planted/clean"
found=$(leaks "$work/planted" | xargs -n 1 basename | tr '\n' ' ')
[ "$found" = "basic plain utf16 " ] || fail "the search itself does not find a password"

number=0
# run CODE OPTION…: runs a command at its most talkative and keeps what it says.
run() {
    local code=$1
    shift
    number=$((number + 1))
    expect "$code" env HVREPLICA_LOG=trace "$bin" -vvv "$@" >"$said/$number.out" 2>"$said/$number.err"
}

# commands VM: what succeeds and what fails, at the host $url.
commands() {
    local at=(--host "$url" --auth ntlm -u operator)
    run 0 "${at[@]}" --record "$said/$number.recording" resync "$1" -o json
    run 0 "${at[@]}" --record "$said/$number.recording" wsman identify
    run 9 "${at[@]}" --record "$said/$number.recording" resync no-such-vm -o json
    run 4 --host "$url" --auth ntlm -u somebody --record "$said/$number.recording" resync "$1" -o json
    run 2 --host "$url" --auth basic -u operator resync "$1"
    run 4 --host "$url" --auth basic -u somebody --danger-allow-unencrypted wsman identify
    run 3 --host 127.0.0.1:9 --auth ntlm -u operator resync "$1"
    run 2 "${at[@]}" --no-such-option
    run 0 --help
    run 0 resync --help
}

simulate --scenario healthy
commands web01
if [ -d "$shared/referee" ]; then
    referee --scenario healthy
    commands target
fi
simulate --scenario healthy --offer credssp
run 0 --host "$url" --auth credssp -u operator --record "$said/$number.recording" resync web01 -o json
run 4 --host "$url" --auth credssp -u somebody --record "$said/$number.recording" resync web01 -o json
stop_servers
cp "$work/host.err" "$said/host.err"
[ -z "$(leaks "$said")" ] || fail "the password is in $(leaks "$said" | tr '\n' ' ')"
echo "$(find "$said" -type f | wc -l) outputs of $number commands hold no password"
