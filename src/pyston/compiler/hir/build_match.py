"""`match` statements: what a pattern asks of its subject. The branches between are ordinary ones."""

from __future__ import annotations

from pyston.compiler.bytecode.decode import Instruction
from pyston.compiler.hir.builder import Builder


def build_match_class(b: Builder, i: Instruction) -> None:
    """Stack: subject, class, names of attributes; `arg` more are positional. Gives a tuple of values, or None."""
    args = b.stack[-3:]
    values = b.helper("match_class", args, len(b.stack) - 3, i.arg)
    del b.stack[-3:]
    b.stack.append(values)


def build_match_keys(b: Builder, i: Instruction) -> None:
    """Stack: subject, keys, which stay. Adds a tuple of values, or None."""
    b.stack.append(b.helper("match_keys", b.stack[-2:], len(b.stack)))


def build_match_mapping(b: Builder, i: Instruction) -> None:
    b.stack.append(b.box_bool(b.helper("match_mapping", [b.stack[-1]], len(b.stack))))


def build_match_sequence(b: Builder, i: Instruction) -> None:
    b.stack.append(b.box_bool(b.helper("match_sequence", [b.stack[-1]], len(b.stack))))


def build_get_len(b: Builder, i: Instruction) -> None:
    b.stack.append(b.helper("get_len", [b.stack[-1]], len(b.stack)))
