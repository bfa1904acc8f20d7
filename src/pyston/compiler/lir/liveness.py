"""Finds where each virtual register is live, and gathers what the allocator wants to know on the way.

Positions: the blocks are laid out in the order of emission, hot ones first; instruction i of that order
reads its operands at 2*i and writes its results at 2*i + 1. A live range [start, end) is a stretch of
positions; a register has one or several, in ascending order, with holes where its value does not matter.
An operand that must outlive the writing of the result (it is needed on the way out through an exit) is
read *late*, at 2*i + 1.

How: one walk forward numbers everything and notes, block by block, what is read before it is written;
sets of registers live at the blocks' borders then follow by iteration, as bit sets in Python ints over the
few registers that are live across a border at all; one walk backward builds the ranges. From one
block to the one laid out before it only the difference of the two sets is looked at, so the work does not
grow with the number of values that merely live on. Linear in instructions for code in a sensible order.
"""

from __future__ import annotations

from typing import Final, final

from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import Block, Code, Lir
from pyston.compiler.lir.operations import A_BASE, CONSTANT, SHAPE, TWO_ADDRESS
from pyston.compiler.native import i64
from pyston.compiler.x86_64.registers import (
    ARGUMENT_GPRS,
    ARGUMENT_XMMS,
    CLOBBER_BOX_FLOAT,
    CLOBBER_BOX_INT,
    CLOBBER_CALL,
    CLOBBER_DIVIDE,
    CLOBBER_NOTHING,
    CLOBBER_POP_FRAME,
    CLOBBER_PUSH_FRAME,
    CLOBBER_SHIFT,
    RAX,
    RCX,
    RDX,
    XMM0,
)

# What one use weighs at each loop depth; a use in a cold block weighs COLD_WEIGHT.
WEIGHTS: Final = (8, 64, 512, 4096)
COLD_WEIGHT: Final = 1


@final
class Liveness:
    """Flat arrays: by virtual register, by live range, by instruction that clobbers."""

    def __init__(self, registers: int) -> None:
        # By virtual register.
        self.first_range: list[int] = [-1] * registers  # index of its first range, or -1
        self.weight: list[int] = [0] * registers  # uses and definitions, loops counting more
        self.needs: list[int] = [0] * registers  # the same, only uses that want a register
        self.definition: list[Lir | None] = [None] * registers  # the only one, or None
        self.constant: list[int] = [0] * registers  # 1: the only definition is a cheap constant
        self.wanted: list[int] = [-1] * registers  # machine register it would best sit in
        self.hint_from: list[int] = [-1] * registers  # register that it is made from
        self.hint_to: list[int] = [-1] * registers  # register that is made from it at its end
        # By live range.
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.next: list[int] = []
        # By hot instruction that clobbers something, ascending positions.
        self.clobber_positions: list[int] = []
        self.clobber_masks: list[int] = []
        # By cold instruction that clobbers something, ascending.
        self.cold_clobber_positions: list[int] = []
        self.cold_clobber_masks: list[int] = []
        self.instructions = 0
        self.out_bytes = 0  # size of the outgoing slots


def clobbers(ins: Lir) -> int:
    """The set of machine registers that the instruction may change beside its results."""
    op = ins.op
    if op >= lir.CALL:
        if op <= lir.CALL_MEM:
            return CLOBBER_POP_FRAME if ins.helper == "pop_frame" else CLOBBER_CALL
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
    order = [block for block in code.blocks if not block.cold]
    order += [block for block in code.blocks if block.cold]
    for index, block in enumerate(order):
        block.index = index
    return order


def undoes(ins: Lir) -> bool:
    """Whether an overflowing `a` may be overwritten by the result: the cold path can take the step back."""
    op = ins.op
    return (op == lir.ADD_CHECK or op == lir.SUB_CHECK) and ins.a != ins.b


def find_liveness(code: Code, order: list[Block]) -> Liveness:
    registers = len(code.classes)
    result = Liveness(registers)
    note_definitions(order, result)
    uses_before: list[list[int]] = []
    defined: list[list[int]] = []
    note_uses(order, result, uses_before, defined)
    globals_: list[int] = []
    live_in: list[int] = []
    live_out = solve(order, registers, uses_before, defined, globals_, live_in)
    build_ranges(code, order, result, live_in, live_out, globals_)
    return result


def note_definitions(order: list[Block], result: Liveness) -> None:
    definition = result.definition
    constant = result.constant
    seen: list[int] = [0] * len(definition)
    shape = SHAPE
    count: i64 = 0
    for block in order:
        count += len(block.body)
        for ins in block.body:
            dst = ins.dst
            if dst >= 0:
                if seen[dst]:
                    definition[dst] = None
                    constant[dst] = 0
                else:
                    seen[dst] = 1
                    definition[dst] = ins
                    if shape[ins.op] & CONSTANT:
                        constant[dst] = 1
                dst = ins.dst2
                if dst >= 0:
                    definition[dst] = None
                    constant[dst] = 0
                    seen[dst] = 1
    result.instructions = count


