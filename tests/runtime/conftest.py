from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, os.path.dirname(__file__))


@pytest.fixture(autouse=True, scope="package")
def quiet() -> Iterator[None]:
    """These tests count references and calls: the tests themselves must run interpreted."""
    from pyston import _runtime

    _runtime.disable()
    yield


@pytest.fixture
def runtime() -> Iterator[object]:
    """The runtime, on, with a high threshold and no compiler."""
    from pyston import _runtime

    _runtime.set_compiler(None)
    _runtime.set_threshold(1_000_000)
    _runtime.enable()
    try:
        yield _runtime
    finally:
        _runtime.disable()
