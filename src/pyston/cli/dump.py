"""`python -m pyston dump FILE.py:qualname`: a function at any stage between bytecode and machine code.

Pyston is switched off while the function is warmed up, so that the interpreter's feedback is all there; then the
function is compiled as if it had become hot now, and nothing is installed.
"""

from __future__ import annotations

import argparse
import dis
import io
import traceback
import types

import pyston
from pyston import _runtime
from pyston.cli import target
from pyston.cli.problem import Problem
from pyston.compiler.artifact import Artifact
from pyston.compiler.bytecode.cfg import Unsupported
from pyston.compiler.hir.printer import show_function
from pyston.compiler.hir.values import Function
from pyston.compiler.lir.instructions import Code
from pyston.compiler.lir.printer import print_code
from pyston.compiler.pipeline import compile_function
from pyston.compiler.snapshot import take_snapshot
from pyston.compiler.x86_64.listing import NoDisassembler, print_assembly
from pyston.live_world import LiveWorld

EPILOG = """\
examples:
  python -m pyston dump app.py:Basket.total --warm 'Basket([1, 2]).total()'
  python -m pyston dump textwrap:dedent --warm 'dedent("  a\\\\n  b")' --asm
  python -m pyston dump app.py:main --hir --after all

docs/hir.md and docs/lir.md explain the listings."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    target.add_arguments(parser)
    parser.add_argument("--bytecode", action="store_true", help="the interpreter's specialised code")
    parser.add_argument("--hir", action="store_true", help="the compiler's high-level form (the default)")
    parser.add_argument(
        "--lir", action="store_true", help="its low-level form, before registers are allocated"
    )
    parser.add_argument("--asm", action="store_true", help="machine code (needs the package capstone)")
    parser.add_argument(
        "--after", metavar="PASS", help="HIR after this pass, not the last one; all: after each"
    )


class Stages:
    """What the compiler showed on its way."""

    def __init__(self) -> None:
        self.hir: dict[str, str] = {}
        self.lir = ""

    def see_hir(self, stage: str, function: Function) -> None:
        self.hir[stage] = show_function(function)

    def see_lir(self, code: Code) -> None:
        self.lir = print_code(code)


def execute(options: argparse.Namespace) -> int:
    pyston.disable()
    function = target.find(options)
    if options.bytecode:
        print(heading("bytecode", function) + specialised(function))
    wants_code = options.lir or options.asm
    wants_hir = options.hir or options.after is not None or not (options.bytecode or wants_code)
    if not (wants_code or wants_hir):
        return 0
    stages = Stages()
    artifact, reason = compile_function_of(function, stages)
    if wants_hir:
        print_hir(options.after, function, stages)
    if reason is not None:
        raise Problem(f"{function.__qualname__} stays in the interpreter: {reason}", 1)
    if options.lir:
        print(heading("LIR", function) + stages.lir)
    if options.asm and artifact is not None:
        print(heading("machine code", function) + assembly(function.__code__, artifact))
    return 0


def compile_function_of(function: types.FunctionType, stages: Stages) -> tuple[Artifact | None, str | None]:
    """The artifact, or why there is none."""
    _runtime.open_session()
    try:
        snapshot = take_snapshot(function.__code__)
        return compile_function(snapshot, LiveWorld(function), stages.see_hir, stages.see_lir), None
    except Unsupported as unsupported:
        return None, unsupported.reason
    except Exception as error:
        traceback.print_exc()
        return None, f"the compiler failed with {type(error).__name__}, and that is a bug of Pyston"


def print_hir(after: str | None, function: types.FunctionType, stages: Stages) -> None:
    if not stages.hir:
        return  # not even built: the reason follows
    if after == "all":
        for stage, text in stages.hir.items():
            print(heading(f"HIR after {stage}", function) + text)
        return
    stage = after if after is not None else list(stages.hir)[-1]
    if stage not in stages.hir:
        raise Problem(f"there is no pass {stage}; --after takes all, {', '.join(stages.hir)}")
    print(heading(f"HIR after {stage}", function) + stages.hir[stage])


def heading(what: str, function: types.FunctionType) -> str:
    code = function.__code__
    return f"; {what} of {function.__qualname__} ({code.co_filename}:{code.co_firstlineno})\n"


def specialised(function: types.FunctionType) -> str:
    text = io.StringIO()
    dis.dis(function.__code__, file=text, adaptive=True, show_offsets=True, depth=0)
    return text.getvalue()


def assembly(code: types.CodeType, artifact: Artifact) -> str:
    """The listing; where it names a bytecode, with its name and line."""
    try:
        listing = print_assembly(artifact)
    except NoDisassembler as missing:
        raise Problem(f"{missing} (pip install capstone)", 1) from None
    names: dict[str, str] = {}
    line = 0
    for instruction in dis.get_instructions(code, adaptive=True):
        line = instruction.line_number or line
        names[str(instruction.offset // 2)] = (
            f"{instruction.opname} {instruction.argrepr}".rstrip() + f", line {line}"
        )
    lines = []
    for text in listing.splitlines():
        start, _, unit = text.rpartition(" ")
        lines.append(f"{text}: {names[unit]}" if start == "; bytecode" and unit in names else text)
    return "\n".join(lines) + "\n"
