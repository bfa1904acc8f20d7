"""What random programs do not reach: entries, calls by address, the ways out, and how dense the code is."""

from __future__ import annotations

import ctypes

import pytest
from tests.compiler.lir.programs import make
from tests.compiler.native import Left, Placed

from pyston.compiler import artifact as art
from pyston.compiler.artifact import ExitEntry, ExitRecord
from pyston.compiler.lir import instructions as lir
from pyston.compiler.lir.instructions import Block, Code, Lir, in_register
from pyston.compiler.lir.verifier import verify
from pyston.compiler.x86_64.emit import compile_lir
from pyston.compiler.x86_64.listing import print_assembly


class Builder:
    """A function of one hot block, and what tests add to it."""

    def __init__(self) -> None:
        self.code = Code()
        self.block = Block(0)
        self.code.blocks = [self.block]
        self.code.entries = [self.block]

    def gpr(self) -> int:
        return self.code.new_register(lir.GPR)

    def xmm(self) -> int:
        return self.code.new_register(lir.XMM)

    def add(
        self,
        op: int,
        dst: int = -1,
        a: int = -1,
        b: int = -1,
        imm: int = 0,
        args: list[int] | None = None,
        **fields: object,
    ) -> int:
        ins = make(op, dst, a, b, imm, **fields)
        if args is not None:
            ins.args = [self.code.registers[v] for v in args]
        self.block.body.append(ins)
        return dst

    def local(self, index: int) -> int:
        return self.add(lir.LOAD, self.gpr(), lir.FRAME_BASE, disp=80 + 8 * index)

    def new_block(self, cold: bool = False) -> Block:
        block = Block(len(self.code.blocks), cold)
        self.code.blocks.append(block)
        return block

    def artifact(self) -> art.Artifact:
        verify(self.code)
        return compile_lir(self.code)


def frame(*values: int) -> ctypes.Array[ctypes.c_int64]:
    words = (ctypes.c_int64 * 64)()
    words[10 : 10 + len(values)] = list(values)
    return words


def run(placed: Placed, words: ctypes.Array[ctypes.c_int64] | ctypes.Array[ctypes.c_double]) -> int | Left:
    """With the words as the frame, which stays alive meanwhile."""
    return placed.run(0, ctypes.addressof(words))


def text(artifact: art.Artifact) -> list[str]:
    """The hot instructions without addresses and bytes."""
    pytest.importorskip("capstone")
    lines = []
    for line in print_assembly(artifact).splitlines()[1:]:
        if line.startswith("; --- cold"):
            break
        if not line.startswith(";"):
            lines.append(line[30:].split(" ;")[0].strip())
    return lines


@pytest.mark.parametrize("count", [2, 3, 5, 6, 20])
def test_entries(count: int) -> None:
    b = Builder()
    b.code.blocks.clear()
    b.code.entries.clear()
    for number in range(count):
        b.block = b.new_block()
        b.code.entries.append(b.block)
        b.add(lir.RETURN, a=b.add(lir.IMM, b.gpr(), imm=100 + number))
    placed = Placed(b.artifact())
    assert [placed.run(0, 0, entry) for entry in range(count)] == [100 + n for n in range(count)]


def mixed(*numbers: int) -> int:
    result = 7
    for number in numbers:
        result = (result * 31 + number) & (1 << 64) - 1
    return result


def mix6(a: int, b: int, c: int, d: int, e: int, f: int) -> int:
    return mixed(a, b, c, d, e, f)


@pytest.mark.parametrize(
    "order", [(0, 1, 2, 3, 4, 5), (1, 2, 0, 4, 3, 5), (5, 4, 3, 2, 1, 0), (1, 1, 0, 0, 3, 2)]
)
def test_arguments_turn_round(order: tuple[int, ...]) -> None:
    """The first call leaves the values where its arguments are, the second wants them elsewhere."""
    b = Builder()
    values = [b.local(n) for n in range(6)]
    first = b.add(lir.CALL, b.gpr(), helper="mix6", args=values)
    second = b.add(lir.CALL, b.gpr(), helper="mix6", args=[values[n] for n in order])
    b.add(lir.RETURN, a=b.add(lir.XOR, b.gpr(), first, second))
    words = frame(1, 2, 3, 4, 5, 6)
    numbers = [1, 2, 3, 4, 5, 6]
    want = mix6(*numbers) ^ mix6(*(numbers[n] for n in order))
    assert run(Placed(b.artifact(), {"mix6": mix6}), words) == want


