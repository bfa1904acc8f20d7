"""Runs functions on stock and compiled, and compares everything that a program could see.

A file of cases is loaded once for each way of running, so that each has code objects of its own: `stock` runs
in a process without Pyston; `warm` is compiled after calls that gave the interpreter its feedback; `narrow` after
calls with the first input only, so that what the others do has never run; `cold` before the first call. All then
make the same calls, and what is noted must be equal: results, exceptions with their tracebacks, output, what callees
see of the frame, objects' deaths, and the arguments' reference counts.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import pickle
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import prelude

try:
    from pyston import _runtime
except ImportError:  # in the process that is stock
    pass

FOLDER = Path(__file__).parent / "cases"
NEVER = 1 << 30
LEAK = 50  # blocks of memory that may come and go in a hundred calls
WARM_UP = 12  # rounds: the interpreter specialises after a few


def load(name: str) -> types.ModuleType:
    source = (FOLDER / f"{name}.py").read_text()
    module = types.ModuleType(f"cases_{name}")
    module.__dict__["__builtins__"] = __builtins__
    code = compile(source, f"{prelude.CASES}{name}.py", "exec", dont_inherit=True)
    exec(code, module.__dict__)
    return module


def case_names(name: str) -> list[str]:
    return [key for key, value in load(name).__dict__.items() if hasattr(value, "case")]


def functions_of(module: types.ModuleType) -> list[types.FunctionType]:
    """Every function of the file, methods included."""
    found: list[types.FunctionType] = []

    def visit(value: object) -> None:
        if isinstance(value, types.FunctionType):
            if value.__code__.co_filename.startswith(prelude.CASES):
                found.append(value)
        elif isinstance(value, property):
            visit(value.fget)
            visit(value.fset)
        elif isinstance(value, staticmethod | classmethod):
            visit(value.__func__)
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for member in list(vars(value).values()):
                visit(member)

    for value in list(vars(module).values()):
        visit(value)
    return found


def odd_inputs(function: Any) -> list[str]:
    """The first input with each argument replaced by values of other types, and all of them at once."""
    inputs, odd, skip, _, _ = function.case
    if not odd:
        return []
    result = []
    for name, value in prelude.ODD.items():
        if name in skip:
            continue
        call = inputs[0]
        count = function.__code__.co_argcount
        for position in range(count):
            result.append(f"@{position}={value}|{call}")
        if count > 1:
            result.append(f"@*={value}|{call}")
    return result


def arguments(text: str, namespace: dict[str, Any]) -> tuple[Any, ...]:
    scope = {**vars(prelude), **namespace}
    if not text.startswith("@"):
        return tuple(eval(f"({text},)" if text else "()", scope))
    change, _, call = text[1:].partition("|")
    position, _, value = change.partition("=")
    args = list(eval(f"({call},)", scope))
    if position == "*":
        args = [eval(value, scope) for _ in args]
    else:
        args[int(position)] = eval(value, scope)
    return tuple(args)


def observe(function: Any, text: str, namespace: dict[str, Any]) -> list[object]:
    """One call, and all that it did."""
    args = arguments(text, namespace)
    # Some objects are shared with the rest of the process.
    own = [arg for arg in args if not isinstance(arg, str | bytes | int | float | types.BuiltinFunctionType)]
    before = [sys.getrefcount(arg) for arg in own]
    prelude.log.clear()
    output = io.StringIO()
    outcome: object
    with contextlib.redirect_stdout(output):
        try:
            outcome = prelude.describe(function(*args))
        except BaseException as error:
            outcome = ("raised", prelude.describe_exception(error))
            error.__traceback__ = None
            del error
    seen = list(prelude.log)
    after = [sys.getrefcount(arg) - count for arg, count in zip(own, before)]
    if any(after):
        # What only cycles of frames and exceptions hold; under stress they are old by now.
        for generation in (0, 2):
            gc.collect(generation)
            after = [sys.getrefcount(arg) - count for arg, count in zip(own, before)]
            if not any(after):
                break
    state = [prelude.describe(arg) for arg in args]
    prelude.log.clear()
    printed = re.sub(r"0x[0-9a-f]+", "ADDRESS", output.getvalue())
    return [text, outcome, seen, printed, after, state]


def growth(function: Any, text: str, namespace: dict[str, Any]) -> int:
    """Blocks of memory that a hundred calls leave behind. Caches grow, too, but not each time: typing's are full, and
    give back what they had before, after five hundred calls."""

    def rounds() -> None:
        for _ in range(100):
            args = arguments(text, namespace)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(BaseException):
                function(*args)
            prelude.log.clear()

    rounds()
    gc.collect()
    found: list[int] = []
    while not found or (found[-1] > LEAK and len(found) < 8):
        before = sys.getallocatedblocks()
        rounds()
        gc.collect()
        found.append(sys.getallocatedblocks() - before)
    return min(found)


def run(name: str, case: str, way: str, narrow: bool) -> tuple[list[list[object]], int, str]:
    """All calls of one case in one way: what was observed, what leaked, and why it was not compiled.

    `narrow`: the calls before it is compiled are with the first input only."""
    set_threshold(NEVER)
    module = load(name)
    function = getattr(module, case)
    namespace = vars(module)
    inputs, _, _, _, _ = function.case
    observed: list[list[object]] = []
    problem = ""
    # A test runner keeps what its hook is told of, which would look like a leak; so it hears of nothing here.
    hook, sys.unraisablehook = sys.unraisablehook, lambda unraisable: None
    try:
        if way == "cold":
            problem = compile_all(module, function)
        for _ in range(WARM_UP):
            for text in inputs[:1] if narrow else inputs:
                observed.append(observe(function, text, namespace))
        if way == "warm":
            problem = compile_all(module, function)
        for _ in range(2):
            for text in [*inputs, *odd_inputs(function), *inputs]:
                observed.append(observe(function, text, namespace))
        if way == "warm":
            # Learns from its exits: what failed above is now built the general way.
            compile_all(module, function)
        for text in [*inputs, *odd_inputs(function), *inputs]:
            observed.append(observe(function, text, namespace))
        leaks = growth(function, inputs[0], namespace)
    finally:
        sys.unraisablehook = hook
        set_threshold(NEVER)
    return observed, leaks, problem


def run_stock(name: str, narrow: bool) -> dict[str, tuple[list[list[object]], int, str]]:
    """The same for all cases of a file on stock CPython."""
    command = [sys.executable, __file__, name, *(["narrow"] if narrow else [])]
    environment = {**os.environ, "PYSTON": "0"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return pickle.loads(done.stdout)  # type: ignore[no-any-return]


def set_threshold(calls: int) -> None:
    if "_runtime" in globals():
        _runtime.set_threshold(calls)


def compile_all(module: types.ModuleType, function: types.FunctionType) -> str:
    """Compiles every function of the file; inner ones at their first call."""
    import pyston

    for other in functions_of(module):
        pyston.compile(other)
    set_threshold(1)
    return "" if pyston.is_compiled(function) else pyston.explain(function)


if __name__ == "__main__":
    gc.freeze()
    sys.stdout.buffer.write(
        pickle.dumps(
            {case: run(sys.argv[1], case, "stock", len(sys.argv) > 2) for case in case_names(sys.argv[1])}
        )
    )
