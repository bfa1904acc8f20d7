"""What the back end knows of each virtual register: where it is live, what it would like, where it is.

`liveness.py` fills in most, `allocate.py` the place, and the emitter reads it. One object for a register, since its
attributes cost a machine instruction each, as do marks like "last seen in this block"; a list for each property
would cost a look-up and a boxed number every time.
"""

from __future__ import annotations

from pyston.compiler.lir.instructions import Lir
from pyston.compiler.native import Final, final, i64, mypyc_attr

# Where a register is, as `VirtualRegister.place` gives it: 0..31 machine registers (registers.py), else:
AGAIN: Final = -1  # made again at each use, see `VirtualRegister.definition`
UNUSED: Final = -2  # never defined
SPILL: Final = 32  # + byte offset from the body's stack pointer


@final
@mypyc_attr(acyclic=True)
class Range:
    """A live range [start, end), and the one after it of the same register."""

    def __init__(self, start: i64, end: i64, following: Range | None) -> None:
        self.start: i64 = start
        self.end: i64 = end
        self.following = following


@final
@mypyc_attr(acyclic=True)
class VirtualRegister:
    def __init__(self, number: i64, xmm: bool) -> None:
        self.number: i64 = number
        self.xmm = xmm
        self.ranges: Range | None = None  # the first of them; None: never live
        self.end: i64 = 0  # of the last of them
        self.blocked: i64 = 0  # the machine registers that hot instructions change while it is live
        self.weight: i64 = 0  # uses and definitions, loops counting more
        self.needs: i64 = 0  # of a constant: the same, only uses that want a register
        self.definition: Lir | None = None  # the only one, or None
        self.constant = False  # the only definition is a cheap constant
        self.wanted: i64 = -1  # machine register it would best sit in
        self.hint_from: i64 = -1  # register that it is made from
        self.hint_to: i64 = -1  # register that is made from it at its end
        self.place: i64 = UNUSED  # given by the allocator
        # Of the walks.
        self.defined = False  # has been seen written
        self.seen_in: i64 = -1  # index of the block where it was last read or written
        self.bit = 0  # in the sets at the borders of blocks; 0: lives across none
        self.open_end: i64 = 0  # end of the range being built, 0 where it is not live
