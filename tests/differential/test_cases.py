"""Every case of cases/*.py, stock against compiled."""

from __future__ import annotations

import functools
import gc

import pytest
from harness import FOLDER, LEAK, WARM_UP, case_names, load, run, run_stock

CASES = [(path.stem, case) for path in sorted(FOLDER.glob("*.py")) for case in case_names(path.stem)]
WAYS = [
    (name, case, way)
    for name, case in CASES
    for way in ("warm", "narrow", "cold")
    if way != "narrow" or getattr(load(name), case).narrow
]


@functools.cache
def stock(name: str, narrow: bool):
    return run_stock(name, narrow)


@pytest.mark.parametrize(("name", "case", "way"), WAYS, ids=["-".join(way) for way in WAYS])
def test_same_as_stock(name, case, way):
    narrow = way == "narrow"
    expected, expected_leaks, _ = stock(name, narrow)[case]
    gc.freeze()  # the collector is asked often below; what is there by now is none of its business
    observed, leaks, problem = run(name, case, "cold" if way == "cold" else "warm", narrow)
    inputs, _, _, compiled, calls = getattr(load(name), case).case
    first = 0 if calls or way == "cold" else WARM_UP * (1 if narrow else len(inputs))
    for position, (ours, theirs) in enumerate(zip(observed[first:], expected[first:])):
        if ours != theirs:
            parts = zip(("input", "outcome", "seen", "output", "references", "arguments"), theirs, ours)
            different = [f"{name}:\n  stock    {a}\n  compiled {b}" for name, a, b in parts if a != b]
            pytest.fail(f"call {position}, {ours[0]}, " + "\n".join(different), pytrace=False)
    assert leaks <= max(expected_leaks, 0) + LEAK, "memory is lost"
    assert bool(problem) != compiled, problem
