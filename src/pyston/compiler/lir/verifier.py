"""Checks that LIR is what docs/lir.md says. For tests and for debugging: not part of a normal compilation.

Beside the shape of each instruction it checks that every register has a value wherever it is read, on all
paths from all entries.
"""

from __future__ import annotations

from pyston.compiler import artifact as art
from pyston.compiler.artifact import ExitRecord
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import GPR, XMM, Block, Code, Lir
from pyston.compiler.lir.layout import VERSION_CELL
from pyston.compiler.lir.operations import (
    A_BASE,
    A_MAYBE,
    A_XMM,
    ARGS,
    B_MAYBE,
    B_XMM,
    COUNT,
    DST,
    DST_MAYBE,
    DST_XMM,
    END,
    EXIT,
    EXIT_MAYBE,
    SHAPE,
    TWO_WAYS,
    A,
    B,
    C,
)
from pyston.compiler.lir.printer import print_instruction

FLOAT_CONDITIONS = (lir.CC_E, lir.CC_NE, lir.CC_A, lir.CC_AE, lir.CC_B, lir.CC_BE)
EQUALITIES = (lir.CC_E, lir.CC_NE)
ONLY_EQUALITY = (lir.CHECK_CONST, lir.CHECK_MEM_CONST, lir.BRANCH_CONST, lir.CHECK_BIT)


class Malformed(Exception):
    """The LIR breaks a rule; the message says where and which."""


def verify(code: Code) -> None:
    """Raises Malformed at the first thing that is wrong."""
    if not code.entries:
        raise Malformed("no entry")
    known = set(code.blocks)
    if len(known) != len(code.blocks):
        raise Malformed("a block stands twice")
    for entry in code.entries:
        if entry not in known:
            raise Malformed(f"entry block {entry.number} is not among the blocks")
    if code.entries[0].cold:
        raise Malformed("entry 0 is cold")
    if len(code.constant_addresses) > len(code.constants):
        raise Malformed("more addresses than constants")
    for block in code.blocks:
        _verify_block(code, block, known)
    _verify_values(code)


def _verify_block(code: Code, block: Block, known: set[Block]) -> None:
    if not block.body:
        raise Malformed(f"block {block.number} is empty")
    last = block.body[-1]
    for ins in block.body:
        problem = _problem(code, ins)
        if not problem and bool(SHAPE[ins.op] & END) != (ins is last):
            problem = "a block ends in one terminator"
        for target in (ins.then, ins.other):
            if not problem and target is not None and target not in known:
                problem = f"block {target.number} is not among the blocks"
        if problem:
            raise Malformed(f"block {block.number}: {print_instruction(code, ins)}: {problem}")


def _problem(code: Code, ins: Lir) -> str:
    """What is wrong with the instruction alone; "" when nothing is."""
    op = ins.op
    if not 0 <= op < COUNT or SHAPE[op] < 0:
        return "no such operation"
    shape = SHAPE[op]
    if shape & DST:
        if ins.dst < 0:
            if not shape & DST_MAYBE:
                return "no result"
        elif not shape & DST_MAYBE and not _is(code, ins.dst, XMM if shape & DST_XMM else GPR):
            return "result of the wrong class"
    elif ins.dst >= 0:
        return "has no result"
    if ins.dst2 >= 0 and not (lir.CALL <= op <= lir.CALL_MEM):
        return "has no second result"
    problem = _operand_problem(code, ins, shape)
    if problem:
        return problem
    if bool(ins.args) and not shape & ARGS:
        return "takes no arguments"
    if ins.args is not None and op == lir.CALL_PRESERVING:
        if len(ins.args) > 3 or not all(_is(code, register.number, GPR) for register in ins.args):
            return "at most three general arguments"
    elif ins.args is not None:
        gprs = sum(_is(code, register.number, GPR) for register in ins.args)
        if gprs > 6 or len(ins.args) - gprs > 8:
            return "more arguments than registers: use outgoing slots"
    if ins.exit is None and shape & EXIT:
        return "no exit"
    if ins.exit is not None and not shape & (EXIT | EXIT_MAYBE):
        return "takes no exit"
    if shape & END and op not in (lir.RETURN, lir.LEAVE):
        if ins.then is None or (shape & TWO_WAYS and ins.other is None):
            return "no target"
    elif ins.then is not None or ins.other is not None:
        return "goes nowhere"
    return _value_problem(code, ins) or (_exit_problem(code, ins, ins.exit) if ins.exit is not None else "")


