"""Dependencies: what retires compiled code, and when its memory goes."""

from __future__ import annotations

import gc
import sys
import types
import weakref

from handmade import CHECK_TOOLS, RETURN_CONSTANT, call_api, entry, exit_, install, make, tool_exits, unit_of

from pyston.compiler.artifact import EXIT_GUARD, EXIT_LEAVE, REPR_I64, WHERE_IMM


def retired(runtime, reason):
    return runtime.stats()["retired"].get(reason, 0)


class Thing:
    pass


def test_dict_key(runtime):
    def f(x):
        return "interpreted"

    namespace = {"name": 1, "other": 2}
    dependency = [("dict_key", namespace, "name"), ("dict_key", namespace, "absent")]

    def compiled():
        install(runtime, f, RETURN_CONSTANT, [], ["compiled"], dependencies=dependency)
        assert f(1) == "compiled"

    for change in [
        lambda: namespace.__setitem__("name", 3),
        lambda: namespace.__delitem__("name"),
        lambda: namespace.__setitem__("absent", 1),
        lambda: namespace.update({"absent": 2}),
        lambda: namespace.clear(),
        lambda: namespace.setdefault("na" + "me"[:] + "", 1),
    ]:
        compiled()
        namespace["other"] = object()
        assert runtime.is_compiled(f)
        count = retired(runtime, "global changed")
        change()
        assert not runtime.is_compiled(f)
        assert f(1) == "interpreted"
        assert retired(runtime, "global changed") == count + 1
    compiled()
    namespace = None
    dependency.clear()
    assert not runtime.is_compiled(f)
    assert retired(runtime, "namespace died")


def test_stability(runtime):
    def f(x):
        return x

    namespace = {"counter": 0, "fixed": 0}
    assert runtime.global_is_stable(namespace, "counter")
    for i in range(2):
        install(
            runtime, f, RETURN_CONSTANT, [], ["compiled"],
            dependencies=[("dict_key", namespace, "counter"), ("dict_key", namespace, "fixed")],
        )  # fmt: skip
        namespace["counter"] = i + 1
    assert not runtime.global_is_stable(namespace, "counter")
    assert runtime.global_is_stable(namespace, "fixed")


def test_type(runtime):
    def f(x):
        return "interpreted"

    class Base:
        pass

    class Derived(Base):
        pass

    for change in [
        lambda: setattr(Derived, "attribute", 1),
        lambda: setattr(Base, "attribute", 1),
        lambda: setattr(Derived, "__bases__", (Base, Thing)),
        lambda: delattr(Base, "attribute"),
    ]:
        install(runtime, f, RETURN_CONSTANT, [], ["compiled"], dependencies=[("type", Derived)])
        change()
        assert not runtime.is_compiled(f)
        assert f(1) == "interpreted"


def test_type_that_changed_too_often(runtime):
    def f(x):
        return x

    class Restless:
        pass

    for i in range(1100):
        Restless.attribute = i
        Restless().attribute
    artifact = make(RETURN_CONSTANT, [], ["compiled"], dependencies=[("type", Restless)])
    assert runtime.install(f, artifact) == "unwatchable dependency"
    runtime.open_session()
    assert not runtime.depend(("type", Restless))


def test_types_among_constants_may_die(runtime):
    def f(x):
        return "interpreted"

    class Mortal:
        pass

    install(runtime, f, RETURN_CONSTANT, [], ["compiled", Mortal])
    Mortal.attribute = 1  # a change does not matter
    assert f(1) == "compiled"
    reference = weakref.ref(Mortal)
    del Mortal
    gc.collect()
    assert reference() is None
    assert f(1) == "interpreted"


def test_function(runtime):
    def f(x):
        return "interpreted"

    def g(y, z=3, *, w=4):
        return y

    for change in [
        lambda: setattr(g, "__defaults__", (5,)),
        lambda: setattr(g, "__kwdefaults__", {"w": 5}),
        lambda: setattr(g, "__code__", (lambda y, z, *, w: 5).__code__),
    ]:
        install(runtime, f, RETURN_CONSTANT, [], ["compiled"], dependencies=[("function", g)])
        change()
        assert f(1) == "interpreted"


def test_session(runtime):
    def f(x):
        return x

    namespace = {"name": 1}
    artifact = make(RETURN_CONSTANT, [], ["compiled"], dependencies=[("dict_key", namespace, "name")])
    runtime.open_session()
    assert runtime.depend(("dict_key", namespace, "name"))
    namespace["name"] = 2
    assert runtime.install(f, artifact) == "changed while it was compiled"
    runtime.open_session()
    assert runtime.depend(("dict_key", namespace, "name"))
    assert runtime.install(f, artifact) is None


