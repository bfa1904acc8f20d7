"""The exception table of a code object: which handler an instruction that raises goes to.

Its format is CPython's (Objects/exception_handling_notes): entries sorted by start, each four numbers of six bits
a byte, all in code units. Bit 6 says that a number goes on, bit 7 marks the first byte of an entry.
"""

from __future__ import annotations

from pyston.compiler.native import final, i64, mypyc_attr


@final
@mypyc_attr(acyclic=True)
class Handled:
    """A range of instructions and where an exception in it goes on."""

    def __init__(self, start: i64, end: i64, target: i64, depth: i64, lasti: bool) -> None:
        self.start: i64 = start
        self.end: i64 = end
        self.target: i64 = target
        self.depth: i64 = depth  # entries of the operand stack that stay
        self.lasti = lasti  # the raising instruction's code unit is pushed, under the exception


def parse_exception_table(table: bytes) -> list[Handled]:
    result: list[Handled] = []
    position = 0
    while position < len(table):
        numbers: list[int] = []
        for _ in range(4):
            byte = table[position]
            position += 1
            number = byte & 63
            while byte & 64:
                byte = table[position]
                position += 1
                number = number << 6 | byte & 63
            numbers.append(number)
        start, length, target, depth = numbers
        result.append(Handled(start, start + length, target, depth >> 1, bool(depth & 1)))
    return result
