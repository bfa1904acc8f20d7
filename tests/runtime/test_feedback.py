"""What the interpreter and failed guards tell about a site: it is not compiled for one kind where several come.

Each program runs with everything on, and says how often its functions were compiled and how often they left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

START = """
class A:
    def __init__(self):
        self.p, self.q, self.r, self.s = 1, 2, 3, 4
    def method(self): return 5
class B(A): pass
plain, other = A(), B()
unfolded = A()
unfolded.__dict__ = dict(unfolded.__dict__)  # its attributes are stored in a dict of its own from here on
"""

# Each line: of what the interpreter has specialised for, then a mixture. A receiver's guards would fail one by one.
PROGRAMS = {
    "layouts": """
def f(x): return x.p + x.q, x.r, x.s, x.method()
for n in range(60000): f(plain if n < 3000 or n % 3 else unfolded)
""",
    "classes": """
def f(x): return x.p + x.q, x.r, x.s, x.method()
for n in range(60000): f(plain if n < 3000 or n % 3 else other)
""",
    "stores": """
def f(x): x.p = 1; x.q = 2; x.r = 3; x.s = 4
for n in range(60000): f(plain if n < 3000 or n % 3 else unfolded)
""",
    "attributes seen to vary": """
def f(x): return x.p, x.q
for n in range(60000): f((plain, other, unfolded)[n % 3])
""",
    "truth seen to vary": """
def f(x): return 1 if x else 2
for n in range(60000): f(("", None, 1, [])[n % 4])
""",
    "iteration seen to vary": """
def f(x):
    for y in x: pass
for n in range(60000): f(((1,), [1], {1})[n % 3])
""",
    "callees seen to vary": """
def g(): pass
def h(): pass
def f(x): x()
for n in range(60000): f((g, h)[n % 2])
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_few_compilations(name: str, tmp_path: Path) -> None:
    file = tmp_path / "statistics.json"
    environment = os.environ | {"PYSTON": "1", "PYSTON_THRESHOLD": "1500", "PYSTON_STATS": str(file)}
    subprocess.run([sys.executable, "-c", START + PROGRAMS[name]], env=environment, check=True)
    statistics = json.loads(file.read_text())
    [found] = [function for function in statistics["functions"] if function["function"] == "f"]
    left = sum(exit[5] for exit in statistics["exits"] if exit[0] == "f")
    assert found["state"] == "compiled"
    if "seen" in name:
        assert found["compiles"] == 1
        assert left < 10
    else:
        assert found["compiles"] == 2
        assert left < 200
