#!/usr/bin/env bash
# judge.sh [OPTION…]: the referee's judge over all of its scenarios.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cd "$shared/referee"
"$python" judge.py --client "$bin" --jobs "${HVREPLICA_JOBS:-8}" "$@"
