"""Web applications over a real socket: gunicorn with one worker, and wrk, both on loopback.

wrk runs in windows of a second, first to warm up, then to measure; a window's value is the time a request
took on average. The windows of the warm-up are the warm-up curve. Everything is bounded: two connections,
so many windows, and the server ends with the job.
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
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.catalogue import LOADS

if TYPE_CHECKING:
    from bench.plan import Job

HOST = "127.0.0.1"
HEADERS = {"authorization": "Bearer guest"}
CONNECTIONS = 2
WINDOW_SECONDS = 1
START_LIMIT = 60.0

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
  io.write(string.format('RESULT {"requests": %%d, "microseconds": %%d, "errors": %%d, "p50": %%d, "p99": %%d}\\n',
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


@contextlib.contextmanager
def serving(job: Job, port: int, environment: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    from bench.execute import end_session

    options = ["-w", "1", "-b", f"{HOST}:{port}", "--chdir", str(LOADS), "--log-level", "warning", "--timeout", "60"]
    command = [job.config.python, "-m", "gunicorn", *options, *job.load.server, job.load.target]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            end_session(process)


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


def window(wrk: str, script: Path, port: int) -> dict[str, int]:
    header = [part for name, value in HEADERS.items() for part in ("-H", f"{name}: {value}")]
    size = ["-t1", f"-c{CONNECTIONS}", f"-d{WINDOW_SECONDS}s"]
    command = [wrk, *size, "--timeout", "10s", *header, "-s", str(script), f"http://{HOST}:{port}/"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    found = re.search(r"^RESULT (.*)$", done.stdout, re.M)
    if done.returncode or not found:
        raise RuntimeError(f"wrk failed: {(done.stderr or done.stdout).strip()[-300:]}")
    result: dict[str, int] = json.loads(found[1])
    if result["errors"] or not result["requests"]:
        raise RuntimeError(f"wrk saw {result['errors']} errors in {result['requests']} requests")
    return result


def tree_memory(root: int) -> int:
    """Bytes resident in a process and its children, shared pages counted once."""
    total, queue = 0, [root]
    while queue:
        pid = queue.pop()
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.M)
            total += 1024 * int(found[1]) if found else 0
            for task in Path(f"/proc/{pid}/task").iterdir():
                queue += [int(child) for child in (task / "children").read_text().split()]
    return total


def measure(job: Job, schedule: dict[str, float | int], environment: dict[str, str], folder: Path) -> dict[str, Any]:
    wrk = shutil.which("wrk")
    if wrk is None:
        return {"failed": "wrk is not installed (Debian's package wrk)"}
    start = time.monotonic()
    script = folder / "paths.lua"
    script.write_text(LUA % ", ".join(json.dumps(path) for path in job.load.paths))
    port = free_port()
    try:
        with serving(job, port, environment, folder) as process:
            wait_until_up(process, port, job.load.paths[0])
            ready = time.monotonic() - start
            warm = [window(wrk, script, port) for _ in range(max(1, round(schedule["warmup"] / WINDOW_SECONDS)))]
            count = max(round(schedule["measure"] / WINDOW_SECONDS), int(schedule["fewest_values"]))
            measured = [window(wrk, script, port) for _ in range(count)]
            memory = tree_memory(process.pid)
            bodies = [fetch(port, path) for path in job.load.paths]
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        log = (folder / "log").read_text(errors="replace").strip().splitlines()[-8:] if (folder / "log").exists() else []
        return {"failed": "\n".join([str(error), *log])}

    def seconds(result: dict[str, int]) -> float:
        return result["microseconds"] / 1e6 / result["requests"]

    benchmark = {
        "name": job.load.name,
        "inner_loops": 1,
        "loops": 1,
        "warmups": [(result["requests"], seconds(result)) for result in warm],
        "values": [seconds(result) for result in measured],
        "metadata": {"latency_p50_us": measured[-1]["p50"], "latency_p99_us": max(r["p99"] for r in measured)},
        "output": hashlib.sha256(b"\0".join(bodies)).hexdigest()[:32],
        "extra": {"ready_seconds": ready},
    }
    seconds_spent = time.monotonic() - start
    return {"benchmarks": [benchmark], "memory_bytes": memory, "compiler": {}, "seconds": seconds_spent}
