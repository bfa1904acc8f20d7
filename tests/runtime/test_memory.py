"""No memory: MemoryError or the right result, never anything else. Each program runs in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FAILING = """
import _testcapi, os, sys, pyston
def numbers(n):
    kept = []
    big = 1 << 40
    x = 0.5
    for i in range(n):
        big += i
        x = x * 1.5 - 1.0
        kept.append(big)
        kept.append(x)
        kept.append(-big * 3)
    return kept
def attributes(n):
    p = Point(n)
    for i in range(n):
        p.x = p.x + 1.25
        p.y += 1 << 33
    return [p.x, p.y]
class Point:
    def __init__(self, n):
        self.x = float(n)
        self.y = n
def texts(n):
    out = ""
    for i in range(n):
        out += f"{i}-{i * 2.5}"
    return [out, {i: [i] for i in range(n)}]
def calls(n):
    def inner(a, *rest, **named):
        return a, rest, named
    return [inner(i, i, k=i) for i in range(n)]
functions = [numbers, attributes, texts, calls]
expected = [f(30) for f in functions]
for f in functions:
    for _ in range(20):
        f(30)
    assert pyston.is_compiled(f) or "evict" in os.environ["PYSTON_STRESS"], pyston.explain(f)
free_lists = [[float(i) for i in range(300)], [1 << 20 | i for i in range(300)]]
errors = 0
for f, right in zip(functions, expected):
    for start in range(0, 160):
        # A number that could not be boxed raises at the next check, which may be behind the call.
        try:
            try:
                _testcapi.set_nomemory(start, STOP)
                got = f(30)
            finally:
                _testcapi.remove_mem_hooks()
                for _ in range(2):
                    pass
        except MemoryError:
            _testcapi.remove_mem_hooks()
            got = None
            errors += 1
        assert got is None or got == right, (f, start, got)
assert errors > 50, errors
print("fine")
"""


COMPILING = """
import _testcapi, pyston
SOURCE = (
    "def f(x, y=1):\\n    try:\\n        return [x.a + y, x[y]] if x else str(y)\\n"
    "    except KeyError as e:\\n        return e"
)
def compiled(start):
    names = {}
    exec(SOURCE, names)
    try:
        _testcapi.set_nomemory(start, start + 6)
        pyston.compile(names["f"])
    except MemoryError:
        pass
    finally:
        _testcapi.remove_mem_hooks()
def last_resorts():
    # CPython keeps sixteen MemoryErrors for such times; after these it raises the same one again and again.
    kept, rounds = [None] * 40, iter(range(40))
    _testcapi.set_nomemory(0, 0)
    for i in rounds:
        try:
            bytearray(100)
        except MemoryError as error:
            kept[i] = error
    _testcapi.remove_mem_hooks()
    return kept
for start in range(0, 3000, 4):
    compiled(start)
    if start % 100 == 0:
        for error in last_resorts():
            assert isinstance(error, MemoryError), error
            assert isinstance(error.__context__, BaseException | None), error.__context__
print("fine")
"""


def run(program: str, **variables: str) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYSTON")}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program],
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr[-2000:]


def test_contexts_after_compiling_without_memory() -> None:
    run(COMPILING, PYSTON_THRESHOLD="1000000")


@pytest.mark.parametrize("stress", ["", "exits", "exits,evict"])
@pytest.mark.parametrize("stop", ["0", "start + 1", "start + 9"])
def test_memory_error_anywhere(stop: str, stress: str) -> None:
    run(FAILING.replace("STOP", stop), PYSTON_THRESHOLD="3", PYSTON_STRESS=stress)
