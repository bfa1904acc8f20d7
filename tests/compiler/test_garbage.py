"""A compilation leaves nothing for the collector, which is off meanwhile and would find it in the program's time.

Of the objects of which there are many, some are not even known to it (`acyclic`), so their cycles must be cut.
"""

from __future__ import annotations

import contextlib
import gc
from typing import Any

import pytest

pyston = pytest.importorskip("pyston")
from pyston import _runtime  # noqa: E402
from pyston.compiler import pipeline  # noqa: E402
from pyston.compiler.bytecode import opcodes  # noqa: E402
from pyston.compiler.bytecode.cfg import FlowBlock, Unsupported  # noqa: E402
from pyston.compiler.hir.builder import HANDLERS  # noqa: E402
from pyston.compiler.hir.values import FrameState, HirBlock, Value  # noqa: E402
from pyston.compiler.lir.instructions import Block, Lir  # noqa: E402
from pyston.compiler.pipeline import SMALL_OBJECTS  # noqa: E402
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


def left_alone(function: Any) -> tuple[set[int], int]:
    """What an attempt to compile leaves alive: blocks and values that the collector knows, as where the compiler is
    interpreted; and, where it is not, objects in the pool."""
    kinds = (FlowBlock, HirBlock, Block, Value, FrameState, Lir)

    def known() -> set[int]:
        return {id(o) for o in gc.get_objects() if isinstance(o, kinds)}

    _runtime.open_session()
    gc.collect()
    gc.disable()
    before = known()  # other tests take compilations apart, and keep the parts
    pooled = _runtime.internals()["pool_objects"]
    try:
        with contextlib.suppress(Unsupported):
            compile_artifact(function)
        return known() - before, _runtime.internals()["pool_objects"] - pooled
    finally:
        gc.enable()


FUNCTIONS = [straight, looping, raising, suspending]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_left(function: Any) -> None:
    assert left_alone(function) == (set(), 0)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    "opcode", [opcodes.LOAD_ATTR, opcodes.RETURN_VALUE, opcodes.JUMP_BACKWARD, opcodes.CALL]
)
def test_nothing_is_left_where_building_stops(function: Any, opcode: int) -> None:
    def stop(builder: object, instruction: object) -> None:
        raise Unsupported("no more")

    built = HANDLERS[opcode]
    HANDLERS[opcode] = stop
    try:
        assert left_alone(function) == (set(), 0)
    finally:
        HANDLERS[opcode] = built


def test_what_compiling_makes_comes_from_the_pool() -> None:
    """Or the tests above say nothing."""
    if pipeline.__file__.endswith(".so"):
        assert all(_runtime.use_pool(cls) is False for cls in SMALL_OBJECTS), "used already"
        pooled = _runtime.internals()["pool_objects"]
        values = [Value(0, 0, []) for _ in range(3)]
        assert _runtime.internals()["pool_objects"] == pooled + 3
        del values
        assert _runtime.internals()["pool_objects"] == pooled


def test_a_large_function() -> None:
    """What the back end makes of it lies where HIR was."""
    space: dict[str, Any] = {}
    lines = [f"    x = x.method{i}(y, {i}) if x else y + x" for i in range(300)]
    exec("def large(x, y):\n" + "\n".join(lines) + "\n    return x", space)
    _runtime.open_session()
    small = [compile_artifact(function).code for function in FUNCTIONS]
    large = [compile_artifact(space["large"]) for _ in range(2)]
    assert len(large[0].code) > 20_000
    assert large[0].code == large[1].code
    assert len(large[0].exits) == len(large[1].exits)
    assert [compile_artifact(function).code for function in FUNCTIONS] == small
    del large
    assert left_alone(space["large"]) == (set(), 0)


def test_the_pool_takes_no_other_classes() -> None:
    class Slotted:
        __slots__ = ("a",)

    for cls in (int, list, type, object, Slotted):
        assert _runtime.use_pool(cls) is False
    no_class: Any = 1
    with pytest.raises(TypeError):
        _runtime.use_pool(no_class)
