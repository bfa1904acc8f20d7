"""Switches Pyston on at the start of Python. `pyston.pth`, beside this file once installed, imports it.

Runs at every start of every program in its environment, so it is small, never raises, and says nothing
unless asked to with PYSTON_DEBUG=1. Everything that costs time waits: the compiler is imported when the
first function gets hot.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FunctionType
    from typing import Any


def _switched_on() -> bool:
    """What `-X pyston` or PYSTON says; on by default. The option wins, as it does in CPython."""
    choice: str | bool | None = sys._xoptions.get("pyston")
    name = "-X pyston"
    if choice is None and not sys.flags.ignore_environment:
        choice = os.environ.get("PYSTON")
        name = "PYSTON"
    if choice not in (None, "", "0", "1", True):
        print(f"pyston: {name}={choice} is neither 0 nor 1, taken as 1", file=sys.stderr)
    return choice != "0"


def _unsupported() -> str | None:
    """Why this interpreter cannot run Pyston, as far as can be told cheaply; the runtime checks the rest."""
    if sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 14):
        return "only CPython 3.14 is supported"
    if sys.abiflags:
        return "free-threaded and debug builds are not supported"
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        return "only Linux on x86-64 is supported"
    return None


def _log(message: str) -> None:
    if os.environ.get("PYSTON_DEBUG") == "1" and not sys.flags.ignore_environment:
        print(f"pyston: {message}", file=sys.stderr)


def _first_compile(function: FunctionType, *loop: Any) -> str | None:
    """The first hot function or loop brings the compiler in; from then on the runtime calls it directly."""
    from pyston import _runtime, engine

    if getattr(engine.__spec__, "_initializing", False):
        # Somebody imports it by hand, and that is what makes functions hot: there is only half of it yet.
        if not loop:
            _runtime.retry(function, 100)
        return "the compiler is being imported"
    _runtime.set_compiler(engine.compile_hot)
    return engine.compile_hot(function, *loop)


def _read_variables(runtime: Any) -> None:
    """The PYSTON_* variables of docs/usage.md; a bad value is one warning and the default."""
    if sys.flags.ignore_environment:
        return
    threshold = os.environ.get("PYSTON_THRESHOLD")
    if threshold:
        if threshold.isascii() and threshold.isdecimal() and len(threshold) < 10 and int(threshold) > 0:
            runtime.set_threshold(int(threshold))
        else:
            print(f"pyston: PYSTON_THRESHOLD={threshold} is not a positive number, ignored", file=sys.stderr)
    if os.environ.get("PYSTON_DEBUG") == "1":
        runtime.set_log(True)
    huge_pages = os.environ.get("PYSTON_HUGE_PAGES")
    if huge_pages == "0":
        runtime.set_huge_pages(False)
    elif huge_pages not in (None, "", "1"):
        print(f"pyston: PYSTON_HUGE_PAGES={huge_pages} is neither 0 nor 1, taken as 1", file=sys.stderr)
    stress = os.environ.get("PYSTON_STRESS")
    if stress:
        try:
            runtime.set_stress(stress)
        except ValueError as error:
            print(f"pyston: PYSTON_STRESS: {error}, ignored", file=sys.stderr)
    statistics = os.environ.get("PYSTON_STATS")
    if statistics and statistics != "0":
        import atexit

        from pyston import report

        runtime.set_stats(True)
        atexit.register(report.at_exit, statistics)


def _start() -> None:
    if not _switched_on():
        return
    if reason := _unsupported():
        _log(f"off: {reason}")
        return
    try:
        import atexit

        from pyston import _runtime

        # The first to be registered is the last to be called.
        atexit.register(_runtime.shut_down)
        _runtime.set_compiler(_first_compile)
        _read_variables(_runtime)
        _runtime.enable()
    except Exception as error:
        # A sub-interpreter, or a CPython whose structs are not the known ones: plain CPython is always right.
        _log(f"off: {error}")


_start()