def weigh(a: float, b: float, c: float) -> float:
    return a + 10 * b + 100 * c


weigh.double = True  # type: ignore[attr-defined]


def test_float_arguments_turn_round() -> None:
    b = Builder()
    values = [b.add(lir.FLOAD, b.xmm(), lir.FRAME_BASE, disp=80 + 8 * n) for n in range(3)]
    # Without a call in between the three sit in xmm0..2.
    swapped = [values[1], values[2], values[0]]
    total = b.add(lir.CALL, b.xmm(), helper="weigh", args=swapped)
    b.add(lir.FSTORE, -1, lir.FRAME_BASE, total, disp=80)
    b.add(lir.RETURN, a=b.add(lir.IMM, b.gpr(), imm=1))
    words = (ctypes.c_double * 64)()
    words[10:13] = [1.0, 2.0, 3.0]
    run(Placed(b.artifact(), {"weigh": weigh}), words)
    assert words[10] == weigh(2.0, 3.0, 1.0)


def test_calls_by_address() -> None:
    pointer = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(lambda x, y: 10 * x + y)
    address = ctypes.cast(pointer, ctypes.c_void_p).value
    assert address is not None
    b = Builder()
    x, y, table = b.local(0), b.local(1), b.local(2)
    known = b.add(lir.IMM, b.gpr(), imm=address)
    loaded = b.add(lir.LOAD, b.gpr(), table, disp=8)
    one = b.add(lir.CALL_REG, b.gpr(), known, args=[x, y])
    two = b.add(lir.CALL_REG, b.gpr(), loaded, args=[y, x])
    three = b.add(lir.CALL_MEM, b.gpr(), table, disp=8, args=[one, two])
    b.add(lir.RETURN, a=three)
    words = frame(3, 4, 0)
    words[12] = ctypes.addressof(words)
    words[1] = address
    assert run(Placed(b.artifact()), words) == 10 * 34 + 43


def test_many_values_across_a_call() -> None:
    b = Builder()
    values = [b.local(n) for n in range(20)]
    result = b.add(lir.CALL, b.gpr(), helper="mix6", args=values[:6])
    for value in values:
        result = b.add(lir.ADD, b.gpr(), result, value)
    b.add(lir.RETURN, a=result)
    artifact = b.artifact()
    assert artifact.spill_bytes >= 8 * 16
    words = frame(*range(20))
    assert run(Placed(artifact, {"mix6": lambda a, b, c, d, e, f: 1000}), words) == 1190


def test_two_results() -> None:
    pointer = ctypes.CFUNCTYPE(ctypes.c_int64)(
        lambda: 5
    )  # rdx comes back as garbage: only that both are read
    b = Builder()
    call = Lir(
        lir.CALL_REG, b.gpr(), b.add(lir.IMM, b.gpr(), imm=ctypes.cast(pointer, ctypes.c_void_p).value or 0)
    )
    call.args = []
    call.dst2 = b.gpr()
    b.block.body.append(call)
    b.add(lir.STORE, -1, lir.FRAME_BASE, call.dst2, disp=80)
    b.add(lir.RETURN, a=call.dst)
    assert run(Placed(b.artifact()), frame()) == 5


# --- ways out ---------------------------------------------------------------------------------------------


def test_overflow_takes_the_step_back() -> None:
    """The result overwrites its operand, which the exit's recipe names."""
    b = Builder()
    number = b.local(0)
    exit_ = ExitRecord(art.EXIT_GUARD, 4, 4, 0, "overflow", [in_register(0, art.REPR_I64, number)])
    b.add(lir.RETURN, a=b.add(lir.ADD_CHECK, b.gpr(), number, imm=1, exit=exit_))
    artifact = b.artifact()
    assert not any(line.startswith("mov r") and "[rbx" not in line for line in text(artifact)[5:])
    placed = Placed(artifact)
    assert run(placed, frame(41)) == 42
    left = run(placed, frame((1 << 63) - 1))
    assert isinstance(left, Left)
    assert left.values == [(0, art.REPR_I64, (1 << 63) - 1)]


