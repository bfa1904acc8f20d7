"""Loops that run long are noticed, entered, left and, where they cannot be compiled, left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyston")


def run(tmp_path: Path, source: str, **variables: str) -> tuple[list[str], dict[str, Any]]:
    """What the program prints, and its statistics."""
    program, statistics = tmp_path / "program.py", tmp_path / "statistics.json"
    program.write_text(textwrap.dedent(source))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYSTON")}
    environment |= {"PYSTON_STATS": str(statistics), **variables}
    done = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), json.loads(statistics.read_text())


def test_a_modules_loop_is_entered(tmp_path):
    printed, statistics = run(
        tmp_path,
        """
        total = 0
        for i in range(5_000_000):
            total += i & 3
        print(total)
        """,
    )
    assert printed == ["7500000"]
    assert statistics["loops_compiled"] >= 1
    assert statistics["loops_entered"] >= 1
    assert not statistics["loops_refused"]
    assert [row[2] for row in statistics["exits"] if row[0] == "<module>"] == ["loop end"]


def test_so_is_a_loop_of_a_function_called_once_in_any_thread(tmp_path):
    printed, statistics = run(
        tmp_path,
        """
        import threading
        def main(n):
            total = 0.0
            for i in range(n):
                total += i
            print(total)
        thread = threading.Thread(target=main, args=(5_000_000,))
        thread.start()
        thread.join()
        """,
    )
    assert printed == ["12499997500000.0"]
    assert statistics["loops_entered"] >= 1


def test_a_loop_that_ends_soon_is_not_compiled(tmp_path):
    _, statistics = run(
        tmp_path,
        """
        for i in range(100):
            for j in range(10):
                pass
        """,
    )
    assert statistics["loops_compiled"] == 0


def test_what_cannot_be_compiled_is_refused_once(tmp_path):
    printed, statistics = run(
        tmp_path,
        """
        def steps(n):
            for i in range(n):
                yield i
        total = 0
        iterator = steps(3_000)
        while (step := next(iterator, None)) is not None:
            total += step
        print(total)
        """,
        PYSTON_STRESS="loops",
    )
    assert printed == ["4498500"]
    assert statistics["loops_refused"]["a generator's loop"] >= 1


def test_guards_that_keep_failing_end_in_code_that_does_not_leave(tmp_path):
    printed, statistics = run(
        tmp_path,
        """
        values = [1, 2.5] * 8
        total = 0
        for i in range(200_000):
            total += values[i & 15]
        print(total)
        """,
        PYSTON_STRESS="loops",
    )
    assert printed == ["350000.0"]
    exits = sum(row[-1] for row in statistics["exits"] if row[0] == "<module>")
    assert exits < 5_000


def test_another_optimizer_can_have_the_number(tmp_path):
    """Then loops are left to the interpreter. (Statistics count calls as tool 5, so without.)"""
    printed, _ = run(
        tmp_path,
        """
        import sys
        if sys.monitoring.get_tool(5) is None:
            sys.monitoring.use_tool_id(5, "other")
        total = 0
        for i in range(3_000_000):
            total += 1
        print(total)
        """,
    )
    assert printed[-1] == "3000000"


def test_a_loop_that_another_thread_is_compiling_is_not_entered(tmp_path):
    """It was, between its installation and the end of the compiler's call, where what it needs was not known yet."""
    printed, _ = run(
        tmp_path,
        """
        import sys, threading
        sys.setswitchinterval(2e-5)
        results = []
        def sums(n):
            total = 0
            for i in range(n):
                total += i % 5
            results.append(total)
        for _ in range(60):
            target = type(sums)(sums.__code__.replace(), globals())  # not compiled yet
            threads = [threading.Thread(target=target, args=(1_000,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        print(set(results))
        """,
        PYSTON_STRESS="loops",
    )
    assert printed == ["{2000}"]
