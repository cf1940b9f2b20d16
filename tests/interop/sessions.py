"""Sealed NTLM sessions by the hundred: each stays on its connection, and every operation is answered.

sessions.py BINARY REFEREE [--sessions 200] [--jobs 8]: each session is one process that enumerates the virtual machines in small pages.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

USER, PASSWORD = "operator", secrets.token_urlsafe(12)
OPERATIONS = 10  # of each session, at least
COMMAND = ["wsman", "enumerate", "Msvm_ComputerSystem", "--max-elements", "4", "-o", "ndjson"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=Path)
    parser.add_argument("referee", type=Path, help="folder that holds the package `referee`")
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=8)
    return parser.parse_args()


def session(binary: Path, url: str) -> tuple[int, int, str]:
    """Exit code, instances, and what was said on stderr."""
    command = [binary, "--host", url, "--auth", "ntlm", "--user", USER, *COMMAND]
    env = os.environ | {"HVREPLICA_PASSWORD": PASSWORD}
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    return done.returncode, len(done.stdout.splitlines()), done.stderr.decode(errors="replace")


def hold(args: argparse.Namespace, log: Path) -> list[tuple[int, int, str]]:
    """Runs all sessions against one referee."""
    command = [sys.executable, "-m", "referee", "--scenario", "healthy", "--auth", "ntlm", "--user", USER, "--password", PASSWORD,
               "--log", str(log)]  # fmt: skip
    with subprocess.Popen(command, cwd=args.referee, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as referee:
        try:
            url = json.loads(referee.stdout.readline())["url"]
            with ThreadPoolExecutor(args.jobs) as pool:
                return list(pool.map(lambda _: session(args.binary.resolve(), url), range(args.sessions)))
        finally:
            referee.send_signal(signal.SIGTERM)
            referee.communicate(timeout=30)


def faults(args: argparse.Namespace, results: list[tuple[int, int, str]], log: list[dict]) -> list[str]:
    """What is wrong, by what the sessions said and what the host saw."""
    wrong = [f"exit {code}: {said.strip()[:200]}" for code, _, said in results if code]
    if len(sizes := Counter(instances for _, instances, _ in results)) != 1:
        wrong.append(f"sessions saw different numbers of instances: {dict(sizes)}")
    operations: dict[int, list[dict]] = defaultdict(list)
    authenticated: Counter[int] = Counter()
    for line in log:
        if "op" in line:
            operations[line["connection"]].append(line)
        elif "authenticated" in line:
            authenticated[line["connection"]] += 1
        elif "violation" in line and line["severity"] == "error":
            wrong.append(f"connection {line['connection']}: {line['violation']}: {line['text']}")
    summary = log[-1]["summary"]
    for what, number in (("connections used", summary["connections_used"]), ("connections that authenticated", len(authenticated)),
                         ("connections with operations", len(operations))):  # fmt: skip
        if number != args.sessions:
            wrong.append(f"{number} {what}, not {args.sessions}")
    for connection, lines in operations.items():
        bad = [line for line in lines if line["status"] != 200 or line.get("fault") or not line.get("sealed")]
        wrong += [f"connection {connection}: not answered: {json.dumps(line)[:200]}" for line in bad]
        if authenticated[connection] != 1:
            wrong.append(f"connection {connection}: authenticated {authenticated[connection]} times")
        if len(lines) < OPERATIONS:
            wrong.append(f"connection {connection}: {len(lines)} operations, not {OPERATIONS}")
    if summary["open_contexts"]:
        wrong.append(f"{summary['open_contexts']} enumerations left open")
    print(f"{len(operations)} connections, {sum(map(len, operations.values()))} operations, {summary['connections']} opened")
    return wrong


def main() -> int:
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="sessions-") as folder:
        log = Path(folder) / "log.ndjson"
        results = hold(args, log)
        wrong = faults(args, results, [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()])
    for text in wrong[:20]:
        print(text, file=sys.stderr)
    if wrong:
        print(f"{len(wrong)} faults", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
