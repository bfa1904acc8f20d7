"""Finds where a frame's instr_ptr needs its lowest byte stored only: four bytes of code instead of seven.

instr_ptr says which instruction is running, so each instruction that could look at the frame, or raise, stores it.
Its upper bytes are the same within 256 bytes of bytecode, a *window*: where instr_ptr is known to be in the right one,
on all paths, they are there. Nobody reads all of it soon after a store, which would have to wait for both.

How: what a block does to the window is one of two things: it ends in a window of its own, or leaves the one it starts
with, if that is the one where a check's sync would put it. Windows flow from block to block until nothing changes.

What else moves instr_ptr: a helper that does two instructions in one, and `reraise`.
"""

from __future__ import annotations

from pyston.compiler.artifact import EXIT_SYNC
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import UNKNOWN_WINDOW, UNREACHED_WINDOW, Block, Code, Lir
from pyston.compiler.native import Final, i64

WINDOW_BITS: Final = 8
ANY: Final = -3  # as a window at a block's end: the one it starts with; as the one that is asked for: none


def window_of(first_unit: i64, unit: i64) -> i64:
    return (first_unit & (1 << WINDOW_BITS) - 1) + 2 * unit >> WINDOW_BITS


def find_windows(code: Code, order: list[Block]) -> None:
    """Sets `Block.window`, the one that instr_ptr is in where the block starts."""
    first_unit: i64 = code.first_unit
    if first_unit < 0:
        return
    for block in order:
        block.window = UNREACHED_WINDOW
        summarize(block, first_unit)
    for block in code.entries:
        block.window = UNKNOWN_WINDOW
    changed = True
    while changed:
        changed = False
        for block in order:
            if block.window == UNREACHED_WINDOW:
                continue
            window = block.window_out
            if window == ANY:
                window = block.window
                if block.window_asked != ANY and block.window_asked != window:
                    window = UNKNOWN_WINDOW
            end = block.body[len(block.body) - 1]
            if end.then is not None and flow(end.then, window):
                changed = True
            if end.other is not None and flow(end.other, window):
                changed = True


def flow(block: Block, window: i64) -> bool:
    """Whether that is news for the block."""
    if block.window == window or block.window == UNKNOWN_WINDOW:
        return False
    block.window = window if block.window == UNREACHED_WINDOW else UNKNOWN_WINDOW
    return True


def summarize(block: Block, first_unit: i64) -> None:
    window: i64 = ANY
    asked: i64 = ANY
    unit: i64 = -1
    for ins in block.body:
        op = ins.op
        if op == lir.INSTR_PTR:
            unit = ins.imm
            window = window_of(first_unit, unit)
        elif op == lir.CALL and moves(ins):
            window = window_moved(ins, first_unit, unit)
        exit_ = ins.exit
        if exit_ is not None and exit_.kind == EXIT_SYNC and window != UNKNOWN_WINDOW:
            synced = window_of(first_unit, exit_.lasti)
            if exit_.lasti != unit:
                unit = -1
            if window != ANY:
                if window != synced:
                    window = UNKNOWN_WINDOW
            elif asked == ANY:
                asked = synced
            elif asked != synced:
                window = UNKNOWN_WINDOW
    block.window_out = window
    block.window_asked = asked


def moves(ins: Lir) -> bool:
    """Whether the helper moves instr_ptr."""
    return ins.imm != 0 or ins.helper == "reraise"


def window_moved(ins: Lir, first_unit: i64, unit: i64) -> i64:
    """Where instr_ptr is in the end; `unit` is what has been stored last in the block, or -1. A helper that does two
    instructions moves it by `imm` units, or not if it fails before."""
    if unit < 0 or ins.imm == 0:
        return UNKNOWN_WINDOW
    window = window_of(first_unit, unit)
    return window if window_of(first_unit, unit + ins.imm) == window else UNKNOWN_WINDOW
