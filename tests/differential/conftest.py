from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, os.path.dirname(__file__))


@pytest.fixture(autouse=True, scope="module")
def pyston_on() -> Iterator[None]:
    """Pyston as a program has it, whatever other tests did; with few objects for the collector to visit."""
    from pyston import _runtime, engine

    _runtime.set_compiler(engine.compile_hot)
    _runtime.set_threshold(1 << 30)
    _runtime.enable()
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    _runtime.disable()
