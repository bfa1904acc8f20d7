"""Finds the function that the user names, and warms it up: `FILE.py:qualname`, `module:qualname`, `--warm`.

A file is run under a name other than `__main__`, so `if __name__ == "__main__":` stays out. The interpreter
specialises code that runs, and the compiler reads that: without any calls it sees a function that was never called.
"""

from __future__ import annotations

import argparse
import functools
import gc
import importlib
import importlib.util
import os
import sys
import types
from typing import Any

from pyston.cli.problem import Problem


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="FILE.py:qualname | module:qualname", help="the function")
    parser.add_argument(
        "--warm", metavar="EXPRESSION", help="evaluate this first in the function's module, for type feedback"
    )
    parser.add_argument(
        "--times",
        type=int,
        metavar="N",
        help="how often (50); without --warm, call the function itself so often",
    )


def find(options: argparse.Namespace) -> types.FunctionType:
    """The function, warmed up as asked."""
    place, separator, qualname = options.target.rpartition(":")
    if not (separator and place and qualname):
        raise Problem(f"{options.target} is not of the form FILE.py:qualname or module:qualname")
    module = load(place)
    function = None
    if "<locals>" not in qualname:
        function = lookup(module, place, qualname)
    warm(options, module, function)
    if function is None:  # made by a call
        function = made_by_calls(module, qualname)
    if function is None:
        raise Problem(
            f"there is no living function {qualname} in {place}; --warm may have to make and keep it", 1
        )
    return function


def load(place: str) -> types.ModuleType:
    """The module of a file or of a name."""
    is_file = place.endswith(".py") or os.sep in place
    if is_file and not os.path.isfile(place):
        raise Problem(f"there is no file {place}")
    try:
        if not is_file:
            sys.path.insert(0, "")
            return importlib.import_module(place)
        name = os.path.basename(place).removesuffix(".py")
        sys.path.insert(0, os.path.dirname(os.path.abspath(place)))
        spec = importlib.util.spec_from_file_location(name, place)
        if spec is None or spec.loader is None:
            raise Problem(f"{place} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module
    except ModuleNotFoundError as error:
        if error.name is not None and (place == error.name or place.startswith(error.name + ".")):
            raise Problem(f"there is no module {place}") from None
        raise Problem(f"importing {place} failed: {describe(error)}", 1) from None
    except (Exception, SystemExit) as error:
        if isinstance(error, Problem):
            raise
        raise Problem(f"running {place} failed: {describe(error)}", 1) from None


def describe(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def lookup(module: types.ModuleType, place: str, qualname: str) -> types.FunctionType:
    found: Any = module
    for part in qualname.split("."):
        owner = found
        found = vars(owner).get(part) if isinstance(owner, type) else None
        if found is None:
            found = getattr(owner, part, None)
        if found is None:
            raise Problem(f"there is no {qualname} in {place}")
    return unwrap(found, qualname)


def unwrap(found: Any, qualname: str) -> types.FunctionType:
    """The Python function behind methods, properties and decorators."""
    for _ in range(100):
        if isinstance(found, types.FunctionType) and not hasattr(found, "__wrapped__"):
            return found
        if isinstance(found, property):
            found = found.fget
        elif isinstance(found, functools.cached_property | functools.partial):
            found = found.func
        elif hasattr(found, "__wrapped__"):
            found = found.__wrapped__
        elif hasattr(found, "__func__"):
            found = found.__func__
        else:
            break
    raise Problem(f"{qualname} is not a Python function but {type(found).__name__}")


def warm(options: argparse.Namespace, module: types.ModuleType, function: types.FunctionType | None) -> None:
    times = options.times if options.times is not None else 50
    if times < 0:
        raise Problem("--times is a number from 0 on")
    if options.warm is None and (options.times is None or function is None):
        return
    try:
        if options.warm is None and function is not None:
            for _ in range(times):
                function()
        else:
            # Names it binds with := stay, so that it can make and keep things.
            code = compile(options.warm, "<--warm>", "eval")
            for _ in range(times):
                eval(code, module.__dict__)
    except Exception as error:
        raise Problem(f"warming up failed: {describe(error)}", 1) from None


def made_by_calls(module: types.ModuleType, qualname: str) -> types.FunctionType | None:
    for candidate in gc.get_objects():
        if (
            isinstance(candidate, types.FunctionType)
            and candidate.__qualname__ == qualname
            and candidate.__globals__ is module.__dict__
        ):
            return candidate
    return None
