"""A suite, a way of running it, and how a run ends.

A suite is one process: CPython's `test_dict`, Flask's tests, a part of Django's. Where it comes from decides its
command and how its log is read; the time limit, what it leaves behind and how it died are the same for all: here.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "conformance"

# Ways of running: the variables that make them.
WAYS: dict[str, dict[str, str]] = {
    "stock": {"PYSTON": "0"},
    "default": {},
    "first": {"PYSTON_THRESHOLD": "1"},
    "exits": {"PYSTON_THRESHOLD": "1", "PYSTON_STRESS": "exits"},
    "evict": {"PYSTON_THRESHOLD": "1", "PYSTON_STRESS": "evict"},
    "gc": {"PYSTON_THRESHOLD": "1", "PYSTON_STRESS": "gc"},
    "stress": {"PYSTON_THRESHOLD": "1", "PYSTON_STRESS": "exits,evict,restless"},
}

PIECE_SECONDS = 0.5

running: set[subprocess.Popen[bytes]] = set()
stopping = threading.Event()


class Stopped(Exception):
    """Somebody wants no more suites to run."""


def stop_all() -> None:
    """Ends what runs, from another thread; nothing runs afterwards."""
    stopping.set()
    for process in list(running):
        end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """The process and what it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


@dataclass
class Outcome:
    """How one run of a suite ended."""

    failed: list[str]  # its tests that failed
    crash: str  # why it did not get to its end, or empty
    tests: int  # how many ran, those skipped not counted
    seconds: float
    output: str = ""  # a digest of what it printed, where that is what counts
    build: str = ""  # which Pyston it was, see results.py


class Suite:
    """Some tests that run in a process of their own."""

    name: str
    # Whether as many tests must run as on stock, and none may pass that fails there.
    exact = False

    def command(self, way: str) -> list[str]:
        raise NotImplementedError

    def folder(self) -> Path:
        raise NotImplementedError

    def read(self, way: str, status: int) -> Outcome:
        """What the log and the exit status say; the status is that of a process that ended by itself."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def turn(self) -> AbstractContextManager[object]:
        """Held while the suite runs: others with the same one wait."""
        return nullcontext()

    def log(self, way: str) -> Path:
        logs = FOLDER / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        return logs / f"{self.name.replace('/', '-')}.{way}.txt"


def run_suite(suite: Suite, way: str, limit: float) -> Outcome:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYSTON")}
    environment |= suite.environment() | WAYS[way]
    begun = time.monotonic()
    if stopping.is_set():
        raise Stopped
    with suite.turn(), suite.log(way).open("w") as output:
        process = subprocess.Popen(
            suite.command(way),
            cwd=suite.folder(),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        running.add(process)
        # In pieces: when all of us are stopped for a while, that does not count.
        status = None
        for _ in range(int(limit / PIECE_SECONDS)):
            try:
                status = process.wait(PIECE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                if stopping.is_set():
                    break
        # What it started, whether it left that behind or hangs itself.
        end_group(process)
        process.wait()
        running.discard(process)
    if stopping.is_set():
        raise Stopped
    outcome = suite.read(way, status or 0)
    outcome.seconds = time.monotonic() - begun
    if status is None:
        outcome.crash = f"took longer than {limit:.0f} s"
    elif status < 0 or status > 128:
        outcome.crash = f"died of signal {-status if status < 0 else status - 128}"
    return outcome


def unittest_failures(text: str) -> list[str]:
    """The tests that a log of unittest's names as failed."""
    failed = set()
    for kind, name, where in re.findall(
        r"^(FAIL|ERROR|UNEXPECTED SUCCESS): (\S+) \(([\w.]+)\)", text, re.MULTILINE
    ):
        parts = where.split(".")
        failed.add(".".join(parts[-2:]) if name == parts[-1] else f"{kind}: {name}")
    return sorted(failed)
