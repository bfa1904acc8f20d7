"""The machine's registers and what this back end uses each of them for.

One numbering serves the allocator and the emitter: 0..15 are the general registers by hardware number,
16..31 are xmm0..xmm15. A set of registers is an int with bit n for register n.

Roles (docs/abi.md): rbx holds the frame and r15 the thread state for the whole body; rsp is the stack;
r11 and xmm15 are the emitter's scratch registers, never allocated, and lost at any instruction and stub.
"""

from __future__ import annotations

from pyston.compiler.native import Final, i64

RAX: Final = 0
RCX: Final = 1
RDX: Final = 2
RBX: Final = 3
RSP: Final = 4
RBP: Final = 5
RSI: Final = 6
RDI: Final = 7
R8: Final = 8
R9: Final = 9
R10: Final = 10
R11: Final = 11
R12: Final = 12
R13: Final = 13
R14: Final = 14
R15: Final = 15
XMM0: Final = 16
XMM15: Final = 31

FRAME_REGISTER: Final = RBX
TSTATE_REGISTER: Final = R15
SCRATCH: Final = R11
FLOAT_SCRATCH: Final = XMM15

# rax rcx rdx rsi rdi r8 r9 r10
CALLER_SAVED: Final = 0b0000_0111_1100_0111
# rbp r12 r13 r14
CALLEE_SAVED: Final = 0b0111_0000_0010_0000
ALLOCATABLE_GPRS: Final = CALLER_SAVED | CALLEE_SAVED
# xmm0..xmm14, all caller-saved
ALLOCATABLE_XMMS: Final = 0x7FFF << 16

# What an instruction may change beside its results.
CLOBBER_NOTHING: Final = 0
CLOBBER_CALL: Final = CALLER_SAVED | ALLOCATABLE_XMMS
CLOBBER_PUSH_FRAME: Final = 1 << RAX | 1 << RCX | 1 << RDX | 1 << RDI
CLOBBER_GIVE_BACK: Final = CLOBBER_CALL & ~(1 << RAX)
CLOBBER_BOX_INT: Final = 1 << RAX | 1 << RCX | 1 << RDX
CLOBBER_BOX_FLOAT: Final = 1 << RAX | 1 << RCX | 1 << RDX | 1 << XMM0  # xmm0 carries the argument
CLOBBER_DIVIDE: Final = 1 << RAX | 1 << RDX
CLOBBER_SHIFT: Final = 1 << RCX

# System V argument registers, in order. Lists of registers are numbers with four bits for each, the first lowest: a
# tuple's items would be boxed for a look at one.
ARGUMENT_GPRS: Final = RDI | RSI << 4 | RDX << 8 | RCX << 12 | R8 << 16 | R9 << 20
ARGUMENT_XMMS: Final = 8  # xmm0..xmm7

# Order of preference. Registers 0..7 need no REX prefix in 32-bit instructions; rdi and rsi come late, so
# that they are free for the values that want to be a call's first arguments; r12 costs a SIB byte as a base.
CALLER_SAVED_ORDER: Final = (
    RCX | RDX << 4 | RAX << 8 | RSI << 12 | RDI << 16 | R8 << 20 | R9 << 24 | R10 << 28
)
CALLER_SAVED_COUNT: Final = 8
CALLEE_SAVED_ORDER: Final = RBP | R14 << 4 | R13 << 8 | R12 << 12
CALLEE_SAVED_COUNT: Final = 4

NAMES: Final = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
    "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",
)  # fmt: skip


def argument_gpr(number: i64) -> i64:
    return ARGUMENT_GPRS >> 4 * number & 15
