"""Starts workers under a config, and ends them whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.catalogue import Load
from bench.configs import Config

WORKER = Path(__file__).resolve().parent / "worker" / "run.py"
REASON_LINES = 12
CURVE_SLICE = 0.5


@dataclass(frozen=True)
class Settings:
    """Timings of a run, relative to each load's own; the seconds of warm-up curves, 0: none; one core or all.

    A scale that was `fitted` to a limit leaves the warm-up whole where a load is to be measured in steady state.
    """

    scale: float = 1.0
    curve_seconds: float = 60.0
    pin: bool = True
    fitted: bool = False

    def warmup(self, load: Load) -> float:
        timing = load.timing
        return timing.warmup * (1.0 if self.fitted and timing.steady else self.scale)

    def measure(self, load: Load) -> float:
        return load.timing.measure * self.scale

    def limit(self, load: Load) -> float:
        """Seconds without a word after which a worker counts as hanging."""
        return 300 + 5 * self.warmup(load) + (600 if load.group == "apps" else 0)


def environment_of(config: Config, round: int) -> dict[str, str]:
    """The hash seed is the same for every config of a round and another one in the next."""
    # The fault handler costs nothing until a crash, and then says where it was.
    return config.environ({"PYTHONHASHSEED": str(1 + round), "PYTHONFAULTHANDLER": "1"})


def order_for(load: Load, way: str, settings: Settings, folder: Path) -> dict[str, Any]:
    arguments = list(load.arguments)
    if Path(load.target).name == "commands.py":
        arguments.append(str(folder))
    order: dict[str, Any] = {
        "way": way,
        "kind": load.kind,
        "name": load.name,
        "arguments": arguments,
        "check": True,
        "answer": str(folder / "answer.json"),
        "schedule": {"warmup": settings.warmup(load), "shortest_value": load.timing.shortest_value},
        "slice": CURVE_SLICE,
    }
    order["script" if load.kind == "script" else "module"] = load.target
    return order


def start(
    command: list[str],
    environment: dict[str, str],
    folder: Path,
    pipes: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """Starts a command in a session of its own; what it prints goes to the folder's `log`."""
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=pipes,
        )


def tree_of(root: int) -> list[int]:
    """A process and all that it started, directly or not."""
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                queue += [int(child) for child in (task / "children").read_text().split()]
    return found


def keep_on(process: subprocess.Popen[bytes], cpu: int) -> None:
    """Moves a process, its threads and all that it started to one core."""
    for pid in tree_of(process.pid):
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), {cpu})


def quietest_cpus(seconds: float = 0.3) -> list[int]:
    """The cores that we may use, the one that was idle most just now first; none where that cannot be told.

    All configs of a job work on one core, in turn: on different cores, one might share its core with a
    stranger's program for the whole job, and another not.
    """

    def idle() -> dict[int, int]:
        found = {}
        for line in Path("/proc/stat").read_text().splitlines():
            if match := re.match(r"cpu(\d+) \d+ \d+ \d+ (\d+)", line):
                found[int(match[1])] = int(match[2])
        return found

    try:
        allowed = os.sched_getaffinity(0)
        before = idle()
        time.sleep(seconds)
        after = idle()
    except OSError, AttributeError:
        return []
    known = sorted(allowed & before.keys() & after.keys())
    return sorted(known, key=lambda cpu: before[cpu] - after[cpu])


def start_worker(
    order: dict[str, Any],
    config: Config,
    round: int,
    folder: Path,
    pipes: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    file = folder / "order.json"
    file.write_text(json.dumps(order))
    return start([config.python, str(WORKER), str(file)], environment_of(config, round), folder, pipes)


def end_session(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and whatever it started; may be called again."""
    if process.returncode is not None:
        # Its number may be a stranger's by now; what it started is in its session still, if anything is.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if not Path(f"/proc/{process.pid}").exists():
                os.killpg(process.pid, signal.SIGKILL)
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def how_it_ended(process: subprocess.Popen[bytes], folder: Path, skip: str = "") -> str:
    """Why there is no answer: the status and the last lines printed, without those that match `skip`."""
    code = process.returncode
    how = (
        "still running"
        if code is None
        else f"ended by {signal.Signals(-code).name}"
        if code < 0
        else f"exit status {code}"
    )
    log = folder / "log"
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    kept = [line for line in lines if not skip or not re.match(skip, line)]
    return "\n".join([how, *kept[-REASON_LINES:]])
