"""What each LIR operation does with its operands: one table for the verifier, the printer and liveness.

`SHAPE[op]` is a set of flags; `NAME[op]` its name. Adding an operation means adding its number in
`instructions.py`, its row here, and its emission in `x86_64`.
"""

from __future__ import annotations

from pyston.compiler.lir import instructions as lir
from pyston.compiler.native import Final

# What is defined. DST without DST_XMM is a general register; MAYBE: may be absent (-1), any class.
DST: Final = 1
DST_XMM: Final = 2
DST_MAYBE: Final = 4
# What is used. Without the XMM flag an operand is a general register.
A: Final = 8
A_XMM: Final = 16
A_BASE: Final = 32  # base of a memory operand: FRAME_BASE and TSTATE_BASE allowed
A_MAYBE: Final = 64
B: Final = 128
B_XMM: Final = 256
B_MAYBE: Final = 512  # absent: `imm` stands for it (or nothing does)
C: Final = 1024
ARGS: Final = 2048
# Control.
END: Final = 4096  # ends a block
TWO_WAYS: Final = 8192  # … to `then` or `other`
EXIT: Final = 1 << 14  # must have an exit
EXIT_MAYBE: Final = 1 << 15
# A cheap constant: may be made again at each use instead of being kept.
CONSTANT: Final = 1 << 16
# dst best shares a register with a.
TWO_ADDRESS: Final = 1 << 17

