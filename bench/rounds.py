"""What `make demo` measures with: two long-lived workers, measured in turn, and their figures.

Both workers are the same interpreter with the same packages; one has `PYSTON=0` in its environment. Only one
of them works at a time and they take short turns, so that a busy machine disturbs both alike. A ratio is
made within each round and the median over the rounds is reported, with the confidence interval that order
statistics give (no assumption about the distribution of the noise).
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import select
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STOCK = "stock"
PYSTON = "Pyston"


class WorkerFailed(Exception):
    """A worker died, hung or raised; the text says which and shows the end of its standard error."""


class Worker:
    """A subprocess of this interpreter that answers one JSON line with another."""

    def __init__(self, side: str, module: str, *arguments: str, variables: Mapping[str, str] = {}) -> None:
        self.side = side
        environment = {**os.environ, "PYTHONHASHSEED": "0", **variables}
        environment.pop("PYSTON", None)
        if side != PYSTON:
            environment["PYSTON"] = "0"
        # Whoever asks Pyston for its log wants to see it.
        self._log = None if os.environ.get("PYSTON_DEBUG") else tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._received = b""

    def ask(self, do: str, timeout: float = 120.0, **arguments: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure("ended") from None
        answer = self._line(timeout)
        if "failed" in answer:
            raise WorkerFailed(f"The {self.side} worker failed at “{do}”:\n{answer['failed']}")
        return answer

    def _line(self, timeout: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._received:
            ready, _, _ = select.select([descriptor], [], [], timeout)
            if not ready:
                self._process.kill()
                raise self._failure(f"gave no answer for {timeout:.0f} seconds and was stopped")
            piece = os.read(descriptor, 1 << 20)
            if not piece:
                raise self._failure("ended")
            self._received += piece
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _failure(self, what: str) -> WorkerFailed:
        code = self._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        text = f"The {self.side} worker {what} ({how})."
        if self._log is not None:
            self._log.seek(0)
            tail = self._log.read().decode("utf-8", "replace").splitlines()[-30:]
            text = "\n".join([text, *tail])
        return WorkerFailed(text)

    def close(self) -> None:
        """Lets the worker end by itself, so that what it does at exit happens."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        if self._log is not None:
            self._log.close()


def serve(commands: Mapping[str, Callable[..., dict[str, Any]]]) -> None:
    """The worker's end: answers commands until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        arguments = json.loads(line)
        command = commands[arguments.pop("do")]
        try:
            answer = command(**arguments)
        except Exception:
            import traceback

            answer = {"failed": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def peak_memory_bytes() -> int:
    """The largest resident size of this process so far (that of the parent before exec not counted)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def pyston_counters() -> dict[str, int]:
    """The whole numbers among `pyston.stats()`; nothing where Pyston is off."""
    if not hasattr(sys, "pyston_version_info"):
        return {}
    pyston = importlib.import_module("pyston")
    return {key: value for key, value in pyston.stats().items() if isinstance(value, int)}


def pyston_missing() -> str | None:
    """Why no comparison is possible here, or None."""
    if importlib.util.find_spec("pyston") is None:
        return f"Pyston is not installed in {sys.executable}: there is nothing to compare stock with."
    return None


@dataclass(frozen=True)
class Estimate:
    """A median with its 95 % confidence interval."""

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def as_json(self) -> dict[str, float | int]:
        return asdict(self)


def estimate(samples: Sequence[float]) -> Estimate:
    """The median between two order statistics (with fewer than six samples, the extremes)."""
    ordered = sorted(samples)
    count = len(ordered)
    rank, tail = 0, 0.5**count
    while rank + 1 < (count + 1) // 2:
        grown = tail + math.comb(count, rank + 1) * 0.5**count
        if grown > 0.025:
            break
        rank, tail = rank + 1, grown
    return Estimate(statistics.median(ordered), ordered[rank], ordered[count - 1 - rank], count)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def busy_machine() -> str | None:
    """A warning where others were using the processors when the comparison started."""
    load = os.getloadavg()[0]
    processors = os.cpu_count() or 1
    if load > processors * 0.75:
        return f"The machine is busy (load {load:.1f} on {processors} processors): expect wide intervals."
    return None
