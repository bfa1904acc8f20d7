"""Artifacts made by hand, for tests of the runtime without the compiler.

A body is assembly text (Intel syntax, the system assembler). Names with a dot become relocations: `helper.NAME`,
`preserving.NAME`, `const.N`, `cell.N`, `unit.N` (low half of a code unit's address), and the plain names `artifact` and
`version`. `EXIT(k)` in the text jumps to the cold stub of exit k.
"""

from __future__ import annotations

import functools
import pathlib
import re
import struct
import subprocess
import tempfile
from collections.abc import Callable, Sequence

from pyston.compiler import artifact as contract
from pyston.compiler.artifact import Artifact, ExitEntry, ExitRecord, Relocation

PROLOGUE = """
.intel_syntax noprefix
.text
    push rbx
    push r15
    push rbp
    push r12
    push r13
    push r14
    sub rsp, 264
    mov r15, rdi
    mov rbx, rsi
"""
EPILOGUE = """
epilogue:
    add rsp, 264
    pop r14
    pop r13
    pop r12
    pop rbp
    pop r15
    pop rbx
    ret
tail:
    movabs r11, offset artifact
    jmp helper.exit_thunk
pushed_tail:
    movabs r11, offset artifact
    jmp helper.exit_thunk_pushed
sync_tail:
    movabs r11, offset artifact
    jmp helper.sync_thunk
"""

# Pieces of text. The argument slots: what is in memory may be borrowed.
LOAD_ARGUMENT_0 = """
    mov rax, [rbx+80]
    and rax, -2
"""
RELEASE_ARGUMENT_0 = """
    mov rdi, [rbx+80]
    test dil, 1
    jne 8f
    call helper.decref_rdi
8:
    mov qword ptr [rbx+80], 1
"""
INCREF_RAX = """
    cmp dword ptr [rax], 0
    jl 9f
    inc dword ptr [rax]
9:
"""
POP_AND_RETURN = """
    call helper.give_back_0
    jmp epilogue
"""
# Of a function of one argument: returns constants[0], releases the argument.
RETURN_CONSTANT = RELEASE_ARGUMENT_0 + "movabs rax, offset const.0\n" + INCREF_RAX + POP_AND_RETURN
# At the start of a body: exits 0, 1 and 2 are the SYNC, LEAVE and ERROR of the check.
CHECK_TOOLS = f"""
    mov rax, [r15+{24}]
    cmp rax, [rip+version]
    je 5f
    push 0
    push 0
    call sync_tail
5:
"""


@functools.cache
def assemble(text: str) -> tuple[bytes, list[tuple[int, int, str, int]], dict[str, int]]:
    """Returns the code, its relocations (ELF type, position, symbol, addend) and the labels."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "body.s"), pathlib.Path(folder, "body.o")
        source.write_text(text)
        subprocess.run(["as", "--64", "-mmnemonic=intel", "-o", target, source], check=True)
        elf = target.read_bytes()
    section_table, count, names_index = (
        *struct.unpack_from("<Q", elf, 40),
        *struct.unpack_from("<HH", elf, 60),
    )
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, section_table + 64 * i) for i in range(count)]

    def text_at(base: int, offset: int) -> str:
        start = base + offset
        return elf[start : elf.index(b"\0", start)].decode()

    by_name = {text_at(sections[names_index][4], section[0]): section for section in sections}
    code = elf[by_name[".text"][4] :][: by_name[".text"][5]]
    strings = by_name[".strtab"][4]
    symbols = []
    labels = {}
    for position in range(by_name[".symtab"][4], by_name[".symtab"][4] + by_name[".symtab"][5], 24):
        name, _info, _other, section, value, _size = struct.unpack_from("<IBBHQQ", elf, position)
        symbols.append(text_at(strings, name))
        if section not in (0, 0xFFF1, 0xFFF2) and name:
            labels[symbols[-1]] = value
    relocations = []
    if ".rela.text" in by_name:
        start, size = by_name[".rela.text"][4], by_name[".rela.text"][5]
        for position in range(start, start + size, 24):
            offset, info, addend = struct.unpack_from("<QQq", elf, position)
            relocations.append((info & 0xFFFFFFFF, offset, symbols[info >> 32], addend))
    return code, relocations, labels


def api(name: str) -> int:
    """The address of a function of CPython's C API, to be called through a register."""
    import ctypes

    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0


