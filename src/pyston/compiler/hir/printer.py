"""Prints HIR as text: the form used by golden tests and `dump --hir`."""

from __future__ import annotations

from struct import unpack

from pyston.compiler.hir import types as t
from pyston.compiler.hir import values as h
from pyston.compiler.hir.effects import TERMINATOR
from pyston.compiler.hir.values import FrameState, Function, Value, resolve
from pyston.compiler.lir.operations import CC_NAMES
from pyston.compiler.native import Final


def _name(value: Value) -> str:
    value = resolve(value)
    if value.operation == h.CONSTANT and value.ref is not None:
        return _show_object(value.ref.value)
    if value.operation == h.NULL:
        return "NULL"
    return f"v{value.number}"


def _show_object(obj: object) -> str:
    if obj is None or isinstance(obj, (bool, int, float, str, bytes)):
        text = repr(obj)
    elif isinstance(obj, type):
        text = f"<class {obj.__name__}>"
    else:
        text = f"<{type(obj).__name__} {getattr(obj, '__qualname__', getattr(obj, '__name__', ''))}>"
    return text if len(text) <= 40 else text[:37] + "..."


def _show_state(state: FrameState) -> str:
    return f"{state.offset}[{', '.join(_name(v) for v in state.stack)}]"


def show_value(value: Value) -> str:
    name = h.OPERATIONS[value.operation].name
    parts = [_name(argument) for argument in value.args]
    if value.helper is not None:
        name = value.helper.name
    if value.ref is not None:
        parts.append(_show_object(value.ref.value))
    text = f"{name} {', '.join(parts)}".rstrip() + _immediates(value)
    if value.type != t.NOTHING:
        text = f"v{value.number}: {t.show(value.type)} = {text}"
    if value.state is not None and h.leaves(value):
        text = f"{text:<60}; {_show_state(value.state)}"
        if value.held is not None and value.held:
            text += f" holds {', '.join(_name(v) for v in value.held)}"
        if value.deferred:
            text += f" defers {', '.join(f'{s}={_name(v)}' for s, v in value.deferred)}"
    return text


_OF_SLOTS: Final = frozenset(
    (
        *(h.STORE_LOCAL, h.DEFER_LOCAL, h.TAKE_LOCAL, h.PARAMETER, h.LOAD_GLOBAL_SLOT),
        *(h.LOCAL_INT, h.FLUSH_LOCAL, h.SETTLE_LOCAL),
    )
)


def _immediates(value: Value) -> str:
    """What `imm` and `imm2` say, in the words of the operation."""
    operation, imm, imm2 = value.operation, value.imm, value.imm2
    if operation in _OF_SLOTS:
        return f" local {imm}" + (f" over {t.show(imm2)}" if imm2 else "")
    if operation == h.STORE_STACK:
        return f" depth {imm}"
    if operation == h.PHI:
        return f" local {imm}" if imm >= 0 else ""
    if operation == h.GUARD_TYPE:
        return f" {t.show(imm)}"
    if operation in (h.INT_COMPARE, h.FLOAT_COMPARE):
        return f" {CC_NAMES[imm]}"
    if operation == h.INT_CONSTANT:
        return f" {imm}"
    if operation == h.FLOAT_CONSTANT:
        return f" {unpack('<d', imm.to_bytes(8, 'little', signed=True))[0]}"
    text = f" #{imm}" if imm else ""
    return text + (f" #{imm2}" if imm2 else "")


def show_function(function: Function) -> str:
    lines = [f"function {function.name}"]
    for block in function.blocks:
        before = ", ".join(f"b{p.number}" for p in block.predecessors)
        if block.entry_depth >= 0:
            before = f"entry at {block.offset}, stack depth {block.entry_depth}"
        mark = f" loop depth {block.loop_depth}" if block.loop_depth else ""
        lines.append(f"b{block.number}: ; from {before or 'entry'}{mark}")
        for phi in block.phis:
            lines.append("  " + show_value(phi))
        for value in block.body:
            line = "  " + show_value(value)
            if value.flags & TERMINATOR and block.successors:
                line += " -> " + ", ".join(f"b{s.number}" for s in block.successors)
            lines.append(line)
    return "\n".join(lines) + "\n"
