"""Every form of the assembler against the system's one: thousands of instructions in a single run of `as`.

Where several encodings exist, ours need not be the one that `as` picks, so both byte strings are
disassembled and the listings compared; and ours may never be the longer one.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyston.compiler.x86_64 import encoder as x
from pyston.compiler.x86_64.encoder import Assembler, W

capstone = pytest.importorskip("capstone")

R64 = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()
R32 = "eax ecx edx ebx esp ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d".split()
R16 = "ax cx dx bx sp bp si di r8w r9w r10w r11w r12w r13w r14w r15w".split()
R8 = "al cl dl bl spl bpl sil dil r8b r9b r10b r11b r12b r13b r14b r15b".split()
XMM = [f"xmm{n}" for n in range(16)]
SIZES = {1: "BYTE", 2: "WORD", 4: "DWORD", 8: "QWORD"}
DISPLACEMENTS = (0, 1, -1, 127, 128, -128, -129, 0x12345678, -0x12345678)
IMMEDIATES = (0, 1, -1, 127, 128, -128, -129, 0x7FFFFFFF, -0x80000000)
ALU = {x.ADD: "add", x.OR: "or", x.AND: "and", x.SUB: "sub", x.XOR: "xor", x.CMP: "cmp"}
CONDITIONS = "o no b ae e ne be a s ns p np l ge le g".split()

Form = tuple[str, Callable[[Assembler], object]]


def names(w: int) -> list[str]:
    return R64 if w else R32


def register_forms() -> Iterator[Form]:
    for a in range(16):
        for b in range(16):
            for w in (0, W):
                n = names(w)
                yield f"mov {n[a]}, {n[b]}", lambda s, a=a, b=b, w=w: s.rr(x.MOV_LOAD, a, b, w)
                yield f"imul {n[a]}, {n[b]}", lambda s, a=a, b=b, w=w: s.rr(x.IMUL, a, b, w)
                yield f"test {n[b]}, {n[a]}", lambda s, a=a, b=b, w=w: s.rr(x.TEST, a, b, w)
            for op, name in ALU.items():
                yield f"{name} {R64[a]}, {R64[b]}", lambda s, a=a, b=b, op=op: s.alu(op, a, b, W)
                yield f"{name} {R32[a]}, {R32[b]}", lambda s, a=a, b=b, op=op: s.alu(op, a, b, 0)
            yield f"movzx {R32[a]}, {R8[b]}", lambda s, a=a, b=b: s.rr8(x.MOVZX8, a, b)
            yield f"movzx {R32[a]}, {R16[b]}", lambda s, a=a, b=b: s.rr(x.MOVZX16, a, b, 0)
            yield f"movsxd {R64[a]}, {R32[b]}", lambda s, a=a, b=b: s.rr(x.MOVSXD, a, b, W)
            for op, name in (
                (x.MOVAPS, "movaps"), (x.XORPS, "xorps"), (x.ANDPS, "andps"), (x.ADDSD, "addsd"),
                (x.MULSD, "mulsd"), (x.SUBSD, "subsd"), (x.DIVSD, "divsd"), (x.SQRTSD, "sqrtsd"),
                (x.UCOMISD, "ucomisd"),
            ):  # fmt: skip
                yield f"{name} {XMM[a]}, {XMM[b]}", lambda s, a=a, b=b, op=op: s.rr(op, a, b, 0)
            yield f"cvtsi2sd {XMM[a]}, {R64[b]}", lambda s, a=a, b=b: s.rr(x.CVTSI2SD, a, b, W)
            yield f"movq {XMM[a]}, {R64[b]}", lambda s, a=a, b=b: s.rr(x.MOVQ_FROM_GPR, a, b, W)


def one_register_forms() -> Iterator[Form]:
    for a in range(16):
        for w in (0, W):
            n = names(w)
            yield f"neg {n[a]}", lambda s, a=a, w=w: s.unary(3, a, w)
            yield f"not {n[a]}", lambda s, a=a, w=w: s.unary(2, a, w)
            yield f"idiv {n[a]}", lambda s, a=a, w=w: s.unary(7, a, w)
            for digit, name in ((x.SHL, "shl"), (x.SHR, "shr"), (x.SAR, "sar")):
                yield f"{name} {n[a]}, cl", lambda s, a=a, w=w, d=digit: s.shift_cl(d, a, w)
                for count in (1, 2, 31):
                    yield (
                        f"{name} {n[a]}, {count}",
                        lambda s, a=a, w=w, d=digit, c=count: s.shift_imm(d, a, c, w),
                    )
            for op, name in ALU.items():
                for imm in IMMEDIATES:
                    yield f"{name} {n[a]}, {imm}", lambda s, a=a, w=w, op=op, i=imm: s.alu_imm(op, a, i, w)
        for imm in (0, 1, 127):
            yield f"test {R8[a]}, {imm}", lambda s, a=a, i=imm: s.test_imm(a, i)
        for imm in (128, 0x100, 0x7FFFFFFF):
            yield f"test {R32[a]}, {imm}", lambda s, a=a, i=imm: s.test_imm(a, i)
        for cc, name in enumerate(CONDITIONS):
            yield f"set{name} {R8[a]}", lambda s, a=a, cc=cc: s.setcc(cc, a)
        yield f"push {R64[a]}", lambda s, a=a: s.push(a)
        yield f"pop {R64[a]}", lambda s, a=a: s.pop(a)
        yield f"call {R64[a]}", lambda s, a=a: s.rr(0xFF, 2, a, 0)
        yield f"jmp {R64[a]}", lambda s, a=a: s.rr(0xFF, 4, a, 0)
        yield f"xor {R32[a]}, {R32[a]}", lambda s, a=a: s.mov_imm(a, 0)
        yield f"mov {R32[a]}, 0x80000000", lambda s, a=a: s.mov_imm(a, 0x80000000)
        yield f"mov {R64[a]}, -1", lambda s, a=a: s.mov_imm(a, (1 << 64) - 1)
        yield f"mov {R64[a]}, -5", lambda s, a=a: s.mov_imm(a, -5)
        yield f"movabs {R64[a]}, 0x123456789abcdef0", lambda s, a=a: s.mov_imm(a, 0x123456789ABCDEF0)
        yield f"movabs {R64[a]}, -0x123456789abcdef0", lambda s, a=a: s.mov_imm(a, -0x123456789ABCDEF0)
    for imm in (0, 127, 128, -128, -129, 0x7FFFFFFF):
        yield f"push {imm}", lambda s, i=imm: s.push_imm(i)


def memory(base: int, disp: int, index: int = -1, scale: int = 1) -> str:
    text = R64[base] if base >= 0 else ""
    if index >= 0:
        text += f" + {R64[index]}*{scale}"
    return f"[{text} + {disp}]"


def memory_forms() -> Iterator[Form]:
    for base in range(16):
        for disp in DISPLACEMENTS:
            at = memory(base, disp)
            for reg in (0, 1, 4, 5, 7, 8, 12, 15):
                yield f"mov {R64[reg]}, QWORD PTR {at}", lambda s, r=reg, b=base, d=disp: s.load(r, b, d)
                yield f"mov QWORD PTR {at}, {R64[reg]}", lambda s, r=reg, b=base, d=disp: s.store(b, d, r)
                yield (
                    f"mov {R32[reg]}, DWORD PTR {at}",
                    lambda s, r=reg, b=base, d=disp: s.mem(x.MOV_LOAD, r, b, d, 0),
                )
                yield (
                    f"mov BYTE PTR {at}, {R8[reg]}",
                    lambda s, r=reg, b=base, d=disp: s.mem8(x.MOV_STORE8, r, b, d),
                )
                yield f"lea {R64[reg]}, {at}", lambda s, r=reg, b=base, d=disp: s.mem(x.LEA, r, b, d, W)
                yield (
                    f"movzx {R32[reg]}, BYTE PTR {at}",
                    lambda s, r=reg, b=base, d=disp: s.mem(x.MOVZX8, r, b, d, 0),
                )
                yield (
                    f"movsxd {R64[reg]}, DWORD PTR {at}",
                    lambda s, r=reg, b=base, d=disp: s.mem(x.MOVSXD, r, b, d, W),
                )
                yield (
                    f"movsd {XMM[reg]}, QWORD PTR {at}",
                    lambda s, r=reg, b=base, d=disp: s.mem(x.MOVSD_LOAD, r, b, d, 0),
                )
                yield (
                    f"movsd QWORD PTR {at}, {XMM[reg]}",
                    lambda s, r=reg, b=base, d=disp: s.mem(x.MOVSD_STORE, r, b, d, 0),
                )
            for width, size in SIZES.items():
                for imm in (0, 1, -1, 127, -128) + ((128, 0x1234) if width > 1 else ()):
                    yield (
                        f"cmp {size} PTR {at}, {imm}",
                        lambda s, b=base, d=disp, i=imm, w=width: s.alu_mem_imm(x.CMP, b, d, i, w),
                    )
            yield f"inc DWORD PTR {at}", lambda s, b=base, d=disp: s.mem(0xFF, 0, b, d, 0)
            yield f"push QWORD PTR {at}", lambda s, b=base, d=disp: s.mem(0xFF, 6, b, d, 0)
            yield f"pop QWORD PTR {at}", lambda s, b=base, d=disp: s.mem(0x8F, 0, b, d, 0)


def indexed_forms() -> Iterator[Form]:
    for base in range(-1, 16):
        for index in range(16):
            if index == 4:
                continue
            for scale in (1, 2, 4, 8):
                if base < 0 and scale == 1:
                    continue  # `as` drops the index
                for disp in (0, 8, -200):
                    at = memory(base, disp, index, scale)
                    yield (
                        f"mov {R64[index]}, QWORD PTR {at}",
                        lambda s, i=index, b=base, d=disp, c=scale: s.indexed(x.MOV_LOAD, i, b, i, c, d, W),
                    )


def disassemble(code: bytes) -> list[str]:
    machine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    return [f"{i.mnemonic} {i.op_str}" for i in machine.disasm(code, 0)]


def assemble(lines: list[str], folder: Path) -> list[bytes]:
    """Each line's bytes: every instruction gets a slot of 16 bytes, and the disassembler tells its size."""
    source = folder / "forms.s"
    source.write_text(".intel_syntax noprefix\n" + "".join(f"{line}\n.balign 16\n" for line in lines))
    subprocess.run(["as", "--64", "-o", str(folder / "forms.o"), str(source)], check=True)
    command = ["objcopy", "-O", "binary", "-j", ".text", str(folder / "forms.o"), str(folder / "forms.bin")]
    subprocess.run(command, check=True)
    code = (folder / "forms.bin").read_bytes()
    machine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    slots = [code[at : at + 16] for at in range(0, len(code), 16)]
    return [slot[: next(machine.disasm_lite(slot, 0, 1))[1]] for slot in slots]


