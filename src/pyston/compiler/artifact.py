"""What the compiler gives back: machine code and everything the runtime needs to place it and to leave it.

An artifact is plain data. The runtime copies `code` into code memory, applies the relocations, builds its
exit table from `exits`, watches what `dependencies` name, and from then on owns it all. Nothing in here
refers to the compiler. Of what there are thousands the runtime reads `packed`: most fields in one number, since each
attribute that it reads is an int object made and freed.

`docs/abi.md` defines the meaning of every field at run time.
"""

from __future__ import annotations

from pyston.compiler.native import Final, final, i64, mypyc_attr

# --- Relocations: a 4- or 8-byte hole in `code` and what to put there. ---------------------------------
# REL32 kinds hold (target - end_of_hole); the runtime places everything within reach of code memory.
RELOC_HELPER_REL32: Final = 0  # target: index into `helpers`; the helper itself, or a jump to it
RELOC_PRESERVING_REL32: Final = 1  # target: index into `helpers`; its register-preserving entry
RELOC_CONST_ABS64: Final = 2  # target: index into `constants`; the object's address
RELOC_CONST_ABS32: Final = 3  # the same, sign-extended 32 bits; used only where the address fits
RELOC_CELL_REL32: Final = 4  # target: byte offset into the artifact's writable cell area
RELOC_CODE_LO32: Final = 5  # low 32 bits of (address of the first code unit + 2 * addend)
RELOC_ARTIFACT_ABS64: Final = 6  # the runtime's record of this artifact
RELOC_VERSION_REL32: Final = 7  # the cell that holds the eval-breaker value under which code may run
RELOC_CHECKED_REL32: Final = 8  # target: index into `helpers`; its checked entry for results of kind `addend`
RELOC_CODE_LO8: Final = 9  # as RELOC_CODE_LO32, but the lowest byte alone

# What a checked entry calls that checks a result that is there already.
NOTHING: Final = ""

# --- Checked entries: how a helper's result says that it failed ------------------------------------------
CHECKED_OBJECT: Final = 0  # rax is NULL
CHECKED_STATUS: Final = 1  # eax is negative
CHECKED_NEXT: Final = 2  # edx is negative
CHECKED_UNWIND: Final = 4  # added: failure ends the activation as EXIT_UNWIND does, without an exit's number
# Added: it looks too whether the code may go on. The EXIT_SYNC for that is the one behind the failure's, or the one
# whose number stands there.
CHECKED_TOOLS: Final = 8
CHECKED_RETURNS: Final = 16  # added to that: failure comes back like success, without that look

# --- Exit kinds -----------------------------------------------------------------------------------------
EXIT_GUARD: Final = 0  # a guard failed: go on in the interpreter at `offset`, before its first side effect
EXIT_ERROR: Final = 1  # an exception is set, raised by the instruction at `offset`
EXIT_SYNC: Final = 2  # make the frame's memory true, do the cold work, come back
EXIT_LEAVE: Final = 3  # no failure: the code chooses to go on in the interpreter at `offset` (not compiled)
# Both of these take frame->instr_ptr as it is; `lasti` only finds the handler.
EXIT_RERAISE: Final = 4  # as EXIT_ERROR, for an exception that already has its traceback entry
EXIT_RAISED: Final = 5  # as EXIT_ERROR
EXIT_UNWIND: Final = 6  # an exception ends the activation and there is nothing to give up: needs no record

# --- How a recipe entry's value is represented -----------------------------------------------------------
REPR_OWNED: Final = 0  # an object we hold a reference to: moves into the frame
REPR_BORROWED: Final = 1  # an object someone else holds: the frame gets a new reference
REPR_I64: Final = 2  # boxed to an int
REPR_F64: Final = 3  # boxed to a float
REPR_BOOL: Final = 4  # 0 or 1, boxed to False or True
REPR_NULL: Final = 5  # the empty stack reference
REPR_RAW: Final = 6  # a stack reference as it is: a tagged number
REPR_LOCAL_INT: Final = 7  # boxed to an int; IN_SLOT (hir/values.py) leaves the local as it is

# --- Where a recipe entry's value is found ---------------------------------------------------------------
WHERE_GPR: Final = 0  # index: hardware number, 0..15
WHERE_XMM: Final = 1  # index: hardware number, 0..15
WHERE_SPILL: Final = 2  # index: byte offset from the body's stack pointer
WHERE_CONST: Final = 3  # index: into `constants`
WHERE_SLOT: Final = 4  # index: into the frame's localsplus
WHERE_IMM: Final = 5  # index: the value itself, 32 bits signed

# --- Where it goes ---------------------------------------------------------------------------------------
DEST_GLOBAL: Final = 0x8000  # from here on: one of `global_slots`
DEST_DROP: Final = 0xFFFF  # nowhere: the reference is released (after the frame is true)


