"""Lowering of floats: unboxed arithmetic, and where it leaves."""

from __future__ import annotations

from pyston.compiler.artifact import EXIT_GUARD, ExitRecord
from pyston.compiler.hir import values as h
from pyston.compiler.hir.values import Value
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import CC_E, CC_NE, XMM, Lir
from pyston.compiler.lir.layout import FLOAT_VALUE
from pyston.compiler.lir.lower import Lowering
from pyston.compiler.native import Final

_FLOAT: Final = {h.FLOAT_ADD: lir.FADD, h.FLOAT_SUB: lir.FSUB, h.FLOAT_MUL: lir.FMUL}


def lower_unbox_float(w: Lowering, v: Value) -> None:
    instruction = Lir(lir.FLOAD, w.define(v), w.use(v.args[0]))
    instruction.disp = FLOAT_VALUE
    w.emit(instruction)


def lower_box_float(w: Lowering, v: Value) -> None:
    w.emit(Lir(lir.BOX_FLOAT, w.define(v), w.use(v.args[0])))


def lower_int_to_float(w: Lowering, v: Value) -> None:
    w.emit(Lir(lir.INT_TO_FLOAT, w.define(v), w.use(v.args[0])))


def lower_float_arithmetic(w: Lowering, v: Value) -> None:
    w.emit(Lir(_FLOAT[v.operation], w.define(v), w.use(v.args[0]), w.use(v.args[1])))
    leave_if_nan(w, v)


def lower_float_div(w: Lowering, v: Value) -> None:
    left = w.use(v.args[0])
    divisor = v.args[1]
    right = w.use(divisor)
    if divisor.operation != h.FLOAT_CONSTANT or divisor.imm in (0, -(1 << 63)):
        zero = w.new(XMM)
        w.emit(Lir(lir.FIMM, zero))
        _check(w, CC_NE, right, zero, w.guard_exit(v))
    w.emit(Lir(lir.FDIV, w.define(v), left, right))
    leave_if_nan(w, v)


def lower_float_neg(w: Lowering, v: Value) -> None:
    w.emit(Lir(lir.FNEG, w.define(v), w.use(v.args[0])))
    leave_if_nan(w, v)


def leave_if_nan(w: Lowering, v: Value) -> None:
    """Behind the operation, where passes/guard_nans.py wants it: no NaN equals itself."""
    if v.imm2:
        number = w.use(v)
        _check(w, CC_E, number, number, w.make_exit(v, EXIT_GUARD, "nan"))


def _check(w: Lowering, cc: int, a: int, b: int, exit_: ExitRecord) -> None:
    """Leaves unless `a cc b`."""
    good = w.new_block()
    bad = w.new_block(cold=True)
    instruction = Lir(lir.FBRANCH, -1, a, b)
    instruction.cc = cc
    instruction.then = good
    instruction.other = bad
    w.emit(instruction)
    w.start(bad)
    leave = Lir(lir.LEAVE)
    leave.exit = exit_
    w.emit(leave)
    w.start(good)
