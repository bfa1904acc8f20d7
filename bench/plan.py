"""What is run in which order, and how much time is left.

Rounds alternate: every round runs each load once under every config, one straight after the other, and
the order of the configs turns by one place each round, so that none always comes first on a cool or a
busy machine. Stock runs at least twice for each load (with one round: once more at its end), since two
identical runs are what tells noise from a difference. Warm-up curves are recorded once, after round one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.catalogue import Load
from bench.configs import BASELINE, Config


@dataclass(frozen=True)
class Job:
    load: Load
    config: Config
    round: int
    position: int
    way: str = "time"

    @property
    def key(self) -> str:
        """Names the job's answer in the run's folder."""
        return f"{self.load.name}/{self.way}-{self.round:02d}-{self.position}-{self.config.name}"


def order_of(configs: Sequence[Config], round: int) -> list[Config]:
    """The configs in the order of this round."""
    shift = (round // 2) % len(configs)
    turned = [*configs[shift:], *configs[:shift]]
    return turned if round % 2 == 0 else turned[::-1]


def jobs_of(loads: Sequence[Load], configs: Sequence[Config], rounds: int, with_curves: bool) -> list[Job]:
    jobs: list[Job] = []
    stock = next(config for config in configs if config.name == BASELINE)
    for round in range(rounds):
        for load in loads:
            order = order_of(configs, round)
            jobs += [Job(load, config, round, position) for position, config in enumerate(order)]
            if rounds == 1:
                jobs.append(Job(load, stock, round, len(order)))
        if round == 0 and with_curves:
            jobs += [Job(load, config, 0, 0, "curve") for load in loads if load.has_curve for config in configs]
    return jobs


@dataclass
class Clock:
    """Estimates the time left: what was seen of a load and a way in this run, else what its timing says."""

    jobs: Sequence[Job]
    curve_seconds: float
    seen: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def expected(self, job: Job) -> float:
        seen = self.seen.get((job.load.name, job.way))
        if seen:
            return sum(seen) / len(seen)
        if job.way == "curve":
            return self.curve_seconds + 2
        return job.load.timing.warmup + job.load.timing.measure + (20 if job.load.group == "apps" else 1.5)

    def saw(self, job: Job, seconds: float) -> None:
        self.seen.setdefault((job.load.name, job.way), []).append(seconds)

    def left(self, remaining: Sequence[Job]) -> float:
        return sum(self.expected(job) for job in remaining)


def in_words(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
