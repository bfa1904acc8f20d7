"""Calls between compiled functions, recursion, threads, forks."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import threading
import traceback

import pytest
from handmade import (
    INCREF_RAX,
    LOAD_ARGUMENT_0,
    POP_AND_RETURN,
    RELEASE_ARGUMENT_0,
    RETURN_CONSTANT,
    call_api,
    exit_,
    install,
    unit_of,
)

from pyston.compiler.artifact import EXIT_ERROR, EXIT_LEAVE

# Calls the callee constants[0] directly with the argument, lent or given; returns what it returns.
PUSH = "movabs rdi, offset const.0\n call helper.push_frame\n test rax, rax\n je EXIT(0)\n"
LEND = "mov rcx, [rbx+80]\n or rcx, 1\n mov [rax+80], rcx\n"
GIVE = "mov rcx, [rbx+80]\n mov [rax+80], rcx\n mov qword ptr [rbx+80], 1\n"
CALL = (
    "mov rdi, r15\n mov rsi, rax\n xor edx, edx\n movabs rcx, offset const.0\n call [rcx+16]\n"
    "test rax, rax\n je EXIT(1)\n mov [rsp], rax\n"
)
RETURN_RESULT = RELEASE_ARGUMENT_0 + "mov rax, [rsp]\n" + POP_AND_RETURN
RETURN_ARGUMENT = LOAD_ARGUMENT_0 + INCREF_RAX + "mov [rsp], rax\n" + RETURN_RESULT


class Thing:
    pass


def caller_of(runtime, function, way=LEND):
    def caller(x):
        return target(x)

    target = function
    unit = unit_of(caller, "CALL")
    set_position = f"lea rax, [rip]\n mov dword ptr [rbx+56], offset unit.{unit}\n"
    install(
        runtime, caller, set_position + PUSH + way + CALL + RETURN_RESULT,
        [exit_(EXIT_LEAVE), exit_(EXIT_ERROR, unit)], [runtime.callee(function)],
    )  # fmt: skip
    return caller


@pytest.mark.parametrize("way", [LEND, GIVE])
@pytest.mark.parametrize("compiled", [False, True])
def test_direct_calls(runtime, compiled, way):
    def f(x):
        y = x
        return y

    if compiled:
        install(runtime, f, RETURN_ARGUMENT)
    caller = caller_of(runtime, f, way)
    thing = Thing()
    count, count_f, count_none = sys.getrefcount(thing), sys.getrefcount(f), sys.getrefcount(f.__code__)
    for _ in range(100):
        assert caller(thing) is thing
        assert caller(None) is None
    assert (sys.getrefcount(thing), sys.getrefcount(f), sys.getrefcount(f.__code__)) == (
        count,
        count_f,
        count_none,
    )
    assert sys.getrefcount(None) > 2**31  # immortal, and not counted down by the interpreter


def test_a_callee_changes_its_state(runtime):
    def f(x):
        return x, "interpreted"

    caller = caller_of(runtime, f)
    assert caller(1) == (1, "interpreted")
    install(runtime, f, RETURN_CONSTANT, [], ["compiled"])
    assert caller(1) == "compiled"
    runtime.retire(f, "test")
    assert caller(1) == (1, "interpreted")
    f.__code__ = (lambda x: "other code").__code__
    assert caller(1) == "other code"  # the callee is detached: the caller leaves and calls the slow way


def test_callees_are_counted(runtime):
    def f(x):
        return "interpreted"

    def compiler(function):
        if function is f:
            install(runtime, f, RETURN_CONSTANT, [], ["compiled"])
        else:
            runtime.give_up(function, "test")

    caller = caller_of(runtime, f)
    runtime.set_threshold(4)
    runtime.set_compiler(compiler)
    assert [caller(1) for _ in range(6)] == ["interpreted"] * 3 + ["compiled"] * 3
    runtime.set_compiler(None)


def test_errors_pass_through(runtime):
    def f(x):
        return x.missing

    caller = caller_of(runtime, f)

    def expect():
        try:
            caller(1)
        except AttributeError as error:
            return traceback.format_tb(error.__traceback__)

    first = expect()
    assert len(first) == 3
    assert "target(x)" in first[1]
    assert "x.missing" in first[2]
    unit = unit_of(f, "LOAD_ATTR")
    from handmade import entry

    from pyston.compiler.artifact import REPR_BORROWED, WHERE_SLOT

    install(
        runtime, f, "mov rdi, [rbx+80]\n and rdi, -2\n movabs rsi, offset const.0\n" + call_api("PyObject_GetAttr")
        + "jmp EXIT(0)\n", [exit_(EXIT_ERROR, unit, 1, [entry(1, REPR_BORROWED, WHERE_SLOT, 0)])], ["missing"],
    )  # fmt: skip
    assert expect() == first


def test_the_callee_sees_its_caller(runtime):
    def f(x):
        frames = []
        frame = sys._getframe()
        while frame is not None and len(frames) < 3:
            frames.append((frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno))
            frame = frame.f_back
        gc.collect()
        return frames

    caller = caller_of(runtime, f)
    rows = caller(5)
    assert rows[:2] == [("f", 4), ("caller", 1)]
    assert rows[2][0] == "test_the_callee_sees_its_caller"


def test_frames_kept_by_somebody(runtime):
    kept = []

    def f(x):
        kept.append(sys._getframe())
        kept.append(sys._getframe(1))
        return x

    caller = caller_of(runtime, f)
    for _ in range(3):
        kept.clear()
        thing = Thing()
        assert caller(thing) is thing
        gc.collect()
        assert kept[0].f_locals["x"] is thing
        assert kept[0].f_code is f.__code__
        assert kept[1].f_code is caller.__code__
        del thing
    kept.clear()


# --- recursion ------------------------------------------------------------------------------------------------


def run(source, *options):
    """Runs a script in a fresh interpreter; returns its output."""
    path = os.path.dirname(__file__)
    source = f"import sys; sys.path.insert(0, {path!r})\n" + textwrap.dedent(source)
    done = subprocess.run(
        [sys.executable, *options, "-c", source], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_endless_recursion(runtime):
    def f(x):
        return f(x)

    def depth():
        try:
            f(1)
        except RecursionError as error:
            levels = 0
            tb = error.__traceback__
            while tb is not None:
                levels += 1
                tb = tb.tb_next
            return levels, str(error)

    stock = depth()
    unit = unit_of(f, "CALL")
    install(
        runtime, f, PUSH + LEND + CALL + RETURN_RESULT, [exit_(EXIT_LEAVE), exit_(EXIT_ERROR, unit)],
        [runtime.callee(f)],
    )  # fmt: skip
    # The frames' free variables are not set up by this body, so only the innermost, interpreted, levels are real.
    assert depth()[0] == stock[0]
    for _ in range(3):
        assert depth() == (stock[0], stock[1])


DEEP = """
from pyston import _runtime
from handmade import *
from pyston.compiler.artifact import *
import threading
_runtime.set_threshold(1000000)
_runtime.enable()
sys.setrecursionlimit(10**6)

