"""Runs artifacts without the runtime: places the code in memory and stands in for helpers and thunks.

Code pages are never writable and executable at once. Exits do not resume an interpreter: the stand-in thunk
copies registers and stack into a buffer, and `Placed.run` evaluates the exit's recipe from there.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Callable
from typing import Any

from pyston.compiler import artifact as art
from pyston.compiler.artifact import Artifact, ExitRecord
from pyston.compiler.lir.instructions import CC_E, CC_S
from pyston.compiler.x86_64 import encoder as x
from pyston.compiler.x86_64.encoder import Assembler, W
from pyston.compiler.x86_64.exits import read_exit_number
from pyston.compiler.x86_64.registers import NAMES, R11, R15, RAX, RBX, RCX, RDI, RDX, RSI, RSP

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

PAGE = 4096
CODE_BYTES = 64 * PAGE
DATA_BYTES = 8 * PAGE
STACK_COPY = 2048
# What the exit thunk fills in: 16 general registers, 16 xmm (low halves), then the stack from rsp up.
SAVE_BYTES = 16 * 8 + 16 * 8 + STACK_COPY
SENTINEL = 0x5E47
SAVED = (0, 1, 2, 6, 7, 8, 9, 10, 11)


class Memory:
    """One piece of memory: code first, then data within reach of it."""

    def __init__(self) -> None:
        self.map = mmap.mmap(-1, CODE_BYTES + DATA_BYTES)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        self.data = self.address + CODE_BYTES

    def write(self, code: bytes) -> None:
        assert len(code) <= CODE_BYTES
        self.protect(mmap.PROT_READ | mmap.PROT_WRITE)
        self.map[: len(code)] = code
        self.protect(mmap.PROT_READ | mmap.PROT_EXEC)

    def protect(self, protection: int) -> None:
        if LIBC.mprotect(self.address, CODE_BYTES, protection):
            raise OSError(ctypes.get_errno(), "mprotect")


class Left:
    """What an exit found: the record, and each entry's value as (dest, repr, 64 bits)."""

    def __init__(self, record: ExitRecord, values: list[tuple[int, int, int]]) -> None:
        self.record = record
        self.values = values


