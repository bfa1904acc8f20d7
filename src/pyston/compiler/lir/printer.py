"""Prints LIR, one line an instruction; with an allocation also where each value is.

    block 2 (loop 1)                            ; bytecode 14
      v7 = add_check v5, 1                      else overflow@14 [0: i64 v5, 1: v3]
      branch lt v7, v4                          -> block 2 | block 3

Read `v3:rcx` as "virtual register 3, in rcx", `v3:[16]` as "in the stack slot at rsp + 16" and `v3:=` as "a
constant, made at each use".
"""

from __future__ import annotations

from pyston.compiler import artifact as art
from pyston.compiler.artifact import ExitEntry, ExitRecord
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.allocate import Allocation
from pyston.compiler.lir.instructions import Block, Code, Lir
from pyston.compiler.lir.operations import (
    A_BASE,
    B_MAYBE,
    CC_NAMES,
    EXIT,
    NAME,
    SHAPE,
    TWO_WAYS,
    B,
)
from pyston.compiler.lir.virtual_registers import AGAIN, SPILL, UNUSED
from pyston.compiler.x86_64.registers import NAMES

REPRS = ("owned", "borrowed", "i64", "f64", "bool", "null", "raw", "local")
WITH_CONDITION = frozenset(
    (
        lir.SETCC, lir.FSETCC, lir.BRANCH, lir.BRANCH_MEM, lir.BRANCH_CONST, lir.FBRANCH,
        lir.CHECK, lir.CHECK_MEM, lir.CHECK_CONST, lir.CHECK_MEM_CONST, lir.CHECK_BIT,
    )
)  # fmt: skip
WITH_WIDTH = frozenset(
    (
        lir.LOAD, lir.LOAD_SIGNED, lir.STORE, lir.BRANCH_MEM, lir.CHECK_MEM,
        lir.CHECK, lir.BRANCH, lir.SETCC,
    )
)  # fmt: skip
OF_CONSTANT = frozenset(
    (lir.CONST, lir.STORE_CONST, lir.BRANCH_CONST, lir.CHECK_CONST, lir.CHECK_MEM_CONST, lir.PUSH_FRAME)
)
OF_NUMBER = frozenset((lir.IMM, lir.FIMM, lir.CELL, lir.BRANCH_BIT, lir.CHECK_BIT, lir.INSTR_PTR))


def print_code(code: Code, allocation: Allocation | None = None) -> str:
    """The whole function as text."""
    printer = _Printer(code, allocation)
    lines: list[str] = []
    for block in code.blocks if allocation is None else allocation.order:
        lines += printer.block(block)
    return "\n".join(lines) + "\n"


def print_instruction(code: Code, ins: Lir) -> str:
    return _Printer(code, None).instruction(ins).strip()


class _Printer:
    def __init__(self, code: Code, allocation: Allocation | None) -> None:
        self.code = code
        self.registers = allocation.registers if allocation is not None else None

    def register(self, v: int) -> str:
        if v == lir.FRAME_BASE:
            return "frame"
        if v == lir.TSTATE_BASE:
            return "tstate"
        if self.registers is None or v < 0:
            return f"v{v}"
        place = self.registers[v].place
        if place == AGAIN:
            return f"v{v}:="
        if place == UNUSED:
            return f"v{v}:-"
        return f"v{v}:[{place - SPILL}]" if place >= SPILL else f"v{v}:{NAMES[place]}"

    def block(self, block: Block) -> list[str]:
        notes = []
        if block.cold:
            notes.append("cold")
        if block.loop_depth:
            notes.append(f"loop {block.loop_depth}")
        numbers = [str(n) for n, entry in enumerate(self.code.entries) if entry is block]
        if numbers:
            notes.append("entry " + ", ".join(numbers))
        head = f"block {block.number}" + (f" ({', '.join(notes)})" if notes else "")
        return [f"{head:<44}; bytecode {block.offset}", *(self.instruction(ins) for ins in block.body)]

    def instruction(self, ins: Lir) -> str:
        text = NAME[ins.op] if 0 <= ins.op < len(NAME) else f"operation {ins.op}"
        if ins.op in WITH_CONDITION:
            text += " " + CC_NAMES[ins.cc]
        if ins.op in WITH_WIDTH and ins.width != 8:
            text += f" {8 * ins.width} bits"
        if ins.helper:
            text += " " + ins.helper
        operands = self.operands(ins)
        if operands:
            text += " " + ", ".join(operands)
        results = [self.register(v) for v in (ins.dst, ins.dst2) if v >= 0]
        if results:
            text = f"{', '.join(results)} = {text}"
        if ins.exit is not None:
            word = "else" if SHAPE[ins.op] & EXIT else "freeing through"
            text = f"{text:<40} {word} {self.exit(ins.exit)}"
        if ins.then is not None:
            text = f"{text:<40} -> block {ins.then.number}"
            if SHAPE[ins.op] & TWO_WAYS and ins.other is not None:
                text += f" | block {ins.other.number}"
        return "  " + text.rstrip()

    def operands(self, ins: Lir) -> list[str]:
        shape = SHAPE[ins.op]
        result = []
        op = ins.op
        if shape & A_BASE and op != lir.LEA and ins.a != -1:
            index = ins.b if op == lir.LOADX else ins.c if op == lir.STOREX else -1
            result.append(self.address(ins, index))
            if op != lir.LOADX and ins.b >= 0:
                result.append(self.register(ins.b))
        elif op == lir.LEA:
            result.append(self.address(ins, ins.b))
        else:
            if ins.a != -1:
                result.append(self.register(ins.a))
            if ins.b >= 0:
                result.append(self.register(ins.b))
        if op in OF_CONSTANT or (op == lir.OUT and ins.a < 0):
            tag = " + 1" if op == lir.STORE_CONST and ins.c == 1 else ""
            result.append(f"constant {ins.imm}{tag}")
        elif op in OF_NUMBER or (shape & B and shape & B_MAYBE and ins.b < 0 and op != lir.LEA):
            result.append(hex(ins.imm) if abs(ins.imm) >= 1 << 16 else str(ins.imm))
        if op == lir.OUT or op == lir.OUT_ADDRESS:
            result.append(f"slot {ins.disp}")
        if ins.args is not None:
            result.append("(" + ", ".join(self.register(register.number) for register in ins.args) + ")")
        return result

    def address(self, ins: Lir, index: int) -> str:
        text = self.register(ins.a)
        if index >= 0:
            text += f" + {self.register(index)}*{ins.scale}"
        if ins.disp:
            text += f" {'+' if ins.disp > 0 else '-'} {abs(int(ins.disp))}"
        return f"[{text}]"

    def exit(self, exit_: ExitRecord) -> str:
        entries = ", ".join(self.entry(entry) for entry in exit_.entries)
        return f"{exit_.reason}@{exit_.offset} [{entries}]"

    def entry(self, entry: ExitEntry) -> str:
        dest = "drop" if entry.dest == art.DEST_DROP else str(entry.dest)
        if entry.vreg >= 0:
            value = self.register(entry.vreg)
        elif entry.where == art.WHERE_CONST:
            value = f"constant {entry.index}"
        elif entry.where == art.WHERE_SLOT:
            value = f"slot {entry.index}"
        else:
            value = str(entry.index)
        if entry.repr == art.REPR_NULL:
            return f"{dest}: null"
        return f"{dest}: {REPRS[entry.repr]} {value}"
