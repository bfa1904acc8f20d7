"""A process counts no calls in its first moments, and compiles only what takes its time."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

pytest.importorskip("pyston")

import counted_programs

OWN = """
def is_compiled_soon(function=f, calls=3000):
    for _ in range(calls):
        function(1)
        if state(function) == "compiled":
            return True
    return False
"""


def run(tmp_path: Path, source: str) -> None:
    """In an ordinary process, whose threshold nobody has named."""
    counted_programs.run(tmp_path, OWN + textwrap.dedent(source))


def test_nothing_is_counted(tmp_path):
    run(
        tmp_path,
        """
        for _ in range(10000):
            f(1)
        assert calls(f) <= 1 and state(f) == "counting"
        wait(1600)
        assert is_compiled_soon()
        """,
    )


def test_functions_made_meanwhile(tmp_path):
    run(
        tmp_path,
        """
        def make():
            def inner(x):
                return x
            return inner

        kept = [make() for _ in range(300)]
        for function in kept[:200]:
            for _ in range(20):
                assert function(5) == 5
        assert not any(map(is_compiled_soon, kept[:3]))
        del kept[50:100]
        wait(1600)
        assert is_compiled_soon(kept[0])
        assert [function(7) for function in kept] == [7] * 250
        assert is_compiled_soon(make(), 5) and is_compiled_soon(kept[40], 5) and is_compiled_soon(kept[240], 5)
        """,
    )


def test_what_takes_its_time_is_compiled(tmp_path):
    run(
        tmp_path,
        """
        def inner(n):
            return sum([x * x for x in range(n)])

        def work(n):
            return inner(n) + 1

        while state(inner) != "compiled":
            work(1000)
            assert time.process_time() < 1.0, "not noticed"
        work(1000)
        """,
    )


def test_a_thread_grows_up_alone(tmp_path):
    """It calls nothing that is new, and the main thread, which had the only timer, waits."""
    run(
        tmp_path,
        """
        def work():
            while state(f) != "compiled":
                f(1)
                assert time.process_time() < 5, "still young"

        f(1), threading.Thread(target=int).start()
        for _ in range(3):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        assert state(f) == "compiled"
        """,
    )


def test_a_fork_grows_up(tmp_path):
    run(
        tmp_path,
        """
        f(1)
        child = os.fork()
        if child == 0:
            wait(1600)
            os._exit(0 if is_compiled_soon() else 3)
        assert os.waitpid(child, 0)[1] == 0
        """,
    )


def test_tools_come_and_go(tmp_path):
    run(
        tmp_path,
        """
        f(1)
        seen = []
        sys.settrace(lambda frame, event, argument: seen.append(frame.f_code.co_name))
        f(1)
        sys.settrace(None)
        assert "f" in seen
        wait(1600)
        assert is_compiled_soon()
        """,
    )


def test_switched_off_and_on(tmp_path):
    run(
        tmp_path,
        """
        f(1)
        _runtime.disable()
        wait(1600)
        _runtime.enable()
        wait(20)  # until the next tick
        assert is_compiled_soon()
        """,
    )


def test_ticks_that_the_program_takes(tmp_path):
    """It has a use for SIGURG of its own: calls are counted then."""
    run(
        tmp_path,
        """
        import signal
        signal.signal(signal.SIGURG, lambda *_: None)
        f(1)
        assert not is_compiled_soon()
        for i in range(300):
            namespace = {}
            exec("def g(): pass", namespace)
            namespace["g"]()
        assert is_compiled_soon()
        """,
    )
