"""Counting calls, and when the compiler is called."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
import weakref

import pytest
from handmade import RETURN_CONSTANT, install


@pytest.fixture
def compiler(runtime):
    """Compiles everything to `return "compiled"` after three calls; yields the names it was asked for."""
    names = []

    def compile_it(function):
        if (
            function.__code__.co_varnames[:1] not in (("x",), ("self",), ("cls",))
            or function.__module__ != __name__
        ):
            runtime.give_up(function, "not for this test")
            return
        names.append(function.__qualname__.rpartition(".")[2])
        install(runtime, function, RETURN_CONSTANT, [], ["compiled"])

    runtime.set_threshold(3)
    runtime.set_compiler(compile_it)
    yield names
    runtime.set_compiler(None)


def test_threshold(runtime, compiler):
    def f(x):
        return "interpreted"

    assert [f(1) for _ in range(5)] == ["interpreted"] * 2 + ["compiled"] * 3
    assert compiler == ["f"]
    assert runtime.state(f) == ("compiled", 3, 1)


@pytest.mark.parametrize("threshold", [2, 7, 8, 9, 20])
def test_the_first_calls_count(runtime, compiler, threshold):
    """They are counted in another place than later ones."""
    runtime.set_threshold(threshold)
    space = {"__name__": __name__}
    exec("def f(x): return 'interpreted'", space)  # each time another code object
    f = space["f"]
    assert [f(1) for _ in range(threshold + 1)] == ["interpreted"] * (threshold - 1) + ["compiled"] * 2
    assert runtime.state(f) == ("compiled", threshold, 1)


def test_code_that_is_called_once(runtime, compiler):
    """Thousands of such are known, and forgotten when they die, whoever gets their place then."""
    runtime.set_threshold(20)
    source = compile("def f(x): return 'interpreted'", "once", "exec")
    alive = []
    for i in range(20_000):
        space = {"__name__": __name__}
        exec(source.replace(co_name=f"once{i}"), space)
        space["f"].__code__ = space["f"].__code__.replace(co_firstlineno=i + 1)
        assert space["f"](1) == "interpreted"
        if i % 4 == 0:
            alive.append(space["f"])
    assert {runtime.state(f) for f in alive} == {("counting", 1, 0)}
    last = alive[-1]
    assert [last(1) for _ in range(19)] == ["interpreted"] * 18 + ["compiled"]


def test_references_to_arguments_of_the_first_calls(runtime):
    """Who counts them sees what stock shows."""

    def f(x):
        return sys.getrefcount(x)

    runtime.disable()
    expected = f(object())
    runtime.enable()
    assert {f(object()) for _ in range(20)} == {expected}


def test_resumptions_count_after_one_call():
    program = """
import pyston
def numbers():
    n = 0
    while True:
        yield n
        n += 1
counting = numbers()
assert not pyston.is_compiled(numbers)
for n in range(5000):
    assert next(counting) == n
