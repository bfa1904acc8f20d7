"""Programs that print the same on stock CPython and with everything compiled, in several modes."""

from __future__ import annotations

import os
import subprocess
import sys

MODES = {
    "compiled": {"PYSTON_THRESHOLD": "1"},
    "exits,gc": {"PYSTON_THRESHOLD": "4", "PYSTON_STRESS": "exits,gc"},
    "evict": {"PYSTON_THRESHOLD": "4", "PYSTON_STRESS": "evict"},
}

# What programs about the ends of objects begin with.
PRELUDE = """
import gc, sys, tracemalloc, types, weakref

log = []

class Noisy:
    def __init__(self, name):
        self.name = name
    def __del__(self):
        log.append(self.name)

def several(function, *arguments):
    "What it logs is the same each time, from the first on."
    outcomes = []
    for _ in range(70):
        log.clear()
        function(*arguments)
        outcomes.append(list(log))
    print(function.__name__, outcomes[0], all(outcome == outcomes[0] for outcome in outcomes))
"""


def output(program: str, *flags: str, **variables: str) -> tuple[int, str, str]:
    """The program's exit code, output and errors, under these flags and these variables of Pyston's and no others."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYSTON")}
    done = subprocess.run(
        [sys.executable, *flags, "-c", program],
        capture_output=True,
        text=True,
        env={**environment, **variables},
        timeout=240,
    )
    return done.returncode, done.stdout, done.stderr


def check_same_as_stock(program: str, modes: tuple[str, ...] = tuple(MODES)) -> None:
    expected = output(program, PYSTON="0")
    assert expected[0] == 0, expected[2]
    for mode in modes:
        assert output(program, **MODES[mode]) == expected, mode
