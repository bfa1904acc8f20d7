"""What is run in which order, and how much time is left.

A job is one load in one round: one new process for each config, and a second one for stock (its twin).
They warm up one after the other, then measure in turn, a value each, so that a machine that slows down
slows all of them alike (see `bench.turns`). The twin is the control of the experiment: what it differs
from stock by is noise. The order of the configs turns by one place each round. Warm-up curves are
recorded once, after round one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.catalogue import Load
from bench.configs import BASELINE, Config

TWIN = "stock-twin"


@dataclass(frozen=True)
class Job:
    load: Load
    configs: tuple[Config, ...]
    round: int
    way: str = "time"

    @property
    def key(self) -> str:
        """Names the job's answer in the run's folder."""
        return f"{self.load.name}/{self.way}-{self.round:02d}"


def twin_of(stock: Config) -> Config:
    """Stock again, with one more variable: the environment's size moves memory about, as PYSTON=0 does."""
    environment = {**stock.environment, "BENCH_TWIN": "1"}
    return Config(TWIN, stock.python, environment, stock.description, stock.facts)


def with_twin(configs: Sequence[Config]) -> list[Config]:
    """The configs with the twin as far from stock as can be, so that its place in the order is another."""
    stock = next(config for config in configs if config.name == BASELINE)
    return [*configs, twin_of(stock)]


def order_of(configs: Sequence[Config], round: int) -> tuple[Config, ...]:
    """The configs in the order of this round."""
    shift = (round // 2) % len(configs)
    turned = (*configs[shift:], *configs[:shift])
    return turned if round % 2 == 0 else turned[::-1]


def jobs_of(loads: Sequence[Load], configs: Sequence[Config], rounds: int, with_curves: bool) -> list[Job]:
    jobs: list[Job] = []
    members = with_twin(configs)
    for round in range(rounds):
        jobs += [Job(load, order_of(members, round), round) for load in loads]
        if round == 0 and with_curves:
            jobs += [Job(load, tuple(configs), 0, "curve") for load in loads if load.has_curve]
    return jobs


@dataclass
class Clock:
    """Estimates the time left: what was seen of a load and a way in this run, else what its timing says."""

    jobs: Sequence[Job]
    curve_seconds: float
    scale: float = 1.0
    seen: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def expected(self, job: Job) -> float:
        seen = self.seen.get((job.load.name, job.way))
        if seen:
            return sum(seen) / len(seen)
        if job.way == "curve":
            return (self.curve_seconds + 2) * len(job.configs)
        timing = job.load.timing
        own = self.scale * (timing.warmup + timing.measure) + (25 if job.load.group == "apps" else 2)
        return own * len(job.configs)

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
