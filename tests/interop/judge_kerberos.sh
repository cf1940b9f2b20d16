#!/usr/bin/env bash
# judge_kerberos.sh METHOD [OPTION…]: the referee's judge over its scenarios, each of which authenticates by Kerberos; METHOD
# is kerberos or negotiate. $HVREPLICA_PYTHON has to have the referee's packages for Kerberos.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/kdc.sh"
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")

export HVREPLICA_PASSWORD=changed-by-the-judge HVREPLICA_METHOD=$1
shift
start_kdc
export REALM=$realm
cd "$shared/referee"
"$python" "$here/judge_kerberos.py" "$kdc/service.keytab" --client "$bin" --jobs "${HVREPLICA_JOBS:-8}" "$@"
