"""Random LIR programs: the machine code must do what the interpreter of LIR does."""

from __future__ import annotations

import ctypes
import math
import os
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.lir.interpreter import Exited, Interpreter
from tests.compiler.lir.programs import DOUBLES, Program, frame_buffer
from tests.compiler.native import Left, Memory, Placed

from pyston.compiler.artifact import REPR_F64
from pyston.compiler.lir.verifier import verify
from pyston.compiler.x86_64.emit import compile_lir

MASK = (1 << 64) - 1
MEMORY = Memory()
TSTATE = (ctypes.c_uint64 * 16)()


class Helpers:
    """What programs call: each records its arguments and answers with something made of them."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def note(self, name: str, *arguments: int) -> int:
        self.calls.append((name, *arguments))
        result = len(name)
        for argument in arguments:
            result = (result * 31 + argument) & MASK
        return result

    def fnote(self, name: str, *arguments: float) -> float:
        self.calls.append((name, *map(repr, arguments)))
        return sum(arguments, 0.5)

    def table(self) -> dict[str, object]:
        note = self.note
        fnote = self.fnote

        def fmix0() -> float:
            return fnote("fmix0")

        def fmix1(a: float) -> float:
            return fnote("fmix1", a)

        def fmix2(a: float, b: float) -> float:
            return fnote("fmix2", a, b)

        def fmix3(a: float, b: float, c: float) -> float:
            return fnote("fmix3", a, b, c)

        for function in (fmix0, fmix1, fmix2, fmix3):
            function.double = True  # type: ignore[attr-defined]
        return {
            "mix0": lambda: note("mix0"),
            "mix1": lambda a: note("mix1", a),
            "mix2": lambda a, b: note("mix2", a, b),
            "mix3": lambda a, b, c: note("mix3", a, b, c),
            "mix4": lambda a, b, c, d: note("mix4", a, b, c, d),
            "mix5": lambda a, b, c, d, e: note("mix5", a, b, c, d, e),
            "fmix0": fmix0,
            "fmix1": fmix1,
            "fmix2": fmix2,
            "fmix3": fmix3,
            "box_int": lambda a: note("box_int", a),
            "box_float": lambda a: note("box_float", nan_is_nan(a)),
            "push_frame": lambda a: note("push_frame", a),
            "_Py_Dealloc": lambda a: note("dealloc", a),
        }


def nan_is_nan(bits: int) -> int:
    value = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return 0x7FF8 if math.isnan(value) else bits


def normal(repr_: int, value: object) -> object:
    """A recipe's value in a form that compares: floats by bits, all NaNs alike."""
    if isinstance(value, float):
        return nan_is_nan(struct.unpack("<Q", struct.pack("<d", value))[0])
    assert isinstance(value, int)
    return nan_is_nan(value) if repr_ == REPR_F64 else value


def outcome(
    result: object, syncs: list[tuple[object, ...]], helpers: Helpers, words: object
) -> tuple[object, ...]:
    listing = list(words)  # type: ignore[call-overload]
    for index in range(4):
        listing[DOUBLES + index] = nan_is_nan(listing[DOUBLES + index])
    return (result, syncs, helpers.calls, listing)


def compare(numbers: list[int], blocks: int, small: bool) -> None:
    program = Program(numbers, blocks, small)
    words = frame_buffer(len(numbers), program.code.constant_addresses)
    initial = bytes(words)
    verify(program.code)
    helpers = Helpers()
    interpreter = Interpreter(
        program.code, ctypes.addressof(words), ctypes.addressof(TSTATE), helpers.table()
    )  # type: ignore[arg-type]
    try:
        result: object = interpreter.run()
    except Exited as exited:
        result = (exited.exit.offset, [(d, r, normal(r, v)) for d, r, v in exited.values])
    syncs: list[tuple[object, ...]] = [
        (exit_.offset, obj, [(d, r, normal(r, v)) for d, r, v in values])
        for exit_, obj, values in interpreter.syncs
    ]
    expected = outcome(result, syncs, helpers, words)
    ctypes.memmove(words, initial, len(initial))
    helpers = Helpers()
    placed = Placed(compile_lir(program.code), helpers.table(), interpreter.addresses, MEMORY)  # type: ignore[arg-type]
    if "PYSTON_TEST_TRACE" in os.environ:
        with open(os.environ["PYSTON_TEST_TRACE"], "w") as file:
            print((numbers, blocks, small), file=file)
    got = placed.run(ctypes.addressof(TSTATE), ctypes.addressof(words))
    if isinstance(got, Left):
        result = (got.record.offset, [(d, r, normal_back(r, v)) for d, r, v in got.values])
    else:
        result = got
    syncs = [
        (left.record.offset, obj, [(d, r, normal_back(r, v)) for d, r, v in left.values])
        for _, obj, left in placed.syncs
    ]
    assert outcome(result, syncs, helpers, words) == expected


def normal_back(repr_: int, value: int) -> object:
    return normal(repr_, value)


@settings(max_examples=int(os.environ.get("PYSTON_TEST_EXAMPLES", "150")), deadline=None)
@given(st.lists(st.integers(0, 999), max_size=250), st.integers(1, 9), st.booleans())
def test_machine_code_agrees_with_interpreter(numbers: list[int], blocks: int, small: bool) -> None:
    compare(numbers, blocks, small)