class Placed:
    """An artifact in memory, ready to run. Helpers are Python functions over 64-bit ints, or addresses."""

    def __init__(
        self,
        artifact: Artifact,
        helpers: dict[str, Callable[..., int] | int] | None = None,
        constant_addresses: list[int] | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.artifact = artifact
        self.memory = memory or Memory()
        self.addresses = constant_addresses or [id(c) for c in artifact.constants]
        self.keep: list[Any] = []
        self.syncs: list[tuple[int, int, Left]] = []
        self.cells = self.memory.data
        self.version_cell = self.memory.data + DATA_BYTES - PAGE
        self.save_area = self.version_cell + 64
        ctypes.memmove(self.cells, artifact.cells, len(artifact.cells))
        self.code_start = 0x7700000000  # stands for the address of the first code unit
        self.place(helpers or {})

    # --- placing ------------------------------------------------------------------------------------------

    def place(self, helpers: dict[str, Callable[..., int] | int]) -> None:
        artifact = self.artifact
        code = bytearray(artifact.code)
        while len(code) % 16:
            code.append(0xCC)
        entries: dict[str | int, int] = {}
        preserving: dict[str | int, int] = {}
        checked: dict[tuple[str | int, int], int] = {}
        for name in artifact.helpers:
            asm = Assembler()
            start = len(code)
            if isinstance(name, int) or name == art.NOTHING:
                for kind in (art.CHECKED_OBJECT, art.CHECKED_STATUS, art.CHECKED_NEXT):
                    checked[name, kind] = start + asm.here()
                    self.put_checked(asm, name or None, kind, start)
            elif name == "exit_thunk_pushed":
                self.put_exit_thunk(asm, start)
            elif name == "sync_thunk":
                self.put_sync_thunk(asm)
            else:
                register = NAMES.index(name.split("_")[1]) if name.startswith("decref_") else -1
                target = helpers["_Py_Dealloc" if register >= 0 else name.removesuffix("_or_leave")]
                address = target if isinstance(target, int) else self.callback(name, target)
                if register >= 0:
                    self.put_decref(asm, register, address)
                elif name in ("push_frame", "push_frame_or_leave", "box_int", "box_float"):
                    self.put_special(asm, name, address, start)
                else:
                    asm.put(0x25FF, 2)  # jmp [rip]
                    asm.put4(0)
                    asm.put8(address)
                    preserving[name] = start + asm.here()
                    self.put_preserving(asm, address)
                    for kind in (art.CHECKED_OBJECT, art.CHECKED_STATUS, art.CHECKED_NEXT):
                        checked[name, kind] = start + asm.here()
                        self.put_checked(asm, address, kind, start)
            entries[name] = start
            code += asm.code()
        base = self.memory.address
        for r in artifact.relocations:
            if r.kind == art.RELOC_HELPER_REL32:
                value, size = entries[artifact.helpers[r.target]] - r.position - 4, 4
            elif r.kind == art.RELOC_PRESERVING_REL32:
                value, size = preserving[artifact.helpers[r.target]] - r.position - 4, 4
            elif r.kind == art.RELOC_CHECKED_REL32:
                value, size = checked[artifact.helpers[r.target], r.addend] - r.position - 4, 4
            elif r.kind == art.RELOC_CONST_ABS64:
                value, size = self.addresses[r.target] + r.addend, 8
            elif r.kind == art.RELOC_CONST_ABS32:
                value, size = self.addresses[r.target] + r.addend, 4
                assert 0 <= value < 1 << 31
            elif r.kind == art.RELOC_CELL_REL32:
                value, size = self.cells + r.target + r.addend - (base + r.position + 4), 4
            elif r.kind == art.RELOC_CODE_LO32:
                value, size = (self.code_start + 2 * r.addend) & 0xFFFFFFFF, 4
            elif r.kind == art.RELOC_CODE_LO8:
                value, size = (self.code_start + 2 * r.addend) & 0xFF, 1
            elif r.kind == art.RELOC_ARTIFACT_ABS64:
                value, size = 0xA471FAC7, 8
            else:
                assert r.kind == art.RELOC_VERSION_REL32
                value, size = self.version_cell - (base + r.position + 4), 4
            assert code[r.position : r.position + size] == bytes(size), "hole is not empty"
            code[r.position : r.position + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        self.memory.write(bytes(code))

    def callback(self, name: str, function: Callable[..., int]) -> int:
        double = getattr(function, "double", False)
        count = function.__code__.co_argcount
        cls = ctypes.c_double if double else ctypes.c_uint64
        prototype = ctypes.CFUNCTYPE(cls, *[cls] * count)

        def call(*arguments: Any) -> Any:
            result = function(*arguments)
            return result if double else result & 0xFFFFFFFFFFFFFFFF

        pointer = prototype(call)
        self.keep.append(pointer)
        return ctypes.cast(pointer, ctypes.c_void_p).value or 0

    def put_exit_thunk(self, asm: Assembler, start: int) -> None:
        """Copies everything to the save area, then leaves by the epilogue; the exit's number is pushed."""
        asm.push(RCX)
        asm.mov_imm(RCX, self.save_area)
        for register in range(16):
            if register != RCX:
                asm.store(RCX, 8 * register, register)
        asm.pop(RBX)
        asm.store(RCX, 8 * RCX, RBX)
        for register in range(16):
            asm.mem(x.MOVSD_STORE, register, RCX, 128 + 8 * register, 0)
        asm.pop(RBX)
        asm.store(RCX, 8 * RSP, RBX)
        for offset in range(0, 256, 8):
            asm.load(RBX, RSP, offset)
            asm.store(RCX, 256 + offset, RBX)
        asm.mov_imm(RAX, SENTINEL)
        asm.put1(0xE9)  # jmp
        asm.put4(self.artifact.epilogue - (start + asm.here() + 4))

    def put_checked(self, asm: Assembler, address: int | None, kind: int, start: int) -> None:
        """Calls; returns, or leaves by the exit whose number stands behind the call."""
        if address is not None:
            asm.alu_imm(x.SUB, RSP, 8, W)
            asm.mov_imm(R11, address)
            asm.rr(0xFF, 2, R11, 0)
            asm.alu_imm(x.ADD, RSP, 8, W)
        if kind == art.CHECKED_OBJECT:
            asm.rr(x.TEST, RAX, RAX, W)
            failed = asm.jcc8(CC_E)
        else:
            register = RAX if kind == art.CHECKED_STATUS else RDX
            asm.rr(x.TEST, register, register, 0)
            failed = asm.jcc8(CC_S)
        asm.ret()
        asm.land(failed)
        self.put_exit_behind(asm, start)

    def put_exit_behind(self, asm: Assembler, start: int) -> None:
        """Leaves by the exit whose number stands at the return address on top."""
        asm.pop(R11)
        read_exit_number(asm, True)
        asm.push(R11)
        self.put_exit_thunk(asm, start)

    def put_sync_thunk(self, asm: Assembler) -> None:
        """[rsp]: return address, [rsp + 8]: exit, [rsp + 16]: object. Preserves all registers."""
        asm.push(RCX)
        asm.mov_imm(RCX, self.save_area)
        for register in range(16):
            if register != RCX:
                asm.store(RCX, 8 * register, register)
        asm.push(RBX)
        asm.load(RBX, RSP, 8)
        asm.store(RCX, 8 * RCX, RBX)
        for register in range(16):
            asm.mem(x.MOVSD_STORE, register, RCX, 128 + 8 * register, 0)
        for offset in range(0, 256, 8):
            asm.load(RBX, RSP, 40 + offset)
            asm.store(RCX, 256 + offset, RBX)
        asm.pop(RBX)
        asm.pop(RCX)
        pointer = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64)(self.on_sync)
        self.keep.append(pointer)
        # Now as a preserving call of on_sync(exit, object): its words are where ours are.
        self.put_saving_call(asm, ctypes.cast(pointer, ctypes.c_void_p).value or 0, 8, False)
        asm.put1(0xC2)
        asm.put(16, 2)

    def put_preserving(self, asm: Assembler, address: int) -> None:
        self.put_saving_call(asm, address, 8, True)
        asm.ret()

    def put_saving_call(self, asm: Assembler, address: int, words: int, result: bool) -> None:
        """Calls with rdi, rsi, rdx from [rsp + words …], all registers saved."""
        asm.push(5)
        asm.mov(5, RSP)
        for register in SAVED:
            asm.push(register)
        asm.alu_imm(x.SUB, RSP, 256, W)
        for register in range(16):
            asm.mem(x.MOVSD_STORE, register, RSP, 8 * register, 0)
        asm.load(RDI, 5, words + 8)
        asm.load(RSI, 5, words + 16)
        asm.load(RDX, 5, words + 24)
        asm.alu_imm(x.AND, RSP, -16, W)
        asm.mov_imm(RAX, address)
        asm.rr(0xFF, 2, RAX, 0)
        if result:
            asm.store(5, words + 8, RAX)
        asm.mem(x.LEA, RSP, 5, -8 * len(SAVED) - 256, W)
        for register in range(16):
            asm.mem(x.MOVSD_LOAD, register, RSP, 8 * register, 0)
        asm.alu_imm(x.ADD, RSP, 256, W)
        for register in reversed(SAVED):
            asm.pop(register)
        asm.pop(5)

    def put_decref(self, asm: Assembler, register: int, address: int) -> None:
        asm.alu_mem_imm(x.CMP, register, 0, 0, 4)
        mortal = asm.jcc8(9)
        asm.ret()
        asm.land(mortal)
        asm.mem(0xFF, 1, register, 0, 0)
        dead = asm.jcc8(4)
        asm.ret()
        asm.land(dead)
        asm.push(register)
        asm.push(register)  # where a preserving call expects the return address
        self.put_saving_call(asm, address, 8, False)
        asm.pop(register)
        asm.pop(register)
        asm.ret()

    def put_special(self, asm: Assembler, name: str, address: int, start: int) -> None:
        """Thunks with a convention of their own: the argument in rdi, rax or xmm0, the result in rax, the
        clobbered registers made useless."""
        if name.startswith("push_frame"):
            asm.push(RDI)
        elif name == "box_int":
            asm.push(RAX)
        else:
            asm.put(0x66, 1)
            asm.rr(0x0F7E, 0, RAX, W)  # movq rax, xmm0 (prefix written before)
            asm.push(RAX)
        # Word order of a preserving call: there is a return address between.
        asm.push(RAX)
        self.put_saving_call(asm, address, 8, True)
        asm.pop(RCX)
        asm.pop(RAX)
        for register in (RCX, RDX) + ((RDI,) if name.startswith("push_frame") else ()):
            asm.mov_imm(register, 0xBAD)
        if name == "push_frame_or_leave":
            asm.rr(x.TEST, RAX, RAX, W)
            failed = asm.jcc8(CC_E)
            asm.ret()
            asm.land(failed)
            self.put_exit_behind(asm, start)
        asm.ret()

    # --- running ------------------------------------------------------------------------------------------

    def run(self, tstate: int = 0, frame: int = 0, entry: int = 0) -> int | Left:
        """Calls the body; checks that it keeps the callee-saved registers and the stack."""
        asm = Assembler()
        values = {3: 0x1111, 5: 0x2222, 12: 0x3333, 13: 0x4444, 14: 0x5555, 15: 0x6666}
        for register in values:
            asm.push(register)
        asm.push(RAX)
        for register, value in values.items():
            asm.mov_imm(register, value)
        start = self.memory.address
        place = 0
        if entry:
            place = start + self.artifact.entries[entry - 1].position
            start += self.artifact.resume
        asm.mov_imm(RAX, start)
        asm.rr(0xFF, 2, RAX, 0)
        wrong = []
        for register, value in values.items():
            asm.alu_imm(x.CMP, register, value, W)
            wrong.append(asm.jcc8(5))
        done = asm.jmp8()
        for position in wrong:
            asm.land(position)
        asm.put(0x0B0F, 2)  # ud2: a callee-saved register was lost
        asm.land(done)
        asm.pop(RCX)
        for register in reversed(values):
            asm.pop(register)
        asm.ret()
        caller = caller_memory(asm.code())
        function = ctypes.CFUNCTYPE(*[ctypes.c_uint64] * 4)(caller)
        result: int = function(tstate, frame, place)
        if result == SENTINEL:
            return self.left(self.saved(RSP))  # where the stand-in thunk puts the exit's number
        return result

    def saved(self, register: int) -> int:
        return ctypes.c_uint64.from_address(self.save_area + 8 * register).value

    def on_sync(self, exit_: int, obj: int) -> None:
        self.syncs.append((exit_, obj, self.left(exit_)))

    def left(self, number: int) -> Left:
        record = self.artifact.exits[number]
        values = []
        for entry in record.entries:
            repr_ = entry.repr
            if entry.where == art.WHERE_GPR:
                value = self.saved(entry.index)
            elif entry.where == art.WHERE_XMM:
                value = self.saved(16 + entry.index)
            elif entry.where == art.WHERE_SPILL:
                value = ctypes.c_uint64.from_address(self.save_area + 256 + entry.index).value
            elif entry.where == art.WHERE_IMM:
                value = entry.index & 0xFFFFFFFFFFFFFFFF
            elif entry.where == art.WHERE_CONST:
                constant = self.artifact.constants[entry.index]
                if isinstance(constant, float):
                    # A number too large for an entry: as good as boxed.
                    repr_, value = art.REPR_F64, struct.unpack("<Q", struct.pack("<d", constant))[0]
                elif isinstance(constant, int):
                    repr_, value = art.REPR_I64, constant & 0xFFFFFFFFFFFFFFFF
                else:
                    value = self.addresses[entry.index]
            else:
                value = entry.index
            values.append((entry.dest, repr_, value))
        return Left(record, values)


_callers: dict[bytes, Memory] = {}


def caller_memory(code: bytes) -> int:
    if code not in _callers:
        _callers.clear()
        _callers[code] = Memory()
        _callers[code].write(code)
    return _callers[code].address


__all__ = ["R11", "R15", "Left", "Memory", "Placed"]