@pytest.mark.skipif(shutil.which("as") is None, reason="no system assembler")
@pytest.mark.parametrize("forms", [register_forms, one_register_forms, memory_forms, indexed_forms])
def test_against_system_assembler(forms: Callable[[], Iterator[Form]], tmp_path: Path) -> None:
    lines = []
    ours = []
    for text, emit in forms():
        asm = Assembler()
        emit(asm)
        lines.append(text)
        ours.append(asm.code())
    theirs = assemble(lines, tmp_path)
    assert len(theirs) == len(ours)
    for text, mine, his in zip(lines, ours, theirs, strict=True):
        if mine != his:
            assert disassemble(mine) == disassemble(his), text
            assert len(mine) <= len(his), text


def test_short_jumps_land() -> None:
    asm = Assembler()
    jump = asm.jcc8(5)
    asm.ret()
    asm.land(jump)
    asm.ret()
    assert disassemble(asm.code()) == ["jne 3", "ret ", "ret "]


def test_holes() -> None:
    asm = Assembler()
    position = asm.rip(x.LEA, 11, W)
    assert (position, asm.here()) == (3, 7)
    position = asm.mov32_hole(9)
    assert (position, asm.here()) == (9, 13)
    assert disassemble(asm.code()) == ["lea r11, [rip]", "mov r9d, 0"]
