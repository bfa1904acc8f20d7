"""The statistics behind every claim, each in a few lines that can be checked by hand.

Values come in rounds: a round is one process for each config, and the k-th values of two configs were
measured one straight after the other. So a ratio is taken pair by pair (stock's time divided by the
config's: above 1 the config is faster), then the median within a round, then the median over rounds. Its
95 % confidence interval is a bootstrap over rounds and over pairs within a round, with a fixed seed.

The control is stock's *twin*: a second process of the very same config. What the twin differs from stock
by is noise, so no interval is narrower than the *noise floor*: the larger of this load's own twin
difference and 1.96 robust standard deviations of the twin differences of its group (of the whole run,
where the group is small). A claim is a ratio whose interval excludes 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rounds = Mapping[int, Sequence[float]]
Array = npt.NDArray[np.float64]

RESAMPLES = 2000
CONFIDENCE = 0.95
STEADY = 0.03
FEWEST_FOR_FLOOR = 5


@dataclass(frozen=True)
class Interval:
    low: float
    high: float

    def no_narrower_than(self, middle: float, floor: float) -> Interval:
        """In logarithms: at least `floor` on both sides of `middle`."""
        return Interval(min(self.low, middle - floor), max(self.high, middle + floor))

    def exp(self) -> Interval:
        return Interval(math.exp(self.low), math.exp(self.high))


@dataclass(frozen=True)
class Comparison:
    """How a config compares with stock, on one load or on a group of them."""

    ratio: float
    interval: Interval
    floor: float
    loads: int = 1

    @property
    def verdict(self) -> str:
        """`faster`, `slower`, or `same`: no claim."""
        if self.interval.low <= 1 <= self.interval.high:
            return "same"
        return "faster" if self.ratio > 1 else "slower"


def time_of(rounds: Rounds) -> float:
    """Seconds an iteration: the median over rounds of their medians."""
    return float(np.median([np.median(values) for values in rounds.values()]))


def paired_logs(stock: Rounds, other: Rounds) -> list[Array]:
    """For every round that both have, the logarithms of the ratios of its pairs."""
    found = []
    for round in stock.keys() & other.keys():
        count = min(len(stock[round]), len(other[round]))
        if count:
            first, second = np.asarray(stock[round][:count]), np.asarray(other[round][:count])
            found.append(np.log(first / second))
    return found


def middle_of(rounds: Sequence[Array]) -> float:
    return float(np.median([np.median(pairs) for pairs in rounds]))


def resampled(rounds: Sequence[Array], seed: int) -> Array:
    """Middles of runs that might as well have happened: rounds drawn anew, and pairs within each."""
    random = np.random.default_rng(seed)
    medians = np.empty((len(rounds), RESAMPLES))
    for index, pairs in enumerate(rounds):
        drawn = random.integers(0, len(pairs), size=(RESAMPLES, len(pairs)))
        medians[index] = np.median(pairs[drawn], axis=1)
    chosen = random.integers(0, len(rounds), size=(len(rounds), RESAMPLES))
    middles: Array = np.median(medians[chosen, np.arange(RESAMPLES)], axis=0)
    return middles


def interval_of(samples: Array) -> Interval:
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(samples, [tail, 100 - tail])
    return Interval(float(low), float(high))


def twin_difference(stock: Rounds, twin: Rounds) -> float | None:
    """How far stock is from its twin, as a logarithm: 0.02 is 2 %."""
    rounds = paired_logs(stock, twin)
    return middle_of(rounds) if rounds else None


def noise_floor(groups: Mapping[str, Sequence[float]], group: str) -> float:
    """1.96 robust standard deviations of the twin differences of a group, or of the run where that has few.

    A run with hardly any loads tells little about noise, so there the largest difference counts twice.
    """
    everything = [difference for differences in groups.values() for difference in differences]
    own = groups.get(group, ())
    for differences in (own, everything):
        if len(differences) >= FEWEST_FOR_FLOOR:
            return 1.96 * 1.4826 * float(np.median(np.abs(differences)))
    return 2 * max((abs(difference) for difference in everything), default=0.0)


def compare(stock: Rounds, other: Rounds, floor: float = 0.0) -> Comparison | None:
    rounds = paired_logs(stock, other)
    if not rounds:
        return None
    middle = middle_of(rounds)
    interval = interval_of(resampled(rounds, 1)).no_narrower_than(middle, floor)
    return Comparison(math.exp(middle), interval.exp(), floor)


def compare_group(pairs: Sequence[tuple[Rounds, Rounds]], floor: float = 0.0) -> Comparison | None:
    """The geometric mean of the ratios of several loads, with the interval of that mean."""
    logs = [rounds for stock, other in pairs if (rounds := paired_logs(stock, other))]
    if not logs:
        return None
    middle = sum(middle_of(rounds) for rounds in logs) / len(logs)
    samples = np.zeros(RESAMPLES)
    for seed, rounds in enumerate(logs):
        samples += resampled(rounds, 10 + seed) / len(logs)
    interval = interval_of(samples).no_narrower_than(middle, floor)
    return Comparison(math.exp(middle), interval.exp(), floor, len(logs))


def still_warming(rounds: Rounds, stock: Rounds | None, floor: float = 0.0) -> bool:
    """Whether values were still falling at the end: the last third against the first, in most rounds.

    Measured against stock's values at the same moments, where they are given, so that a machine that
    speeds up does not count, and nothing within the noise floor.
    """
    falling = counted = 0
    for round, values in rounds.items():
        count = len(values) if stock is None else min(len(values), len(stock.get(round, ())))
        if count < 6:
            continue
        own = np.asarray(values[:count])
        relative = own if stock is None else own / np.asarray(stock[round][:count])
        third = count // 3
        counted += 1
        least = 1 - max(STEADY, floor)
        falling += float(np.median(relative[-third:])) < least * float(np.median(relative[:third]))
    return counted > 0 and 2 * falling > counted


def seconds_to_peak(
    times: Sequence[tuple[float, float]], part: float = 0.95, bucket: float = 0.25
) -> float | None:
    """When throughput first reached `part` of its peak and stayed there for the next four buckets on average.

    `times` are (end, duration) of every step. The peak is the median over the last third of the buckets.
    """
    if not times:
        return None
    buckets: dict[int, list[float]] = {}
    for end, duration in times:
        buckets.setdefault(int(end / bucket), []).append(duration)
    last = max(buckets)
    speeds = [
        len(buckets[index]) / sum(buckets[index]) if index in buckets else 0.0 for index in range(last + 1)
    ]
    peak = float(np.median(speeds[-max(1, len(speeds) // 3) :]))
    for index in range(len(speeds)):
        if speeds[index] >= part * peak and float(np.mean(speeds[index : index + 5])) >= part * peak:
            return index * bucket
    return None
