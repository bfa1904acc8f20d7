"""Pyston: makes this CPython faster. It is on from the start; this is the door to look inside and to steer it."""

from pyston import _runtime

# Every start of Python runs this file: typing and types would be most of its cost.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FunctionType
    from typing import Any

_FUNCTION_TYPE: type = type(lambda: None)

__all__ = ["compile", "disable", "enable", "explain", "is_compiled", "stats"]


def enable() -> None:
    """Begins to count calls and to compile what is hot. Does nothing when on already."""
    _runtime.enable()


def disable() -> None:
    """Retires all compiled code; from here on this is plain CPython, until `enable()`."""
    _runtime.disable()


def _function_of(target: object) -> FunctionType:
    inner: Any = getattr(target, "__func__", target)
    if type(inner) is not _FUNCTION_TYPE:
        raise TypeError(f"a Python function or method is needed, not {type(target).__name__}")
    return inner  # type: ignore[return-value]


def is_compiled(function: object) -> bool:
    """Does this function (or method) run as machine code now?"""
    return _runtime.is_compiled(_function_of(function))


def compile(function: object) -> bool:
    """Compiles the function now, however often it was called. False where it cannot be; `explain` says why."""
    from pyston.engine import compile_now

    return compile_now(_function_of(function)) is None


def stats() -> dict[str, Any]:
    """What was compiled, given up, left and retired so far, and what that cost."""
    return _runtime.stats()


def explain(function: object) -> str:
    """What became of the function, in a few lines: compiled or not and why, and where compiled code left."""
    from pyston.explanation import explain_function

    return explain_function(_function_of(function))
