"""Tracing, profiling and monitoring see what they would see without us."""

from __future__ import annotations

import signal
import sys

import pytest
from handmade import CHECK_TOOLS, RETURN_CONSTANT, call_api, entry, exit_, install, tool_exits, unit_of

from pyston.compiler.artifact import EXIT_ERROR, REPR_BORROWED, WHERE_CONST, WHERE_SLOT

CALL_ARGUMENT = (
    "mov rdi, [rbx+80]\n and rdi, -2\n"
    + call_api("PyObject_CallNoArgs")
    + "mov rdi, rax\n call helper.decref_rdi\n"
)


def compiled(runtime):
    def f(x):
        return "interpreted"

    install(runtime, f, CHECK_TOOLS + RETURN_CONSTANT, tool_exits(unit_of(f, "RESUME")), ["compiled"])
    return f


def calling(runtime):
    """A function that calls its argument, and checks behind that."""

    def f(x):
        x()
        y = 1
        return "interpreted"

    # The check stands right behind the call, its result still on the operand stack.
    result = entry(f.__code__.co_nlocals, REPR_BORROWED, WHERE_CONST, 1)
    install(
        runtime, f, CALL_ARGUMENT + CHECK_TOOLS + RETURN_CONSTANT,
        tool_exits(unit_of(f, "POP_TOP"), 1, [result]), ["compiled", None],
    )  # fmt: skip
    return f


def test_settrace(runtime):
    f = compiled(runtime)
    events = []

    def trace(frame, event, arg):
        if frame.f_code is f.__code__:
            events.append(event)
        return trace

    assert f(1) == "compiled"
    sys.settrace(trace)
    try:
        assert f(1) == "interpreted"
    finally:
        sys.settrace(None)
    assert events == ["call", "line", "return"]
    for _ in range(3):
        assert f(1) == "compiled"


def test_setprofile(runtime):
    f = compiled(runtime)
    events = []
    sys.setprofile(lambda frame, event, arg: events.append(event) if frame.f_code is f.__code__ else None)
    try:
        assert f(1) == "interpreted"
    finally:
        sys.setprofile(None)
    assert events == ["call", "return"]
    assert f(1) == "compiled"


def test_settrace_in_a_callee(runtime):
    f = calling(runtime)
    lines = []

    def trace(frame, event, arg):
        if frame.f_code is f.__code__ and event == "line":
            lines.append(frame.f_lineno - f.__code__.co_firstlineno)
        return trace

    def switch_on():
        sys.settrace(trace)
        sys._getframe(1).f_trace = trace

    assert f(int) == "compiled"
    try:
        assert f(switch_on) == "interpreted"
    finally:
        sys.settrace(None)
    assert lines == [2, 3]
    assert f(int) == "compiled"


def free_tool():
    sys.monitoring.set_events(3, 0)
    sys.monitoring.free_tool_id(3)


@pytest.fixture
def tool():
    sys.monitoring.use_tool_id(3, "test")
    yield 3
    free_tool()


def test_local_events_from_a_callee(runtime):
    """What pdb does at a breakpoint: local events on the caller's code."""
    f, other = calling(runtime), compiled(runtime)
    lines = []

    def line(code, number):
        lines.append(number - code.co_firstlineno)

    def switch_on():
        events = sys.monitoring.events
        sys.monitoring.use_tool_id(3, "test")
        sys.monitoring.register_callback(3, events.LINE, line)
        sys.monitoring.set_local_events(3, f.__code__, events.LINE)

    assert f(int) == "compiled"
    try:
        assert f(switch_on) == "interpreted"
        assert lines == [2, 3]
        lines.clear()
        assert f(int) == "interpreted"
        assert lines == [1, 2, 3]
        assert other(1) == "interpreted"  # while a tool exists nothing is entered
        sys.monitoring.set_local_events(3, f.__code__, 0)
    finally:
        free_tool()
    for _ in range(3):
        assert f(int) == "compiled"
        assert other(1) == "compiled"


