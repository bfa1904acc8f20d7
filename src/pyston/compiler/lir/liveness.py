"""Finds where each virtual register is live, and gathers what the allocator wants to know on the way.

Positions: the blocks are laid out in the order of emission, hot ones first; instruction i of that order
reads its operands at 2*i and writes its results at 2*i + 1. A live range [start, end) is a stretch of
positions; a register has one or several, in ascending order, with holes where its value does not matter.
An operand that must outlive the writing of the result (it is needed on the way out through an exit) is
read *late*, at 2*i + 1.

How: one walk forward notes the definitions and, block by block, what is read before it is written;
sets of registers live at the blocks' borders then follow by iteration, as bit sets in Python ints over the
few registers that are live across a border at all; one walk backward builds the ranges. From one
block to the one laid out before it only the difference of the two sets is looked at, so the work does not
grow with the number of values that merely live on. Linear in instructions for code in a sensible order.
"""

from __future__ import annotations

from pyston.compiler.artifact import ExitRecord
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import Block, Code, Lir
from pyston.compiler.lir.operations import A_BASE, IS_CONSTANT, IS_TWO_ADDRESS, SHAPE
from pyston.compiler.lir.virtual_registers import Range, VirtualRegister
from pyston.compiler.native import Final, final, i64, mypyc_attr
from pyston.compiler.x86_64.registers import (
    ARGUMENT_XMMS,
    CALLER_SAVED,
    CLOBBER_BOX_FLOAT,
    CLOBBER_BOX_INT,
    CLOBBER_CALL,
    CLOBBER_DIVIDE,
    CLOBBER_GIVE_BACK,
    CLOBBER_NOTHING,
    CLOBBER_PUSH_FRAME,
    CLOBBER_SHIFT,
    RAX,
    RCX,
    RDX,
    XMM0,
    argument_gpr,
)

# What one use weighs by loop depth: 8 times as much as one outside of the loop, down to the third.
WEIGHT: Final = 8
DEEPEST: Final = 3
COLD_WEIGHT: Final = 1


@final
@mypyc_attr(acyclic=True)
class Clobber:
    """An instruction that changes machine registers, and the next one behind it."""

    def __init__(self, ins: Lir, position: i64, mask: i64, following: Clobber | None) -> None:
        self.ins = ins
        self.position: i64 = position
        self.mask: i64 = mask
        self.following = following


@final
class Liveness:
    def __init__(self, registers: list[VirtualRegister]) -> None:
        self.registers = registers
        self.cold_clobbers: Clobber | None = None  # the first of them
        self.instructions: i64 = 0
        self.out_bytes: i64 = 0  # size of the outgoing slots


def clobbers(ins: Lir) -> i64:
    """The set of machine registers that the instruction may change beside its results."""
    op = ins.op
    if op >= lir.CALL:
        if op <= lir.CALL_MEM:
            return CLOBBER_GIVE_BACK if ins.helper.startswith("give_back") else CLOBBER_CALL
        if op == lir.PUSH_FRAME:
            return CLOBBER_PUSH_FRAME
        if op == lir.BOX_INT:
            return CLOBBER_BOX_INT
        if op == lir.BOX_FLOAT:
            return CLOBBER_BOX_FLOAT
        return CLOBBER_NOTHING
    if op == lir.DIV_FLOOR or op == lir.MOD_FLOOR:
        return CLOBBER_DIVIDE if ins.b >= 0 or ins.imm <= 0 or ins.imm & (ins.imm - 1) else CLOBBER_NOTHING
    if lir.SHL <= op <= lir.SAR and ins.b >= 0:
        return CLOBBER_SHIFT
    return CLOBBER_NOTHING


def emission_order(code: Code) -> list[Block]:
    """Hot blocks as they stand, then the cold ones; numbers them in `Block.index`."""
    order: list[Block] = []
    for block in code.blocks:
        if not block.cold:
            block.index = len(order)
            order.append(block)
    for block in code.blocks:
        if block.cold:
            block.index = len(order)
            order.append(block)
    return order


def undoes(ins: Lir) -> bool:
    """Whether an overflowing `a` may be overwritten by the result: the cold path can take the step back."""
    op = ins.op
    return (op == lir.ADD_CHECK or op == lir.SUB_CHECK) and ins.a != ins.b


def find_liveness(code: Code, order: list[Block]) -> Liveness:
    result = Liveness(code.registers)
    crossing: list[VirtualRegister] = []
    note_definitions(order, result, crossing)
    solve(order)
    build_ranges(order, result, crossing)
    return result


# --- forward ----------------------------------------------------------------------------------------------


