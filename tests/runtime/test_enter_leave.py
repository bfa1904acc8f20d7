"""Entering compiled code, and every way of leaving it."""

from __future__ import annotations

import gc
import sys
import traceback

import pytest
from handmade import (
    INCREF_RAX,
    LOAD_ARGUMENT_0,
    POP_AND_RETURN,
    RELEASE_ARGUMENT_0,
    call_api,
    entry,
    exit_,
    install,
    unit_of,
)

from pyston.compiler.artifact import (
    DEST_DROP,
    EXIT_ERROR,
    EXIT_GUARD,
    EXIT_LEAVE,
    EXIT_SYNC,
    REPR_BOOL,
    REPR_BORROWED,
    REPR_F64,
    REPR_I64,
    REPR_NULL,
    REPR_OWNED,
    WHERE_CONST,
    WHERE_GPR,
    WHERE_IMM,
    WHERE_SLOT,
    WHERE_SPILL,
    WHERE_XMM,
)

RETURN_ARGUMENT = (
    LOAD_ARGUMENT_0 + INCREF_RAX + "mov [rsp], rax" + RELEASE_ARGUMENT_0 + "mov rax, [rsp]" + POP_AND_RETURN
)


class Thing:
    pass


def test_returns_its_argument(runtime):
    def f(x):
        raise AssertionError("interpreted")

    install(runtime, f, RETURN_ARGUMENT)
    thing = Thing()
    before = sys.getrefcount(thing)
    for _ in range(10):
        assert f(thing) is thing
        assert f(x=thing) is thing
        assert f(*[thing]) is thing
        assert f(x=thing) is thing
    assert sys.getrefcount(thing) == before
    assert runtime.internals()["live_entries"] == 0


def test_wrong_arguments_raise_as_ever(runtime):
    def f(x):
        return x

    install(runtime, f, RETURN_ARGUMENT)
    for call, text in [
        (lambda: f(), "missing 1 required positional argument: 'x'"),
        (lambda: f(1, 2), "takes 1 positional argument but 2 were given"),
        (lambda: f(y=1), "unexpected keyword argument 'y'"),
        (lambda: f(1, x=1), "multiple values for argument 'x'"),
    ]:
        with pytest.raises(TypeError, match=text):
            call()


def test_binding(runtime):
    """Arguments end up in the right slots whatever way they are given: the body leaves at once."""

    def plain(a, b=2, *, c=3, d):
        return a, b, c, d

    def many(a, *rest, c=3, **others):
        return a, rest, c, others

    def positional(a, b=5, /, c=6):
        return a, b, c

    expected = {
        plain: [plain(1, d=4), plain(1, 7, d=4), plain(a=1, b=8, c=9, d=10), plain(1, c=2, d=Thing)],
        many: [many(1), many(1, 2, 3), many(1, 2, c=4, z=5), many(a=1, q=2)],
        positional: [positional(1), positional(1, 2), positional(1, c=3), positional(1, 2, 3)],
    }
    for function in expected:
        install(runtime, function, "jmp EXIT(0)", [exit_(EXIT_LEAVE)])
    for _ in range(3):
        assert [
            plain(1, d=4),
            plain(1, 7, d=4),
            plain(a=1, b=8, c=9, d=10),
            plain(1, c=2, d=Thing),
        ] == expected[plain]
        assert [many(1), many(1, 2, 3), many(1, 2, c=4, z=5), many(a=1, q=2)] == expected[many]
        assert [positional(1), positional(1, 2), positional(1, c=3), positional(1, 2, 3)] == expected[
            positional
        ]
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'd'"):
        plain(1)
    with pytest.raises(TypeError, match="positional-only"):
        positional(1, b=2)


def test_defaults_are_owned(runtime):
    def f(x=None):
        sys._getframe()
        g()
        return x

    def g():
        f.__defaults__ = (None,)
        gc.collect()

    f.__defaults__ = (Thing(),)
    install(runtime, f, "jmp EXIT(0)", [exit_(EXIT_LEAVE)])
    assert isinstance(f(), Thing)
    assert f() is None


