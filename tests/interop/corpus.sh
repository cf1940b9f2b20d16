#!/usr/bin/env bash
# Every recorded envelope of the corpus decodes to one JSON document, with nothing to complain of.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

find "$shared/corpus" -name '*.xml' -print0 | sort -z >"$work/files"
files=$(tr -cd '\0' <"$work/files" | wc -c)
[ "$files" -gt 0 ] || fail "no corpus in $shared"
xargs -0 "$bin" decode <"$work/files" >"$work/out" 2>"$work/err" || fail "decode failed: $(head -n 5 "$work/err")"
[ ! -s "$work/err" ] || fail "decode complained: $(head -n 5 "$work/err")"
documents=$(grep -c '^{.*}$' "$work/out")
[ "$documents" = "$files" ] || fail "$documents documents of $files files"
echo "$files files decoded"
