"""Does one job: the configs of one load warm up, as many at once as there are cores, and then measure in turn.

A busy machine changes its speed from second to second, by more than the differences that matter. So no
config is measured while another waits for minutes: each measures one value (a tenth of a second or more),
then the next one does, and the k-th values of two configs belong together. While anything is measured only
one process works; the others wait for their turn, and all share one core, the quietest at the start. How
many values there are depends on the time that stock needs.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import execute
from bench.configs import BASELINE, Config
from bench.execute import Settings
from bench.plan import Job

MOST_TIMES_OVER = 4


class MemberFailed(Exception):
    """Why a member of a job gave no answer."""


class Member(ABC):
    """One config in a job. Warmed up, it is `at` a benchmark; it is `at` nothing when it is through."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.at: str | None = None

    @property
    @abstractmethod
    def process(self) -> subprocess.Popen[bytes] | None:
        """The process that is measured, once it was started."""

    @abstractmethod
    def warm_up(self) -> None: ...

    @abstractmethod
    def value(self) -> float:
        """Measures one value and returns it, in seconds an iteration."""

    @abstractmethod
    def go_on(self) -> None:
        """Ends the present benchmark and warms up for the next, if there is one."""

    @abstractmethod
    def answer(self) -> dict[str, Any]: ...

    @abstractmethod
    def close(self) -> None:
        """Ends every process of the member; may be called again."""


class WorkerMember(Member):
    """A worker process behind two pipes (`bench/worker/timed.py` has the other end)."""

    def __init__(self, job: Job, config: Config, settings: Settings, folder: Path) -> None:
        super().__init__(config)
        self._job, self._settings, self._folder = job, settings, folder
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self._commands = self._answers = -1

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        return self._process

    def warm_up(self) -> None:
        theirs_in, self._commands = os.pipe()
        self._answers, theirs_out = os.pipe()
        order = execute.order_for(self._job.load, self._job.way, self._settings, self._folder)
        order["gate"] = [theirs_in, theirs_out]
        try:
            self._process = execute.start_worker(
                order, self.config, self._job.round, self._folder, (theirs_in, theirs_out)
            )
        except OSError as error:
            raise MemberFailed(str(error)) from error
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._next_benchmark()

    def _next_benchmark(self) -> None:
        line = self._line()
        self.at = None if line is None else line.removeprefix("ready ")

    def _line(self) -> str | None:
        """The worker's next line, or None when it closed its end."""
        until = time.monotonic() + self._settings.limit(self._job.load)
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise MemberFailed(f"no word for {self._settings.limit(self._job.load):.0f} s")
            read = os.read(self._answers, 65536)
            if not read:
                return None
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def _tell(self, command: str) -> None:
        try:
            os.write(self._commands, f"{command}\n".encode())
        except BrokenPipeError as error:
            raise MemberFailed(self._end()) from error

    def value(self) -> float:
        self._tell("value")
        line = self._line()
        if line is None:
            raise MemberFailed(self._end())
        return float(line.removeprefix("value "))

    def go_on(self) -> None:
        self._tell("stop")
        self._next_benchmark()

    def _end(self) -> str:
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=60)
        return execute.how_it_ended(self._process, self._folder)

    def answer(self) -> dict[str, Any]:
        file = self._folder / "answer.json"
        reason = self._end()
        assert self._process is not None
        if self._process.returncode or not file.exists():
            raise MemberFailed(reason)
        found: dict[str, Any] = json.loads(file.read_text())
        if self._job.way == "time" and not found.get("benchmarks"):
            raise MemberFailed("the script measured nothing")
        return found

    def close(self) -> None:
        if self._process is not None:
            execute.end_session(self._process)
        for pipe in (self._commands, self._answers):
            if pipe >= 0:
                os.close(pipe)
        self._commands = self._answers = -1


def take_turns(
    members: Sequence[Member],
    seconds: float,
    fewest: int,
    cpus: Sequence[int] = (),
    worked: bool = False,
) -> dict[str, str]:
    """Lets all members run to their ends; returns why those failed that did.

    `cpus` are the cores that may be used, the one to measure on first; none: the system decides. A benchmark
    ends after `seconds` of stock's turns: of the clock, or with `worked`, where a value is the time that the
    process worked, of those.
    """
    failed: dict[str, str] = {}

    def alive() -> list[Member]:
        return [member for member in members if member.config.name not in failed]

    def attempt(member: Member, step: str) -> Any:
        try:
            return getattr(member, step)()
        except MemberFailed as error:
            failed[member.config.name] = str(error)
            member.close()
            return None

    at_once(members, lambda member: attempt(member, "warm_up"))
    for member in alive():
        if cpus and member.process is not None:
            execute.keep_on(member.process, cpus[0])
    while playing := [member for member in alive() if member.at is not None]:
        name = playing[0].at
        group = [member for member in playing if member.at == name]
        leader = next((member for member in group if member.config.name == BASELINE), group[0])
        spent, count, start = 0.0, 0, time.monotonic()
        while count < fewest or spent < seconds:
            for member in group:
                if member.config.name not in failed:
                    before = time.monotonic()
                    value = attempt(member, "value")
                    if member is leader:
                        spent += value if worked and value is not None else time.monotonic() - before
            count += 1
            if leader.config.name in failed and time.monotonic() - start > seconds * len(group):
                break
            if count >= 2 and spent > MOST_TIMES_OVER * max(seconds, 1.0):
                break
        for member in group:
            if member.config.name not in failed:
                attempt(member, "go_on")
    return failed


def at_once(members: Sequence[Member], step: Callable[[Member], None]) -> None:
    """The step of each member, on all cores; Ctrl-C ends those that have begun and starts no more."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            for _ in pool.map(step, members):
                pass
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for member in members:
                member.close()
            raise


def do_job(job: Job, settings: Settings, skip: dict[str, str]) -> dict[str, Any]:
    """Answers by config; `skip` names configs that are known to fail, with the reason."""
    from bench.sockets import ServerMember

    answers: dict[str, Any] = {name: {"failed": reason} for name, reason in skip.items()}
    with tempfile.TemporaryDirectory(prefix="bench-") as base, contextlib.ExitStack() as stack:
        members: list[Member] = []
        cpus = execute.quietest_cpus() if settings.pin else []
        for config in job.configs:
            if config.name in skip:
                continue
            folder = Path(base) / config.name
            folder.mkdir()
            kind = ServerMember if job.load.kind == "socket" else WorkerMember
            member: Member = kind(job, config, settings, folder)
            stack.callback(member.close)
            members.append(member)
        if job.way == "curve":
            failed = take_turns(members, settings.curve_seconds, 1, cpus, worked=True)
        else:
            failed = take_turns(members, settings.measure(job.load), job.load.timing.fewest_values, cpus)
        for member in members:
            reason = failed.get(member.config.name)
            try:
                answers[member.config.name] = {"failed": reason} if reason is not None else member.answer()
            except MemberFailed as error:
                answers[member.config.name] = {"failed": str(error)}
    return {"members": answers}