def test_every_representation(runtime):
    def f(a, b, c, d, e, g, h, i, j):
        return a, b, c, d, e, g, h, i, j

    owned, borrowed, constant = Thing(), Thing(), Thing()
    text = """
        movabs rax, offset const.0
        inc dword ptr [rax]
        mov r14, rax
        movabs r13, offset const.1
        mov qword ptr [rsp+16], -7
        movabs rdx, 0x3ff8000000000000
        movq xmm3, rdx
        mov [rsp+24], rdx
        mov ebp, 1
        movabs r8, 0x7fffffffffffffff
        jmp EXIT(0)
    """
    entries = [
        entry(0, REPR_OWNED, WHERE_GPR, 14),
        entry(1, REPR_BORROWED, WHERE_GPR, 13),
        entry(2, REPR_I64, WHERE_SPILL, 16),
        entry(3, REPR_F64, WHERE_XMM, 3),
        entry(4, REPR_F64, WHERE_SPILL, 24),
        entry(5, REPR_BOOL, WHERE_GPR, 5),
        entry(6, REPR_I64, WHERE_GPR, 8),
        entry(7, REPR_BORROWED, WHERE_CONST, 2),
        entry(8, REPR_I64, WHERE_IMM, -3),
    ]
    install(runtime, f, text, [exit_(EXIT_LEAVE, 0, 0, entries)], [owned, borrowed, constant])
    counts = [sys.getrefcount(o) for o in (owned, borrowed, constant)]
    arguments = [Thing() for _ in range(9)]
    argument_counts = [sys.getrefcount(o) for o in arguments]
    for _ in range(20):
        result = f(*arguments)
        assert result == (owned, borrowed, -7, 1.5, 1.5, True, 2**63 - 1, constant, -3)
        assert result[5] is True
        del result
    assert [sys.getrefcount(o) for o in (owned, borrowed, constant)] == counts
    assert [sys.getrefcount(o) for o in arguments] == argument_counts


def test_slots_move_and_copy(runtime):
    def f(a, b, c):
        d = None
        return a, b, c, d

    entries = [
        entry(0, REPR_OWNED, WHERE_SLOT, 1),  # a and b change places
        entry(1, REPR_OWNED, WHERE_SLOT, 0),
        entry(3, REPR_BORROWED, WHERE_SLOT, 2),
        entry(4, REPR_BORROWED, WHERE_SLOT, 2),  # the operand stack
    ]
    install(
        runtime,
        f,
        "jmp EXIT(0)",
        [exit_(EXIT_LEAVE, unit_of(f, "LOAD_FAST_BORROW_LOAD_FAST_BORROW"), 1, entries)],
    )
    x, y, z = Thing(), Thing(), Thing()
    counts = [sys.getrefcount(o) for o in (x, y, z)]
    for _ in range(5):
        assert f(x, y, z) == (y, x, z, z)
    assert [sys.getrefcount(o) for o in (x, y, z)] == counts


def test_drop_and_null(runtime):
    def f(a):
        if a is thing:
            b = 1
        return b

    thing = Thing()
    text = """
        movabs rcx, offset const.0
        inc dword ptr [rcx]
        add dword ptr [rcx], 1
        mov [rbx+88], rcx
        jmp EXIT(0)
    """
    entries = [entry(1, REPR_NULL, WHERE_IMM, 0), entry(DEST_DROP, REPR_OWNED, WHERE_GPR, 1)]
    install(runtime, f, text, [exit_(EXIT_LEAVE, 0, 0, entries)], [thing])
    count = sys.getrefcount(thing)
    for _ in range(5):
        with pytest.raises(UnboundLocalError):
            f(None)
        assert f(thing) == 1
    assert sys.getrefcount(thing) == count


def test_leaves_with_operands(runtime):
    def f(x):
        return x + 100

    entries = [entry(1, REPR_I64, WHERE_IMM, 7), entry(2, REPR_I64, WHERE_IMM, 8)]
    install(runtime, f, "jmp EXIT(0)", [exit_(EXIT_GUARD, unit_of(f, "BINARY_OP"), 2, entries, "type")])
    assert f("ignored") == 15
    rows = [row for row in runtime.stats()["exits"] if row[0] == f.__qualname__]
    line = f.__code__.co_firstlineno + 1
    assert rows == [(f.__qualname__, unit_of(f, "BINARY_OP"), "type", __file__, line, 1)]


def test_rax_survives_the_pushed_form(runtime):
    def f(x):
        return x

    install(
        runtime, f, "mov rax, 42\n jmp pushed_exit_0",
        [exit_(EXIT_LEAVE, unit_of(f, "RETURN_VALUE"), 1, [entry(1, REPR_I64, WHERE_GPR, 0)])],
    )  # fmt: skip
    assert f(None) == 42


