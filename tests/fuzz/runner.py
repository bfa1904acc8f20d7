"""Starts the processes that run programs, feeds them, and compares what they say.

Each way of running has one process (`child.py`) that takes many programs, and is replaced after a while, so that its
end is seen too. A program that ends its process is a difference of its own kind.

What a program shows may depend on where its objects lie: a slice of a function's repr, the order of a set of objects
hashed by their addresses. So what seems to differ is run on stock once more in a process whose memory is laid out
otherwise, and if that differs from stock too, the program says nothing.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STOCK_SECONDS = 1.5  # a program that takes longer on stock is not used
PIECE_SECONDS = 0.2
IDLE_FACTOR = 12
LIMIT_SECONDS = 25  # on Pyston, with compiling

WAYS: dict[str, dict[str, str]] = {
    "stock": {"PYSTON": "0"},
    "first": {"PYSTON_THRESHOLD": "1"},
    "warm": {"PYSTON_THRESHOLD": "5"},
    "exits": {"PYSTON_THRESHOLD": "3", "PYSTON_STRESS": "exits"},
    "exits,gc": {"PYSTON_THRESHOLD": "1", "PYSTON_STRESS": "exits,gc"},
    "evict": {"PYSTON_THRESHOLD": "2", "PYSTON_STRESS": "evict,exits,restless"},
    "loops": {"PYSTON_THRESHOLD": "1000000", "PYSTON_STRESS": "loops"},
}
ELSEWHERE = "stock, elsewhere in memory"

Observation = dict[str, Any]


def processor_seconds(pid: int) -> float:
    """What a process has used so far, by the kernel's count."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Process:
    """One process for one way of running; started when needed."""

    def __init__(self, way: str, python: str) -> None:
        self.way = way
        self.on_stock = way in ("stock", ELSEWHERE)
        self.python = python
        self.process: subprocess.Popen[bytes] | None = None
        self.buffer = b""
        self.history: list[str] = []  # the programs that this process has run
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115

    def start(self) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYSTON")}
        environment |= {"PYTHONHASHSEED": "0", "PYTHONFAULTHANDLER": "1"}
        environment |= {"PYSTON": "0", "FUZZ_ELSEWHERE": "1"} if self.way == ELSEWHERE else WAYS[self.way]
        self.errors.seek(0)
        self.errors.truncate()
        self.process = subprocess.Popen(
            [self.python, "-W", "ignore", "-m", "tests.fuzz.child"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            start_new_session=True,
        )
        self.buffer = b""
        self.history = []

    def run(self, source: str) -> Observation:
        """What the program did; `crash` instead if the process is no more."""
        if self.process is None:
            self.start()
        process = self.process
        assert process is not None and process.stdin is not None and process.stdout is not None
        self.history.append(source)
        seconds = STOCK_SECONDS if self.on_stock else 0
        try:
            process.stdin.write(json.dumps({"source": source, "seconds": seconds}).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            return self._crashed()
        limit = STOCK_SECONDS + 3 if self.on_stock else LIMIT_SECONDS
        # Its own processor time counts; only one that does nothing at all is given up by the clock.
        begun, waited = processor_seconds(process.pid), 0.0
        while b"\n" not in self.buffer:
            if not select.select([process.stdout], [], [], PIECE_SECONDS)[0]:
                waited += PIECE_SECONDS
                if processor_seconds(process.pid) - begun < limit and waited < limit * IDLE_FACTOR:
                    continue
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                self.process = None
                return {"crash": f"no answer after {limit} s"}
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                return self._crashed()
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        observation: Observation = json.loads(line)
        return observation

    def _crashed(self) -> Observation:
        assert self.process is not None
        status = self.process.wait()
        self.process = None
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace")
        return {"crash": f"the process ended with status {status}", "said": said[-3000:]}

    def stop(self) -> str:
        """Ends the process as a program ends. What was wrong with that, or nothing."""
        process = self.process
        if process is None:
            return ""
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        try:
            status = process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status = -99
        process.stdout.close()
        self.process = None
        if status == 0:
            return ""
        self.errors.seek(0)
        return (
            f"the process ended with status {status}\n" + self.errors.read().decode(errors="replace")[-3000:]
        )


@dataclass
class Runner:
    """All ways of running."""

    python: str = sys.executable
    programs_a_process: int = 60
    processes: dict[str, Process] = field(default_factory=dict)

    def process(self, way: str) -> Process:
        if way not in self.processes:
            self.processes[way] = Process(way, self.python)
        return self.processes[way]

    def run(self, source: str, way: str) -> Observation:
        return self.process(way).run(source)

    def stock(self, source: str) -> Observation | None:
        """What stock does; nothing if the program is of no use."""
        observation = self.run(source, "stock")
        if "crash" in observation:
            self.process("stock").stop()
            return None
        # How deep a recursion gets depends on which of the interpreter's call sites have specialised: a class call
        # then counts twice.
        noted = f"{observation['notes']} {observation['end']}"
        if observation["end"] == "slow" or "RecursionError" in noted:
            return None
        return None if "MemoryError" in noted and not observation["starved"] else observation

    def difference(self, source: str, way: str, stock: Observation | None = None) -> str:
        """What is different from stock, or nothing."""
        if stock is None:
            stock = self.stock(source)
            if stock is None:
                return ""
        found = compare(stock, self.run(source, way))
        return found if found and self.settled(source, stock) else ""

    def settled(self, source: str, stock: Observation) -> bool:
        """Whether stock does the same wherever its objects lie."""
        return not compare(stock, self.run(source, ELSEWHERE))

    def full(self, way: str) -> bool:
        return len(self.process(way).history) >= self.programs_a_process

    def stop(self) -> None:
        for process in self.processes.values():
            process.stop()


def compare(stock: Observation, ours: Observation) -> str:
    """The first difference as text."""
    if "crash" in ours:
        return f"crash: {ours['crash']}\n{ours.get('said', '')}"
    if stock["starved"]:
        return ""
    for position, (a, b) in enumerate(zip(stock["notes"], ours["notes"])):
        if a != b:
            return f"note {position}:\n  stock    {a}\n  compiled {b}"
    for part in ("notes", "end", "printed", "globals", "deaths"):
        if stock[part] != ours[part] and ours[part] is not None:
            a, b = stock[part], ours[part]
            if part == "notes":
                a, b = a[len(b) :][:1] or "less", b[len(a) :][:1] or "less"
            elif part == "globals":
                a, b = ({k: v for k, v in x.items() if y.get(k) != v} for x, y in ((a, b), (b, a)))
            return f"{part}:\n  stock    {a}\n  compiled {b}"
    return ""
