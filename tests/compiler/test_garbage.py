"""A compilation leaves nothing for the collector, which is off meanwhile and would find it in the program's time.

Of the objects of which there are many, some are not even known to it (`acyclic`), so their cycles must be cut.
"""

from __future__ import annotations

import gc
from typing import Any

import pytest

pyston = pytest.importorskip("pyston")
from pyston import _runtime  # noqa: E402
from pyston.compiler.bytecode.cfg import FlowBlock  # noqa: E402
from pyston.compiler.hir.values import HirBlock  # noqa: E402
from pyston.compiler.lir.instructions import Block  # noqa: E402
from pyston.engine import compile_artifact  # noqa: E402


def straight(a, b):
    return (a.first + b.second) * len(a.rest)


def looping(items, limit):
    total = 0
    for item in items:
        while item > limit:
            item -= 1
        total += item
    return [total, f"{items}"]


def raising(mapping, names):
    found = []
    for name in names:
        try:
            found.append(mapping[name])
        except KeyError as error:
            found.append(error)
        finally:
            mapping = dict(mapping)
    return found


def suspending(items):
    for item in items:
        yield item
        yield from items[item]


def blocks() -> list[Any]:
    return [o for o in gc.get_objects() if isinstance(o, (FlowBlock, HirBlock, Block))]


@pytest.mark.parametrize("function", [straight, looping, raising, suspending])
def test_nothing_is_left(function: Any) -> None:
    _runtime.open_session()
    gc.collect()
    gc.disable()
    before = blocks()  # other tests take compilations apart, and keep the parts
    try:
        artifact = compile_artifact(function)
        left = {id(block) for block in blocks()} - {id(block) for block in before}
    finally:
        gc.enable()
    assert artifact.code
    assert not left
