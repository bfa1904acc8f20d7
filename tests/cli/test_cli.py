"""`python -m pyston`, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """\
import functools
import sys


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    @property
    def length(self):
        return self.x * self.x + self.y * self.y

    @functools.lru_cache
    def cached(self):
        return self.length


def total(count):
    point, result = Point(1.0, 2.0), 0.0
    for _ in range(count):
        result += point.length
    return result


def long():
    n = 1
    LONG


def make():
    def inner():
        return 1

    return inner


if __name__ == "__main__":
    for _ in range(40):
        total(100)
        long()
    print(sys.argv[1:], total(3))
    sys.exit(7)
"""


@pytest.fixture
def app(tmp_path: Path) -> str:
    path = tmp_path / "app.py"
    path.write_text(PROGRAM.replace("LONG", "n = -n; " * 4000))  # too large to be compiled
    return str(path)


def pyston(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYSTON")}
    return subprocess.run(
        [sys.executable, "-m", "pyston", *arguments],
        capture_output=True,
        text=True,
        env={**environment, **variables},
        timeout=120,
    )


def refused(status: int, sentence: str, *arguments: str) -> None:
    done = pyston(*arguments)
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize("command", ["", "run", "dump", "explain", "stats"])
def test_help(command):
    done = pyston(*command.split(), "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: python -m pyston")
    assert done.stderr == ""


def test_run_is_the_program_itself(app):
    stock = subprocess.run([sys.executable, app, "-m", "--stats"], capture_output=True, text=True)
    done = pyston("run", app, "-m", "--stats")
    assert (done.returncode, done.stdout, done.stderr) == (7, stock.stdout, stock.stderr)
    assert done.stdout == "['-m', '--stats'] 15.0\n"


def test_run_stats(app, tmp_path):
    file = tmp_path / "statistics.json"
    done = pyston("run", "--stats", "--json", str(file), "--threshold", "5", app)
    assert done.returncode == 7
    assert done.stdout == "[] 15.0\n"
    for text in ("compile time", "of them compiled", "total", "too large", "app.py:"):
        assert text in done.stderr, done.stderr
    statistics = json.loads(file.read_text())
    states = {row["function"]: row["state"] for row in statistics["functions"]}
    assert states["long"] == "given up"
    assert states["total"] == "compiled"
    assert statistics["calls_compiled"] > 3000

    shown = pyston("stats", str(file))
    assert shown.returncode == 0
    assert shown.stdout == done.stderr


def test_run_without_rich(app, tmp_path):
    (tmp_path / "rich.py").write_text("raise ImportError('not here')")
    done = pyston("run", "--stats", app, PYTHONPATH=str(tmp_path))
    assert done.returncode == 7
    assert "compile time" in done.stderr


def test_run_modules_and_code():
    assert pyston("run", "-c", "import sys; print(sys.argv)", "--help").stdout == "['-c', '--help']\n"
    assert pyston("run", "-m", "json", "--help").stdout.startswith("usage: ")
    assert pyston("run", "-c", "import os; os.kill(os.getpid(), 9)").returncode == 137
    done = pyston("run", "--stats", "-c", "import os; os._exit(3)")
    assert done.returncode == 1
    assert "left no statistics" in done.stderr


def test_run_refuses():
    refused(2, "name a script", "run")
    refused(2, "there is no file nowhere.py", "run", "nowhere.py")
    refused(2, "-m needs an argument", "run", "-m")
    refused(2, "--threshold is a number from 1 on", "run", "--threshold", "0", "-c", "pass")


def test_stats_refuses(tmp_path, app):
    other = tmp_path / "other.json"
    other.write_text('{"functions_compiled": 3, "exits": [[1]]}')
    refused(2, "cannot read nowhere.json", "stats", "nowhere.json")
    refused(2, "is not JSON", "stats", app)
    refused(2, "is not a statistics file", "stats", str(other))


def test_dump_stages(app):
    done = pyston(
        "dump", f"{app}:Point.length", "--warm", "Point(1.0, 2.0).length", "--hir", "--lir", "--bytecode"
    )
    assert done.returncode == 0, done.stderr
    for text in (
        "bytecode of Point.length",
        "BINARY_OP_MULTIPLY_FLOAT",
        "FloatMul",
        "fmul",
        "after insert_reference",
    ):
        assert text in done.stdout
    assert "0x7f" not in done.stdout

    before = pyston("dump", f"{app}:total", "--warm", "total(9)", "--after", "build").stdout
    after = pyston("dump", f"{app}:total", "--warm", "total(9)").stdout
    assert "HIR after build" in before and "HIR after insert_reference_counts" in after
    assert "DecRef" in after and "DecRef" not in before
    everything = pyston("dump", f"{app}:total", "--warm", "total(9)", "--after", "all").stdout
    assert before in everything and after in everything


def test_dump_assembly(app, tmp_path):
    pytest.importorskip("capstone")
    done = pyston("dump", f"{app}:Point.length", "--warm", "Point(1.0, 2.0).length", "--asm")
    assert "mulsd" in done.stdout
    assert "; bytecode 0: RESUME" in done.stdout
    (tmp_path / "capstone.py").write_text("raise ImportError('not here')")
    done = pyston("dump", f"{app}:total", "--asm", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == (
        "pyston dump: the listing of machine code needs the package capstone (pip install capstone)\n"
    )


def test_dump_finds_functions(app):
    for target, *more in [
        ("textwrap:dedent",),
        (f"{app}:Point.cached",),
        (f"{app}:make.<locals>.inner", "--warm", "(kept := make())"),
        (f"{app}:make", "--times", "3"),
    ]:
        done = pyston("dump", target, *more)
        assert done.returncode == 0, done.stderr
        assert "function" in done.stdout


def test_dump_refuses(app, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0")
    refused(2, "is not of the form", "dump", "textwrap")
    refused(2, "there is no file nowhere.py", "dump", "nowhere.py:f")
    refused(2, "there is no module nowhere", "dump", "nowhere:f")
    refused(2, "there is no nothing in textwrap", "dump", "textwrap:nothing")
    refused(2, "Point is not a Python function", "dump", f"{app}:Point")
    refused(1, "stays in the interpreter: too large", "dump", f"{app}:long")
    refused(1, "failed: ZeroDivisionError", "dump", f"{broken}:f")
    refused(1, "warming up failed: NameError", "dump", f"{app}:total", "--warm", "nothing()")
    refused(1, "warming up failed: SyntaxError", "dump", f"{app}:total", "--warm", "1 +")
    refused(2, "there is no pass nothing", "dump", f"{app}:total", "--after", "nothing")
    refused(1, "there is no living function", "dump", f"{app}:make.<locals>.inner")


def test_explain(app):
    done = pyston("explain", f"{app}:total", "--warm", "total(9)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"total ({app}:18): compiled, ")
    assert "given up (too large)" in pyston("explain", f"{app}:long").stdout
