from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

sys.path.insert(0, os.path.dirname(__file__))


@pytest.fixture(autouse=True, scope="package")
def quiet() -> Iterator[None]:
    """These tests count references and calls: pytest and the tests themselves must run interpreted."""
    if hasattr(sys, "pyston_version_info"):
        pytest.fail(
            "start pytest with PYSTON=0, as make test does: it must itself run interpreted", pytrace=False
        )
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