def test_big_ints_and_floats_are_boxed_by_the_thunks(runtime):
    def f(x):
        return x

    for value in [
        0,
        1,
        -5,
        -6,
        256,
        257,
        1000,
        -1000,
        2**30 - 1,
        2**30,
        -(2**30),
        2**62,
        -(2**63),
        2**63 - 1,
    ]:
        install(
            runtime, f,
            f"movabs rax, {value}\n mov rsi, 11\n call helper.box_int\n cmp rsi, 11\n jne 1f\n mov [rsp], rax\n"
            + RELEASE_ARGUMENT_0 + "mov rax, [rsp]" + POP_AND_RETURN + "1: ud2\n",
        )  # fmt: skip
        for _ in range(150):
            assert f(None) == value
        assert f(None) + 1 == value + 1
        many = [f(None) for _ in range(200)]
        assert many == [value] * 200
    install(
        runtime, f,
        "movabs rax, 0x4004000000000000\n movq xmm0, rax\n call helper.box_float\n mov [rsp], rax\n"
        + RELEASE_ARGUMENT_0 + "mov rax, [rsp]" + POP_AND_RETURN,
    )  # fmt: skip
    assert [f(None) for _ in range(200)] == [2.5] * 200


REGISTERS = ["rax", "rcx", "rdx", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14"]


@pytest.mark.parametrize("kind", [float, int, str, "big"])
@pytest.mark.parametrize("register", REGISTERS)
def test_decref_thunks_preserve_everything(runtime, register, kind):
    """A new object is made and freed by the thunk; no other register may change."""

    def f(x):
        return x

    make_object = {
        float: "mov rax, 3\n cvtsi2sd xmm0, rax\n" + call_api("PyFloat_FromDouble"),
        int: "mov rdi, 123456\n" + call_api("PyLong_FromLongLong"),
        "big": "movabs rdi, 0x7ffffffffffffff\n" + call_api("PyLong_FromLongLong"),
        str: "lea rdi, [rip+7f]\n" + call_api("PyUnicode_FromString") + 'jmp 6f\n7: .asciz "some text"\n6:\n',
    }[kind]
    others = [r for r in REGISTERS if r != register]
    text = (
        make_object
        + "mov [rsp+8], rax\n"
        + "".join(f"mov rax, {i + 200}\n cvtsi2sd xmm{i}, rax\n" for i in range(15))
        + f"mov {register}, [rsp+8]\n"
        + "".join(f"mov {r}, {i + 100}\n" for i, r in enumerate(others))
        + f"call helper.decref_{register}\n"
        + f"cmp {register}, [rsp+8]\n jne 1f\n"
        + "".join(f"cmp {r}, {i + 100}\n jne 1f\n" for i, r in enumerate(others))
        + "".join(f"cvtsd2si rax, xmm{i}\n cmp rax, {i + 200}\n jne 1f\n" for i in range(15))
        + LOAD_ARGUMENT_0
        + INCREF_RAX
        + "mov [rsp], rax\n"
        + RELEASE_ARGUMENT_0
        + "mov rax, [rsp]\n"
        + POP_AND_RETURN
        + "1: ud2\n"
    )
    install(runtime, f, text)
    blocks = sys.getallocatedblocks()
    for _ in range(300):
        assert f("x") == "x"
    assert sys.getallocatedblocks() - blocks < 150


def test_preserving_entries(runtime):
    if "long_from_i64" not in runtime.helper_names():
        pytest.skip("no helpers in this build")

    def f(x):
        return x

    text = (
        "".join(f"mov {r}, {i + 100}\n" for i, r in enumerate(REGISTERS))
        + "push 0\n push 9999\n call preserving.long_from_i64\n pop qword ptr [rsp+8]\n add rsp, 8\n"
        + "".join(f"cmp {r}, {i + 100}\n jne 1f\n" for i, r in enumerate(REGISTERS))
        + RELEASE_ARGUMENT_0
        + "mov rax, [rsp-8+8]\n"
        + POP_AND_RETURN
        + "1: ud2\n"
    )
    install(runtime, f, text)
    assert f("x") == 9999


# --- errors ---------------------------------------------------------------------------------------------------

RAISE_GETATTR = (
    "mov rdi, [rbx+80]\n and rdi, -2\n movabs rsi, offset const.0\n"
    + call_api("PyObject_GetAttr")
    + "jmp EXIT(0)\n"
)


def failing(runtime, function, opname="LOAD_ATTR", depth=1):
    """`function` compiled so that x.missing fails in compiled code."""
    recipe = [entry(function.__code__.co_nlocals, REPR_BORROWED, WHERE_SLOT, 0)] if depth else []
    install(
        runtime,
        function,
        RAISE_GETATTR,
        [exit_(EXIT_ERROR, unit_of(function, opname), depth, recipe)],
        ["missing"],
    )


def test_traceback_without_handler(runtime):
    def f(x):
        return x.missing

    def expect():
        try:
            f(thing)
        except AttributeError as error:
            lines = traceback.format_tb(error.__traceback__)
            assert "return x.missing" in lines[-1]
            last = error.__traceback__.tb_next
            return lines, last.tb_lasti, last.tb_frame.f_locals == {"x": thing}, last.tb_frame.f_lineno
        raise AssertionError

    thing = Thing()
    stock = expect()
    failing(runtime, f)
    gc.collect()
    count = sys.getrefcount(thing)
    for _ in range(5):
        assert expect() == stock
    gc.collect()
    assert sys.getrefcount(thing) == count


LOG = []


def nested(x):
    try:
        try:
            return x.missing
        except KeyError:
            return "wrong"
        finally:
            LOG.append(type(sys.exception()))
    except AttributeError as error:
        return "handled", str(error), error.__context__, sys.exception() is error


def looping(x):
    for _ in [1, 2]:
        try:
            x.missing
        except AttributeError:
            raise ValueError("other")  # noqa: B904


def test_handlers(runtime):
    def run_looping():
        try:
            looping(thing)
        except ValueError as error:
            return traceback.format_exception(error)

    thing = Thing()
    LOG.clear()
    expected = nested(thing), run_looping()
    failing(runtime, nested)
    gc.collect()
    count = sys.getrefcount(thing)
    for _ in range(5):
        assert nested(thing) == expected[0]
    assert [AttributeError] * 6 == LOG
    assert sys.getrefcount(thing) == count
    assert sys.exception() is None
    # Here the loop's iterator lies below the failing instruction's operand.
    iterator = iter([2])
    base = looping.__code__.co_nlocals
    recipe = [entry(base, REPR_BORROWED, WHERE_CONST, 1), entry(base + 1, REPR_BORROWED, WHERE_SLOT, 0)]
    install(
        runtime, looping, RAISE_GETATTR,
        [exit_(EXIT_ERROR, unit_of(looping, "LOAD_ATTR"), 2, recipe)], ["missing", iterator],
    )  # fmt: skip
    for _ in range(5):
        assert run_looping() == expected[1]


def test_uncaught_error_in_a_chain_keeps_recursion_count(runtime):
    def f(x):
        return x.missing

    failing(runtime, f)
    depth_before = remaining()
    for _ in range(3000):
        try:
            f(None)
        except AttributeError:
            pass
    assert remaining() == depth_before


def remaining():
    """How deep Python calls may still nest."""
    depth = 0

    def dive():
        nonlocal depth
        depth += 1
        dive()

    try:
        dive()
    except RecursionError:
        pass
    return depth


# --- sync -----------------------------------------------------------------------------------------------------


def test_sync_shows_locals_and_keeps_registers(runtime):
    seen = []

    class Dying:
        def __del__(self):
            frame = sys._getframe(1)
            seen.append(
                (frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, dict(frame.f_locals))
            )

    def f(x):
        a = b = c = None
        return x

    held = Thing()
    text = (
        """
        movabs r14, offset const.0
        mov r13, 1234
        mov rax, 7
        cvtsi2sd xmm5, rax
        movabs rdi, offset const.1
        """
        + call_api("PyObject_CallNoArgs")
        + """
        dec dword ptr [rax]
        jne 1f
        mov rcx, 55
        push rax
        push 0
        call sync_tail
        cmp r13, 1234
        jne 1f
        cmp rcx, 55
        jne 1f
        cvtsd2si rax, xmm5
        cmp rax, 7
        jne 1f
        """
        + "mov rax, r14\n"
        + INCREF_RAX
        + "call helper.give_back_4\n jmp epilogue\n"
        + "1: ud2\n"
    )
    entries = [
        entry(1, REPR_BORROWED, WHERE_GPR, 14),
        entry(2, REPR_I64, WHERE_GPR, 13),
        entry(3, REPR_F64, WHERE_XMM, 5),
    ]
    install(runtime, f, text, [exit_(EXIT_SYNC, unit_of(f, "RETURN_VALUE"), 0, entries)], [held, Dying])
    count = sys.getrefcount(held)
    for _ in range(3):
        assert f(1) is held
    assert seen == [("f", 2, {"x": 1, "a": held, "b": 1234, "c": 7.0})] * 3
    seen.clear()
    assert sys.getrefcount(held) == count
