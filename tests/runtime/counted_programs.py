"""Programs about how calls are counted, each in a process of its own, where all that Pyston does by itself is on."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

PRELUDE = """
import os
import sys
import threading
import time
import pyston
from pyston import _runtime

assert hasattr(sys, "pyston_version_info")

def wait(ms):
    # CPU time, and nothing that would be counted.
    end = time.process_time() + ms / 1000
    while time.process_time() < end:
        pass

def f(x):
    return x

def state(function):
    return _runtime.state(function)[0]

def calls(function):
    return _runtime.state(function)[1]
"""


def run(folder: Path, source: str, **variables: str) -> None:
    """Runs it behind the prelude, under these variables of Pyston's and no others; fails where the program fails."""
    program = folder / "program.py"
    program.write_text(PRELUDE + textwrap.dedent(source))
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(program)],
        env={k: v for k, v in os.environ.items() if not k.startswith("PYSTON")} | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
