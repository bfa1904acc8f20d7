"""What is run in which order, how long it may take, and how much time is left.

A job is one load in one round: one new process for each config, and a second one for stock (its twin).
They warm up, then measure in turn, a value each, so that a machine that slows down slows all of them
alike (see `bench.turns`). The twin is the control of the experiment: what it differs from stock by is
noise. The order of the configs turns by one place each round. Peers take part in the first rounds only:
they are there to be seen beside Pyston, not to be told from it by a per cent. Warm-up curves are recorded
once, after round one.

A run has a limit of minutes. `fit` shortens warm-up and measuring until what is asked for is expected to
fit, but not below what a compiler needs to warm up; what does not fit even so is left for the next
start of the same command, which goes on. Jobs go round by round, so a run that ends early has fewer
rounds, not fewer loads.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from bench.catalogue import Load
from bench.configs import BASELINE, SUBJECT, Config
from bench.execute import Settings

TWIN = "stock-twin"
OWN = (BASELINE, SUBJECT, TWIN)

# Below the first a compiler is measured half warm; a curve shorter than the second shows no peak.
SHORTEST_SCALE = 0.4
SHORTEST_CURVE, LONGEST_CURVE = 10.0, 60.0
CURVE_SHARE = 0.25  # of the limit, for all the curves of a run


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


def jobs_of(
    loads: Sequence[Load], configs: Sequence[Config], rounds: int, curve_of: Sequence[str] = ()
) -> list[Job]:
    """All jobs in their order; `curve_of` names the configs whose warm-up curves are wanted."""
    jobs: list[Job] = []
    members = with_twin(configs)
    own = [config for config in members if config.name in OWN]
    curves = tuple(config for config in configs if config.name in curve_of)
    for round in range(rounds):
        for _, group in groupby(loads, lambda load: load.group):
            some = list(group)
            for load in some:
                playing = members if round < load.timing.peer_rounds else own
                jobs.append(Job(load, order_of(playing, round), round))
            if round == 0 and curves:
                jobs += [Job(load, curves, 0, "curve") for load in some if load.has_curve]
    return jobs


def curves_that_fit(
    loads: Sequence[Load], configs: Sequence[Config], limit: float
) -> tuple[float, list[str]]:
    """Seconds of each warm-up curve, and the configs that get one: all, or stock and Pyston where time is short."""
    count = sum(load.has_curve for load in loads)
    names = [config.name for config in configs]
    for chosen in (names, [name for name in names if name in OWN]):
        seconds = CURVE_SHARE * limit / max(1, count * len(chosen))
        if seconds >= SHORTEST_CURVE:
            break
    return float(math.floor(min(LONGEST_CURVE, max(SHORTEST_CURVE, seconds)))), chosen


def scale_that_fits(jobs: Sequence[Job], curve_seconds: float, limit: float) -> float:
    """How much of its full warm-up and measuring each job can have; what is expected is linear in it."""
    least, most = (expected_of_all(jobs, Settings(scale, curve_seconds, fitted=True)) for scale in (0.0, 1.0))
    if most <= limit:
        return 1.0
    return max(SHORTEST_SCALE, math.floor(20 * (limit - least) / (most - least)) / 20)


def expected_of_all(jobs: Sequence[Job], settings: Settings) -> float:
    clock = Clock(settings)
    return clock.left(jobs)


@dataclass
class Clock:
    """Estimates the time left: what was seen of a load and a way in this run, else what its timing says.

    What timings say is for a quiet machine; for loads not yet seen it is stretched by as much as those that
    were seen took longer than theirs.
    """

    settings: Settings
    seen: dict[tuple[str, str], list[float]] = field(default_factory=dict)  # seconds a member
    took: dict[str, float] = field(default_factory=dict)  # seconds, by way
    ought: dict[str, float] = field(default_factory=dict)  # what timings said of the same jobs

    def expected(self, job: Job) -> float:
        seen = self.seen.get((job.load.name, job.way))
        if seen:
            return len(job.configs) * sum(seen) / len(seen)
        ought = self.ought.get(job.way, 0.0)
        pace = self.took[job.way] / ought if ought else 1.0
        return pace * self._by_timing(job)

    def _by_timing(self, job: Job) -> float:
        timing = job.load.timing
        if job.way == "curve":
            return len(job.configs) * (timing.besides + self.settings.curve_seconds)
        at_once = min(len(job.configs), os.cpu_count() or 1)
        warmup = self.settings.warmup(job.load) / at_once
        return len(job.configs) * (timing.besides + warmup + self.settings.measure(job.load))

    def saw(self, job: Job, seconds: float) -> None:
        self.seen.setdefault((job.load.name, job.way), []).append(seconds / len(job.configs))
        self.took[job.way] = self.took.get(job.way, 0.0) + seconds
        self.ought[job.way] = self.ought.get(job.way, 0.0) + self._by_timing(job)

    def left(self, remaining: Sequence[Job]) -> float:
        return sum(self.expected(job) for job in remaining)


def in_words(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
