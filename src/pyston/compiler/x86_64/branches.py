"""Shortens jumps once all distances are known, and fills in what refers to labels.

Emission writes every jump forward in its long form (5 or 6 bytes), because it cannot know better. Here the
jumps that turn out to be near get the two-byte form. What a jump spans only becomes smaller by shortening
others, so a jump that fits now fits for ever; a second look finds those that fit thanks to the first. The
code is then copied once, piece by piece, and every recorded position moved along.
"""

from __future__ import annotations

from typing import Final

from pyston.compiler.native import i64
from pyston.compiler.x86_64.emitter import REF_JCC, REF_JMP, REF_SHORT, Emitter

LOOKS: Final = 2


def shorten_jumps(e: Emitter) -> None:
    at = e.reference_at
    kinds = e.reference_kind
    # The bytes from ends[i] on move down by gone[i].
    ends: list[int] = []
    gone: list[int] = []
    short: list[int] = [0] * len(at)
    for _ in range(LOOKS):
        if not look(e, short, ends, gone):
            break
        ends = []
        gone = []
        removed: i64 = 0
        for index in range(len(at)):
            if short[index]:
                removed += 4 if kinds[index] == REF_JCC else 3
                ends.append(at[index] + 4)
                gone.append(removed)
    if not ends:
        return
    # References and relocations were noted in ascending order, so they move along with the copying.
    code = e.asm.code
    relocations = e.relocations
    relocation_count: i64 = len(relocations)
    relocated: i64 = 0
    out: list[int] = []
    start: i64 = 0
    down: i64 = 0
    count: i64 = len(at)
    i: i64 = 0
    while i < count:
        hole: i64 = at[i]
        if short[i]:
            while relocated < relocation_count and relocations[relocated].position < hole:
                relocations[relocated].position -= down
                relocated += 1
            if kinds[i] == REF_JCC:
                out += code[start : hole - 2]
                out.append(code[hole - 1] - 0x10)  # 0F 8x -> 7x
                down += 4
            else:
                out += code[start : hole - 1]
                out.append(0xEB)
                down += 3
            at[i] = len(out)
            out.append(0)
            kinds[i] = REF_SHORT
            start = hole + 4
        elif down:
            at[i] = hole - down
        i += 1
    while relocated < relocation_count:
        relocations[relocated].position -= down
        relocated += 1
    out += code[start:]
    e.asm.code = out
    move_along(e.labels, ends, gone)
    move_along(e.line_positions, ends, gone)


def move_along(positions: list[int], ends: list[int], gone: list[int]) -> None:
    for index in range(len(positions)):
        position: i64 = positions[index]
        positions[index] = position - shift(position, ends, gone)


def look(e: Emitter, short: list[int], ends: list[int], gone: list[int]) -> bool:
    """Marks the long jumps that would fit the short form; returns whether there were any."""
    at = e.reference_at
    to = e.reference_to
    kinds = e.reference_kind
    labels = e.labels
    found = False
    for index in range(len(at)):
        kind = kinds[index]
        if (kind in (REF_JMP, REF_JCC)) and not short[index]:
            end: i64 = at[index] + 4
            position: i64 = labels[to[index]]
            distance = position - end
            # Farther than this no shortening helps enough to be worth looking closer.
            if position < 0 or distance > 400 or distance < -400:
                continue
            if ends:
                distance += shift(end, ends, gone) - shift(position, ends, gone)
            if distance < 0:
                distance += 4 if kind == REF_JCC else 3
            if -128 <= distance <= 127:
                short[index] = 1
                found = True
    return found


def shift(position: i64, ends: list[int], gone: list[int]) -> i64:
    """How far the byte at `position` moves down."""
    low: i64 = 0
    high: i64 = len(ends)
    while low < high:
        middle = (low + high) >> 1
        if ends[middle] <= position:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return 0
    return gone[low - 1]


def fill_in(e: Emitter) -> None:
    """Writes the distance to its label into each hole."""
    asm = e.asm
    at = e.reference_at
    to = e.reference_to
    kinds = e.reference_kind
    labels = e.labels
    for index in range(len(at)):
        hole: i64 = at[index]
        position: i64 = labels[to[index]]
        assert position >= 0
        kind = kinds[index]
        if kind == REF_SHORT:
            asm.code[hole] = (position - hole - 1) & 0xFF
        else:
            assert kind <= REF_JCC
            asm.patch4(hole, position - hole - 4)