assert pyston.is_compiled(numbers)
"""
    environment = os.environ | {"PYSTON": "1", "PYSTON_THRESHOLD": "20"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_functions_that_were_there_before(compiler):
    assert [before_test(1) for _ in range(4)] == ["interpreted"] * 2 + ["compiled"] * 2


def before_test(x):
    return "interpreted"


def test_call_sites_that_specialised_before(runtime):
    """A specialised call site must not pass our entry by."""

    def f(x):
        return "interpreted"

    def make_closure():
        def inner(x):
            return make_closure and "interpreted"

        return inner

    def loop(n):
        return [f(1) for _ in range(n)][-1], [make_closure()(1) for _ in range(n)][-1]

    runtime.disable()
    assert loop(100) == ("interpreted", "interpreted")
    runtime.enable()
    for _ in range(3):
        install(runtime, f, RETURN_CONSTANT, [], ["compiled"])
        install(runtime, make_closure(), RETURN_CONSTANT, [], ["compiled"])
        assert loop(100) == ("compiled", "compiled")
        runtime.retire(f, "test")
        runtime.retire(make_closure(), "test")
        assert loop(100) == ("interpreted", "interpreted")


def test_closures_count_together(runtime, compiler):
    def make_closure(value):
        def inner(x):
            return value

        return inner

    results = [make_closure(i)(1) for i in range(5)]
    assert results == [0, 1, "compiled", "compiled", "compiled"]
    assert compiler == ["inner"]


@pytest.mark.parametrize("call", ["method", "classmethod", "partial", "map", "kwargs", "sort", "getitem"])
def test_every_way_of_calling(runtime, compiler, call):
    class C:
        def method(self):
            return "interpreted"

        @classmethod
        def cls(cls):
            return "interpreted"

    def f(x):
        return "interpreted"

    c = C()
    calls = {
        "method": lambda: c.method(),
        "classmethod": lambda: C.cls(),
        "partial": lambda: functools.partial(f, 1)(),
        "map": lambda: list(map(f, [1])).pop(),
        "kwargs": lambda: f(x=1),
        "sort": lambda: (sorted([1], key=f), f(1))[1],
        "getitem": lambda: f.__call__(1),
    }
    assert [calls[call]() for _ in range(6)][-1] == "compiled"


def test_giving_up(runtime):
    asked = []

    def compiler(function):
        asked.append(function)
        runtime.give_up(function, "too odd")

    def f(x):
        return x

    before = runtime.stats()["given_up"].get("too odd", 0)
    runtime.set_threshold(3)
    runtime.set_compiler(compiler)
    for i in range(20):
        assert f(i) == i
    runtime.set_compiler(None)
    assert asked.count(f) == 1
    assert runtime.state(f)[0] == "given up"
    assert runtime.stats()["given_up"]["too odd"] > before
    # The interpreter specialises calls of it again.
    import dis

    def site():
        for _ in range(100):
            f(1)

    site()
    names = [i.opname for i in dis.get_instructions(site, adaptive=True)]
    assert "CALL_PY_EXACT_ARGS" in names


def test_a_compiler_that_fails(runtime, capfd):
    def compiler(function):
        raise ValueError("a bug")

    def f(x):
        return x

    runtime.set_threshold(3)
    runtime.set_compiler(compiler)
    assert [f(i) for i in range(5)] == list(range(5))
    assert runtime.state(f)[0] == "given up"
    assert runtime.stats()["given_up"]["compiler failed"]

    def compiler(function):
        if function is g:
            raise KeyboardInterrupt
        runtime.give_up(function, "pytest's own")

    def g(x):
        return x

    runtime.set_compiler(compiler)
    g(1), g(2)
    with pytest.raises(KeyboardInterrupt):
        g(3)
    runtime.set_compiler(None)
    assert g(4) == 4


def test_the_compiler_does_not_compile_itself(runtime):
    depth = []

    def helper(x):
        return x

    def compiler(function):
        depth.append(function)
        for i in range(20):
            helper(i)
        assert runtime.state(helper)[0] in ("counting", "given up")
        depth.pop()
        runtime.give_up(function, "test")
        assert not depth

    def f(x):
        return x

    runtime.set_threshold(2)
    runtime.set_compiler(compiler)
    for i in range(10):
        f(i)
    runtime.set_compiler(None)


def test_other_threads_interpret_meanwhile(runtime):
    inside, go_on = threading.Event(), threading.Event()

    def compiler(function):
        if function is f:
            inside.set()
            go_on.wait(10)
        runtime.give_up(function, "test")

    def f(x):
        return x

    runtime.set_threshold(2)
    runtime.set_compiler(compiler)
    thread = threading.Thread(target=lambda: [f(i) for i in range(5)])
    thread.start()
    inside.wait(10)
    assert [f(i) for i in range(100)] == list(range(100))
    go_on.set()
    thread.join()
    runtime.set_compiler(None)


def test_switching_off_and_on(runtime, compiler):
    def f(x):
        return "interpreted"

    assert [f(1) for _ in range(4)][-1] == "compiled"
    runtime.disable()
    assert not runtime.is_compiled(f)
    assert f(1) == "interpreted"
    runtime.enable()
    assert [f(1) for _ in range(40)][-1] == "compiled"


def test_functions_die_as_ever(runtime, compiler):
    def make_function():
        def f(x):
            return x

        return f

    for _ in range(10):
        f = make_function()
        reference = weakref.ref(f)
        f(1)
        count = sys.getrefcount(f)
        f(1)
        assert sys.getrefcount(f) == count
        del f
        assert reference() is None


def test_statistics_of_calls(runtime, compiler):
    def f(x):
        return "interpreted"

    runtime.set_stats(True)
    try:
        before = runtime.stats()
        for _ in range(100):
            f(1)
        after = runtime.stats()
    finally:
        runtime.set_stats(False)
    assert after["calls_compiled"] - before["calls_compiled"] == 98
    assert 100 <= after["calls_total"] - before["calls_total"] <= 110


def test_long_loops(runtime, compiler):
    """A function that runs long is compiled at its next call, however seldom it is called."""

    def f(x):
        total = 0
        for i in range(3_000_000):
            total += i
        return "interpreted"

    runtime.set_threshold(1_000_000)
    results = [f(1) for _ in range(4)]
    assert results[0] == "interpreted"
    assert results[-1] == "compiled"


def test_the_timer_keeps_out_of_the_way(runtime):
    import signal
    import time

    assert signal.getsignal(signal.SIGURG) == signal.SIG_DFL
    seen = []
    old = signal.signal(signal.SIGURG, lambda *args: seen.append(args))
    try:
        end = time.process_time() + 0.3
        calls = 0
        while time.process_time() < end:
            (lambda x: x)(calls)
            calls += 1
        count = len(seen)
        assert count <= 1
        end = time.process_time() + 0.2
        while time.process_time() < end:
            (lambda x: x)(calls)
        assert len(seen) == count
    finally:
        signal.signal(signal.SIGURG, old)


def test_compiling_on_demand(runtime):
    def f(x):
        return "interpreted"

    allowed = []

    def compiler(function):
        if not allowed:
            assert not runtime.compile_now(function)  # busy
            runtime.give_up(function, "not yet")
            return
        install(runtime, function, RETURN_CONSTANT, [], ["compiled"])

    runtime.set_compiler(compiler)
    assert runtime.why_not(f) is None
    assert not runtime.compile_now(f)
    assert runtime.why_not(f) == "not yet"
    assert f(1) == f(1) == "interpreted"
    allowed.append(1)
    assert runtime.compile_now(f)
    assert runtime.why_not(f) is None
    assert f(1) == "compiled"
    runtime.set_compiler(None)


AGEING = """
import sys, time, pyston
def f(x):
    return x
while time.process_time() < float(sys.argv[1]):
    pass
for n in range(1100):
    f(n)
print(pyston.is_compiled(f))
"""


@pytest.mark.parametrize(
    ("seconds", "threshold", "compiled"), [("0", "", False), ("2.5", "", True), ("2.5", "1500", False)]
)
def test_the_threshold_falls_with_age_unless_it_is_named(seconds, threshold, compiled):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYSTON")}
    done = subprocess.run(
        [sys.executable, "-c", AGEING, seconds],
        env=environment | ({"PYSTON_THRESHOLD": threshold} if threshold else {}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{compiled}\n"