def _operand_problem(code: Code, ins: Lir, shape: int) -> str:
    if shape & A_BASE:
        if ins.a not in (lir.FRAME_BASE, lir.TSTATE_BASE) and not _is(code, ins.a, GPR):
            return "a is no base"
    elif shape & A:
        if not _is(code, ins.a, XMM if shape & A_XMM else GPR) and not (shape & A_MAYBE and ins.a == -1):
            return "a is missing or of the wrong class"
    elif ins.a != -1:
        return "has no operand a"
    if shape & B:
        if not _is(code, ins.b, XMM if shape & B_XMM else GPR) and not (shape & B_MAYBE and ins.b == -1):
            return "b is missing or of the wrong class"
    elif ins.b != -1:
        return "has no operand b"
    if shape & C and not _is(code, ins.c, GPR):
        return "c is missing or of the wrong class"
    if ins.op in (lir.LOADX, lir.STOREX, lir.LEA) and ins.scale not in (1, 2, 4, 8):
        return "scale is 1, 2, 4 or 8"
    return ""


def _value_problem(code: Code, ins: Lir) -> str:
    op = ins.op
    if op in (lir.LOAD, lir.LOAD_SIGNED, lir.STORE, lir.BRANCH_MEM, lir.CHECK_MEM):
        if ins.width not in (1, 2, 4, 8):
            return "width is 1, 2, 4 or 8"
    elif op in (lir.BRANCH, lir.CHECK, lir.SETCC):
        if ins.width not in (4, 8):
            return "width is 4 or 8"
    elif ins.width != 8:
        return "has no width"
    if op == lir.STORE and ins.b < 0 and ins.width == 8 and not -(1 << 31) <= ins.imm < 1 << 31:
        return "the immediate of a store has 32 bits"
    if op in (lir.DIV_FLOOR, lir.MOD_FLOOR) and ins.b < 0 and ins.imm in (0, -1):
        return "the divisor is 0 or -1"
    if op in (lir.FBRANCH, lir.FSETCC) and ins.cc not in FLOAT_CONDITIONS:
        return "no condition for doubles"
    if op in ONLY_EQUALITY and ins.cc not in EQUALITIES:
        return "only e and ne"
    if op in (
        lir.CONST,
        lir.STORE_CONST,
        lir.CHECK_CONST,
        lir.CHECK_MEM_CONST,
        lir.BRANCH_CONST,
        lir.PUSH_FRAME,
    ) and not 0 <= ins.imm < len(code.constants):
        return "no such constant"
    if op == lir.CELL and not 0 <= ins.imm < code.cell_bytes and ins.imm != VERSION_CELL:
        return "outside the cells"
    if op in (lir.CALL, lir.CALL_PRESERVING) and not ins.helper:
        return "no helper"
    return ""


def _exit_problem(code: Code, ins: Lir, exit_: ExitRecord) -> str:
    if ins.op in (lir.DECREF, lir.XDECREF, lir.DECREF_TAGGED) and exit_.kind != art.EXIT_SYNC:
        return "frees through an exit of kind sync only"
    if exit_.kind == art.EXIT_SYNC and SHAPE[ins.op] & EXIT and ins.op != lir.CHECK_TOOLS:
        return "a sync does not leave"
    for entry in exit_.entries:
        if entry.vreg >= 0:
            if not _is(code, entry.vreg, XMM if entry.repr == art.REPR_F64 else GPR):
                return f"the exit's v{entry.vreg} is of the wrong class"
            if entry.vreg == ins.dst and not (
                ins.op in (lir.ADD_CHECK, lir.SUB_CHECK) and ins.dst == ins.a and ins.a != ins.b
            ):
                return "the exit names the result, which does not exist there"
    return ""


def _is(code: Code, v: int, cls: int) -> bool:
    return 0 <= v < len(code.registers) and code.registers[v].xmm == (cls == XMM)


def used(ins: Lir) -> list[int]:
    """All registers that the instruction reads, those of its exit too."""
    result = [v for v in (ins.a, ins.b) if v >= 0]
    if SHAPE[ins.op] & C:
        result.append(ins.c)
    if ins.args is not None:
        result += [register.number for register in ins.args]
    if ins.exit is not None:
        result += [entry.vreg for entry in ins.exit.entries if entry.vreg >= 0]
    return result


def _verify_values(code: Code) -> None:
    """No register is read before it is written. Sets of written registers flow forward until they stand."""
    written: dict[Block, set[int]] = {entry: set() for entry in code.entries}
    work = list(code.entries)
    while work:
        block = work.pop()
        now = set(written[block])
        for ins in block.body:
            for v in used(ins):
                if v not in now:
                    raise Malformed(
                        f"block {block.number}: {print_instruction(code, ins)}: v{v} may have no value"
                    )
            now.update(v for v in (ins.dst, ins.dst2) if v >= 0)
        for target in (block.body[-1].then, block.body[-1].other):
            if target is None:
                continue
            before = written.get(target)
            after = now if before is None else before & now
            if before is None or after != before:
                written[target] = set(after)
                work.append(target)
