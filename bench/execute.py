"""Runs one job as a process under its config and returns the answer, or why there is none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import sockets
from bench.plan import Job

WORKER = Path(__file__).resolve().parent / "worker" / "run.py"
REASON_LINES = 12


@dataclass(frozen=True)
class Settings:
    """What the user may turn: longer or shorter timings, and the length of the warm-up curves."""

    scale: float = 1.0
    curve_seconds: float = 60.0

    def schedule(self, job: Job) -> dict[str, float | int]:
        timing = job.load.timing
        return {
            "warmup": timing.warmup * self.scale,
            "measure": timing.measure * self.scale,
            "fewest_values": timing.fewest_values if self.scale >= 0.5 else 2,
        }

    def limit(self, job: Job) -> float:
        """Seconds after which a job counts as hanging."""
        timing = job.load.timing
        return 90 + 10 * (timing.warmup + timing.measure) * max(self.scale, 1) + (400 if job.load.group == "apps" else 0)


def environment_of(job: Job) -> dict[str, str]:
    """The hash seed is the same for every config of a round and another one in the next."""
    return job.config.environ({"PYTHONHASHSEED": str(1 + job.round)})


def order_for(job: Job, settings: Settings, folder: Path) -> dict[str, Any]:
    arguments = list(job.load.arguments)
    if Path(job.load.target).name == "commands.py":
        arguments.append(str(folder))
    order: dict[str, Any] = {
        "way": job.way,
        "kind": job.load.kind,
        "name": job.load.name,
        "arguments": arguments,
        "check": True,
        "answer": str(folder / "answer.json"),
        "schedule": settings.schedule(job),
        "seconds": settings.curve_seconds,
    }
    order["script" if job.load.kind == "script" else "module"] = job.load.target
    return order


def execute(job: Job, settings: Settings) -> dict[str, Any]:
    """The answer of the worker, or `{"failed": reason}`."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        if job.load.kind == "socket":
            return sockets.measure(job, settings.schedule(job), environment_of(job), folder)
        (folder / "order.json").write_text(json.dumps(order_for(job, settings, folder)))
        command = [job.config.python, str(WORKER), str(folder / "order.json")]
        problem = run_bounded(command, environment_of(job), folder, settings.limit(job))
        answer = folder / "answer.json"
        if problem is None and answer.exists():
            result: dict[str, Any] = json.loads(answer.read_text())
            return result
        return {"failed": problem or "the worker wrote no answer"}


def run_bounded(command: list[str], environment: dict[str, str], folder: Path, limit: float) -> str | None:
    """Runs a command in a session of its own; returns None or what went wrong. Leaves no process behind."""
    log = folder / "log"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return str(error)
        try:
            code = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            return f"no end after {limit:.0f} s"
        finally:
            end_session(process)
    if code == 0:
        return None
    lines = log.read_text(errors="replace").strip().splitlines()[-REASON_LINES:]
    how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
    return "\n".join([how, *lines])


def end_session(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and whatever it started."""
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