def note_definitions(order: list[Block], result: Liveness, crossing: list[VirtualRegister]) -> None:
    """Finds each register's one definition, and what each block reads before it writes it: that is live at
    its start, and gets a bit for the sets at borders. `crossing` says which register each bit stands for."""
    registers = result.registers
    count: i64 = 0
    written: list[VirtualRegister] = []  # of all blocks, one after the other
    ends: list[int] = []  # of each block's part
    for block in order:
        count += len(block.body)
        block.live_in = 0
        for ins in block.body:
            if ins.a >= 0:
                note_read(registers[ins.a], block, crossing)
            if ins.b >= 0:
                note_read(registers[ins.b], block, crossing)
            if ins.op == lir.STOREX:
                note_read(registers[ins.c], block, crossing)
            args = ins.args
            if args is not None:
                for register in args:
                    note_read(register, block, crossing)
            exit_ = ins.exit
            if exit_ is not None:
                exit_.number = -1
                for entry in exit_.entries:
                    if entry.vreg >= 0:
                        note_read(registers[entry.vreg], block, crossing)
            if ins.dst >= 0:
                note_written(registers[ins.dst], ins, block, written)
                if ins.dst2 >= 0:
                    note_written(registers[ins.dst2], None, block, written)
        ends.append(len(written))
    result.instructions = count
    at: i64 = 0
    for block in order:
        end: i64 = ends[block.index]
        killed = 0
        while at < end:
            killed |= written[at].bit
            at += 1
        block.kept = ~killed


def note_read(register: VirtualRegister, block: Block, crossing: list[VirtualRegister]) -> None:
    if register.seen_in != block.index:
        register.seen_in = block.index
        if not register.bit:
            register.bit = 1 << len(crossing)
            crossing.append(register)
        block.live_in |= register.bit


def note_written(
    register: VirtualRegister, definition: Lir | None, block: Block, written: list[VirtualRegister]
) -> None:
    """`definition`: the instruction, if the register is its first result."""
    if register.defined or definition is None:
        register.definition = None
        register.constant = False
    else:
        register.definition = definition
        register.constant = IS_CONSTANT[definition.op] != 0
    register.defined = True
    if register.seen_in != block.index:
        register.seen_in = block.index
        written.append(register)


def solve(order: list[Block]) -> None:
    """Which registers are live at each block's borders."""
    last: i64 = len(order) - 1
    for block in order:
        block.live_out = 0
    changed = True
    while changed:
        changed = False
        index = last
        while index >= 0:
            block = order[index]
            body = block.body
            end = body[len(body) - 1]
            then = end.then
            if then is not None:
                out = then.live_in
                other = end.other
                if other is not None:
                    out |= other.live_in
                if out != block.live_out:
                    block.live_out = out
                    live = block.live_in | (out & block.kept)
                    if live != block.live_in:
                        block.live_in = live
                        changed = True
            index -= 1


# --- backward ---------------------------------------------------------------------------------------------


def close(register: VirtualRegister, start: i64, end: i64, clobber: Clobber | None) -> None:
    """Puts [start, end) before the ranges of the register, or grows the first of them where the two meet.

    They do not meet where an instruction reads the old value (up to an odd position) and writes the new
    one: the value is not live across that instruction. `clobber` is the first one from `start` on.
    """
    first = register.ranges
    if first is None:
        register.ranges = Range(start, end, None)
        register.end = end
    elif first.start < end or (first.start == end and end & 1 == 0):
        first.start = start
    else:
        register.ranges = Range(start, end, first)
    while clobber is not None and clobber.position + 1 < end:
        if register.blocked & CALLER_SAVED == CALLER_SAVED:
            return
        register.blocked |= clobber.mask
        clobber = clobber.following


def folds(op: i64, definition: Lir, operand: i64) -> bool:
    """Whether the constant can be the operand (0: a, 1: b) as it is, without a register of its own."""
    if operand == 0:
        if definition.op == lir.CELL:
            if SHAPE[op] & A_BASE:
                return op != lir.LOADX and op != lir.STOREX and op != lir.LEA
        elif definition.op == lir.OUT_ADDRESS:
            if SHAPE[op] & A_BASE:
                return definition.disp == 0
        elif op == lir.CALL_REG:
            return definition.op == lir.IMM
        elif op == lir.CALL_MEM:
            return definition.op == lir.CONST
        return op == lir.MOV or op == lir.FMOV or op == lir.RETURN or op == lir.OUT
    return lir.FADD <= op <= lir.FDIV


def commutes(op: i64) -> bool:
    return op == lir.ADD or op == lir.FADD or op == lir.FMUL or op == lir.IMUL or lir.AND <= op <= lir.XOR


def weigh(register: VirtualRegister, w: i64, op: i64, operand: i64) -> None:
    """Counts a use as operand a or b."""
    register.weight += w
    if register.constant:
        definition = register.definition
        if definition is not None and not folds(op, definition, operand):
            register.needs += w


