"""The low-level IR: x86-64 shaped instructions over virtual registers.

A `Block` is a list of `Lir` instructions that ends in a terminator (JUMP, BRANCH…, RETURN, LEAVE). A virtual
register is an int from 0 on; its class (general or floating point) stands in `Code.registers`. LIR is not SSA:
block arguments have become MOVs at the ends of predecessors, so a register may be defined more than once.

Reading an instruction: `dst`/`dst2` are defined; `a`, `b`, `c` and `args` are used; -1 means absent.
Where an operand may be a register or an immediate, `b == -1` says "take `imm`".
An `exit` (the artifact's own record) makes every register in its entries a use of this instruction.

`docs/lir.md` is the definition; `verify` in this folder enforces it.
"""

from __future__ import annotations

from pyston.compiler.artifact import ExitEntry, ExitRecord
from pyston.compiler.lir.virtual_registers import VirtualRegister
from pyston.compiler.native import Final, final, i64, mypyc_attr

GPR: Final = 0
XMM: Final = 1

# --- condition codes: the hardware's numbers, so that emission is `0x70 | cc` -----------------------------
CC_O: Final = 0
CC_NO: Final = 1
CC_B: Final = 2  # unsigned <
CC_AE: Final = 3  # unsigned >=
CC_E: Final = 4
CC_NE: Final = 5
CC_BE: Final = 6  # unsigned <=
CC_A: Final = 7  # unsigned >
CC_S: Final = 8
CC_NS: Final = 9
CC_L: Final = 12
CC_GE: Final = 13
CC_LE: Final = 14
CC_G: Final = 15

# --- moves and memory -------------------------------------------------------------------------------------
MOV: Final = 0  # dst = a
IMM: Final = 1  # dst = imm (any 64-bit value)
CONST: Final = 2  # dst = address of constants[imm]
CELL: Final = 3  # dst = address of the artifact's cell area + imm
FRAME: Final = (
    4  # dst = the frame pointer (only where it must be an argument; memory operands use base FRAME_BASE)
)
TSTATE: Final = 5  # dst = the thread state pointer
LOAD: Final = 6  # dst = [a + disp], `width` bytes (1, 2, 4, 8), zero-extended
LOAD_SIGNED: Final = 7  # dst = [a + disp], `width` bytes, sign-extended
LOADX: Final = 8  # dst = 8 bytes at [a + b * scale + disp]
STORE: Final = 9  # [a + disp] = b or imm (32 bits sign-extended), `width` bytes
STOREX: Final = 10  # 8 bytes at [a + c * scale + disp] = b
LEA: Final = 11  # dst = a + disp, or a + b * scale + disp
STORE_CONST: Final = 12  # 8 bytes at [a + disp] = address of constants[imm] + c's tag (c is 0 or 1, a number)

# --- integers (64 bits) -----------------------------------------------------------------------------------
ADD: Final = 20
SUB: Final = 21
IMUL: Final = 22
AND: Final = 23
OR: Final = 24
XOR: Final = 25
SHL: Final = 26
SHR: Final = 27
SAR: Final = 28
NEG: Final = 29  # dst = -a
NOT: Final = 30  # dst = ~a
SETCC: Final = 31  # dst = 1 if a cc (b or imm) else 0
ADD_CHECK: Final = 32  # dst = a + (b or imm); leaves through `exit` on signed overflow
SUB_CHECK: Final = 33
IMUL_CHECK: Final = 34
NEG_CHECK: Final = 35
DIV_FLOOR: Final = 36  # dst = a // b, Python's floor division; b is known not to be 0 or -1
MOD_FLOOR: Final = 37  # dst = a % b, Python's sign rule; b is known not to be 0 or -1

# --- doubles ----------------------------------------------------------------------------------------------
FMOV: Final = 40
FIMM: Final = 41  # dst = the double whose bits are imm
FLOAD: Final = 42  # dst = [a + disp]
FSTORE: Final = 43  # [a + disp] = b
FADD: Final = 44
FSUB: Final = 45
FMUL: Final = 46
FDIV: Final = 47
FSQRT: Final = 48
FNEG: Final = 49
FABS: Final = 50
INT_TO_FLOAT: Final = 51  # dst (xmm) = a (gpr)
FSETCC: Final = (
    52  # dst (gpr) = a cc b; cc one of E, NE, A (>), AE (>=), B (<), BE (<=); false on NaN but for NE
)

# --- control ----------------------------------------------------------------------------------------------
JUMP: Final = 60  # to `then`
BRANCH: Final = (
    61  # if a cc (b or imm): `then`, else `other` (64-bit compare; cc E/NE with imm 0 becomes test)
)
BRANCH_MEM: Final = 62  # if [a + disp] cc (b or imm), `width` bytes: `then` else `other`
BRANCH_CONST: Final = 63  # if a cc address of constants[imm]: `then` else `other`
FBRANCH: Final = 64  # if a cc b: `then` else `other`; as FSETCC
BRANCH_BIT: Final = 65  # if (a & imm) != 0: `then` else `other`
RETURN: Final = 66  # leave the body with a in rax; the frame is already popped
LEAVE: Final = 67  # take `exit` unconditionally; ends a block

# --- guards: fall through, or leave through `exit` when the condition DOES NOT hold -----------------------
CHECK: Final = 70  # a cc (b or imm)
CHECK_MEM: Final = 71  # [a + disp] cc (b or imm), `width` bytes
CHECK_CONST: Final = 72  # a cc address of constants[imm]   (cc E or NE)
CHECK_MEM_CONST: Final = 73  # 8 bytes at [a + disp] cc address of constants[imm]   (cc E or NE)
CHECK_BIT: Final = 74  # (a & imm) == 0 when cc is E, != 0 when cc is NE

