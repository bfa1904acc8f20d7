"""Runs the demo's workers in turn and keeps what they report."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.rounds import PYSTON, Worker

# Requests served by one side before it is the other's turn: some 40 ms, short beside the time in which a
# shared machine changes its speed, long beside the time it takes to fill the processor's caches again.
TURN = 10
# Laps after warm-up over which calls are counted.
LAPS_COUNTED = 3


class ResponseDiffers(Exception):
    """Two answers to the same request are not the same bytes; the text shows the first difference."""


@dataclass
class Lap:
    """One lap of one side: the cost of each request, in the lap's order."""

    round: int
    """Counted from 1; 0 while warming up."""
    cpu_ns: list[int]
    wall_ns: list[int]


@dataclass
class SideRun:
    """All that one side reported."""

    name: str
    version: str = ""
    pyston: list[Any] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Kind and name of each request of a lap."""
    ready_ns: int = 0
    """CPU time from the process's start until the shop was built."""
    laps: list[Lap] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    calls_compiled_share: float | None = None
    """Of the Python-level calls after warm-up, those that ran compiled; of Pyston's side."""

    def steady(self) -> list[Lap]:
        return [lap for lap in self.laps if lap.round]

    def rounds(self) -> Iterator[list[Lap]]:
        for _, laps in itertools.groupby(self.steady(), key=lambda lap: lap.round):
            yield list(laps)


def cpu_seconds(side: SideRun) -> float:
    """CPU time of all its laps so far."""
    return sum(sum(lap.cpu_ns) for lap in side.laps) / 1e9


def cpu_per_lap(laps: Sequence[Lap]) -> float:
    """Nanoseconds of CPU time a lap."""
    return sum(sum(lap.cpu_ns) for lap in laps) / len(laps)


def ratios(stock: SideRun, other: SideRun) -> list[float]:
    """How many times as fast as stock the other side was, round by round."""
    return [cpu_per_lap(a) / cpu_per_lap(b) for a, b in zip(stock.rounds(), other.rounds(), strict=False)]


@dataclass(frozen=True)
class Plan:
    """How much to measure: CPU seconds of warm-up a side, rounds after it, CPU seconds a round of a side."""

    warmup: float
    rounds: int
    seconds: float
    only: Sequence[str]

    def work(self) -> float:
        """CPU seconds of all that is done: warm-up, rounds, and the warm-up of the process that counts calls."""
        return 2 * self.warmup + self.rounds * max(self.seconds, 0.5)


def run(names: Sequence[str], plan: Plan, progress: Callable[[float, list[SideRun]], None]) -> list[SideRun]:
    """Measures the sides; `progress` is told the share of the work done (0 to 1) after each turn."""
    workers: list[Worker] = []
    sides = [SideRun(name) for name in names]
    try:
        for side in sides:
            worker = Worker(side.name, "bench.demo.worker")
            workers.append(worker)
            started = worker.ask("start", only=list(plan.only))
            side.version, side.pyston = started["version"], started["pyston"]
            side.ready_ns, side.requests = started["ready_ns"], [(k, n) for k, n in started["requests"]]
        check_sides(sides)
        expected = _measure(list(zip(workers, sides, strict=True)), plan, progress)
    finally:
        for worker in workers:
            worker.close()
    for side in sides:
        if side.name == PYSTON:
            side.calls_compiled_share = _compiled_share(plan, expected, progress, sides)
    return sides


def _compiled_share(
    plan: Plan, expected: list[str], progress: Callable[[float, list[SideRun]], None], sides: list[SideRun]
) -> float | None:
    """The share of Python-level calls that run compiled after warm-up; in a process of its own: counting costs."""
    worker = Worker(PYSTON, "bench.demo.worker", variables={"PYSTON_STATS": "1"})
    side = SideRun(PYSTON)
    try:
        side.requests = worker.ask("start", only=list(plan.only))["requests"]
        while cpu_seconds(side) < plan.warmup:
            _lap([(worker, side)], 0, expected)
            left = max(0.0, plan.warmup - cpu_seconds(side))
            progress(1 - left / plan.work(), sides)
        before = worker.ask("stats")["pyston"]
        for _ in range(LAPS_COUNTED):
            _lap([(worker, side)], 1, expected)
        after = worker.ask("stats")["pyston"]
    finally:
        worker.close()
    calls = after["calls_total"] - before["calls_total"]
    return (after["calls_compiled"] - before["calls_compiled"]) / calls if calls else None


