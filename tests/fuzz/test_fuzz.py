"""The seeds of what the fuzzer once found, and a few programs of its own each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fuzz.generate import generate
from tests.fuzz.reduce import reduce_program
from tests.fuzz.runner import WAYS, Runner
from tests.fuzz.surroundings import KINDS

PROGRAMS = 40
SEEDS = sorted((Path(__file__).parent / "seeds").glob("*.py"))


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    runner.stop()


@pytest.mark.parametrize("way", [way for way in WAYS if way != "stock"])
def test_programs_as_on_stock(runner: Runner, way: str) -> None:
    for seed in range(PROGRAMS):
        found = runner.difference(generate(seed), way)
        assert not found, f"seed {seed}: {found}"


@pytest.mark.parametrize("way", [way for way in WAYS if way != "stock"])
@pytest.mark.parametrize("seed", SEEDS, ids=[path.stem for path in SEEDS])
def test_seed(runner: Runner, seed: Path, way: str) -> None:
    assert not runner.difference(seed.read_text(), way)


def test_same_program_for_the_same_seed() -> None:
    assert generate(7) == generate(7) != generate(8)


def test_a_crash_is_a_difference(runner: Runner) -> None:
    found = runner.difference("import os\nif os.environ.get('PYSTON') != '0': os.abort()\n", "first")
    assert found.startswith("crash")


def test_what_addresses_decide_is_no_difference(runner: Runner) -> None:
    """The end of an address in a slice of a repr."""
    program = "def f(): pass\nout(repr(f)[-6:])\n"
    stock = runner.stock(program)
    assert stock is not None and not runner.settled(program, stock)


def test_reducing() -> None:
    """Needs the one statement only, and its simplest form."""
    body = "    b = a + 1\n    if b:\n        c = [b, a]\n        return c\n    return b\n"
    program = f"def f(a):\n{body}print(f(3))\nprint(f(4))\n"
    small = reduce_program(program, lambda text: "c = " in text)
    assert small == "def f():\n    c = 0"


@pytest.mark.parametrize(
    "source",
    ["try:\n    while True: pass\nexcept BaseException: pass", "x = [1]\nwhile True: x += x"],
    ids=["time", "memory"],
)
def test_what_takes_too_much_is_of_no_use(runner: Runner, source: str) -> None:
    assert runner.stock(source) is None


TOOLS_PROGRAM = """
def g(a):
    yield a
    try:
        raise KeyError(a)
    except KeyError:
        yield 1
def f(a):
    toggle(KIND, 1)
    for i in range(2):
        b = [*g(a)]
    return b
for i in range(3):
    out(f(i))
"""


@pytest.mark.parametrize("kind", range(KINDS))
def test_tools_tell_of_the_program(runner: Runner, kind: int) -> None:
    program = TOOLS_PROGRAM.replace("KIND", str(kind))
    stock = runner.stock(program)
    assert stock is not None and stock["end"] == "end" and "list[2, 1]" in stock["notes"]
    assert len(stock["notes"]) > 3
    assert not runner.difference(program, "first", stock)


def test_threads_end_with_the_program(runner: Runner) -> None:
    tasks = "('look', 'sleep', 'monitor')"
    beside = f"beside({tasks}, 0.001)\nx = sum(i for i in range(50000))"
    after = "import threading\nout(threading.active_count(), sys.monitoring.get_tool(4))"
    for way in ("stock", "first"):
        assert runner.run(beside, way)["end"] == "end"
        assert runner.run(after, way)["notes"] == ["1 None"]


def test_of_a_program_without_memory_counts_that_it_ends(runner: Runner) -> None:
    program = (
        "try:\n    starve(0, 1)\n    x = [[] for i in range(9)]\nexcept MemoryError:\n    out(sys.platform)\n"
    )
    stock = runner.stock(program)
    assert stock is not None and stock["starved"] and stock["notes"] == ["str'linux'"]
    assert not runner.difference(program + "import os\nout(os.environ['PYSTON_THRESHOLD'])", "first")
    dies = program + "import os\nif os.environ.get('PYSTON') != '0': os.abort()\n"
    assert runner.difference(dies, "first").startswith("crash")
