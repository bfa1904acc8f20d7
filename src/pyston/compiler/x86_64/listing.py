"""The machine code of an artifact as a readable listing, for `dump --asm`. Needs the capstone package."""

from __future__ import annotations

from pyston.compiler import artifact as art
from pyston.compiler.artifact import Artifact, Relocation
from pyston.compiler.native import Any


class NoDisassembler(Exception):
    """capstone is not installed."""


def print_assembly(artifact: Artifact) -> str:
    """One line an instruction: offset, bytes, text, and what a hole in it refers to."""
    try:
        import capstone
    except ImportError:
        raise NoDisassembler("the listing of machine code needs the package capstone") from None
    machine: Any = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    machine.skipdata = True
    holes = {relocation.position: relocation for relocation in artifact.relocations}
    units = dict(artifact.line_map)
    lines = [
        f"{len(artifact.code)} bytes, {artifact.hot_bytes} of them hot; {len(artifact.exits)} exits;"
        f" {artifact.spill_bytes} bytes of stack"
    ]
    for address, size, mnemonic, operands in machine.disasm_lite(artifact.code, 0):
        if address in units:
            lines.append(f"; bytecode {units[address]}")
        if address == artifact.hot_bytes:
            lines.append("; --- cold ---")
        if address == artifact.epilogue:
            lines.append("; epilogue")
        text = f"{address:5x}  {artifact.code[address : address + size].hex():<22} {mnemonic} {operands}"
        notes = [describe(artifact, holes[at]) for at in range(address, address + size) if at in holes]
        if notes:
            text = f"{text:<72} ; {', '.join(notes)}"
        lines.append(text.rstrip())
    return "\n".join(lines) + "\n"


def describe(artifact: Artifact, relocation: Relocation) -> str:
    kind = relocation.kind
    if kind == art.RELOC_HELPER_REL32:
        return str(artifact.helpers[relocation.target])
    if kind == art.RELOC_CHECKED_REL32:
        return f"{artifact.helpers[relocation.target] or 'the result'}, checked"
    if kind == art.RELOC_PRESERVING_REL32:
        return f"{artifact.helpers[relocation.target]}, preserving"
    if kind == art.RELOC_CONST_ABS32 or kind == art.RELOC_CONST_ABS64:
        text = repr(artifact.constants[relocation.target])
        text = text if len(text) <= 40 else text[:37] + "..."
        return f"{text} + {relocation.addend}" if relocation.addend else text
    if kind == art.RELOC_CELL_REL32:
        return f"cell + {relocation.target}"
    if kind == art.RELOC_CODE_LO32 or kind == art.RELOC_CODE_LO8:
        return f"bytecode {relocation.addend}"
    return "this artifact" if kind == art.RELOC_ARTIFACT_ABS64 else "version"