def f(n):
    return 0 if n == 0 else 1 + g(n - 1)
def g(n):
    return 0 if n == 0 else 1 + f(n - 1)

for function in (f, g):
    install(_runtime, function, "jmp EXIT(0)", [exit_(EXIT_LEAVE)])
print(f(100_000))
assert _runtime.is_compiled(f)
print(f(20), f(200_000))
threading.stack_size(512 * 1024)
thread = threading.Thread(target=lambda: print(f(50_000)))
thread.start()
thread.join()
"""


def test_very_deep_recursion():
    """Compiled calls take native stack; the interpreter takes over in time."""
    assert run(DEEP).split() == ["100000", "20", "200000", "50000"]


# --- threads and forks ----------------------------------------------------------------------------------------


def test_threads(runtime):
    def f(x):
        return x

    def g(x):
        return x

    caller = caller_of(runtime, f)
    errors = []

    def work(number):
        try:
            for i in range(3000):
                thing = Thing()
                assert caller(thing) is thing
                assert g(thing) is thing
        except BaseException as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for i in range(200):
            install(runtime, f, RETURN_ARGUMENT)
            install(runtime, g, RETURN_ARGUMENT)
            if i % 3 == 0:
                runtime.retire(f, "test")
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert errors == []
    assert runtime.internals()["live_entries"] == 0


def test_fork(runtime):
    """Neither side of a fork sees what the other compiles or frees."""

    def parent_function(x):
        return x

    def other(x):
        return x

    def child_function(x):
        return x

    install(runtime, parent_function, RETURN_CONSTANT, [], ["parent"])
    install(runtime, other, RETURN_CONSTANT, [], ["other"])
    read_end, write_end = os.pipe()
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.read(ready[0], 1)  # the parent has retired and reused by now
            assert parent_function(1) == "parent"
            assert other(1) == "other"
            runtime.retire(other, "test")
            for i in range(50):
                install(runtime, child_function, RETURN_CONSTANT, [], [f"child {i}"])
                assert child_function(1) == f"child {i}"
            install(runtime, parent_function, RETURN_CONSTANT, [], ["changed"])
            assert parent_function(1) == "changed"
            address = runtime.code_of(child_function)[0]
            os.write(write_end, str(address).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    runtime.retire(other, "test")
    for i in range(50):
        install(runtime, other, RETURN_CONSTANT, [], [f"again {i}"])
        assert other(1) == f"again {i}"
    os.write(ready[1], b"x")
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert parent_function(1) == "parent"
    assert other(1) == "again 49"
    child_address = int(os.read(read_end, 100))
    assert all(child_address != runtime.code_of(f)[0] for f in (parent_function, other))
    for end in (read_end, write_end, *ready, *done):
        os.close(end)


def test_code_is_never_writable_and_executable(runtime):
    def f(x):
        return x

    install(runtime, f, RETURN_CONSTANT, [], [1])
    address, code = runtime.code_of(f)
    assert len(code) > 50
    with open("/proc/self/maps") as file:
        maps = file.readlines()
    for line in maps:
        bounds, rights = line.split()[:2]
        assert not ("w" in rights and "x" in rights), line
        low, high = (int(bound, 16) for bound in bounds.split("-"))
        if low <= address < high:
            assert rights == "r-xs"
            break
    else:
        raise AssertionError


def test_shutdown_with_compiled_code():
    script = """
    from pyston import _runtime
    from handmade import *
    import atexit
    _runtime.set_threshold(1000000)
    _runtime.enable()
    class T:
        def __del__(self):
            f(1)
            globals()["late"] = 1
    def f(x): return x
    dependencies = [("dict_key", globals(), "late"), ("type", T), ("function", f)]
    install(_runtime, f, RETURN_CONSTANT, [], [T()], dependencies=dependencies)
    keep = T()
    atexit.register(f, 1)
    print("done")
    """
    assert run(script) == "done\n"


SUB_INTERPRETER = """
from pyston import _runtime
from concurrent import interpreters
_runtime.enable()
interpreter = interpreters.create()
interpreter.exec('''
import sys
sys.path[:] = %r
def f(x): return x
assert [f(i) for i in range(100)] == list(range(100))
try:
    from pyston import _runtime
except ImportError as error:
    print(error)
''' % (sys.path,))
"""


def test_sub_interpreters():
    assert "subinterpreter" in run(SUB_INTERPRETER).replace("-", "")


FORK_WHILE_COMPILING = """
import gc, os, threading
from pyston import _runtime
from handmade import *
inside, go_on = threading.Event(), threading.Event()