def call_api(name: str) -> str:
    return f"movabs rax, {api(name)}\ncall rax\n"


def entry(dest: int, repr_: int, where: int, index: int) -> ExitEntry:
    return ExitEntry(dest, repr_, where, index)


def exit_(
    kind: int,
    offset: int = 0,
    depth: int = 0,
    entries: Sequence[ExitEntry] = (),
    reason: str = "test",
    lasti: int = -1,
) -> ExitRecord:
    return ExitRecord(kind, offset, offset if lasti < 0 else lasti, depth, reason, list(entries))


def make(
    text: str,
    exits: Sequence[ExitRecord] = (),
    constants: Sequence[object] = (),
    cells: bytes = b"",
    cell_objects: Sequence[tuple[int, object]] = (),
    dependencies: Sequence[tuple[object, ...]] = (),
) -> Artifact:
    """Makes an artifact of a body's text."""
    text = re.sub(r"EXIT\((\d+)\)", r"exit_\1", text)
    stubs = "".join(f"exit_{k}: mov eax, {k}\n jmp tail\n" for k in range(len(exits)))
    pushed = "".join(f"pushed_exit_{k}: push {k}\n jmp pushed_tail\n" for k in range(len(exits)))
    code, relocations, labels = assemble(PROLOGUE + text + EPILOGUE + stubs + pushed)
    artifact = Artifact()
    artifact.code = code
    artifact.hot_bytes = labels["epilogue"]
    artifact.epilogue = labels["epilogue"]
    artifact.exits = list(exits)
    artifact.constants = list(constants)
    artifact.cells = cells
    artifact.cell_objects = list(cell_objects)
    artifact.dependencies = list(dependencies)
    artifact.instructions = 1
    for kind, position, symbol, addend in relocations:
        family, _, name = symbol.partition(".")
        absolute = kind in (1, 10, 11)  # R_X86_64_64, _32, _32S
        wide = kind == 1
        if not absolute:
            addend += 4
        if family in ("helper", "preserving"):
            if name not in artifact.helpers:
                artifact.helpers.append(name)
            target = artifact.helpers.index(name)
            ours = contract.RELOC_HELPER_REL32 if family == "helper" else contract.RELOC_PRESERVING_REL32
        elif family == "const":
            target = int(name)
            ours = contract.RELOC_CONST_ABS64 if wide else contract.RELOC_CONST_ABS32
        elif family == "cell":
            ours, target = contract.RELOC_CELL_REL32, int(name)
        elif family == "unit":
            ours, target, addend = contract.RELOC_CODE_LO32, 0, int(name)
        elif family == "artifact":
            ours, target = contract.RELOC_ARTIFACT_ABS64, 0
        elif family == "version":
            ours, target = contract.RELOC_VERSION_REL32, 0
        else:
            raise ValueError(symbol)
        artifact.relocations.append(Relocation(ours, position, target, addend))
    return artifact


def tool_exits(offset: int, depth: int = 0, entries: Sequence[ExitEntry] = ()) -> list[ExitRecord]:
    """What CHECK_TOOLS needs."""
    return [exit_(contract.EXIT_SYNC, offset, depth, entries)]


def install(runtime: object, function: Callable[..., object], *args: object, **kwargs: object) -> None:
    problem = runtime.install(function, make(*args, **kwargs))  # type: ignore[attr-defined,arg-type]
    assert problem is None, problem
    assert runtime.is_compiled(function)  # type: ignore[attr-defined]


def unit_of(function: Callable[..., object], opname: str, which: int = 0) -> int:
    """The code unit of the function's n-th instruction of that name."""
    import dis

    return [i.offset // 2 for i in dis.get_instructions(function) if i.opname == opname][which]
