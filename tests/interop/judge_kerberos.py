"""judge_kerberos.py KEYTAB [OPTION…]: the referee's judge, with Kerberos in place of NTLM.

The judge knows no KDC. So its server gets a keytab, and its client the host by name; all else is the judge's own.
The user and the password are those of the judge: `judge_kerberos.py --account` prints them.
"""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["HVREPLICA_SHARED"]) / "referee"))
import judge

if sys.argv[1:] == ["--account"]:
    print(judge.USER, judge.PASSWORD, sep="\n")
    sys.exit()
keytab = sys.argv.pop(1)
method = os.environ.get("HVREPLICA_METHOD", "kerberos")
arguments, start = judge.arguments, subprocess.Popen


def with_method():
    args = arguments()
    args.auth = method
    return args


def with_kerberos(command, **options):
    if "referee" in command:
        at = command.index("--auth") + 1
        command = [*command[:at], "kerberos", *command[at + 1 :], "--keytab", keytab]
    else:
        command = [word.replace("//127.0.0.1:", "//localhost:") for word in command]
    return start(command, **options)


judge.arguments = with_method
judge.subprocess.Popen = with_kerberos
sys.exit(judge.main())
