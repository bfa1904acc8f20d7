"""Chooses between the short and the long form of each jump, and makes the code's bytes.

Emission leaves a gap of 5 or 6 bytes for every jump forward, because it cannot know better. Here the
jumps that turn out to be near get the two-byte form. What a jump spans only becomes smaller by shortening
others, so a jump that fits now fits for ever; a second look finds those that fit thanks to the first.

How: a look goes through the references in order; what was not far too far is looked at again. Whenever jumps have
become short, one walk along labels and references, both in the order of the code, counts for each how many
bytes before it are dropped. At last the references are written in their places, and the code is put together
from what stands between the ends of the gaps that were too long.
"""

from __future__ import annotations

from pyston.compiler.native import Final, i64
from pyston.compiler.x86_64.emitter import (
    JCC_BYTES,
    JCC_SPARED,
    JMP_BYTES,
    JMP_SPARED,
    REF_CALL,
    REF_JCC,
    REF_JMP,
    REF_SHORT,
    Emitter,
    Reference,
)
from pyston.compiler.x86_64.encoder import Assembler

SHORT_BYTES: Final = 2
# Farther than this no shortening helps enough to be worth a second look.
FAR: Final = 400


def shorten_jumps(e: Emitter) -> i64:
    """Moves labels, relocations and references to where they will be; returns how many bytes are dropped."""
    candidates: list[Reference] = []
    for reference in e.references:
        if reference.kind >= REF_JMP and -FAR <= distance(reference) <= FAR:
            candidates.append(reference)
    if not shorten(candidates):
        return 0
    dropped = count_dropped(e)
    if shorten(candidates):
        dropped = count_dropped(e)
    for label in e.bound:
        label.position -= label.down
    move_relocations(e)
    return dropped


def distance(reference: Reference) -> i64:
    """From the end of the jump in its long form, after what is known to be dropped, to its label."""
    end = reference.position + size_left(reference.kind)
    return reference.label.position - reference.label.down - (end - reference.down)


def shorten(candidates: list[Reference]) -> bool:
    """Marks those that fit the short form; returns whether there were any more."""
    found = False
    for reference in candidates:
        if not reference.short:
            span = distance(reference)
            if span < 0:
                span += spared(reference)
            if -128 <= span <= 127:
                reference.short = True
                found = True
    return found


def count_dropped(e: Emitter) -> i64:
    """For each label and reference, how many bytes before it are dropped; returns how many in all."""
    labels = e.bound
    count: i64 = len(labels)
    at: i64 = 0
    dropped: i64 = 0
    for reference in e.references:
        position = reference.position
        # A label cannot stand within a jump.
        while at < count and labels[at].position <= position:
            labels[at].down = dropped
            at += 1
        reference.down = dropped
        if reference.short:
            dropped += spared(reference)
    while at < count:
        labels[at].down = dropped
        at += 1
    return dropped


def move_relocations(e: Emitter) -> None:
    relocations = e.relocations
    count: i64 = len(relocations)
    at: i64 = 0
    dropped: i64 = 0
    for reference in e.references:
        position = reference.position
        while at < count and relocations[at].position < position:
            relocations[at].position -= dropped
            at += 1
        if reference.short:
            dropped += spared(reference)
    while at < count:
        relocations[at].position -= dropped
        at += 1


def finished_code(e: Emitter) -> bytes:
    """The code with every reference written, and without what was left for it beyond that."""
    for reference in e.references:
        write(e.asm, reference)
    code = e.asm.code()
    parts: list[bytes] = []
    start: i64 = 0
    for reference in e.references:
        if reference.short:
            parts.append(code[start : reference.position + SHORT_BYTES])
            start = reference.position + size_left(reference.kind)
    if not parts:
        return code
    parts.append(code[start:])
    return b"".join(parts)


def size_left(kind: i64) -> i64:
    """How many bytes emission has left for the reference."""
    if kind == REF_CALL:
        return 4
    if kind == REF_SHORT:
        return 1
    return JCC_BYTES if kind == REF_JCC else JMP_BYTES


def spared(reference: Reference) -> i64:
    """What the short form is shorter by."""
    return JCC_SPARED if reference.kind == REF_JCC else JMP_SPARED


def write(asm: Assembler, reference: Reference) -> None:
    """Into the hole, or the beginning of the gap."""
    target = reference.label.position
    assert target >= 0
    kind = reference.kind
    position = reference.position
    span = target - (position - reference.down)
    if kind == REF_CALL:
        asm.fill(position, span - 4 & 0xFFFFFFFF, 4)
    elif kind == REF_SHORT:
        assert -128 <= span - 1 <= 127
        asm.fill(position, span - 1 & 0xFF, 1)
    elif reference.short:
        assert -128 <= span - SHORT_BYTES <= 127
        opcode = 0x70 | reference.cc if kind == REF_JCC else 0xEB
        asm.fill(position, opcode | (span - SHORT_BYTES & 0xFF) << 8, SHORT_BYTES)
    elif kind == REF_JCC:
        opcode = 0x0F | (0x80 | reference.cc) << 8
        asm.fill(position, opcode | (span - JCC_BYTES & 0xFFFFFFFF) << 16, JCC_BYTES)
    else:
        asm.fill(position, 0xE9 | (span - JMP_BYTES & 0xFFFFFFFF) << 8, JMP_BYTES)
