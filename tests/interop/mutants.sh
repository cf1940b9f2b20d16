#!/usr/bin/env bash
# Plants defects one by one in a copy of the sources and shows that the fault sweep catches each.
#
# CARGO_TARGET_DIR   where the copies are built; default: target
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-target}")
export CARGO_TARGET_DIR
# Always the same place, so that each copy is built upon the one before.
copy=$CARGO_TARGET_DIR/mutant
trap 'rm -rf "$copy"' EXIT

# plant NAME FILE OLD NEW FLOW...: replaces OLD, which has to be there exactly once, and sweeps the flows.
plant() {
    local name=$1 file=$2 old=$3 new=$4 caught=no
    shift 4
    rm -rf "$copy"
    mkdir -p "$copy"
    cp -r Cargo.toml Cargo.lock build.rs README.md benches schemas src tests "$copy"
    python3 - "$copy/$file" "$old" "$new" <<'PY'
import sys
path, old, new = sys.argv[1:]
text = open(path, encoding="utf-8").read()
if text.count(old) != 1:
    sys.exit(f"{path}: the place for the defect is there {text.count(old)} times: {old!r}")
open(path, "w", encoding="utf-8").write(text.replace(old, new))
PY
    (cd "$copy" && cargo test --quiet --profile sweep --no-default-features --test sweep --no-run)
    for flow in "$@"; do
        local out
        if out=$(cd "$copy" && cargo test --quiet --profile sweep --no-default-features --test sweep -- \
            --pairs 300 --only "$flow" 2>&1); then
            continue
        fi
        caught=yes
        printf '== %s: caught in %s\n' "$name" "$flow"
        grep -m 4 -A 2 '^WRONG' <<<"$out" || printf '%s\n' "$out" | tail -5
        grep '^sweep:' <<<"$out" || true
        break
    done
    if [ "$caught" = no ]; then
        printf '== %s: NOT CAUGHT\n' "$name"
        missed=1
    fi
}

missed=0
plant "Resynchronize goes again after a timeout" src/client/mod.rs \
    'let message = self.exchange(&request, Connection::Fresh).await?;' \
    'let message = match self.exchange(&request, Connection::Fresh).await {
            Err(Failure(error, _)) if error.is_transient() => {
                self.exchange(&request, Connection::Fresh).await?
            }
            other => other?,
        };' \
    from-9
plant "a job that is gone has succeeded" src/replica/course.rs \
    'self.note_job(look);' \
    'self.note_job(look);
        if look.job == JobSeen::Gone {
            return Step::Done(ending(Verdict::Succeeded, "the job is gone"));
        }' \
    from-9
plant "the state is believed right after asking for it" src/replica/state_change.rs \
    'if look.state == Some(self.aim) && look.is_quiet {' \
    'if look.state == Some(self.aim) {
                return Changed::Reached;
            }
            if look.state == Some(self.aim) && look.is_quiet {' \
    job-cancel
exit "$missed"
