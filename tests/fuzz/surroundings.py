"""What may be around a random program: tools, threads, memory that fails. Calls that begin or end it are put into the
program; what they do is in tools.py, threads.py and memory.py, on the side of the process that runs it (child.py).
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable

from tests.fuzz.reduce import blocks_of

KINDS = 15  # of tools
MEMORY = [0, 0, 1, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30]  # allocations that succeed before the one that fails


def with_calls(source: str, chance: random.Random, call: Callable[[], str]) -> str:
    """The program with such calls in some of its blocks; not in the outermost, where an exception would end it."""
    tree = ast.parse(source)
    blocks = [block for block in blocks_of(tree)[1:] if isinstance(block[0], ast.stmt)]
    for block in chance.sample(blocks, min(len(blocks), 3 + chance.randrange(5))):
        block.insert(chance.randrange(len(block) + 1), ast.parse(call()).body[0])
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def with_tools(source: str, chance: random.Random) -> str:
    kinds = chance.sample(range(KINDS), 1 if chance.random() < 0.6 else 2)
    return with_calls(
        source, chance, lambda: f"toggle({chance.choice(kinds)}, {chance.choice([1, 2, 3, 5])})"
    )


def with_threads(source: str, chance: random.Random) -> str:
    tasks = tuple(chance.sample(["work", "look", "monitor", "sleep"], 1 + chance.randrange(2)))
    return f"beside({tasks!r}, {chance.choice([0, 0.002, 0.0007])})\n{source}"


def without_memory(source: str, chance: random.Random) -> str:
    return with_calls(
        source, chance, lambda: f"starve({chance.choice(MEMORY)}, {chance.choice([1, 2, 3, 5, 7])})"
    )


# By the remainder of a seed: every third program has something around it.
AROUND = {1: with_tools, 4: with_threads, 7: without_memory}
CYCLE = 9


def surround(source: str, seed: int) -> str:
    around = AROUND.get(seed % CYCLE)
    return around(source, random.Random(seed)) if around else source
