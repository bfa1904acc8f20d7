"""Web applications over a real socket: gunicorn with one worker, and wrk, both on loopback.

wrk runs in windows of a second, first to warm up, until the server has worked for the load's time, then in turn
with the other configs to measure. A window's value is the CPU time that the server, master and worker, spent on
a request: what a machine that serves many is short of, and what wrk's own needs do not change. Requests a second
and latencies are kept beside it. Everything is bounded: two connections, so many windows, and the server ends
with the job.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.catalogue import LOADS
from bench.configs import Config
from bench.execute import Settings, end_session, environment_of, how_it_ended, start, tree_of
from bench.plan import Job
from bench.turns import Member, MemberFailed

HOST = "127.0.0.1"
HEADERS = {"authorization": "Bearer guest"}
CONNECTIONS = 2
WINDOW_SECONDS = 1
START_LIMIT = 60.0
MOST_TIMES_OVER = 4

LUA = """
local paths = { %s }
local index = 0
request = function()
  index = index %% #paths + 1
  return wrk.format("GET", paths[index])
end
done = function(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local form = 'RESULT {"requests": %%d, "microseconds": %%d, "errors": %%d, "p50": %%d, "p99": %%d}\\n'
  io.write(string.format(form,
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def fetch(port: int, path: str) -> bytes:
    request = urllib.request.Request(f"http://{HOST}:{port}{path}", headers=HEADERS)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def wait_until_up(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    until = time.monotonic() + START_LIMIT
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        try:
            fetch(port, path)
            return
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"the server answers {error.code} for {path}") from error
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server is not up after {START_LIMIT:.0f} s")


@dataclass(frozen=True)
class Window:
    """What one run of wrk saw, and the CPU time that the server spent meanwhile."""

    requests: int
    seconds: float
    p50_us: int
    p99_us: int
    cpu_seconds: float

    @property
    def seconds_a_request(self) -> float:
        return self.cpu_seconds / self.requests


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far; Linux forms the number of its clock from its own."""
    return time.clock_gettime((~pid << 3) | 2)


def window(script: Path, port: int, server: int) -> Window:
    """One run of wrk; raises RuntimeError where anything went wrong."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is not installed (Debian's package wrk)")
    header = [part for name, value in HEADERS.items() for part in ("-H", f"{name}: {value}")]
    size = ["-t1", f"-c{CONNECTIONS}", f"-d{WINDOW_SECONDS}s"]
    command = [wrk, *size, "--timeout", "10s", *header, "-s", str(script), f"http://{HOST}:{port}/"]
    processes = tree_of(server)
    before = sum(map(cpu_seconds, processes))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    spent = sum(map(cpu_seconds, processes)) - before
    found = re.search(r"^RESULT (.*)$", done.stdout, re.M)
    if done.returncode or not found:
        raise RuntimeError(f"wrk failed: {(done.stderr or done.stdout).strip()[-300:]}")
    result: dict[str, int] = json.loads(found[1])
    if result["errors"] or not result["requests"]:
        raise RuntimeError(f"wrk saw {result['errors']} errors in {result['requests']} requests")
    return Window(result["requests"], result["microseconds"] / 1e6, result["p50"], result["p99"], spent)


def warm_up_windows(one: Callable[[], Window], seconds: float) -> list[Window]:
    """Windows until the server has had so much CPU time: on a busy machine seconds of the clock say little.

    A server that spends most of its time asleep gets no more than so many times the windows.
    """
    most = max(1, round(MOST_TIMES_OVER * seconds / WINDOW_SECONDS))
    windows = [one()]
    while len(windows) < most and sum(window.cpu_seconds for window in windows) < seconds:
        windows.append(one())
    return windows


def tree_memory(root: int) -> int:
    """Bytes resident in a process and all that it started, shared pages counted once."""
    total = 0
    for pid in tree_of(root):
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.M)
            total += 1024 * int(found[1]) if found else 0
    return total


class ServerMember(Member):
    """One config's server in a job; a value is one window of wrk."""

    def __init__(self, job: Job, config: Config, settings: Settings, folder: Path) -> None:
        super().__init__(config)
        self._load, self._round, self._settings, self._folder = job.load, job.round, settings, folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._script = folder / "paths.lua"
        self._warm: list[Window] = []
        self._measured: list[Window] = []
        self._ready_seconds = 0.0

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        return self._process

    def _window(self) -> Window:
        assert self._process is not None
        return window(self._script, self._port, self._process.pid)

    def warm_up(self) -> None:
        begin = time.monotonic()
        self._script.write_text(LUA % ", ".join(json.dumps(path) for path in self._load.paths))
        self._port = free_port()
        options = ["-w", "1", "-b", f"{HOST}:{self._port}", "--chdir", str(LOADS), "--log-level", "warning"]
        command = [self.config.python, "-m", "gunicorn", *options, *self._load.server, self._load.target]
        self._process = start(command, environment_of(self.config, self._round), self._folder)
        try:
            wait_until_up(self._process, self._port, self._load.paths[0])
            self._ready_seconds = time.monotonic() - begin
            self._warm = warm_up_windows(self._window, self._settings.warmup(self._load))
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            raise MemberFailed(f"{error}\n{how_it_ended(self._process, self._folder)}") from error
        self.at = self._load.name

    def value(self) -> float:
        try:
            self._measured.append(self._window())
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            raise MemberFailed(str(error)) from error
        return self._measured[-1].seconds_a_request

    def go_on(self) -> None:
        self.at = None

    def answer(self) -> dict[str, Any]:
        assert self._process is not None
        try:
            bodies = [fetch(self._port, path) for path in self._load.paths]
        except OSError as error:
            raise MemberFailed(str(error)) from error
        metadata = {
            "latency_p50_us": median(window.p50_us for window in self._measured),
            "latency_p99_us": max(window.p99_us for window in self._measured),
            "requests_a_second": median(window.requests / window.seconds for window in self._measured),
        }
        benchmark = {
            "name": self._load.name,
            "inner_loops": 1,
            "loops": 1,
            "warmups": [(window.requests, window.seconds_a_request) for window in self._warm],
            "values": [window.seconds_a_request for window in self._measured],
            "metadata": metadata,
            "output": hashlib.sha256(b"\0".join(bodies)).hexdigest()[:32],
            "extra": {"ready_seconds": self._ready_seconds},
        }
        return {"benchmarks": [benchmark], "memory_bytes": tree_memory(self._process.pid), "compiler": {}}

    def close(self) -> None:
        if self._process is not None:
            end_session(self._process)
