from __future__ import annotations

import signal

import pytest

# A shell starts background jobs with SIGINT ignored, and programs inherit that: those that wait for a KeyboardInterrupt
# would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew (make golden)")
