"""What the interpreter has never run is left to it, until that happens often (bytecode/cfg.py).

Each program is run with everything that is hot compiled after a few calls, and on stock CPython.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pyston = pytest.importorskip("pyston")

COMPILED = """
    import sys
    def compiled(function):
        if not hasattr(sys, "pyston_version_info"):
            return function
        import pyston
        pyston.compile(function)
        assert pyston.is_compiled(function), pyston.explain(function)
        return function
    def left(function):
        "How often compiled code of the function has met what had never run."
        if not hasattr(sys, "pyston_version_info"):
            return 0
        import pyston
        exits = pyston.stats()["exits"]
        return sum(row[5] for row in exits if row[0] == function.__qualname__ and row[2] == "never run")
"""


def run(source: str, **variables: str) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYSTON")}
    program = textwrap.dedent(COMPILED) + textwrap.dedent(source)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def same(source: str) -> None:
    assert run(source, PYSTON_THRESHOLD="1000000") == run(source, PYSTON="0")


def test_a_branch_is_left_and_later_compiled():
    printed = run(
        """
        def f(x):
            if x > 100:
                return len(str(x))
            return x + 1
        for i in range(50): f(i)
        compiled(f)
        for i in range(50): f(i)
        seen = [left(f)]
        for i in range(40): assert f(1000) == 4
        seen.append(left(f))
        for i in range(300): assert f(1000) == 4
        import pyston
        seen.append(pyston.is_compiled(f) and left(f))
        for i in range(300): assert f(1000) == 4
        seen.append(left(f))
        print(seen)
        """,
        PYSTON_THRESHOLD="40",
    )
    assert printed == "[0, 40, 64, 64]\n"


def test_a_handler_is_left_and_later_compiled():
    printed = run(
        """
        def f(x):
            try:
                return int(x)
            except ValueError as error:
                return str(error)[:7]
        for i in range(50): f(i)
        compiled(f)
        for i in range(400): assert f("a") == "invalid"
        first = left(f)
        for i in range(300): assert f("a") == "invalid"
        print(first, left(f))
        """,
        PYSTON_THRESHOLD="40",
    )
    assert printed == "64 64\n"


def test_what_never_ran_before_the_first_call_is_compiled():
    printed = run(
        """
        def f(x):
            if x > 100:
                return len(str(x))
            return x + 1
        compiled(f)
        for i in range(100): f(i), f(1000)
        print(left(f))
        """,
        PYSTON_THRESHOLD="1000000",
    )
    assert printed == "0\n"


def test_what_ran_under_tools_only_is_compiled():
    printed = run(
        """
        def f(x):
            if x > 100:
                return len(str(x))
            return x + 1
        sys.settrace(lambda *args: None)
        for i in range(100): f(i), f(1000)
        sys.settrace(None)
        compiled(f)
        for i in range(100): f(i), f(1000)
        print(left(f))
        """,
        PYSTON_THRESHOLD="1000000",
    )
    assert printed == "0\n"


def test_a_suspension_behind_a_path_that_never_ran():
    """There a variable may be unbound, though no path that is built leads past its store."""
    same(
        """
        def g(skip):
            if skip:
                del skip
            else:
                value = [skip]
            yield 1
            yield value
        for _ in range(50): list(g(False))
        compiled(g)
        for skip in (False, True, False, True):
            try: print(list(g(skip)))
            except UnboundLocalError as error: print(error)
        """
    )


def test_loops_withs_and_handlers_that_never_ran():
    same(
        """
        class Swallow:
            def __enter__(self): return self
            def __exit__(self, kind, value, trace): return kind is KeyError
        def f(items, what):
            done = []
            for item in items:
                with Swallow() as s:
                    try:
                        done.append(item * 2)
                        if what == "key": raise KeyError(item)
                        if what == "value": raise ValueError(item)
                        if what == "break": break
                        if what == "return": return done, item
                    except ValueError as error:
                        done.append(repr(error))
                        if item == 3: raise
                    finally:
                        done.append("finally")
                done.append(item)
            else:
                done.append("else")
            while what == "while":
                done.append(len(done))
                if len(done) > 20: what = "end"
            return done
        for _ in range(50): f((), "")
        compiled(f)
        for _ in range(3):
            for what in ("", "key", "value", "break", "return", "while"):
                for items in ((), (1, 2), (3,), [1, 3]):
                    try: print(what, f(items, what))
                    except ValueError as error:
                        print(what, repr(error), error.__traceback__.tb_lineno, error.__traceback__.tb_next.tb_lineno)
        """
    )


def test_await_that_never_waited():
    same(
        """
        class Waits:
            def __init__(self, times): self.times = times
            def __await__(self):
                for i in range(self.times):
                    got = yield i
                    print("got", got)
                return self.times
        async def f(times):
            return await Waits(times) + 1
        def drive(times):
            c = f(times)
            try:
                value = c.send(None)
                while True: value = c.send(value * 2)
            except StopIteration as stop:
                return stop.value
        for _ in range(50): drive(0)
        compiled(f)
        print([drive(n) for n in (0, 1, 3, 0, 2)])
        """
    )
