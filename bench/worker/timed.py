"""pyperf's runner on a clock: warms up for a given time, then measures when it is told to.

pyperf's own runner fixes numbers of warm-ups and values, which suits an interpreter whose speed does not
change. Compilers need warm-up by time: each config gets the same seconds, however fast it is. So this
runner takes the place of `pyperf.Runner` in a benchmark script and times pyperf's own tasks one after
the other in this process: loops are doubled until one value takes long enough, warm-ups go on until their
time is over, and values are measured in turn with other processes, one by one. Every warm-up is kept:
together they are the warm-up curve.

Runs under every peer, so it uses the standard library and pyperf only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyperf
from pyperf._worker import WorkerTask


@dataclass(frozen=True)
class Schedule:
    """How long to warm up, and how long one value takes at least, in seconds."""

    warmup: float
    shortest_value: float


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


class Gate:
    """Takes turns with the workers of other configs: a worker measures only when the harness tells it to.

    Warmed up, it writes `ready NAME`. Then for each line `value` that it reads it measures one value and
    answers with the seconds; `stop` ends this benchmark. Without pipes it measures `alone` values in a row.
    """

    def __init__(self, pipes: tuple[int, int] | None, alone: int = 5) -> None:
        self._commands = os.fdopen(pipes[0], "r") if pipes else None
        self._answers = os.fdopen(pipes[1], "w") if pipes else None
        self._alone = alone
        self._given = 0

    def _say(self, line: str) -> None:
        if self._answers is not None:
            self._answers.write(line + "\n")
            self._answers.flush()

    def ready(self, name: str) -> None:
        self._given = 0
        self._say(f"ready {name}")

    def wait(self) -> bool:
        """Whether to measure one more value."""
        if self._commands is None:
            self._given += 1
            return self._given <= self._alone
        line = self._commands.readline().strip()
        if not line:
            raise SystemExit("the harness is gone")
        return line == "value"

    def answer(self, value: float) -> None:
        self._say(f"value {value!r}")


def measure(
    name: str,
    run: Callable[[int], float],
    schedule: Schedule,
    gate: Gate,
    inner_loops: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[int, list[tuple[int, float]], list[float]]:
    """Returns loops, warm-ups (loops, seconds an iteration) and values (seconds an iteration).

    `run(loops)` returns the seconds that so many iterations took; `clock` tells how long the warm-up lasts.
    """
    loops = 1
    warmups: list[tuple[int, float]] = []
    start = clock()
    while True:
        raw = run(loops)
        warmups.append((loops, raw / (loops * inner_loops)))
        long_enough = raw >= schedule.shortest_value
        if clock() - start >= schedule.warmup and long_enough:
            break
        if not long_enough:
            loops = min(
                2 * loops, max(loops + 1, round(1.2 * loops * schedule.shortest_value / max(raw, 1e-9)))
            )
    values: list[float] = []
    gate.ready(name)
    while gate.wait():
        values.append(run(loops) / (loops * inner_loops))
        gate.answer(values[-1])
    return loops, warmups, values


class TimedRunner(pyperf.Runner):  # type: ignore[misc, unused-ignore]
    """Takes the place of `pyperf.Runner` in a benchmark script."""

    schedule: Schedule
    gate: Gate
    results: list[Measured]
    remember: Callable[[], Callable[[], None]]
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

        def run(loops: int) -> float:
            return float(task.task_func(task, loops))

        put_back = self.remember()
        loops, warmups, values = measure(task.name, run, self.schedule, self.gate, inner_loops)
        put_back()
        metadata = dict(task.collect_metadata())
        metadata.update(task.metadata)
        done = Measured(task.name, inner_loops, loops, warmups, values, metadata)
        self.results.append(done)
        self.on_done(done, self._once or (lambda: task.task_func(task, 1) and None))
        return pyperf.Benchmark((pyperf.Run(values, metadata=metadata, collect_metadata=False),))
