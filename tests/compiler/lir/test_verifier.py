"""The verifier finds what is wrong, and the printer says it readably."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.compiler.lir.programs import make

from pyston.compiler import artifact as art
from pyston.compiler.artifact import ExitRecord
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.allocate import allocate
from pyston.compiler.lir.instructions import Block, Code, Lir, in_register
from pyston.compiler.lir.printer import print_code
from pyston.compiler.lir.verifier import Malformed, verify


def small() -> tuple[Code, Block, Block]:
    """v1 = local 0 + 1; if v1 < 10 return it, else leave."""
    code = Code()
    first, second = Block(0), Block(1, cold=True)
    code.blocks = [first, second]
    code.entries = [first]
    for _ in range(3):
        code.new_register(lir.GPR)
    code.new_register(lir.XMM)
    exit_ = ExitRecord(art.EXIT_GUARD, 3, 3, 1, "overflow", [in_register(0, art.REPR_I64, 0)])
    third = Block(2)
    code.blocks.insert(1, third)
    first.body = [
        make(lir.LOAD, 0, lir.FRAME_BASE, disp=80),
        make(lir.ADD_CHECK, 1, 0, imm=1, exit=exit_),
        make(lir.BRANCH, -1, 1, imm=10, cc=lir.CC_L, then=third, other=second),
    ]
    second.body = [
        make(lir.LEAVE, exit=ExitRecord(art.EXIT_LEAVE, 5, 5, 0, "rare", [in_register(0, art.REPR_I64, 1)]))
    ]
    third.body = [Lir(lir.RETURN, a=1)]
    return code, first, second


def test_well_formed() -> None:
    verify(small()[0])


Breaker = Callable[[Code, Block, Block], object]


@pytest.mark.parametrize(
    ("break_", "message"),
    [
        (lambda c, a, b: a.body.pop(), "ends in one terminator"),
        (lambda c, a, b: a.body.insert(0, Lir(lir.RETURN, a=1)), "ends in one terminator"),
        (lambda c, a, b: b.body.clear(), "is empty"),
        (lambda c, a, b: a.body.insert(0, Lir(lir.MOV, 2, 1)), "v1 may have no value"),
        (lambda c, a, b: a.body.insert(0, Lir(lir.IMM, 3)), "wrong class"),
        (lambda c, a, b: a.body.insert(0, Lir(lir.IMM)), "no result"),
        (lambda c, a, b: a.body.insert(1, Lir(lir.MOV, 2, 3)), "wrong class"),
        (lambda c, a, b: a.body.insert(1, Lir(lir.CONST, 2, imm=0)), "no such constant"),
        (lambda c, a, b: a.body.insert(1, make(lir.LOAD, 2, 0, width=3)), "width"),
        (lambda c, a, b: a.body.insert(1, Lir(lir.CHECK, a=0)), "no exit"),
        (lambda c, a, b: a.body.insert(1, Lir(lir.DIV_FLOOR, 2, 0, imm=0)), "divisor"),
        (lambda c, a, b: setattr(a.body[-1], "other", None), "no target"),
        (lambda c, a, b: setattr(a.body[-1], "then", Block(9)), "not among the blocks"),
        (lambda c, a, b: a.body[1].exit.entries.append(in_register(1, art.REPR_I64, 1)), "names the result"),
        (lambda c, a, b: a.body[1].exit.entries.append(in_register(1, art.REPR_F64, 0)), "wrong class"),
        (
            lambda c, a, b: a.body.insert(1, make(lir.CALL, 2, helper="f", args=[c.registers[0]] * 7)),
            "more arguments",
        ),
        (lambda c, a, b: a.body.insert(1, Lir(99)), "no such operation"),
        (lambda c, a, b: setattr(a, "cold", True), "entry 0 is cold"),
    ],
)
def test_malformed(break_: Breaker, message: str) -> None:
    code, first, second = small()
    break_(code, first, second)
    with pytest.raises(Malformed, match=message):
        verify(code)


def test_printed() -> None:
    code = small()[0]
    assert print_code(code) == (
        "block 0 (entry 0)                           ; bytecode 0\n"
        "  v0 = load [frame + 80]\n"
        "  v1 = add_check v0, 1                     else overflow@3 [0: i64 v0]\n"
        "  branch l v1, 10                          -> block 2 | block 1\n"
        "block 2                                     ; bytecode 0\n"
        "  return v1\n"
        "block 1 (cold)                              ; bytecode 0\n"
        "  leave                                    else rare@5 [0: i64 v1]\n"
    )


def test_printed_with_places() -> None:
    code = small()[0]
    assert "v1:rax = add_check v0:rax, 1" in print_code(code, allocate(code))
