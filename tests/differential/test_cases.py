"""Every case of cases/*.py, stock against compiled."""

from __future__ import annotations

import functools

import pytest
from harness import FOLDER, case_names, load, run

CASES = [(path.stem, case) for path in sorted(FOLDER.glob("*.py")) for case in case_names(path.stem)]


@functools.cache
def stock(name: str, case: str):
    return run(name, case, "stock")


@pytest.mark.parametrize("way", ["warm", "cold"])
@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}-{case}" for name, case in CASES])
def test_same_as_stock(name, case, way):
    expected, expected_leaks, _ = stock(name, case)
    observed, leaks, problem = run(name, case, way)
    for position, (ours, theirs) in enumerate(zip(observed, expected)):
        assert ours == theirs, f"call {position}"
    assert leaks <= expected_leaks + 50, "memory is lost"
    assert bool(problem) != getattr(load(name), case).case[3], problem
