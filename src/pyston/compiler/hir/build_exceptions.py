"""Raising, and the handlers of exceptions.

An instruction that raises where its handler is compiled too branches there (`Builder.note_raise`); so what is here
sees an exception on the operand stack, and under it, for handlers that may pass it on, where it was raised.
"""

from __future__ import annotations

from pyston.compiler.bytecode.decode import Instruction
from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.builder import Builder


def build_raise_varargs(b: Builder, i: Instruction) -> None:
    depth = len(b.stack)
    if i.arg == 0:
        b.reraise(b.helper("handled_exception", [], depth), None, depth)
        return
    cause = b.stack[-1] if i.arg == 2 else b.null
    b.never_returns("raise_exception", [b.stack[-i.arg], cause], depth - i.arg)


def build_reraise(b: Builder, i: Instruction) -> None:
    """Stack: where it was raised (`arg` entries below), …, the exception."""
    lasti = b.stack[-1 - i.arg] if i.arg else None
    b.reraise(b.stack[-1], lasti, len(b.stack) - 1)


def build_push_exc_info(b: Builder, i: Instruction) -> None:
    """The exception is what is being handled from here on; what was before goes below it."""
    exception = b.stack[-1]
    b.stack[-1] = b.helper("push_exc_info", [exception], len(b.stack))
    b.stack.append(exception)


def build_pop_except(b: Builder, i: Instruction) -> None:
    b.helper("pop_except", [b.stack[-1]], len(b.stack) - 1)
    b.stack.pop()


def build_check_exc_match(b: Builder, i: Instruction) -> None:
    """Stack: the exception, which stays, and a class or a tuple of them."""
    kind = b.stack[-1].ref
    if kind is not None and isinstance(kind.value, type) and issubclass(kind.value, BaseException):
        # A class of exceptions: nothing can be wrong with it, and no code runs.
        matches = b.helper("is_exception_of", [b.stack[-2], b.stack[-1]], len(b.stack) - 1)
    else:
        matches = b.helper("check_exc_match", [b.stack[-2], b.stack[-1]], len(b.stack) - 1)
    b.stack[-1] = b.box_bool(matches)


def build_check_eg_match(b: Builder, i: Instruction) -> None:
    """The same for `except*`: gives what is left of the group, and the part that matches or None."""
    rest = b.helper("check_eg_match", [b.stack[-2], b.stack[-1]], len(b.stack) - 2)
    b.stack[-2] = rest
    b.stack[-1] = b.emit(h.SECOND, t.OBJECT, [rest])


def build_call_intrinsic_2(b: Builder, i: Instruction) -> None:
    result = b.helper("call_intrinsic_2", [b.stack[-2], b.stack[-1]], len(b.stack) - 2, i.arg)
    b.stack.pop()
    b.stack[-1] = result


def build_with_except_start(b: Builder, i: Instruction) -> None:
    """Stack: `__exit__`, its self or NULL, where it was raised, what was handled before, the exception."""
    result = b.helper("with_except_start", [b.stack[-5], b.stack[-4], b.stack[-1]], len(b.stack))
    b.stack.append(result)
