"""Runs the demo's workers in turn and keeps what they report."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.rounds import PYSTON, Worker


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

    def steady(self) -> list[Lap]:
        return [lap for lap in self.laps if lap.round]

    def rounds(self) -> Iterator[list[Lap]]:
        for _, laps in itertools.groupby(self.steady(), key=lambda lap: lap.round):
            yield list(laps)


def cpu_per_lap(laps: Sequence[Lap]) -> float:
    """Nanoseconds of CPU time a lap."""
    return sum(sum(lap.cpu_ns) for lap in laps) / len(laps)


def ratios(stock: SideRun, other: SideRun) -> list[float]:
    """How many times as fast as stock the other side was, round by round."""
    return [cpu_per_lap(a) / cpu_per_lap(b) for a, b in zip(stock.rounds(), other.rounds(), strict=False)]


@dataclass(frozen=True)
class Plan:
    """How much to measure: CPU seconds of warm-up a side, rounds after it, CPU seconds a turn at least."""

    warmup: float
    rounds: int
    seconds: float
    only: Sequence[str]


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
        _measure(list(zip(workers, sides, strict=True)), plan, progress)
    finally:
        for worker in workers:
            worker.close()
    return sides


def check_sides(sides: Sequence[SideRun]) -> None:
    """Each side must be what its name says, or the comparison would mean nothing."""
    for side in sides:
        if bool(side.pyston) != (side.name == PYSTON):
            state = "on" if side.pyston else "off (PYSTON_DEBUG=1 shows why)"
            raise RuntimeError(f"Pyston is {state} in the {side.name} worker.")


def _measure(
    pairs: list[tuple[Worker, SideRun]], plan: Plan, progress: Callable[[float, list[SideRun]], None]
) -> None:
    sides = [side for _, side in pairs]
    work = plan.warmup + plan.rounds * max(plan.seconds, 0.5)

    def warm(side: SideRun) -> float:
        return sum(sum(lap.cpu_ns) for lap in side.laps) / 1e9

    while min(map(warm, sides)) < plan.warmup:
        _turns(pairs, 0, 0.0)
        progress(min(min(map(warm, sides)), plan.warmup) / work, sides)
    for worker, side in pairs:
        side.before = worker.ask("stats")
    for number in range(1, plan.rounds + 1):
        # The order changes each round, so that neither side is always the first after a pause.
        _turns(pairs[:: 1 if number % 2 else -1], number, plan.seconds)
        progress((plan.warmup + number * max(plan.seconds, 0.5)) / work, sides)
    for worker, side in pairs:
        side.after = worker.ask("stats")


def _turns(pairs: Sequence[tuple[Worker, SideRun]], number: int, seconds: float) -> None:
    answers = []
    for worker, side in pairs:
        answer = worker.ask("slice", timeout=120 + 20 * seconds, seconds=seconds)
        side.laps += [Lap(number, lap["cpu_ns"], lap["wall_ns"]) for lap in answer["laps"]]
        answers.append(answer)
    for (worker, side), answer in zip(pairs, answers, strict=True):
        if answer["difference"]:
            others = [pair for pair in pairs if pair[0] is not worker] or [(worker, side)]
            index = answer["difference"]["index"]
            expected = others[0][0].ask("show", index=index)["text"]
            raise ResponseDiffers(
                _describe(side, index, "an earlier lap", expected, answer["difference"]["text"])
            )
    first = answers[0]["digests"]
    for (worker, side), answer in zip(pairs[1:], answers[1:], strict=True):
        for index, (one, other) in enumerate(zip(first, answer["digests"], strict=True)):
            if one != other:
                expected = pairs[0][0].ask("show", index=index)["text"]
                got = worker.ask("show", index=index)["text"]
                raise ResponseDiffers(_describe(side, index, pairs[0][1].name, expected, got))


def _describe(side: SideRun, index: int, against: str, expected: str, got: str) -> str:
    kind, name = side.requests[index]
    lines = [f"Request {index + 1} ({kind}: {name}): {side.name} answers otherwise than {against}."]
    rows = itertools.zip_longest(expected.splitlines(), got.splitlines(), fillvalue="(nothing)")
    for number, (left, right) in enumerate(rows, 1):
        if left != right:
            lines += [f"First at line {number}:", f"  expected: {left}", f"  {side.name}: {right}"]
            break
    return "\n".join(lines)
