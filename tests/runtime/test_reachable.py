"""Objects that compiled code holds: when it lets go of them, and what the collector knows."""

from __future__ import annotations

import gc
import sys
import threading
import types
import weakref

import pytest
from handmade import RETURN_CONSTANT, call_api, install

CALL_ARGUMENT = (
    "mov rdi, [rbx+80]\n and rdi, -2\n"
    + call_api("PyObject_CallNoArgs")
    + "mov rdi, rax\n call helper.decref_rdi\n"
)


class Thing:
    pass


def calling(runtime, constant):
    """A function, compiled, that calls its argument and returns the constant."""

    def f(x):
        x()

    code = f.__code__.replace(co_name="calling")  # nobody else's
    f = types.FunctionType(code, globals())
    install(runtime, f, CALL_ARGUMENT + RETURN_CONSTANT, [], [constant])
    return f


def held(runtime):
    """What a function holds, by weak reference, and the function."""
    thing = Thing()
    return weakref.ref(thing), calling(runtime, thing)


# What they assert while code runs that knows no exceptions is written down.


def test_other_code_runs(runtime):
    reference, f = held(runtime)
    outer = calling(runtime, None)
    seen = []

    def retire():
        seen.append(reference() is not None)
        seen.append(runtime.retire(f, "test"))
        outer(lambda: None)  # behind it finalizers may run
        seen.append(reference() is None)
        seen.append(runtime.internals()["graveyard"])

    outer(retire)
    assert seen == [True, True, True, True]
    assert not runtime.internals()["graveyard"]


def test_its_own_code_runs(runtime):
    reference, f = held(runtime)
    outer = calling(runtime, None)
    seen = []

    def retire():
        seen.append(runtime.retire(f, "test"))
        for _ in range(10):
            outer(lambda: None)
        seen.append(reference() is not None)

    def step():
        f(retire)
        for _ in range(50):  # looked for in vain, it is looked for more seldom
            outer(lambda: None)
        seen.append(reference() is None)

    outer(step)
    assert seen == [True, True, True]
    assert not runtime.internals()["graveyard"]


def test_its_own_code_ends(runtime):
    reference, f = held(runtime)
    outer = calling(runtime, None)
    seen = []

    def step():
        f(lambda: seen.append(runtime.retire(f, "test")))  # and has looked in vain once
        outer(lambda: None)
        seen.append(reference() is None)

    outer(step)
    assert seen == [True, True]


def test_thousands_of_frames(runtime):
    """Nobody looks through all of them: then constants stay until nothing runs."""
    reference, f = held(runtime)
    outer = calling(runtime, None)
    seen = []

    def deep(n):
        if n:
            deep(n - 1)
        else:
            seen.append(runtime.retire(f, "test"))
            outer(lambda: None)
            seen.append(reference() is not None)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        outer(lambda: deep(2000))
    finally:
        sys.setrecursionlimit(limit)
    assert seen == [True, True]
    assert reference() is None


def test_its_own_code_runs_in_another_thread(runtime):
    reference, f = held(runtime)
    outer = calling(runtime, None)
    inside, go_on = threading.Event(), threading.Event()
    seen = []

    def wait():
        inside.set()
        go_on.wait()

    thread = threading.Thread(target=lambda: seen.append(type(f(wait)).__name__))
    thread.start()
    inside.wait()
    assert runtime.retire(f, "test")
    outer(lambda: None)
    gc.collect()
    assert reference() is not None
    go_on.set()
    thread.join()
    assert seen == ["Thing"]
    assert reference() is None


def test_greenlets_may_run_it(runtime, monkeypatch):
    monkeypatch.setitem(sys.modules, "greenlet", types.ModuleType("greenlet"))
    reference, f = held(runtime)
    outer = calling(runtime, None)
    seen = []

    def retire():
        seen.append(runtime.retire(f, "test"))
        outer(lambda: None)
        seen.append(reference() is not None)

    outer(retire)
    assert seen == [True, True]
    assert reference() is None


def named(source, **names):
    namespace = dict(names)
    exec(source, namespace)
    return namespace


def test_a_namespace_dies(runtime):
    namespace = named("def f(x): return x")
    thing = Thing()
    thing.namespace = namespace
    reference = weakref.ref(thing)
    install(runtime, namespace["f"], RETURN_CONSTANT, [], [[thing], thing])
    del thing
    gc.collect()
    assert reference() is not None
    before = runtime.internals()["artifacts"]
    f = namespace["f"]
    del namespace
    gc.collect()
    assert reference() is not None
    assert f(1) == [reference()]
    del f
    gc.collect()
    assert reference() is None
    assert runtime.internals()["artifacts"] == before - 1


def test_a_cleared_namespace_retires_its_code(runtime):
    namespace = named("def f(x): return x")
    f = namespace["f"]
    install(runtime, f, RETURN_CONSTANT, [], ["compiled"])
    namespace.clear()
    assert not runtime.is_compiled(f)
    assert f(1) == 1


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("callers", [1, 2])
def test_a_called_function_dies(runtime, running, callers):
    """Though its callers, and their namespace, live on."""
    namespace = named("def g(x): return x\ndef h(x): return x")
    kept = []
    for name in ("g", "h"):
        for _ in range(callers):
            f = types.FunctionType((lambda x: x).__code__.replace(co_name=name), globals())
            constants = [runtime.callee(namespace[name]), namespace[name], namespace[name], "compiled"]
            dependencies = [("function", namespace[name])]
            install(
                runtime,
                f,
                RETURN_CONSTANT.replace("const.0", "const.3"),
                [],
                constants,
                dependencies=dependencies,
            )
            kept.append(f)
    del constants, dependencies, f
    references = [weakref.ref(namespace[name]) for name in ("g", "h")]
    collect = calling(runtime, None) if running else lambda x: x()
    collect(gc.collect)
    assert [f(1) for f in kept] == ["compiled"] * 2 * callers
    del namespace
    collect(gc.collect)
    assert [reference() for reference in references] == [None, None]
    assert not any(runtime.is_compiled(f) for f in kept)
    assert [f(1) for f in kept] == [1] * 2 * callers


def test_nobody_else_is_told(runtime):
    namespace = named("def f(x): return x\ndef g(x): return x")
    g = namespace["g"]
    thing = Thing()
    f_referents, g_referents = gc.get_referents(namespace["f"]), gc.get_referents(g)
    referents, referrers = gc.get_referents(namespace), gc.get_referrers(thing)
    install(
        runtime,
        namespace["f"],
        RETURN_CONSTANT,
        [],
        [thing, runtime.callee(g)],
        dependencies=[("function", g)],
    )
    assert gc.get_referents(namespace["f"]) == f_referents
    assert gc.get_referents(g) == g_referents
    assert gc.get_referents(namespace) == referents
    assert [type(each) for each in gc.get_referrers(thing)] == [type(each) for each in referrers]
    assert g not in gc.get_referrers(g)


def test_a_callee_outlives_its_function(runtime):
    namespace = named("def g(x): return x")
    callee = runtime.callee(namespace["g"])
    assert runtime.callee(namespace["g"]) is callee
    assert repr(callee) == "<callee g>"
    namespace.clear()
    assert repr(callee) == "<callee of old>"
