"""The statistics: known answers, and no claims from noise."""

from __future__ import annotations

import math
import random

import pytest
from bench import estimates
from bench.estimates import Comparison, Rounds


def compared(stock: Rounds, other: Rounds, floor: float = 0.0) -> Comparison:
    found = estimates.compare(stock, other, floor)
    assert found is not None
    return found


def noisy(
    seconds: float, rounds: int, values: int, seed: int, spread: float = 0.05
) -> dict[int, list[float]]:
    source = random.Random(seed)
    return {n: [seconds * math.exp(source.gauss(0, spread)) for _ in range(values)] for n in range(rounds)}


def test_time_is_the_median_of_round_medians():
    assert estimates.time_of({0: [1.0, 2.0, 9.0], 1: [4.0], 2: [3.0, 3.0]}) == 3.0


def test_ratio_is_taken_pair_by_pair():
    # The machine halves its speed in the middle; pairs do not notice.
    stock = {0: [1.0, 1.0, 2.0, 2.0]}
    other = {0: [0.5, 0.5, 1.0, 1.0]}
    found = compared(stock, other)
    assert found.ratio == pytest.approx(2.0)
    assert found.interval.low == pytest.approx(2.0)
    assert found.interval.high == pytest.approx(2.0)
    assert found.verdict == "faster"


def test_only_common_rounds_count_and_none_is_no_comparison():
    assert estimates.compare({0: [1.0]}, {1: [1.0]}) is None
    found = compared({0: [1.0], 1: [4.0]}, {1: [2.0], 2: [9.0]})
    assert found.ratio == pytest.approx(2.0)


def test_a_difference_within_the_floor_is_no_claim():
    stock, other = {0: [1.02] * 5}, {0: [1.0] * 5}
    assert compared(stock, other).verdict == "faster"
    assert compared(stock, other, floor=0.03).verdict == "same"
    assert compared(other, stock).verdict == "slower"


def test_identical_configs_give_few_claims():
    claims = 0
    for seed in range(60):
        stock, twin, other = (noisy(1.0, 5, 10, 3 * seed + n) for n in range(3))
        floor = abs(estimates.twin_difference(stock, twin) or 0.0)
        claims += compared(stock, other, floor).verdict != "same"
    assert claims <= 6


def test_a_real_difference_is_found():
    stock, other = noisy(1.0, 5, 10, 1), noisy(0.8, 5, 10, 2)
    found = compared(stock, other, floor=0.02)
    assert found.verdict == "faster"
    assert found.interval.low < 1.25 < found.interval.high


def test_interval_is_the_same_every_time():
    stock, other = noisy(1.0, 3, 8, 1), noisy(1.1, 3, 8, 2)
    assert compared(stock, other) == compared(stock, other)


def test_geometric_mean_of_a_group():
    pairs = [
        ({0: [2.0] * 4}, {0: [1.0] * 4}),
        ({0: [1.0] * 4}, {0: [2.0] * 4}),
        ({0: [4.0] * 4}, {0: [1.0] * 4}),
    ]
    found = estimates.compare_group(pairs)
    assert found is not None
    assert found.ratio == pytest.approx(4 ** (1 / 3))
    assert found.loads == 3
    assert estimates.compare_group([]) is None


def test_floor_comes_from_the_group_or_the_run():
    many = {"web": [0.01, -0.02, 0.03, -0.01, 0.02], "apps": [0.5]}
    assert estimates.noise_floor(many, "web") == pytest.approx(1.96 * 1.4826 * 0.02)
    assert estimates.noise_floor(many, "apps") == pytest.approx(1.96 * 1.4826 * 0.02)
    assert estimates.noise_floor({"web": [0.01, -0.04]}, "web") == pytest.approx(0.08)
    assert estimates.noise_floor({}, "web") == 0.0


def test_still_warming():
    falling = {0: [1.2, 1.2, 1.1, 1.1, 1.0, 1.0]}
    level = {0: [1.0] * 6}
    assert estimates.still_warming(falling, None)
    assert not estimates.still_warming(level, None)
    assert not estimates.still_warming(falling, {0: [2.4, 2.4, 2.2, 2.2, 2.0, 2.0]})  # the machine sped up
    assert not estimates.still_warming({0: [2.0, 1.0]}, None)  # too few to say


def test_seconds_to_peak():
    def steps(*speeds: tuple[float, float]) -> list[tuple[float, float]]:
        times, now = [], 0.0
        for until, duration in speeds:
            while now < until:
                now += duration
                times.append((now, duration))
        return times

    assert estimates.seconds_to_peak(steps((3.0, 0.01))) == 0.0
    assert estimates.seconds_to_peak(steps((2.0, 0.02), (8.0, 0.01))) == pytest.approx(2.0, abs=0.3)
    assert estimates.seconds_to_peak([]) is None
