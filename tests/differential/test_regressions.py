"""Reductions of what once went wrong, where a case in cases/ cannot say it."""

from __future__ import annotations

import os
import subprocess
import sys

import pyston


def same_output(program: str) -> str:
    """What the program prints, on stock and with everything compiled at its first call."""
    outputs = []
    for variables in ({"PYSTON": "0"}, {"PYSTON_THRESHOLD": "1"}):
        environment = {**{k: v for k, v in os.environ.items() if not k.startswith("PYSTON")}, **variables}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, text=True, capture_output=True, timeout=60)
        outputs.append((done.returncode, done.stdout, done.stderr))
    assert outputs[1] == outputs[0]
    return outputs[1][1]


def test_explain_twice():
    """The function was once replaced by its module at the first call."""

    def f():
        return 1

    assert isinstance(pyston.explain(f), str)
    assert isinstance(pyston.explain(f), str)


NOISY = """
class Noisy:
    def __init__(self, name):
        self.name = name
    def __del__(self):
        print("died", self.name)
"""


def test_globals_die_at_the_end():
    """Compiled code keeps the globals that it uses, but not beyond the end of the program."""
    program = (
        NOISY
        + """
x = Noisy("x")
def f():
    return x
f()
f()
print("end")
"""
    )
    assert same_output(program) == "end\ndied x\n"


def test_deleted_global_dies_at_once():
    program = (
        NOISY
        + """
x = Noisy("x")
def f():
    return x
f()
f()
del x
print("deleted")
x = Noisy("second")
f()
x = None
print("end")
"""
    )
    assert same_output(program) == "died x\ndeleted\ndied second\nend\n"
