"""Entering compiled code at a loop header: the rest of the function does what it would have done.

Compiled code is entered with the locals and the operand stack that the interpreter would have at some round of the
loop. That is what the other entries of a body are for (docs/abi.md): on-stack replacement, generators' resume points.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest

pyston = pytest.importorskip("pyston")
from pyston import _runtime  # noqa: E402
from pyston.compiler.bytecode.cfg import build_flow  # noqa: E402
from pyston.compiler.bytecode.decode import decode  # noqa: E402
from pyston.compiler.hir.verifier import verify_after  # noqa: E402
from pyston.compiler.pipeline import compile_function  # noqa: E402
from pyston.compiler.snapshot import take_snapshot  # noqa: E402
from pyston.live_world import LiveWorld  # noqa: E402


class Thing:
    def __init__(self, number: int) -> None:
        self.number = number


def headers(function: FunctionType) -> list[int]:
    flow = build_flow(decode(take_snapshot(function.__code__)))
    return [block.start for block in flow if block.loop_header]


def install(function: FunctionType) -> list[int]:
    """Compiles with an entry at every loop header; the code units of those."""
    units = headers(function)
    _runtime.open_session()
    snapshot = take_snapshot(function.__code__)
    artifact = compile_function(snapshot, LiveWorld(function), verify_after, loop_entries=frozenset(units))
    assert [entry.offset for entry in artifact.entries] == units
    assert _runtime.install(function, artifact) is None
    return units


def slots(function: FunctionType, **values: Any) -> dict[int, Any]:
    code = function.__code__
    names = [*code.co_varnames, *code.co_cellvars, *code.co_freevars]
    return {names.index(name): value for name, value in values.items()}


def total(n, limit):
    result = 0
    i = 0
    while i < n:
        if i == limit:
            break
        result += i
        i += 1
    return result, i


def over_iterator(items, out):
    for item in items:
        out.append(item)
        last = item
    return out, last


def nested(rows, factor):
    result = []
    width = 0
    for row in rows:
        for cell in row:
            result.append(cell * factor)
            width += 1
        result.append(None)
    return result, width


def floats(n):
    x = 0.5
    i = 0
    while i < n:
        x = x * 1.5 + i
        i += 1
    return x


@pytest.fixture
def fresh() -> Callable[[FunctionType], FunctionType]:
    """A copy of a function with a code object of its own."""

    def copy(function: FunctionType) -> FunctionType:
        return FunctionType(function.__code__.replace(co_name=function.__name__), globals())

    return copy


def test_while(fresh):
    f = fresh(total)
    (unit,) = install(f)
    for n, limit, result, i in [(10, 99, 3, 4), (10, 7, 0, 0), (3, 99, 5, 3), (10, 99, 1 << 70, 2)]:
        end = max(min(n, limit), i)
        got = _runtime.enter_at(f, unit, slots(f, n=n, limit=limit, result=result, i=i), ())
        assert got == (result + sum(range(i, end)), end)
    assert f(10, 99) == total(10, 99)


def test_iterator_on_the_stack(fresh):
    f = fresh(over_iterator)
    (unit,) = install(f)
    for make in (lambda: iter([1, 2, 3]), lambda: iter(range(4)), lambda: iter("abc"), lambda: iter({5: 6})):
        iterator = make()
        first = next(iterator)
        out = [first]
        got = _runtime.enter_at(f, unit, slots(f, items=None, out=out, item=first, last=first), (iterator,))
        assert got == over_iterator(make(), [])
    with pytest.raises(UnboundLocalError):
        _runtime.enter_at(f, unit, slots(f, items=None, out=[]), (iter(()),))
    assert f([1, 2], []) == ([1, 2], 2)


def test_nested(fresh):
    f = fresh(nested)
    outer, inner = install(f)
    rows = [[1, 2.5], "ab", (3,), []]
    expected = nested(rows, 2)
    rest = iter(rows)
    row = next(rest)
    values = slots(f, rows=rows, factor=2, result=[2, 5.0, None], width=2, row=row, cell=2.5)
    assert _runtime.enter_at(f, outer, values, (rest,)) == expected
    rest = iter(rows)
    row = next(rest)
    cells = iter(row)
    next(cells)
    values = slots(f, rows=rows, factor=2, result=[2], width=1, row=row, cell=1)
    assert _runtime.enter_at(f, inner, values, (rest, cells)) == expected
    assert f(rows, 2) == expected


def test_floats_and_ints_stay_unboxed_numbers(fresh):
    f = fresh(floats)
    (unit,) = install(f)
    assert _runtime.enter_at(f, unit, slots(f, n=20, x=0.5, i=0), ()) == floats(20)
    assert _runtime.enter_at(f, unit, slots(f, n=20, x=1, i=19), ()) == 20.5
    with pytest.raises(TypeError):
        _runtime.enter_at(f, unit, slots(f, n=20, x="s", i=0), ())


def test_references(fresh):
    f = fresh(over_iterator)
    (unit,) = install(f)
    things = [Thing(n) for n in range(5)]
    before = [sys.getrefcount(thing) for thing in things]
    for _ in range(20):
        iterator = iter(things)
        out: list[Thing] = []
        _runtime.enter_at(f, unit, slots(f, items=things, out=out), (iterator,))
        with pytest.raises(AttributeError):
            _runtime.enter_at(f, unit, slots(f, items=things, out=None), (iter(things),))
    out.clear()
    gc.collect()
    assert [sys.getrefcount(thing) for thing in things] == before


def test_no_such_entry(fresh):
    f = fresh(total)
    (unit,) = install(f)
    with pytest.raises(ValueError, match="no entry"):
        _runtime.enter_at(f, unit + 1, {}, ())
    with pytest.raises(ValueError, match="no entry"):
        _runtime.enter_at(f, unit, {}, (1,))