def compiler(function):
    if function is f:
        inside.set()
        go_on.wait(10)
    if function in (f, g):
        install(_runtime, function, RETURN_CONSTANT, [], ["compiled"])
    else:
        _runtime.give_up(function, "test")

def f(x): return "interpreted"
def g(x): return "interpreted"
def earlier(x): pass

_runtime.set_threshold(3)
_runtime.set_compiler(compiler)
_runtime.enable()
FIRST
thread = threading.Thread(target=lambda: [f(1) for _ in range(5)])
thread.start()
inside.wait(10)
child = os.fork()
if child == 0:
    # The thread that was compiling is not here: its work is begun anew, and the collector runs again.
    results = [g(1) for _ in range(5)] + [f(1) for _ in range(50)]
    ok = results[4] == results[-1] == "compiled" and gc.isenabled()
    os._exit(0 if ok else 1)
print(os.waitpid(child, 0)[1])
go_on.set()
thread.join()
print([f(1) for _ in range(5)][-1], [g(1) for _ in range(9)][-1])
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("first", "status"),
    [
        ("[earlier(1) for _ in range(9)]", "0"),
        # The child of a fork that interrupts the very first compilation compiles nothing: the importing of the
        # compiler, and its locks, are lost with the thread.
        ("", "256"),
    ],
)
def test_a_fork_while_another_thread_compiles(first: str, status: str) -> None:
    program = FORK_WHILE_COMPILING.replace("FIRST", first)
    assert run(program, "-W", "ignore").split() == [status, "compiled", "compiled"]


def test_the_collector_does_not_notice_compilations(runtime):
    """No garbage of the compiler's is left, the program's young garbage stays, and nothing is counted."""

    class Node:
        pass

    def compiler(function):
        for _ in range(3000):
            node = Node()
            node.self = node
        gc.collect() if function is g else None
        install(runtime, function, RETURN_CONSTANT, [], ["compiled"])

    def f(x):
        return x

    def g(x):
        return x

    runtime.set_compiler(compiler)
    seen = []
    gc.collect()
    mine = Node()
    mine.self = mine
    del mine
    gc.callbacks.append(lambda *args: seen.append(args))
    try:
        before = gc.get_count(), gc.get_stats()
        assert runtime.compile_now(f)
        after = gc.get_count(), gc.get_stats()
        assert before[1] == after[1]
        assert abs(before[0][0] - after[0][0]) < 10
        assert before[0][1:] == after[0][1:]
        assert seen == []
        assert [type(o) for o in gc.get_objects(0)].count(Node) == 1
        assert runtime.compile_now(g)  # a collection in the middle does no harm
    finally:
        gc.callbacks.pop()
        runtime.set_compiler(None)
    assert [type(o) for o in gc.get_objects()].count(Node) == 0
    assert f(1) == g(1) == "compiled"
