"""What became of a function, for people: `pyston.explain(f)`."""

from __future__ import annotations

import types

from pyston import _runtime


def explain_function(function: types.FunctionType) -> str:
    """A few lines: compiled or not and why, how often called while counted, where compiled code left."""
    code = function.__code__
    where = f"{function.__qualname__} ({code.co_filename}:{code.co_firstlineno})"
    state, calls, compiles = _runtime.state(function)
    if _runtime.is_compiled(function):
        found = _runtime.code_of(function)
        size = len(found[1]) if found is not None else 0
        lines = [f"{where}: compiled, {size} bytes of machine code, compilation {compiles}"]
    else:
        reason = _runtime.why_not(function)
        because = f" ({reason})" if reason is not None else ""
        lines = [
            f"{where}: {state}{because}, {calls} calls counted or estimated, compiled {compiles} times so far"
        ]
    for qualname, offset, why, file, line, count in _runtime.stats()["exits"]:
        if qualname == code.co_qualname and file == code.co_filename:
            lines.append(f"  left at line {line}, bytecode {offset} ({why}): {count} times")
    return "\n".join(lines)