def note_uses(
    order: list[Block], result: Liveness, uses_before: list[list[int]], defined: list[list[int]]
) -> None:
    """Weights, and for each block the registers read before they are written, and those written."""
    weight = result.weight
    needs = result.needs
    constant = result.constant
    definition = result.definition
    registers = len(weight)
    # The block in which the register was last seen written or read: one list get answers "again?".
    written: list[int] = [-1] * registers
    read: list[int] = [-1] * registers
    for block in order:
        index = block.index
        depth = block.loop_depth
        w = COLD_WEIGHT if block.cold else WEIGHTS[depth if depth < 4 else 3]
        before: list[int] = []
        defs: list[int] = []
        for ins in block.body:
            op = ins.op
            a = ins.a
            if a >= 0:
                weight[a] += w
                if written[a] != index and read[a] != index:
                    read[a] = index
                    before.append(a)
                if constant[a] and not folds(op, definition[a], 0):
                    needs[a] += w
            b = ins.b
            if b >= 0:
                weight[b] += w
                if written[b] != index and read[b] != index:
                    read[b] = index
                    before.append(b)
                if constant[b] and not folds(op, definition[b], 1):
                    needs[b] += w
            if op == lir.OUT or op == lir.OUT_ADDRESS:
                slots = ins.disp + 1 if op == lir.OUT or ins.disp >= ins.imm else ins.imm
                if slots * 8 > result.out_bytes:
                    result.out_bytes = slots * 8
            elif op == lir.STOREX:
                c = ins.c
                weight[c] += w
                needs[c] += w
                if written[c] != index and read[c] != index:
                    read[c] = index
                    before.append(c)
            args = ins.args
            if args is not None:
                for v in args:
                    weight[v] += w
                    if written[v] != index and read[v] != index:
                        read[v] = index
                        before.append(v)
            exit_ = ins.exit
            if exit_ is not None:
                exit_.index = -1
                for entry in exit_.entries:
                    v = entry.vreg
                    if v >= 0 and written[v] != index and read[v] != index:
                        read[v] = index
                        before.append(v)
            dst = ins.dst
            if dst >= 0:
                weight[dst] += w
                if written[dst] != index:
                    written[dst] = index
                    defs.append(dst)
                dst = ins.dst2
                if dst >= 0:
                    weight[dst] += w
                    if written[dst] != index:
                        written[dst] = index
                        defs.append(dst)
        uses_before.append(before)
        defined.append(defs)


def folds(op: int, definition: Lir | None, operand: int) -> bool:
    """Whether the constant can be the operand (0: a, 1: b) as it is, without a register of its own."""
    if operand == 0:
        if definition is not None and SHAPE[op] & A_BASE:
            if definition.op == lir.CELL:
                return op != lir.LOADX and op != lir.STOREX and op != lir.LEA
            if definition.op == lir.OUT_ADDRESS:
                return definition.disp == 0
        if op == lir.CALL_REG:
            return definition is not None and definition.op == lir.IMM
        return op == lir.MOV or op == lir.FMOV or op == lir.RETURN or op == lir.OUT
    return lir.FADD <= op <= lir.FDIV


def solve(
    order: list[Block],
    registers: int,
    uses_before: list[list[int]],
    defined: list[list[int]],
    globals_: list[int],
    live_in: list[int],
) -> list[int]:
    """Bit sets of the registers live at each block's end; fills in those live at its start, and in
    `globals_` which register each bit stands for."""
    bits: list[int] = [0] * registers
    for before in uses_before:
        for v in before:
            if bits[v] == 0:
                bits[v] = 1 << len(globals_)
                globals_.append(v)
    count = len(order)
    keep: list[int] = []  # all but what the block writes
    for index in range(count):
        used = 0
        for v in uses_before[index]:
            used |= bits[v]
        killed = 0
        for v in defined[index]:
            killed |= bits[v]
        live_in.append(used)
        keep.append(~killed)
    live_out = [0] * count
    changed = True
    while changed:
        changed = False
        for index in range(count - 1, -1, -1):
            body = order[index].body
            last = body[len(body) - 1]
            out = 0
            then = last.then
            if then is not None:
                out = live_in[then.index]
            other = last.other
            if other is not None:
                out |= live_in[other.index]
            if out != live_out[index]:
                live_out[index] = out
                before_block = live_in[index] | (out & keep[index])
                if before_block != live_in[index]:
                    live_in[index] = before_block
                    changed = True
    return live_out


def close(
    first_range: list[int], starts: list[int], ends: list[int], next_: list[int], v: int, start: i64, end: i64
) -> None:
    """Puts [start, end) before the ranges of v, or grows the first of them where the two meet.

    They do not meet where an instruction reads the old value (up to an odd position) and writes the new
    one: the value is not live across that instruction.
    """
    first: i64 = first_range[v]
    if first >= 0:
        following: i64 = starts[first]
        if following < end or (following == end and end & 1 == 0):
            starts[first] = start
            return
    first_range[v] = len(starts)
    starts.append(start)
    ends.append(end)
    next_.append(first)