def test_a_running_activation_leaves_at_its_next_check(runtime):
    def f(x):
        x()
        return "interpreted"

    namespace = {"name": 1}
    unit = unit_of(f, "LOAD_CONST")
    call = "mov rdi, [rbx+80]\n and rdi, -2\n" + call_api("PyObject_CallNoArgs")
    install(
        runtime, f, call + "mov rdi, rax\n call helper.decref_rdi\n" + CHECK_TOOLS + RETURN_CONSTANT,
        tool_exits(unit), ["compiled"], dependencies=[("dict_key", namespace, "name")],
    )  # fmt: skip
    seen = []
    assert f(lambda: seen.append(1)) == "compiled"

    def change():
        namespace["name"] = 2
        gc.collect()
        seen.append(runtime.internals()["graveyard"])

    assert f(change) == "interpreted"
    assert seen == [1, True]
    assert f(lambda: None) == "interpreted"


def test_a_function_may_replace_its_own_code(runtime):
    namespace = {}
    exec("def f(x):\n    x()\n    return 1", namespace)
    f = namespace["f"]
    code = weakref.ref(f.__code__)
    unit = unit_of(f, "LOAD_FAST_BORROW")
    install(
        runtime, f, "mov rdi, [rbx+80]\n and rdi, -2\n" + call_api("PyObject_CallNoArgs")
        + "mov rdi, rax\n call helper.decref_rdi\n jmp EXIT(0)", [exit_(EXIT_LEAVE, unit)],
    )  # fmt: skip

    def replace():
        f.__code__ = (lambda x: 2).__code__
        gc.collect()
        assert sys._getframe(1).f_code.co_name == "f"

    assert f(replace) == 1
    assert f(None) == 2
    install(runtime, f, RETURN_CONSTANT, [], [3])
    assert f(None) == 3
    gc.collect()
    assert code() is None


def test_code_goes_with_its_code_object(runtime):
    before = runtime.internals()["artifacts"]
    bytes_before = runtime.stats()["code_bytes"]
    for _ in range(50):
        namespace = {}
        exec("def f(x): return x", namespace)
        install(runtime, namespace["f"], RETURN_CONSTANT, [], [Thing()])
        assert isinstance(namespace["f"](1), Thing)
        assert runtime.internals()["artifacts"] == before + 1
        namespace.clear()
    assert runtime.internals()["artifacts"] == before
    assert runtime.stats()["code_bytes"] - bytes_before < 2000
    assert not runtime.internals()["graveyard"]


def test_constants_die_with_the_artifact(runtime):
    def f(x):
        return x

    thing = Thing()
    reference = weakref.ref(thing)
    install(runtime, f, RETURN_CONSTANT, [], [thing])
    del thing
    f(1)
    assert reference() is not None
    assert runtime.retire(f, "test")
    assert reference() is None


def test_exits_lead_to_another_compilation(runtime):
    def f(x):
        return x

    compiled = []

    def compiler(function):
        compiled.append(runtime.exit_history(function))
        entries = [entry(1, REPR_I64, WHERE_IMM, 7)]
        install(
            runtime,
            function,
            "jmp EXIT(0)",
            [exit_(EXIT_GUARD, unit_of(f, "RETURN_VALUE"), 1, entries, "type")],
        )

    runtime.set_threshold(5)
    runtime.set_compiler(compiler)
    try:
        for _ in range(200_000):
            f(1)
    finally:
        runtime.set_compiler(None)
    assert len(compiled) == 9
    unit = unit_of(f, "RETURN_VALUE")
    assert compiled[0] == []
    assert compiled[1] == [(unit, "type", 64)]
    assert compiled[2] == [(unit, "type", 64 + 128)]
    assert runtime.stats()["given_up"]["keeps failing"] == 1
    assert runtime.state(f)[0] == "given up"
    assert f(3) == 3


def test_other_globals_are_interpreted(runtime):
    def f(x):
        return "interpreted"

    install(runtime, f, RETURN_CONSTANT, [], ["compiled"])
    twin = types.FunctionType(f.__code__, {"__builtins__": __builtins__})
    same = types.FunctionType(f.__code__, f.__globals__)
    for _ in range(3):
        assert twin(1) == "interpreted"
        assert f(1) == "compiled"
        assert same(1) == "compiled"
    assert not runtime.is_compiled(twin)