# --- calls ------------------------------------------------------------------------------------------------
# dst[, dst2] = helper(args…): the System V convention (xmm0 and rax where dst is XMM); clobbers what callers save
CALL: Final = 80
CALL_REG: Final = 81  # the same through the address in a
CALL_MEM: Final = 82  # the same through the address stored at [a + disp]
CALL_PRESERVING: Final = (
    83  # dst = helper(args…), at most 3 args, GPR only; no register changes but dst; cold
)
OUT: Final = 84  # store a (or address of constants[imm] when a is -1) in outgoing slot `disp` (8 bytes each)
OUT_ADDRESS: Final = 85  # dst = address of outgoing slot `disp`; `imm` slots are reserved in all

# --- interpreter idioms -----------------------------------------------------------------------------------
INCREF: Final = 90  # a's reference count + 1, unless immortal
DECREF: Final = (
    91  # - 1 unless immortal; at 0 the cold path frees it (through `exit` of kind SYNC when given)
)
XDECREF: Final = 92  # the same, a may be NULL (0)
DECREF_TAGGED: Final = (
    93  # a is a stack reference: nothing when bit 0 is set (borrowed, or NULL == 1), else DECREF
)
# frame->instr_ptr = first code unit + imm (in code units): a store of 32 bits, or of the lowest byte where the rest is
# known to be there (x86_64/positions.py) and disp is 0: else what comes next reads all of it.
INSTR_PTR: Final = 94
# Leaves (or syncs) through `exit` when eval_breaker differs from the version cell; imm 1: only the cell itself tells.
CHECK_TOOLS: Final = 95
PUSH_FRAME: Final = 96  # dst = new linked frame for the function record constants-cell `imm` (docs/abi.md)
BOX_INT: Final = 97  # dst = new int from a; calls nothing that can look; clobbers rax, rcx, rdx only
BOX_FLOAT: Final = 98  # dst = new float from xmm a; same clobbers

FRAME_BASE: Final = -2  # as operand `a` of a memory instruction: the frame
TSTATE_BASE: Final = -3  # as operand `a` of a memory instruction: the thread state


# What follows is made by the thousand. None of it is in a cycle, but for jumps back to a block, and those are cut when
# the function is compiled (pipeline.py): so the collector need not know of it.
@final
@mypyc_attr(acyclic=True)
class Lir:
    def __init__(self, op: i64, dst: i64 = -1, a: i64 = -1, b: i64 = -1, imm: int = 0) -> None:
        self.op: i64 = op
        self.dst: i64 = dst
        self.dst2: i64 = -1
        self.a: i64 = a
        self.b: i64 = b
        self.c: i64 = -1
        self.imm = imm
        self.disp: i64 = 0
        self.scale: i64 = 8
        self.width: i64 = 8
        self.cc: i64 = 0
        self.helper = ""
        self.args: list[VirtualRegister] | None = None
        self.exit: ExitRecord | None = None
        self.then: Block | None = None
        self.other: Block | None = None
        self.saves: i64 = 0  # of a cold one: the machine registers to save around it; given by the allocator


# Of `Block.window`.
UNKNOWN_WINDOW: Final = -1
UNREACHED_WINDOW: Final = -2

NO_INSTRUCTIONS: Final[list[Lir]] = []  # shared: never mutate it


def in_register(dest: i64, repr_: i64, vreg: i64) -> ExitEntry:
    """One line of a recipe whose value is in a register."""
    return ExitEntry(dest, repr_, -1, -1, vreg)


@final
@mypyc_attr(acyclic=True)
class Block:
    def __init__(self, number: int, cold: bool = False) -> None:
        self.number = number
        self.cold = cold  # placed behind all hot blocks
        self.loop_depth: i64 = 0
        self.offset: i64 = 0  # code unit of the bytecode it starts with
        self.entry_depth: i64 = 0  # of an entry: how much of the operand stack it reads from the frame
        self.body: list[Lir] = []
        # Given by liveness. The sets are bit sets over the registers that live across any border.
        self.index: i64 = -1  # in the order of emission
        self.live_in = 0
        self.live_out = 0
        self.kept = 0  # all but what it writes
        # Given by x86_64/positions.py: where instr_ptr is at its start, and what it makes of that.
        self.window: i64 = UNKNOWN_WINDOW
        self.window_out: i64 = UNKNOWN_WINDOW
        self.window_asked: i64 = UNKNOWN_WINDOW


@final
class Code:
    """A function in LIR. It starts at entries[0]; the others are entered through `Artifact.resume`.

    It is compiled once: its registers then have their places.
    """

    def __init__(self) -> None:
        self.blocks: list[Block] = []  # in emission order (hot ones; cold are moved behind)
        self.entries: list[Block] = []
        self.registers: list[VirtualRegister] = []
        self.has_xmms = False  # some of them are of class XMM
        self.constants: list[object] = []
        self.constant_addresses: list[int] = []  # same length: fits in 31 bits -> shorter code
        self.first_unit: int = -1  # address of the bytecode, modulo 256 at least; -1: unknown
        self.cell_bytes: int = 0
        self.cell_names: list[
            tuple[int, object]
        ] = []  # (offset of a cell, the object its first word points to)

    def new_register(self, cls: i64) -> i64:
        registers = self.registers
        number: i64 = len(registers)
        registers.append(VirtualRegister(number, cls == XMM))
        if cls == XMM:
            self.has_xmms = True
        return number
