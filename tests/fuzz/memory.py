"""Memory that fails for a moment, wherever a random program asks for it; see surroundings.py.

Where a MemoryError comes up is a matter of how many objects were made before, which differs. So of such a program
counts only that it ends.
"""

from __future__ import annotations

import importlib
import itertools
from typing import Any

_testcapi: Any = importlib.import_module("_testcapi")  # known to no type checker


class Memory:
    def __init__(self) -> None:
        self.calls = itertools.count(1)
        self.failed = False

    def starve(self, after: int, every: int) -> None:
        """At every so many calls one or two allocations fail, after some that do not."""
        call = next(self.calls)
        if call % every == 0:
            self.failed = True
            _testcapi.set_nomemory(after, after + 1 + call % 2)

    def end(self) -> None:
        _testcapi.remove_mem_hooks()