@pytest.mark.parametrize("depth", [0, 1])
def test_tools_are_asked(depth: int) -> None:
    b = Builder()
    b.block.loop_depth = depth
    number = b.local(0)
    entries = [in_register(0, art.REPR_I64, number)]
    b.add(lir.CHECK_TOOLS, exit=ExitRecord(art.EXIT_SYNC, 7, 7, 0, "tools", entries))
    b.add(lir.RETURN, a=number)
    artifact = b.artifact()
    kinds = [record.kind for record in artifact.exits]
    assert kinds == [art.EXIT_SYNC]
    placed = Placed(artifact)
    tstate = (ctypes.c_uint64 * 8)()
    words = frame(12)
    assert placed.run(ctypes.addressof(tstate), ctypes.addressof(words)) == 12
    assert placed.syncs == []
    tstate[3] = 0x100
    assert placed.run(ctypes.addressof(tstate), ctypes.addressof(words)) == 12
    assert [(number, obj, left.values) for number, obj, left in placed.syncs] == [
        (0, 0, [(0, art.REPR_I64, 12)])
    ]


@pytest.mark.parametrize("sites", [10, 300])
def test_freeing_finds_its_exit(sites: int) -> None:
    """The number stands behind the call, in one byte or four."""
    b = Builder()
    obj = b.local(0)
    for site in range(sites):
        exit_ = ExitRecord(art.EXIT_SYNC, site, site, 0, "free", [])
        b.add(lir.STORE, -1, obj, imm=1, width=4)
        b.add(lir.DECREF, -1, obj, exit=exit_)
    b.add(lir.RETURN, a=obj)
    placed = Placed(b.artifact())
    words = frame(0)
    words[10] = ctypes.addressof(words)
    run(placed, words)
    assert [left.record.offset for _, _, left in placed.syncs] == list(range(sites))
    assert {obj for _, obj, _ in placed.syncs} == {ctypes.addressof(words)}


def test_exits_share_a_stub() -> None:
    b = Builder()
    number = b.local(0)
    exit_ = ExitRecord(art.EXIT_GUARD, 1, 1, 0, "range", [in_register(0, art.REPR_I64, number)])
    for limit in (10, 20, 30):
        b.add(lir.CHECK, -1, number, imm=limit, cc=lir.CC_L, exit=exit_)
    b.add(lir.RETURN, a=number)
    artifact = b.artifact()
    assert len(artifact.exits) == 1
    assert artifact.code.count(b"\x6a\x00") == 1  # push 0


def test_constants_in_recipes() -> None:
    """What is made again at each use is nowhere: the recipe holds it."""
    b = Builder()
    b.code.constants = [None]
    b.code.constant_addresses = [0x1234]
    small = b.add(lir.IMM, b.gpr(), imm=-5)
    large = b.add(lir.IMM, b.gpr(), imm=1 << 40)
    constant = b.add(lir.CONST, b.gpr(), imm=0)
    double = b.add(lir.FIMM, b.xmm(), imm=0x3FF8000000000000)
    entries = [
        in_register(0, art.REPR_I64, small),
        in_register(1, art.REPR_I64, large),
        in_register(2, art.REPR_BORROWED, constant),
        in_register(3, art.REPR_F64, double),
        ExitEntry(4, art.REPR_NULL, art.WHERE_IMM, 0),
    ]
    b.add(lir.LEAVE, exit=ExitRecord(art.EXIT_LEAVE, 0, 0, 0, "leave", entries))
    artifact = b.artifact()
    wheres = [entry.where for entry in artifact.exits[0].entries]
    assert wheres == [art.WHERE_IMM, art.WHERE_CONST, art.WHERE_CONST, art.WHERE_CONST, art.WHERE_IMM]
    assert artifact.constants == [None, 1 << 40, 1.5]
    left = Placed(artifact, None, [0x1234, 0, 0]).run()
    assert isinstance(left, Left)
    assert [value for _, _, value in left.values] == [(1 << 64) - 5, 1 << 40, 0x1234, 0x3FF8000000000000, 0]


def test_cold_call_saves_what_hot_code_keeps_in_registers() -> None:
    b = Builder()
    cold = Block(1, cold=True)
    end = Block(2)
    b.code.blocks += [end, cold]
    x, y = b.local(0), b.local(1)
    double = b.add(lir.FLOAD, b.xmm(), lir.FRAME_BASE, disp=96)
    b.add(lir.BRANCH, -1, x, imm=0, cc=lir.CC_E, then=cold, other=end)
    cold.body = [
        make(lir.CALL, x, helper="slow", args=[b.code.registers[y]]),
        make(lir.JUMP, then=end),
    ]
    b.block = end
    total = b.add(lir.ADD, b.gpr(), x, y)
    b.add(lir.FSTORE, -1, lir.FRAME_BASE, double, disp=104)
    b.add(lir.RETURN, a=total)
    artifact = b.artifact()
    assert not any("push rbp" in line or "push r14" in line for line in text(artifact))
    words = frame(0, 5, 77, 0)
    assert run(Placed(artifact, {"slow": lambda y: 100 * y}), words) == 505
    assert words[13] == 77


