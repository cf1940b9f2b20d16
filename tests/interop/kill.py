"""The process is killed at seeded moments and run again with its journal: never a second execution, and a true end.

kill.py BINARY [--moments 200] [--jobs 4] [--seed 1]: each moment has a simulated host of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

USER, PASSWORD = "operator", secrets.token_urlsafe(12)
SPEED = 60  # host seconds per second: a resynchronization takes one
EARLY, LATEST = 0.02, 2.0  # seconds after the start; a whole run takes less
CALLING = 0.004  # seconds from the moment when the call is written down
STAGES = {"": "before the call", "invoking": "while it called", "accepted": "while it followed", "ended": "at its end"}
ENV = os.environ | {"HVREPLICA_PASSWORD": PASSWORD}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--moments", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def last_event(journal: Path) -> str:
    """The last whole entry of a journal."""
    lines = journal.read_text().splitlines(keepends=True) if journal.exists() else []
    whole = [line for line in lines if line.endswith("\n")]
    return json.loads(whole[-1])["event"] if whole else ""


def await_call(journal: Path, process: subprocess.Popen) -> None:
    while not (journal.exists() and journal.stat().st_size) and process.poll() is None:
        time.sleep(0.0002)


def moment(binary: Path, number: int, seed: int) -> tuple[str, str, str | None]:
    """When it was killed, what the run after that came to, and what is wrong with it."""
    chance = random.Random(f"{seed}:{number}")
    scenario = chance.choice(["healthy", "short-job", "critical-start", "paused-start", "job-exception"])
    # The call leaves early, so most of the moments are early.
    longest = chance.choice([EARLY, LATEST, CALLING, CALLING])
    pause = chance.uniform(0, longest)
    simulate = [binary, "simulate", "--scenario", scenario, "--speed", str(SPEED), "--user", USER, "-o", "json"]
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(
        simulate, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as host:
        try:
            url = json.loads(host.stdout.readline())["url"]
            journal = Path(folder, "journal")
            command = [binary, "resync", "web01", "--host", url, "--auth", "ntlm", "--user", USER, "--yes", "-o", "json",
                       "--poll-interval", "200ms", "--journal", str(journal)]  # fmt: skip
            with subprocess.Popen(command, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as first:
                if longest == CALLING:
                    await_call(journal, first)
                time.sleep(pause)
                first.kill()
                ended = first.stdout.read().strip()
            stage = STAGES[last_event(journal)]
            again = subprocess.run(command, env=ENV, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        finally:
            host.send_signal(signal.SIGTERM)
            said, _ = host.communicate(timeout=30)
    result = json.loads(again.stdout)["results"][0]
    wrong = judge(result, json.loads(said), bool(ended), again.returncode)
    place = f"moment {number} ({scenario}, {stage})"
    return stage, result["outcome"], wrong and f"{place}: {wrong}: {json.dumps(result)}"


def judge(result: dict, truth: dict, had_ended: bool, code: int) -> str | None:
    """What is wrong, if anything is."""
    calls, outcome = len(truth["calls"]), result["outcome"]
    succeeded = bool(truth["succeeded"])
    # One that was told to have failed may be asked for again: that is what running again means then.
    if calls > 1 and not (had_ended and not succeeded):
        return f"{calls} executions"
    expected = {"succeeded": 0, "failed": 6, "unknown": 8}.get(outcome)
    if code != expected:
        return f"exit {code}"
    if outcome == "succeeded" and not succeeded:
        return "nothing succeeded"
    if outcome == "failed" and succeeded:
        return "it succeeded"
    if outcome == "unknown" and calls:
        return "it is known to the host"
    return None


def main() -> int:
    args = arguments()
    binary = args.binary.resolve()
    with ThreadPoolExecutor(args.jobs) as pool:
        results = list(pool.map(lambda number: moment(binary, number, args.seed), range(args.moments)))
    wrong = [text for _, _, text in results if text]
    for text in wrong:
        print(text, file=sys.stderr)
    stages, outcomes = (dict(Counter(result[at] for result in results)) for at in (0, 1))
    print(f"killed at {len(results)} moments: {stages}; run again: {outcomes}, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
