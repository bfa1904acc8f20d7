"""Code that is called seldom rests between stretches of counting, wakes in time, and loses nothing by it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

pytest.importorskip("pyston")

import counted_programs

OWN = """
def until(wanted, function=None, most=5000, rate_ms=2):
    function = function or f
    for calls in range(most):
        if state(function) == wanted:
            return calls
        assert function(calls) is calls
        wait(rate_ms)
    raise AssertionError(f"not {wanted} but {state(function)}")
"""


def run(tmp_path: Path, source: str, threshold: int = 300) -> None:
    counted_programs.run(tmp_path, OWN + textwrap.dedent(source), PYSTON_THRESHOLD=str(threshold))


def test_rests_wakes_and_is_compiled_in_time(tmp_path):
    run(
        tmp_path,
        """
        first = until("resting")
        assert 15 <= first <= 64, first
        calls = first + until("compiled")
        assert 100 <= calls <= 3000, calls  # an estimate; ticks are coarse
        assert pyston.is_compiled(f)
        """,
    )


def test_what_is_called_often_does_not_rest(tmp_path):
    run(
        tmp_path,
        """
        assert until("compiled", rate_ms=0) <= 301
        """,
    )


def test_what_is_called_no_more_stays_as_it_is(tmp_path):
    run(
        tmp_path,
        """
        until("resting")
        wait(6000)
        (lambda: 0)()
        assert _runtime.state(f)[0] == "counting"
        assert until("resting", rate_ms=20) <= 32  # the calls of the rest are not taken for made
        """,
    )


def test_functions_die_and_change_while_they_rest(tmp_path):
    run(
        tmp_path,
        """
        def make():
            def inner(x):
                return x
            return inner
        kept = [make() for _ in range(200)]
        until("resting", kept[0])
        for function in kept:
            assert function(5) == 5
        del kept[50:]
        kept[1].__code__ = (lambda x: [x]).__code__
        until("compiled", kept[0])
        assert [function(7) for function in kept] == [7, [7]] + [7] * 48
        assert pyston.is_compiled(kept[2])
        fresh = [make() for _ in range(100)]
        until("compiled", fresh[0])
        del kept, fresh
        """,
    )


def test_switched_off_and_on(tmp_path):
    run(
        tmp_path,
        """
        until("resting")
        pyston.disable()
        wait(100)
        assert f(1) == 1
        pyston.enable()
        until("compiled")
        def g(x):
            return x
        until("resting", g)
        pyston.disable()
        """,
    )


def test_asked_for(tmp_path):
    run(
        tmp_path,
        """
        until("resting")
        assert pyston.compile(f)
        assert f(1) == 1
        assert _runtime.state(f)[0] == "compiled"
        """,
    )


def test_tools_come_and_go(tmp_path):
    run(
        tmp_path,
        """
        until("resting")
        seen = []
        sys.setprofile(lambda frame, event, arg: seen.append(event) if frame.f_code is f.__code__ else None)
        for i in range(5): f(i)
        sys.setprofile(None)
        assert seen == ["call", "return"] * 5, seen
        monitoring = sys.monitoring
        monitoring.use_tool_id(2, "test")
        monitoring.register_callback(2, monitoring.events.PY_START, lambda code, offset: seen.append(offset))
        monitoring.set_local_events(2, f.__code__, monitoring.events.PY_START)
        del seen[:]
        for i in range(5): f(i); wait(50)
        monitoring.set_local_events(2, f.__code__, 0)
        monitoring.free_tool_id(2)
        assert len(seen) == 5
        until("compiled")
        """,
    )


def test_fork(tmp_path):
    run(
        tmp_path,
        """
        import os
        until("resting")
        pid = os.fork()
        until("compiled")
        if pid == 0:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        """,
    )