def commutes(op: int) -> bool:
    return op == lir.ADD or op == lir.FADD or op == lir.FMUL or op == lir.IMUL or lir.AND <= op <= lir.XOR


def build_ranges(
    code: Code,
    order: list[Block],
    result: Liveness,
    live_in: list[int],
    live_out: list[int],
    globals_: list[int],
) -> None:
    first_range = result.first_range
    starts = result.starts
    ends = result.ends
    next_ = result.next
    wanted = result.wanted
    hint_from = result.hint_from
    hint_to = result.hint_to
    classes = code.classes
    shape = SHAPE
    # End of the range being built, 0 where the register is not live here.
    open_end: list[int] = [0] * len(classes)
    live = 0  # the set at the border below
    position: i64 = 2 * result.instructions
    for index in range(len(order) - 1, -1, -1):
        block = order[index]
        out = live_out[index]
        difference = live ^ out
        while difference:
            low = difference & -difference
            difference ^= low
            v = globals_[low.bit_length() - 1]
            if low & out:
                open_end[v] = position
            else:
                close(first_range, starts, ends, next_, v, position, open_end[v])
                open_end[v] = 0
        body = block.body
        cold = block.cold
        at: i64 = len(body) - 1
        while at >= 0:
            ins = body[at]
            at -= 1
            position -= 2
            op = ins.op
            dst = ins.dst
            if dst >= 0:
                end = open_end[dst]
                close(first_range, starts, ends, next_, dst, position + 1, end if end else position + 2)
                open_end[dst] = 0
                dst2 = ins.dst2
                if dst2 >= 0:
                    end = open_end[dst2]
                    close(first_range, starts, ends, next_, dst2, position + 1, end if end else position + 2)
                    open_end[dst2] = 0
                    wanted[dst2] = RAX if classes[dst] == lir.XMM else RDX
            a = ins.a
            if a >= 0 and open_end[a] == 0:
                open_end[a] = position + 1
                if dst >= 0 and shape[op] & TWO_ADDRESS:
                    hint_from[dst] = a
                    hint_to[a] = dst
                elif op == lir.RETURN or op == lir.BOX_INT:
                    wanted[a] = RAX
                elif op == lir.BOX_FLOAT:
                    wanted[a] = XMM0
            b = ins.b
            if b >= 0 and open_end[b] == 0:
                open_end[b] = position + 1
                if lir.SHL <= op <= lir.SAR:
                    wanted[b] = RCX
                elif dst >= 0 and hint_from[dst] < 0 and commutes(op):
                    hint_from[dst] = b
                    hint_to[b] = dst
            if op == lir.STOREX:
                c = ins.c
                if open_end[c] == 0:
                    open_end[c] = position + 1
            args = ins.args
            if args is not None:
                gprs: i64 = 0
                xmms: i64 = 0
                for v in args:
                    if classes[v] == lir.GPR:
                        if open_end[v] == 0:
                            open_end[v] = position + 1
                            if gprs < 6 and op != lir.CALL_PRESERVING:
                                wanted[v] = ARGUMENT_GPRS[gprs]
                        gprs += 1
                    else:
                        if open_end[v] == 0:
                            open_end[v] = position + 1
                            if xmms < ARGUMENT_XMMS:
                                wanted[v] = XMM0 + xmms
                        xmms += 1
            exit_ = ins.exit
            if exit_ is not None:
                late: i64 = position + 1
                if dst >= 0:
                    # Left after the result is written: what the recipe names must still be there.
                    late = position + 2
                    if undoes(ins):
                        if b >= 0 and open_end[b] == position + 1:
                            open_end[b] = late
                    else:
                        a = -1
                else:
                    a = -1
                for entry in exit_.entries:
                    v = entry.vreg
                    if v >= 0:
                        end = open_end[v]
                        if end == 0:
                            open_end[v] = late if v != a else position + 1
                        elif end < late and v != a:
                            open_end[v] = late
            mask = clobbers(ins)
            if mask:
                if cold:
                    result.cold_clobber_positions.append(position)
                    result.cold_clobber_masks.append(mask)
                else:
                    result.clobber_positions.append(position)
                    result.clobber_masks.append(mask)
                if dst >= 0:
                    if op == lir.MOD_FLOOR:
                        wanted[dst] = RDX
                    elif op > lir.SAR:
                        if classes[dst] == lir.XMM:
                            wanted[dst] = XMM0
                        elif wanted[dst] < 0:
                            wanted[dst] = RAX
        live = live_in[index]
    result.clobber_positions.reverse()
    result.clobber_masks.reverse()
    result.cold_clobber_positions.reverse()
    result.cold_clobber_masks.reverse()