def check_sides(sides: Sequence[SideRun]) -> None:
    """Each side must be what its name says, or the comparison would mean nothing."""
    for side in sides:
        if bool(side.pyston) != (side.name == PYSTON):
            state = "on" if side.pyston else "off (PYSTON_DEBUG=1 shows why)"
            raise RuntimeError(f"Pyston is {state} in the {side.name} worker.")


def _measure(
    pairs: list[tuple[Worker, SideRun]], plan: Plan, progress: Callable[[float, list[SideRun]], None]
) -> list[str]:
    """Returns what each request of a lap is answered, as digests."""
    sides = [side for _, side in pairs]
    expected: list[str] = []
    work = plan.work()

    def warm() -> float:
        return min(cpu_seconds(side) for side in sides)

    while warm() < plan.warmup or not expected:
        _lap(pairs, 0, expected)
        progress(min(warm(), plan.warmup) / work, sides)
    for worker, side in pairs:
        side.before = worker.ask("stats")
    for number in range(1, plan.rounds + 1):
        spent = 0.0
        while spent <= 0 or spent < plan.seconds:
            _lap(pairs, number, expected)
            spent += sum(sides[0].laps[-1].cpu_ns) / 1e9
        progress((plan.warmup + number * max(plan.seconds, 0.5)) / work, sides)
    for worker, side in pairs:
        side.after = worker.ask("stats")
    return expected


def _lap(pairs: list[tuple[Worker, SideRun]], number: int, expected: list[str]) -> None:
    """One lap of both sides, turn by turn; `expected` is filled by the very first lap."""
    count = len(pairs[0][1].requests)
    for _, side in pairs:
        side.laps.append(Lap(number, [], []))
    for turn, first in enumerate(range(0, count, TURN)):
        # The order changes each turn, so that neither side is always the first.
        for worker, side in pairs[:: 1 if (turn + number) % 2 else -1]:
            answer = worker.ask("serve", first=first, count=TURN)
            side.laps[-1].cpu_ns += answer["cpu_ns"]
            side.laps[-1].wall_ns += answer["wall_ns"]
            if len(expected) <= first:
                expected += answer["digests"]
            elif answer["digests"] != expected[first : first + TURN]:
                wrong = [d != expected[first + n] for n, d in enumerate(answer["digests"])]
                raise _difference(pairs, worker, side, first + wrong.index(True))


def _difference(
    pairs: list[tuple[Worker, SideRun]], worker: Worker, side: SideRun, index: int
) -> ResponseDiffers:
    """Says where the answer differs from the other side's; serves the other the same requests if need be."""
    kind, name = side.requests[index]
    start = f"Request {index + 1} of the lap ({kind}: {name})"
    got = worker.ask("text", index=index)["text"]
    for other, other_side in pairs:
        if other is not worker:
            first = index - index % TURN
            if len(other_side.laps[-1].cpu_ns) == first:
                other.ask("serve", first=first, count=TURN)
            text = other.ask("text", index=index)["text"]
            rows = itertools.zip_longest(text.splitlines(), got.splitlines(), fillvalue="(nothing)")
            wrong = [
                f"line {line}:\n  {other_side.name}: {left}\n  {side.name}: {right}"
                for line, (left, right) in enumerate(rows, 1)
                if left != right
            ]
            if wrong:
                return ResponseDiffers("\n".join([f"{start} is answered differently:", *wrong[:4]]))
    return ResponseDiffers(f"{start} is not answered by {side.name} as in the first lap:\n{got}")