@final
@mypyc_attr(acyclic=True)
class ExitEntry:
    """One line of an exit's recipe: `localsplus[dest] = value`, or a reference to release.

    In LIR `vreg` >= 0 names the register that holds the value; what it says of where that is, the emitter fills in.
    """

    def __init__(self, dest: i64, repr_: i64, where: i64, index: i64, vreg: i64 = -1) -> None:
        self.dest: i64 = dest
        self.repr: i64 = repr_
        self.where: i64 = where
        self.index: i64 = index
        self.vreg: i64 = vreg

    @property
    def packed(self) -> i64:
        """From the lowest bit: dest 16, repr 4, where 4, index 32."""
        assert -0x80000000 <= self.index <= 0x7FFFFFFF
        return self.dest | self.repr << 16 | self.where << 20 | (self.index & 0xFFFFFFFF) << 24


NO_ENTRIES: Final[list[ExitEntry]] = []  # shared: never mutate it


@final
@mypyc_attr(acyclic=True)
class ExitRecord:
    """How to leave compiled code at one point.

    `offset` is in code units from the start of the bytecode: where the interpreter resumes (for
    EXIT_ERROR: the instruction that raised). `lasti` is the unit of the opcode itself, past its
    EXTENDED_ARG prefixes. `stack_depth` is the number of operand-stack entries after the recipe has run.
    `reason` is a short stable word for statistics (`type`, `overflow`, `error`, …).
    """

    def __init__(
        self, kind: i64, offset: i64, lasti: i64, stack_depth: i64, reason: str, entries: list[ExitEntry]
    ) -> None:
        self.kind: i64 = kind
        self.offset: i64 = offset
        self.lasti: i64 = lasti
        self.stack_depth: i64 = stack_depth
        self.reason = reason
        self.entries = entries
        self.number: i64 = -1  # in `Artifact.exits`: given by the emitter at the first use

    @property
    def packed(self) -> i64:
        """From the lowest bit: kind 7, offset 20, lasti 20, stack_depth 16."""
        assert self.offset <= 0xFFFFF and self.lasti <= 0xFFFFF
        return self.kind | self.offset << 7 | self.lasti << 27 | self.stack_depth << 47


class EntryRecord:
    """A place other than the start where the body may be entered, its locals and stack in the frame.

    `offset` is the code unit it stands for, `position` the byte offset in `code`; `stack_depth` entries of the
    operand stack are read from the frame.
    """

    def __init__(self, offset: int, position: int, stack_depth: int) -> None:
        self.offset = offset
        self.position = position
        self.stack_depth = stack_depth


@final
@mypyc_attr(acyclic=True)
class Relocation:
    def __init__(self, kind: i64, position: i64, target: i64, addend: i64 = 0) -> None:
        self.kind: i64 = kind
        self.position: i64 = position  # byte offset of the hole in `code`
        self.target: i64 = target
        self.addend: i64 = addend

    @property
    def packed(self) -> i64:
        """From the lowest bit: kind 7, position 26, target 26."""
        assert self.position <= 0x3FFFFFF and self.target <= 0x3FFFFFF
        return self.kind | self.position << 7 | self.target << 33


class Artifact:
    def __init__(self) -> None:
        self.code: bytes = b""
        self.hot_bytes: int = 0  # how much of `code`, from its start, is the hot part
        self.relocations: list[Relocation] = []
        self.helpers: list[str | int] = []  # names of runtime helpers (docs/abi.md), addresses of C functions
        self.constants: list[object] = []  # live objects that the code embeds; kept alive by the runtime
        self.cells: bytes = b""  # initial content of the writable cell area (inline caches, counters)
        self.cell_objects: list[tuple[int, object]] = []  # (byte offset in cells, object to point to)
        self.exits: list[ExitRecord] = []
        self.epilogue: int = 0  # byte offset in `code` where an exit returns through, result in rax
        self.entries: list[EntryRecord] = []  # beside the start of the function
        self.resume: int = 0  # byte offset in `code` of the prologue for those; 0 when there are none
        self.loop: bool = False  # a loop alone: entered at its one entry, never called
        self.module: bool = False  # a loop for frames whose locals are their globals
        # Globals that it keeps in registers: (address of the value's pointer, name, exact class at the entry or None).
        self.global_slots: list[tuple[int, str, type | None]] = []
        self.keys_version: int = 0  # of the globals' keys, which makes those addresses right
        self.spill_bytes: int = 0
        self.dependencies: list[tuple[object, ...]] = []  # what World answered; see world.py
        self.instructions: int = 0  # bytecode instructions compiled, inline caches not counted
        self.line_map: list[tuple[int, int]] = []  # (byte offset in `code`, code unit), if asked for
