"""Chooses between the short and the long form of each jump, and makes the code's bytes.

Emission leaves a gap of 5 or 6 bytes for every jump forward, because it cannot know better. Here the
jumps that turn out to be near get the two-byte form. What a jump spans only becomes smaller by shortening
others, so a jump that fits now fits for ever; a second look finds those that fit thanks to the first.

How: a look goes through the references in order; what was not far too far is looked at again. Whenever jumps have
become short, one walk along labels and references, both in the order of the code, counts for each how many
bytes before it are dropped. At last the code is put together from what stands between the references and what they
have become.
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
    code = e.asm.code()
    parts: list[bytes] = []
    start: i64 = 0
    for reference in e.references:
        position = reference.position
        parts.append(code[start:position])
        parts.append(written(reference))
        start = position + size_left(reference.kind)
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


def written(reference: Reference) -> bytes:
    position = reference.label.position
    assert position >= 0
    kind = reference.kind
    span: int = position - (reference.position - reference.down)
    if kind == REF_CALL:
        return (span - 4).to_bytes(4, "little", signed=True)
    if kind == REF_SHORT:
        return (span - 1).to_bytes(1, "little", signed=True)
    if reference.short:
        assert -128 <= span - 2 <= 127
        opcode: int = 0x70 | reference.cc if kind == REF_JCC else 0xEB
        return (opcode | (span - 2 & 0xFF) << 8).to_bytes(2, "little")
    if kind == REF_JCC:
        opcode = 0x0F | (0x80 | reference.cc) << 8
        return (opcode | (span - JCC_BYTES & 0xFFFFFFFF) << 16).to_bytes(JCC_BYTES, "little")
    return (0xE9 | (span - JMP_BYTES & 0xFFFFFFFF) << 8).to_bytes(JMP_BYTES, "little")
