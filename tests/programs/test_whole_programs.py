"""Whole programs whose output must be stock's, however they run.

live/: the program changes under compiled code. tools/: tracers, profilers, debuggers. around/: threads, signals, fork,
recursion, shutdown. loops/: long loops, entered while they run. A program may say in its first line how it is run
(`# ways: first warm`), where not all make sense.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
PROGRAMS = sorted(
    path for folder in ("live", "tools", "around", "loops") for path in (FOLDER / folder).glob("*.py")
)
WAYS = {
    "first": {"PYSTON_THRESHOLD": "1"},
    "warm": {"PYSTON_THRESHOLD": "6"},
    "exits": {"PYSTON_THRESHOLD": "1", "PYSTON_STRESS": "exits,gc"},
    "evict": {"PYSTON_THRESHOLD": "2", "PYSTON_STRESS": "evict,restless"},
    "loops": {"PYSTON_THRESHOLD": "6", "PYSTON_STRESS": "loops"},
    "usual": {},
    "loops-exits": {"PYSTON_STRESS": "loops,exits"},
    "loops-evict": {"PYSTON_STRESS": "loops,evict"},
}
USUAL = ("first", "warm", "exits", "evict", "loops")


def ways_of(program: Path) -> list[str]:
    wanted = re.match(r"# ways: ([\w -]+)\n", program.read_text())
    return wanted[1].split() if wanted else list(USUAL)


def run(program: Path, variables: dict[str, str]) -> tuple[int, str, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYSTON")}
    environment |= {"PYTHONHASHSEED": "0", **variables}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-W", "ignore::DeprecationWarning", program.name],
        cwd=program.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return (
        done.returncode,
        *(re.sub(r"0x[0-9a-f]{6,}", "ADDRESS", text) for text in (done.stdout, done.stderr)),
    )


@functools.cache
def stock(program: Path) -> tuple[int, str, str]:
    return run(program, {"PYSTON": "0"})


CASES = [(program, way) for program in PROGRAMS for way in ways_of(program)]


@pytest.mark.parametrize(
    ("program", "way"), CASES, ids=[f"{p.parent.name}-{p.stem}-{way}" for p, way in CASES]
)
def test_same_as_stock(program: Path, way: str) -> None:
    status, output, errors = run(program, WAYS[way])
    expected = stock(program)
    assert expected[0] == 0, expected[2]
    assert output.splitlines() == expected[1].splitlines(), errors
    assert (status, errors) == (0, expected[2])