def build_ranges(order: list[Block], result: Liveness, crossing: list[VirtualRegister]) -> None:
    registers = result.registers
    hot: Clobber | None = None
    live = 0  # the set at the border below
    position: i64 = 2 * result.instructions
    index: i64 = len(order) - 1
    while index >= 0:
        block = order[index]
        index -= 1
        out = block.live_out
        difference = live ^ out
        while difference:
            low = difference & -difference
            difference ^= low
            register = crossing[low.bit_length() - 1]
            if low & out:
                register.open_end = position
            else:
                close(register, position, register.open_end, hot)
                register.open_end = 0
        cold = block.cold
        depth = block.loop_depth
        w: i64 = COLD_WEIGHT if cold else WEIGHT << 3 * (depth if depth < DEEPEST else DEEPEST)
        body = block.body
        at: i64 = len(body) - 1
        while at >= 0:
            ins = body[at]
            at -= 1
            position -= 2
            op = ins.op
            dst = ins.dst
            if dst >= 0:
                made = registers[dst]
                made.weight += w
                end = made.open_end
                close(made, position + 1, end if end else position + 2, hot)
                made.open_end = 0
                if ins.dst2 >= 0:
                    register = registers[ins.dst2]
                    register.weight += w
                    end = register.open_end
                    close(register, position + 1, end if end else position + 2, hot)
                    register.open_end = 0
                    register.wanted = RAX if made.xmm else RDX
            a = ins.a
            if a >= 0:
                register = registers[a]
                weigh(register, w, op, 0)
                if register.open_end == 0:
                    register.open_end = position + 1
                    if dst >= 0 and IS_TWO_ADDRESS[op]:
                        registers[dst].hint_from = a
                        register.hint_to = dst
                    elif op == lir.RETURN or op == lir.BOX_INT:
                        register.wanted = RAX
                    elif op == lir.BOX_FLOAT:
                        register.wanted = XMM0
            b = ins.b
            if b >= 0:
                register = registers[b]
                weigh(register, w, op, 1)
                if register.open_end == 0:
                    register.open_end = position + 1
                    if lir.SHL <= op <= lir.SAR:
                        register.wanted = RCX
                    elif dst >= 0 and commutes(op):
                        made = registers[dst]
                        if made.hint_from < 0:
                            made.hint_from = b
                            register.hint_to = dst
            if op == lir.STOREX:
                register = registers[ins.c]
                register.weight += w
                register.needs += w
                if register.open_end == 0:
                    register.open_end = position + 1
            elif op == lir.OUT or op == lir.OUT_ADDRESS:
                reserve_out(ins, result)
            if ins.args is not None:
                read_arguments(ins, ins.args, position, w)
            exit_ = ins.exit
            if exit_ is not None:
                read_entries(ins, exit_, registers, position)
            mask: i64 = clobbers(ins) if op >= lir.SHL else CLOBBER_NOTHING
            if mask:
                if cold:
                    result.cold_clobbers = Clobber(ins, position, mask, result.cold_clobbers)
                else:
                    hot = Clobber(ins, position, mask, hot)
                if dst >= 0:
                    made = registers[dst]
                    if op == lir.MOD_FLOOR:
                        made.wanted = RDX
                    elif op > lir.SAR:
                        if made.xmm:
                            made.wanted = XMM0
                        elif made.wanted < 0:
                            made.wanted = RAX
        live = block.live_in


def reserve_out(ins: Lir, result: Liveness) -> None:
    slots = ins.disp + 1
    if ins.op == lir.OUT_ADDRESS and ins.disp < ins.imm:
        slots = ins.imm
    if slots * 8 > result.out_bytes:
        result.out_bytes = slots * 8


def read_arguments(ins: Lir, args: list[VirtualRegister], position: i64, w: i64) -> None:
    gprs: i64 = 0
    xmms: i64 = 0
    for register in args:
        register.weight += w
        if not register.xmm:
            if register.open_end == 0:
                register.open_end = position + 1
                if gprs < 6 and ins.op != lir.CALL_PRESERVING:
                    register.wanted = argument_gpr(gprs)
            gprs += 1
        else:
            if register.open_end == 0:
                register.open_end = position + 1
                if xmms < ARGUMENT_XMMS:
                    register.wanted = XMM0 + xmms
            xmms += 1


def read_entries(ins: Lir, exit_: ExitRecord, registers: list[VirtualRegister], position: i64) -> None:
    late = position + 1
    undone: i64 = -1
    if ins.dst >= 0:
        # Left after the result is written: what the recipe names must still be there.
        late = position + 2
        if undoes(ins):
            undone = ins.a
            if ins.b >= 0:
                register = registers[ins.b]
                if register.open_end == position + 1:
                    register.open_end = late
    for entry in exit_.entries:
        v = entry.vreg
        if v >= 0:
            register = registers[v]
            if register.open_end == 0:
                register.open_end = late if v != undone else position + 1
            elif register.open_end < late and v != undone:
                register.open_end = late
