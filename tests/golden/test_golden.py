"""Runs the cases of tests/golden/*.test: what each pass makes of a function, as text.

A case is a piece of Python that defines `f`, and sections:

    [case what it shows]    then the source
    [warm]                  expressions, each evaluated often before f is compiled: the interpreter's own feedback
    [entries]               `loops`: every loop header can be entered from outside as well
    [loop]                  a loop alone, entered while it runs: of `f` or of the `module` itself, then the types of the
                            slots, and behind a slash those of the operand stack: as many as loops in each other
    [world]                 what the compiler is told about live objects (tests/golden/world.py)
    [hir after PASS]        HIR after a pass of compiler/pipeline.py; `[hir]` after the last
    [lir]                   LIR before registers are allocated
    [given up]              the reason, where f stays in the interpreter

The listings are written by `make golden` and reviewed as code: an empty section is filled in. HIR is verified after
every pass, whether a case shows it or not.
"""

from __future__ import annotations

import re
import types
from pathlib import Path
from typing import Any

import pytest
from tests.golden.world import FakeWorld

import pyston
from pyston.compiler.bytecode.cfg import Unsupported, build_flow
from pyston.compiler.bytecode.decode import decode
from pyston.compiler.hir import types as t
from pyston.compiler.hir.printer import show_function
from pyston.compiler.hir.values import Function
from pyston.compiler.hir.verifier import verify_after
from pyston.compiler.lir.instructions import Code
from pyston.compiler.lir.printer import print_code
from pyston.compiler.pipeline import compile_function
from pyston.compiler.snapshot import NAMES_GLOBAL, NAMES_MODULE, Loop, take_snapshot

FOLDER = Path(__file__).parent
HEADER = re.compile(r"^\[(case .+|warm|entries|loop|world|hir|hir after \w+|lir|given up)\]$")
WARM_UP = 60
MASKS = {name: mask for mask, name in t.NAMES.items()}


class Case:
    """The sections of one case, in the order of the file; the first is the source."""

    def __init__(self, file: Path, title: str) -> None:
        self.file = file
        self.title = title
        self.sections: list[tuple[str, str]] = []

    def text(self, header: str) -> str:
        return dict(self.sections).get(header, "")


def read(file: Path) -> list[Case]:
    cases: list[Case] = []
    lines: list[str] = []
    header = ""
    for line in [*file.read_text().splitlines(), "[case end]"]:
        if not HEADER.match(line):
            lines.append(line)
            continue
        if header:
            cases[-1].sections.append((header, "\n".join(lines).strip("\n") + "\n"))
        elif "".join(lines).strip():
            raise ValueError(f"{file.name} begins with text outside any case")
        lines = []
        header = line[1:-1]
        if header.startswith("case "):
            cases.append(Case(file, header[5:]))
    return cases[:-1]


def write(file: Path, cases: list[Case]) -> None:
    parts = [f"[{header}]\n{text}" for case in cases for header, text in case.sections]
    text = "".join(part if not part.startswith("[case ") else "\n" + part for part in parts)
    file.write_text(text.lstrip("\n"))


def listings(case: Case) -> dict[str, str]:
    """Every listing there is of the case, by header."""
    # The runtime's calls are not wanted: f is only looked at.
    pyston.disable()
    namespace: dict[str, Any] = {"__name__": "golden"}
    exec(compile(case.sections[0][1], f"<{case.title}>", "exec", dont_inherit=True), namespace)
    function = namespace["f"]
    assert isinstance(function, types.FunctionType)
    for expression in filter(None, case.text("warm").splitlines()):
        code = compile(expression, "<warm>", "eval")
        for _ in range(WARM_UP):
            eval(code, namespace)
    found: dict[str, str] = {}

    def see_hir(stage: str, hir: Function) -> None:
        verify_after(stage, hir)
        found[f"hir after {stage}"] = found["hir"] = show_function(hir)

    def see_lir(code: Code) -> None:
        found["lir"] = print_code(code)

    snapshot = take_snapshot(function.__code__)
    loop: Loop | None = None
    if case.text("loop"):
        what, *words = case.text("loop").split()
        if what == "module":
            snapshot = take_snapshot(compile(case.sections[0][1], f"<{case.title}>", "exec"))
        masks = [MASKS.get(word, 0) for word in words if word != "/"]
        count = len(snapshot.slot_names)
        headers = [block.start for block in build_flow(decode(snapshot)) if block.loop_header]
        names = NAMES_MODULE if what == "module" else NAMES_GLOBAL
        depth = min(len(masks) - count, len(headers))
        loop = Loop(headers[depth - 1], masks[:count], masks[count:], names)
    entries: frozenset[int] = frozenset()
    if case.text("entries").strip() == "loops":
        entries = frozenset(block.start for block in build_flow(decode(snapshot)) if block.loop_header)
    try:
        compile_function(snapshot, FakeWorld(namespace, case.text("world")), see_hir, see_lir, entries, loop)
    except Unsupported as unsupported:
        found["given up"] = unsupported.reason + "\n"
    return found


CASES = [case for file in sorted(FOLDER.glob("*.test")) for case in read(file)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file.stem}: {case.title}")
def test_case(case: Case, request: pytest.FixtureRequest) -> None:
    found = listings(case)
    if request.config.getoption("--update-golden"):
        cases = [other if other.title != case.title else case for other in read(case.file)]
        case.sections = [(header, found.get(header, text)) for header, text in case.sections]
        write(case.file, cases)
        return
    shown = False
    for header, expected in case.sections[1:]:
        if header in ("warm", "entries", "loop", "world"):
            continue
        assert header in found, f"there is no {header}; there are {', '.join(found)}"
        assert found[header] == expected, f"[{header}] differs: make golden writes it anew"
        shown = True
    assert shown, "the case shows nothing"
    assert ("given up" in found) == bool(case.text("given up"))
    for text in found.values():
        assert "0x7f" not in text, "an address shows"


def test_titles_are_unique() -> None:
    titles = [(case.file, case.title) for case in CASES]
    assert len(titles) == len(set(titles))