# --- density ------------------------------------------------------------------------------------------------


def test_a_counting_loop_is_tight() -> None:
    """Phis share a register with what flows into them; no move is left in the loop."""
    b = Builder()
    loop, end = b.new_block(), b.new_block()
    loop.loop_depth = 1
    i, total, limit = b.gpr(), b.gpr(), b.local(0)
    b.add(lir.IMM, i, imm=0)
    b.add(lir.IMM, total, imm=0)
    b.add(lir.JUMP, then=loop)
    b.block = loop
    exit_ = ExitRecord(
        art.EXIT_GUARD,
        3,
        3,
        0,
        "overflow",
        [in_register(0, art.REPR_I64, i), in_register(1, art.REPR_I64, total)],
    )
    total_next = b.add(lir.ADD_CHECK, b.gpr(), total, i, exit=exit_)
    i_next = b.add(lir.ADD, b.gpr(), i, imm=1)
    b.add(lir.MOV, total, total_next)
    b.add(lir.MOV, i, i_next)
    b.add(lir.BRANCH, -1, i, limit, cc=lir.CC_L, then=loop, other=end)
    b.block = end
    b.add(lir.RETURN, a=total)
    artifact = b.artifact()
    lines = text(artifact)
    start = next(n for n, line in enumerate(lines) if line.startswith("add"))
    assert [line.split()[0] for line in lines[start : start + 5]] == ["add", "jo", "inc", "cmp", "jl"]
    assert run(Placed(artifact), frame(100)) == 4950


def test_popping_the_frame_keeps_the_result_where_it_is() -> None:
    b = Builder()
    result = b.local(0)
    b.add(lir.CALL, helper="give_back_1")
    b.add(lir.RETURN, a=result)
    lines = text(b.artifact())[5:]
    assert lines[0] == "mov rax, qword ptr [rbx + 0x50]"
    assert lines[1].startswith("call")
    assert lines[2:] == ["pop r11", "pop r15", "pop rbx", "ret"]


def test_jump_over_the_stubs_to_the_first_cold_block() -> None:
    """Between hot and cold code stand the stubs of the hot: so nothing falls through to the first cold block."""
    b = Builder()
    number = b.local(0)
    b.add(lir.CHECK, a=number, imm=1, cc=lir.CC_NE, exit=ExitRecord(art.EXIT_GUARD, 3, 3, 0, "guard", []))
    cold = b.new_block(cold=True)
    b.add(lir.JUMP, then=cold)
    b.block = cold
    b.add(lir.RETURN, a=b.add(lir.IMM, b.gpr(), imm=7))
    placed = Placed(b.artifact())
    assert run(placed, frame(0)) == 7
    assert isinstance(run(placed, frame(1)), Left)


@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize("number", [-1, -2, -0x80, -0x81, -0x8000, -0x80000000, 0x7F, 0x7FFFFFFF])
@pytest.mark.parametrize("offset", range(3))
def test_negative_immediates(width: int, number: int, offset: int) -> None:
    """Whatever follows an immediate must be unharmed by its sign, wherever in a word of code it comes to lie."""
    b = Builder()
    for n in range(offset):
        b.add(lir.STORE, -1, lir.FRAME_BASE, imm=1, width=1, disp=80 + 8 * (n + 1))
    b.add(lir.STORE, -1, lir.FRAME_BASE, imm=number, width=width, disp=80)
    product = b.add(lir.IMUL, b.gpr(), b.add(lir.LOAD, b.gpr(), lir.FRAME_BASE, disp=80), imm=number)
    b.add(lir.RETURN, a=b.add(lir.ADD, b.gpr(), product, imm=number))
    words = frame(0)
    stored = number % (1 << 8 * width)
    want = (stored * number + number) % (1 << 64)
    assert run(Placed(b.artifact()), words) == want
    assert words[10] % (1 << 64) == stored
