"""Generators and coroutines: making them, suspending, and driving others.

An activation of a generator function ends in one of four ways, and each leaves the frame as the interpreter would:
RETURN_GENERATOR moves it into a new generator object, YIELD_VALUE suspends it, RETURN_VALUE and an exception give it
up.
Behind RETURN_GENERATOR and each YIELD_VALUE stands an entry: there the frame's memory is all there is, and the value
sent is on top of its stack.

`await` and `yield from` are one loop: SEND runs the other generator to its next `yield` and YIELD_VALUE passes that on,
until SEND jumps out with the value returned.
"""

from __future__ import annotations

from pyston.compiler.bytecode.decode import Instruction
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.builder import Builder, entry_types
from pyston.compiler.hir.values import Value
from pyston.compiler.native import Final

_SUSPENDED: Final = -2  # FRAME_SUSPENDED; FRAME_SUSPENDED_YIELD_FROM is one more


def build_return_generator(b: Builder, i: Instruction) -> None:
    generator = b.helper("make_generator", [], len(b.stack))
    _hand_over(b, i, generator)


def build_yield_value(b: Builder, i: Instruction) -> None:
    value = b.stack.pop()
    depth = len(b.stack)
    for position, entry in enumerate(b.stack):
        store = b.emit(h.STORE_STACK, t.NOTHING, [entry])
        store.imm = position
    # The helper finds the frame's position behind this instruction, where it is resumed.
    b.state = b.state_after(i)
    b.state.lasti = i.next
    result = b.helper("suspend_frame", [value], depth, len(b.locals) + depth)
    result.imm2 = _SUSPENDED + i.arg
    _hand_over(b, i, result)


def _hand_over(b: Builder, i: Instruction, value: Value) -> None:
    b.resumed_stacks[i.next] = [*entry_types(b.stack), t.OBJECT]  # and the value sent
    b.emit(h.HAND_OVER, t.NOTHING, [value])
    b.ended = True


def build_send(b: Builder, i: Instruction) -> None:
    """Successors of the flow block: [yielded, returned]. Stack: receiver, value to send, which the result replaces."""
    result = b.helper("send_value", b.stack[-2:], len(b.stack))
    b.stack[-1] = result
    yielded = b.emit(h.STATUS, t.CBOOL, [result])
    b.emit(h.BRANCH, t.NOTHING, [yielded])


def build_end_send(b: Builder, i: Instruction) -> None:
    value = b.stack.pop()
    b.stack[-1] = value


def build_get_awaitable(b: Builder, i: Instruction) -> None:
    b.stack[-1] = b.helper("get_awaitable", [b.stack[-1]], len(b.stack) - 1, i.arg)


def build_get_yield_from_iter(b: Builder, i: Instruction) -> None:
    b.stack[-1] = b.helper("get_yield_from_iter", [b.stack[-1]], len(b.stack) - 1)


def build_get_aiter(b: Builder, i: Instruction) -> None:
    b.stack[-1] = b.helper("get_aiter", [b.stack[-1]], len(b.stack) - 1)


def build_get_anext(b: Builder, i: Instruction) -> None:
    b.stack.append(b.helper("_PyEval_GetANext", [b.stack[-1]], len(b.stack)))


def build_end_async_for(b: Builder, i: Instruction) -> None:
    """The handler around `async for`. Stack: the iterator, the exception, which may be what ends the loop."""
    exception = b.stack[-1]
    depth = len(b.stack)
    ended = b.helper("is_stop_async_iteration", [exception], depth)
    before = b.block
    b.emit(h.BRANCH, t.NOTHING, [ended])
    ends = b.new_block(before)
    goes_on = b.new_block(before)
    before.successors = [ends, goes_on]
    b.block = goes_on
    b.reraise(exception, None, depth - 1)
    b.ended = False
    b.block = ends
    del b.stack[-2:]