ROWS: Final = (
    (lir.MOV, "mov", DST | A | TWO_ADDRESS),
    (lir.IMM, "imm", DST | CONSTANT),
    (lir.CONST, "const", DST | CONSTANT),
    (lir.CELL, "cell", DST | CONSTANT),
    (lir.FRAME, "frame", DST | CONSTANT),
    (lir.TSTATE, "tstate", DST | CONSTANT),
    (lir.LOAD, "load", DST | A | A_BASE),
    (lir.LOAD_SIGNED, "load_signed", DST | A | A_BASE),
    (lir.LOADX, "loadx", DST | A | A_BASE | B),
    (lir.STORE, "store", A | A_BASE | B | B_MAYBE),
    (lir.STOREX, "storex", A | A_BASE | B | C),
    (lir.LEA, "lea", DST | A | A_BASE | B | B_MAYBE),
    (lir.STORE_CONST, "store_const", A | A_BASE),
    (lir.ADD, "add", DST | A | B | B_MAYBE | TWO_ADDRESS),
    (lir.SUB, "sub", DST | A | B | B_MAYBE | TWO_ADDRESS),
    (lir.IMUL, "imul", DST | A | B | B_MAYBE | TWO_ADDRESS),
    (lir.AND, "and", DST | A | B | B_MAYBE | TWO_ADDRESS),
    (lir.OR, "or", DST | A | B | B_MAYBE | TWO_ADDRESS),
    (lir.XOR, "xor", DST | A | B | B_MAYBE | TWO_ADDRESS),
    (lir.SHL, "shl", DST | A | B | B_MAYBE | TWO_ADDRESS),
    (lir.SHR, "shr", DST | A | B | B_MAYBE | TWO_ADDRESS),
    (lir.SAR, "sar", DST | A | B | B_MAYBE | TWO_ADDRESS),
    (lir.NEG, "neg", DST | A | TWO_ADDRESS),
    (lir.NOT, "not", DST | A | TWO_ADDRESS),
    (lir.SETCC, "setcc", DST | A | B | B_MAYBE),
    (lir.ADD_CHECK, "add_check", DST | A | B | B_MAYBE | TWO_ADDRESS | EXIT),
    (lir.SUB_CHECK, "sub_check", DST | A | B | B_MAYBE | TWO_ADDRESS | EXIT),
    (lir.IMUL_CHECK, "imul_check", DST | A | B | B_MAYBE | TWO_ADDRESS | EXIT),
    (lir.NEG_CHECK, "neg_check", DST | A | TWO_ADDRESS | EXIT),
    (lir.DIV_FLOOR, "div_floor", DST | A | B | B_MAYBE),
    (lir.MOD_FLOOR, "mod_floor", DST | A | B | B_MAYBE),
    (lir.FMOV, "fmov", DST | DST_XMM | A | A_XMM | TWO_ADDRESS),
    (lir.FIMM, "fimm", DST | DST_XMM | CONSTANT),
    (lir.FLOAD, "fload", DST | DST_XMM | A | A_BASE),
    (lir.FSTORE, "fstore", A | A_BASE | B | B_XMM),
    (lir.FADD, "fadd", DST | DST_XMM | A | A_XMM | B | B_XMM | TWO_ADDRESS),
    (lir.FSUB, "fsub", DST | DST_XMM | A | A_XMM | B | B_XMM | TWO_ADDRESS),
    (lir.FMUL, "fmul", DST | DST_XMM | A | A_XMM | B | B_XMM | TWO_ADDRESS),
    (lir.FDIV, "fdiv", DST | DST_XMM | A | A_XMM | B | B_XMM | TWO_ADDRESS),
    (lir.FSQRT, "fsqrt", DST | DST_XMM | A | A_XMM),
    (lir.FNEG, "fneg", DST | DST_XMM | A | A_XMM | TWO_ADDRESS),
    (lir.FABS, "fabs", DST | DST_XMM | A | A_XMM | TWO_ADDRESS),
    (lir.INT_TO_FLOAT, "int_to_float", DST | DST_XMM | A),
    (lir.FSETCC, "fsetcc", DST | A | A_XMM | B | B_XMM),
    (lir.JUMP, "jump", END),
    (lir.BRANCH, "branch", A | B | B_MAYBE | END | TWO_WAYS),
    (lir.BRANCH_MEM, "branch_mem", A | A_BASE | B | B_MAYBE | END | TWO_WAYS),
    (lir.BRANCH_CONST, "branch_const", A | END | TWO_WAYS),
    (lir.FBRANCH, "fbranch", A | A_XMM | B | B_XMM | END | TWO_WAYS),
    (lir.BRANCH_BIT, "branch_bit", A | END | TWO_WAYS),
    (lir.RETURN, "return", A | END),
    (lir.LEAVE, "leave", END | EXIT),
    (lir.CHECK, "check", A | B | B_MAYBE | EXIT),
    (lir.CHECK_MEM, "check_mem", A | A_BASE | B | B_MAYBE | EXIT),
    (lir.CHECK_CONST, "check_const", A | EXIT),
    (lir.CHECK_MEM_CONST, "check_mem_const", A | A_BASE | EXIT),
    (lir.CHECK_BIT, "check_bit", A | EXIT),
    (lir.CALL, "call", DST | DST_MAYBE | ARGS),
    (lir.CALL_REG, "call_reg", DST | DST_MAYBE | A | ARGS),
    (lir.CALL_MEM, "call_mem", DST | DST_MAYBE | A | A_BASE | ARGS),
    (lir.CALL_PRESERVING, "call_preserving", DST | DST_MAYBE | ARGS),
    (lir.OUT, "out", A | A_MAYBE),
    (lir.OUT_ADDRESS, "out_address", DST | CONSTANT),
    (lir.INCREF, "incref", A),
    (lir.DECREF, "decref", A | EXIT_MAYBE),
    (lir.XDECREF, "xdecref", A | EXIT_MAYBE),
    (lir.DECREF_TAGGED, "decref_tagged", A | EXIT_MAYBE),
    (lir.INSTR_PTR, "instr_ptr", 0),
    (lir.CHECK_TOOLS, "check_tools", EXIT),
    (lir.PUSH_FRAME, "push_frame", DST),
    (lir.BOX_INT, "box_int", DST | A),
    (lir.BOX_FLOAT, "box_float", DST | A | A_XMM),
)

COUNT: Final = 100
SHAPE: Final[list[int]] = [-1] * COUNT
NAME: Final[list[str]] = [""] * COUNT
for _row in ROWS:
    SHAPE[_row[0]] = _row[2]
    NAME[_row[0]] = _row[1]

CC_NAMES: Final = ("o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g")