def test_local_events_of_other_code(runtime):
    """A tool that watches other code makes a running activation leave, too: it may call that directly."""
    f = calling(runtime)

    def switch_on():
        sys.monitoring.use_tool_id(3, "test")
        sys.monitoring.set_local_events(3, free_tool.__code__, sys.monitoring.events.LINE)

    try:
        assert f(switch_on) == "interpreted"
    finally:
        free_tool()
    assert f(int) == "compiled"


def test_global_events_of_monitoring(runtime, tool):
    f = compiled(runtime)
    started = []
    events = sys.monitoring.events
    sys.monitoring.register_callback(tool, events.PY_START, lambda code, offset: started.append(code))
    sys.monitoring.set_events(tool, events.PY_START)
    assert f(1) == "interpreted"
    assert started.count(f.__code__) == 1


def test_calls_are_no_c_calls(runtime):
    """An instrumented call of a function that we had the entry of is reported as one of a Python function."""

    def f(x):
        return x

    def site():
        f(1)

    for _ in range(10):
        site()
    seen = []
    events = sys.monitoring.events
    sys.monitoring.use_tool_id(3, "test")
    try:
        sys.monitoring.register_callback(3, events.C_RETURN, lambda *args: seen.append(args))
        sys.monitoring.set_events(3, events.CALL)
        site()
    finally:
        free_tool()
    assert not any(args[2] is f for args in seen)


def test_set_local_events_looks_as_ever(runtime):
    function = sys.monitoring.set_local_events
    assert repr(function) == "<built-in function set_local_events>"
    assert function.__module__ == "sys.monitoring"
    with pytest.raises(TypeError):
        function()


def test_signals(runtime):
    f = calling(runtime)
    seen = []
    old = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(frame.f_code.co_name))
    try:
        assert f(lambda: signal.raise_signal(signal.SIGUSR1)) == "compiled"
        assert len(seen) == 1

        class Stop(Exception):
            pass

        def stop(number, frame):
            raise Stop

        signal.signal(signal.SIGUSR1, stop)
        g = compiled(runtime)
        import os

        with pytest.raises(Stop):
            os.kill(os.getpid(), signal.SIGUSR1)
            for _ in range(1000):
                g(1)
        assert g(1) == "compiled"
    finally:
        signal.signal(signal.SIGUSR1, old)


def test_exception_events(runtime, tool):
    text = (
        "mov rdi, [rbx+80]\n and rdi, -2\n movabs rsi, offset const.0\n"
        + call_api("PyObject_GetAttr")
        + "jmp EXIT(0)\n"
    )
    events = sys.monitoring.events
    names = ["RAISE", "PY_UNWIND", "EXCEPTION_HANDLED"]
    seen = []

    def run():
        seen.clear()
        for name in names:
            sys.monitoring.register_callback(
                tool, getattr(events, name), lambda code, offset, error, name=name:
                seen.append((name, offset, str(error))) if code in codes else None
            )  # fmt: skip
        sys.monitoring.set_events(tool, events.RAISE | events.PY_UNWIND | events.EXCEPTION_HANDLED)
        try:
            try:
                f(1)
            except AttributeError:
                pass
            g(1)
        finally:
            sys.monitoring.set_events(tool, 0)
        return list(seen)

    def f(x):
        return x.missing

    def g(x):
        try:
            return x.missing
        except AttributeError:
            return 1

    codes = {f.__code__, g.__code__}
    expected = run()
    assert [name for name, _, _ in expected] == ["RAISE", "PY_UNWIND", "RAISE", "EXCEPTION_HANDLED"]
    for function in (f, g):
        recipe = [entry(function.__code__.co_nlocals, REPR_BORROWED, WHERE_SLOT, 0)]
        install(
            runtime,
            function,
            text,
            [exit_(EXIT_ERROR, unit_of(function, "LOAD_ATTR"), 1, recipe)],
            ["missing"],
        )
    # Tools that want exceptions are tools: the code is not even entered. (The events are for running activations.)
    assert run() == expected
