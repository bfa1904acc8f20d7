"""The statistics behind every claim, each in a few lines that can be checked by hand.

A *round* is one process that measured one load under one config; its value is the median of its values.
A config's time for a load is the median over its rounds. A ratio is stock's time divided by the config's:
above 1 the config is faster. Its confidence interval comes from a bootstrap over rounds and over values
within a round (fixed seed), so it knows both kinds of spread. Beside it stands the *repeat difference*:
how far apart two identical runs of the same config were, here the two halves of its rounds. A claim
smaller than that, or whose interval includes 1, is no claim.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rounds = Sequence[Sequence[float]]
Array = npt.NDArray[np.float64]

RESAMPLES = 2000
CONFIDENCE = 0.95
STEADY = 0.03


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """How a config compares with stock on one load."""

    ratio: float
    interval: Interval
    repeat_difference: float | None  # as a part: 0.02 is 2 %; None where nothing ran twice
    verdict: str  # "faster", "slower", "same"


def time_of(rounds: Rounds) -> float:
    return float(np.median([np.median(values) for values in rounds]))


def resampled_times(rounds: Rounds, seed: int) -> Array:
    """Times of runs that might as well have happened: rounds drawn anew, and values within each."""
    random = np.random.default_rng(seed)
    medians = np.empty((len(rounds), RESAMPLES))
    for index, values in enumerate(rounds):
        data = np.asarray(values, dtype=np.float64)
        drawn = random.integers(0, len(data), size=(RESAMPLES, len(data)))
        medians[index] = np.median(data[drawn], axis=1)
    chosen = random.integers(0, len(rounds), size=(len(rounds), RESAMPLES))
    times: Array = np.median(medians[chosen, np.arange(RESAMPLES)], axis=0)
    return times


def interval_of(samples: Array) -> Interval:
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(samples, [tail, 100 - tail])
    return Interval(float(low), float(high))


def repeat_difference(rounds: Rounds) -> float | None:
    """How far apart two identical runs were: the even rounds against the odd ones."""
    if len(rounds) < 2:
        return None
    return abs(math.log(time_of(rounds[0::2]) / time_of(rounds[1::2])))


def compare(stock: Rounds, other: Rounds) -> Comparison:
    ratio = time_of(stock) / time_of(other)
    interval = interval_of(resampled_times(stock, 1) / resampled_times(other, 2))
    differences = [found for found in (repeat_difference(stock), repeat_difference(other)) if found is not None]
    repeat = max(differences) if differences else None
    return Comparison(ratio, interval, repeat, verdict(ratio, interval, repeat))


def verdict(ratio: float, interval: Interval, repeat: float | None) -> str:
    certain = not interval.low <= 1 <= interval.high
    if not certain or (repeat is not None and abs(math.log(ratio)) <= repeat):
        return "same"
    return "faster" if ratio > 1 else "slower"


def geometric_mean(ratios: Sequence[float]) -> float:
    return math.exp(sum(math.log(ratio) for ratio in ratios) / len(ratios))


@dataclass(frozen=True)
class GroupMean:
    ratio: float
    interval: Interval
    loads: int


def compare_group(pairs: Mapping[str, tuple[Rounds, Rounds]]) -> GroupMean:
    """Geometric mean of the ratios of several loads, with the interval of that mean."""
    logs = np.zeros(RESAMPLES)
    ratios = []
    for seed, (stock, other) in enumerate(pairs.values()):
        ratios.append(time_of(stock) / time_of(other))
        logs += np.log(resampled_times(stock, 2 * seed + 10) / resampled_times(other, 2 * seed + 11))
    interval = interval_of(np.exp(logs / len(pairs)))
    return GroupMean(geometric_mean(ratios), interval, len(pairs))


def still_warming(rounds: Rounds) -> bool:
    """Whether values were still falling when measuring ended: the last third against the first, in most rounds."""
    falling = 0
    counted = 0
    for values in rounds:
        third = len(values) // 3
        if third < 2:
            continue
        counted += 1
        falling += float(np.median(values[-third:])) < (1 - STEADY) * float(np.median(values[:third]))
    return counted > 0 and 2 * falling > counted


def seconds_to_peak(times: Sequence[tuple[float, float]], part: float = 0.95, bucket: float = 0.25) -> float | None:
    """When throughput first reached `part` of its peak and stayed there: mean of the next four buckets too.

    `times` are (end, duration) of every step. The peak is the median over the last third of the buckets.
    """
    if not times:
        return None
    buckets: dict[int, list[float]] = {}
    for end, duration in times:
        buckets.setdefault(int(end / bucket), []).append(duration)
    last = max(buckets)
    speeds = [len(buckets[index]) / sum(buckets[index]) if index in buckets else 0.0 for index in range(last + 1)]
    peak = float(np.median(speeds[-max(1, len(speeds) // 3) :]))
    for index in range(len(speeds)):
        following = speeds[index : index + 5]
        if speeds[index] >= part * peak and float(np.mean(following)) >= part * peak:
            return index * bucket
    return None
