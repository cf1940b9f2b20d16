"""judge_kerberos.py KEYTAB [OPTION…]: the referee's judge, with Kerberos in place of NTLM.

The judge knows no KDC. So its server gets a keytab, its client the host by name, and the KDC of the environment the
password that the judge has made up; all else is the judge's own.
"""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["HVREPLICA_SHARED"]) / "referee"))
import judge

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


change = f'cpw -pw "{judge.PASSWORD}" {judge.USER}'
subprocess.run(["kadmin.local", "-r", os.environ["REALM"], "-q", change], check=True, stdout=subprocess.DEVNULL)
judge.arguments = with_method
judge.subprocess.Popen = with_kerberos
sys.exit(judge.main())
