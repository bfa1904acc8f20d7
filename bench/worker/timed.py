"""pyperf's runner on a clock: warms up for a given time, then measures for a given time.

pyperf's own runner fixes numbers of warm-ups and values, which suits an interpreter whose speed does not
change. Compilers need warm-up by time: each config gets the same seconds, however fast it is. So this
runner takes the place of `pyperf.Runner` in a benchmark script and times pyperf's own tasks one after
the other in this process: loops are doubled until one value takes long enough, warm-ups go on until
their time is over, and values until theirs is. Every warm-up is kept: together they are the warm-up curve.

Runs under every peer, so it uses the standard library and pyperf only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyperf
from pyperf._worker import WorkerTask


@dataclass(frozen=True)
class Schedule:
    """How long to warm up and to measure, in seconds."""

    warmup: float
    measure: float
    shortest_value: float = 0.04
    fewest_values: int = 3


@dataclass
class Measured:
    """What one task gave: seconds for one iteration, warm-ups with the loops and the time they took."""

    name: str
    inner_loops: int
    loops: int
    warmups: list[tuple[int, float]]
    values: list[float]
    metadata: dict[str, Any]
    output: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def measure(
    run: Callable[[int], float], schedule: Schedule, inner_loops: int = 1
) -> tuple[int, list[tuple[int, float]], list[float]]:
    """Returns loops, warm-ups (loops, seconds an iteration) and values (seconds an iteration).

    `run(loops)` returns the seconds that so many iterations took.
    """
    loops = 1
    warmups: list[tuple[int, float]] = []
    start = time.perf_counter()
    while True:
        raw = run(loops)
        warmups.append((loops, raw / (loops * inner_loops)))
        long_enough = raw >= schedule.shortest_value
        if time.perf_counter() - start >= schedule.warmup and long_enough:
            break
        if not long_enough:
            loops = min(2 * loops, max(loops + 1, round(1.2 * loops * schedule.shortest_value / max(raw, 1e-9))))
    values: list[float] = []
    start = time.perf_counter()
    while len(values) < schedule.fewest_values or time.perf_counter() - start < schedule.measure:
        values.append(run(loops) / (loops * inner_loops))
        too_slow = time.perf_counter() - start > 3 * schedule.measure
        if too_slow and len(values) >= min(2, schedule.fewest_values):
            break
    return loops, warmups, values


class TimedRunner(pyperf.Runner):  # type: ignore[misc, unused-ignore]
    """Takes the place of `pyperf.Runner` in a benchmark script."""

    schedule: Schedule
    results: list[Measured]
    on_done: Callable[[Measured, Callable[[], object] | None], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._once: Callable[[], object] | None = None

    def bench_func(self, name: str, func: Callable[..., object], *args: Any, **kwargs: Any) -> Any:
        self._once = lambda: func(*args)
        try:
            return super().bench_func(name, func, *args, **kwargs)
        finally:
            self._once = None

    def _main(self, task: WorkerTask) -> pyperf.Benchmark:
        inner_loops = task.inner_loops or 1
        task.metadata["name"] = task.name
        loops, warmups, values = measure(lambda n: float(task.task_func(task, n)), self.schedule, inner_loops)
        metadata = dict(task.collect_metadata())
        metadata.update(task.metadata)
        done = Measured(task.name, inner_loops, loops, warmups, values, metadata)
        self.results.append(done)
        self.on_done(done, self._once or (lambda: task.task_func(task, 1) and None))
        return pyperf.Benchmark((pyperf.Run(values, metadata=metadata, collect_metadata=False),))
