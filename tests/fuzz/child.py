"""Runs generated programs, one after the other, and says what each did. The parent (`runner.py`) starts it once for
each way of running: stock, and Pyston under several switches.

One JSON object a line comes in on standard input (`source`), one goes out for it: what the program noted, how it ended,
the globals it left, and whether memory failed it. If not, everything is equal on stock and on Pyston exactly when the
program did the same.
"""

from __future__ import annotations

import builtins
import gc
import io
import json
import os
import re
import resource
import signal
import sys
import types
from typing import Any

from tests.fuzz.memory import Memory
from tests.fuzz.threads import Threads
from tests.fuzz.tools import Tools

FILE = "<fuzz>"
MOST_NOTES = 4000
MOST_TRACEBACK = 12
FUEL = 3000
MEMORY = 4 << 30  # bytes of addresses: a list that a program doubles each time shall not take the machine's


class Fuel(BaseException):
    """The program called too much."""


class Slow(BaseException):
    """The program took too long."""


class Loud:
    """Notes its death."""

    def __init__(self, name: object) -> None:
        self.name = name

    def __del__(self) -> None:
        if run is not None:
            run.deaths.append(f"{len(run.notes)} {self.name}")

    def __hash__(self) -> int:
        return 5


class Witness:
    """Notes the numbers among the locals of the frame in which it dies, and counts itself in a global."""

    def __del__(self) -> None:
        frame = sys._getframe(1)
        if run is None or frame.f_code.co_filename != FILE:
            return
        numbers = "" if frame.f_code.co_name == "<module>" else describe_numbers(frame)
        note(f"witness {frame.f_code.co_qualname} {frame.f_lineno}: {numbers}")
        frame.f_globals["dead"] += 1


class Manager:
    """A context manager that notes, and swallows what it was told to."""

    def __init__(self, name: object, swallow: type[BaseException] | None = None) -> None:
        self.name = name
        self.swallow = swallow

    def __enter__(self) -> object:
        out("enter", self.name)
        return self.name

    def __exit__(self, cls: type[BaseException] | None, error: object, traceback: object) -> bool:
        out("exit", self.name, cls)
        return cls is not None and self.swallow is not None and issubclass(cls, self.swallow)

    async def __aenter__(self) -> object:
        return self.__enter__()

    async def __aexit__(self, cls: type[BaseException] | None, error: object, traceback: object) -> bool:
        return self.__exit__(cls, error, traceback)


class Run:
    """What is noted of one program."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.deaths: list[str] = []
        self.fuel = FUEL
        self.slow = False


run: Run | None = None


def describe(value: Any, depth: int = 0) -> str:
    """Runs no code of the program."""
    cls = type(value)
    name = cls.__name__
    if value is None or cls in (bool, complex, bytes, range, type(...), type(NotImplemented)):
        return repr(value)
    if cls is int or issubclass(cls, int):
        number = int.__index__(value)
        shown = (
            repr(number) if number.bit_length() < 400 else f"{number.bit_length()} bits {number % 1000003}"
        )
        return shown if cls is int else f"{name}({shown})"
    if issubclass(cls, float):
        return float.__repr__(value) if cls is float else f"{name}({float.__repr__(value)})"
    if issubclass(cls, str):
        shown = str.__repr__(str.__getitem__(value, slice(0, 80)))
        shown = re.sub(r"0x[0-9a-f]{6,}", "ADDRESS", shown)
        return f"{name}{str.__len__(value) if str.__len__(value) > 80 else ''}{shown}"
    if depth > 3:
        return name
    if issubclass(cls, list | tuple):
        builtin: Any = list if issubclass(cls, list) else tuple  # not what a subclass has made of it
        first = (describe(v, depth + 1) for v in builtin.__getitem__(value, slice(0, 20)))
        return name + ("[{}]" if builtin is list else "({})").format(", ".join(first))
    if issubclass(cls, dict):
        items = list(dict.items(value))[:20]
        return (
            name
            + "{"
            + ", ".join(f"{describe(k, depth + 1)}: {describe(v, depth + 1)}" for k, v in items)
            + "}"
        )
    if issubclass(cls, set | frozenset):
        return name + "{" + ", ".join(sorted(describe(v, depth + 1) for v in cls.__iter__(value))) + "}"
    if issubclass(cls, BaseException):
        return name + describe(vars(BaseException)["args"].__get__(value), depth + 1)
    if issubclass(cls, type):
        return f"class {value.__name__}"
    if cls is types.FunctionType or cls is types.BuiltinFunctionType:
        return f"{name} {value.__qualname__}"
    if cls is types.MethodType:
        return f"method {value.__func__.__qualname__} of {describe(value.__self__, depth + 1)}"
    if cls is types.CellType:
        try:
            return f"cell {describe(value.cell_contents, depth + 1)}"
        except ValueError:
            return "empty cell"
    if cls is types.ModuleType:
        return f"module {value.__name__}"
    if isinstance(cls, type) and cls.__module__ == "fuzz":
        parts = []
        try:
            parts.append(describe(dict(object.__getattribute__(value, "__dict__")), depth + 1))
        except AttributeError:
            pass
        for base in cls.__mro__:
            slots = base.__dict__.get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                member = base.__dict__.get(slot)
                if isinstance(member, types.MemberDescriptorType):
                    try:
                        parts.append(f"{slot}={describe(member.__get__(value), depth + 1)}")
                    except AttributeError:
                        parts.append(f"{slot} unset")
        return name + " ".join(parts)
    if cls is Loud:
        return f"Loud {value.name}"
    return name


def out(*values: object) -> None:
    """Notes values."""
    note(" ".join([describe(value) for value in values]))


def note(text: str) -> None:
    if run is not None and len(run.notes) < MOST_NOTES:
        run.notes.append(text)


def describe_locals(frame: types.FrameType) -> str:
    return ", ".join(
        f"{name}={describe(value, 1)}" for name, value in frame.f_locals.items() if not name.startswith("__")
    )


def describe_numbers(frame: types.FrameType) -> str:
    numbers = {name: value for name, value in frame.f_locals.items() if type(value) in (int, float)}
    return ", ".join(f"{name}={describe(value)}" for name, value in numbers.items())


def write(name: str, value: object) -> None:
    """Changes a local variable of the caller."""
    sys._getframe(1).f_locals[name] = value


def look(depth: int = 1) -> None:
    """Notes what the caller's frame shows."""
    frame = sys._getframe(depth)
    code = frame.f_code
    where = frame.f_locals if code.co_name != "<module>" else {}
    shown = ", ".join(f"{name}={describe(value, 1)}" for name, value in where.items())
    note(f"look {code.co_qualname} {frame.f_lineno} {frame.f_lasti}: {shown}")


def describe_error(error: BaseException, depth: int = 0) -> str:
    entries = []
    traceback = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_filename == FILE:
            shown = "" if frame.f_code.co_name == "<module>" else describe_locals(frame)
            entries.append(
                f"{frame.f_code.co_qualname}:{traceback.tb_lineno}:{traceback.tb_lasti}/{frame.f_lineno}({shown})"
            )
        traceback = traceback.tb_next
    if len(entries) > MOST_TRACEBACK:
        entries[4:-4] = [f"{len(entries)} entries"]
    text = f"{describe(error)} [{'; '.join(entries)}]"
    if isinstance(error, BaseExceptionGroup):
        text += "{" + ", ".join(describe_error(e, depth + 1) for e in error.exceptions) + "}"
    if depth < 4:
        for what in ("__context__", "__cause__"):
            other = getattr(error, what)
            if other is not None:
                text += f" {what} {describe_error(other, depth + 1)}"
    return text


def report(error: BaseException) -> None:
    """Notes an exception, with its traceback and the locals of each frame."""
    if isinstance(error, Slow):
        raise error
    note("raised " + describe_error(error))


def fuel() -> None:
    """Bounds the calls of a program."""
    assert run is not None
    run.fuel -= 1
    if run.fuel < 0:
        raise Fuel


def on_alarm(signum: int, frame: object) -> None:
    assert run is not None
    run.slow = True  # whatever the program does with the exception
    raise Slow


def execute(source: str, seconds: float, gc_stress: bool) -> dict[str, object]:
    global run
    run = mine = Run()
    module = types.ModuleType("fuzz")
    namespace = module.__dict__
    harness = {
        "out": out, "look": look, "report": report, "fuel": fuel, "Loud": Loud, "Manager": Manager, "gc": gc,
        "sys": sys, "write": write, "Witness": Witness,
    }  # fmt: skip
    tools, threads, memory = around = Tools(note, FILE), Threads(), Memory()
    harness |= {"toggle": tools.toggle, "beside": threads.beside, "starve": memory.starve}
    namespace.update(harness, dead=0)
    saved = dict(vars(builtins))
    printed = io.StringIO()
    sys.stdout = printed
    limit = sys.getrecursionlimit()
    end = "end"
    if seconds:
        signal.signal(signal.SIGALRM, on_alarm)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        exec(compile(source, FILE, "exec"), namespace)
    except BaseException as error:
        memory.end()
        end = f"raised {describe_error(error)}"
    finally:
        memory.end()
        if seconds:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for surrounding in around:
            surrounding.end()
    if mine.slow:
        end = "slow"
    sys.setrecursionlimit(limit)
    sys.stdout = sys.__stdout__
    left = {k: describe(v) for k, v in namespace.items() if k not in harness and not k.startswith("__")}
    for key in vars(builtins).keys() - saved.keys():
        del vars(builtins)[key]
    vars(builtins).update(saved)
    deaths = list(mine.deaths)
    namespace.clear()
    gc.collect()
    later = sorted(text.partition(" ")[2] for text in mine.deaths[len(deaths) :])
    run = None
    return {
        "end": end,
        "notes": mine.notes,
        "printed": re.sub(r"0x[0-9a-f]{6,}", "ADDRESS", printed.getvalue())[:20000],
        "globals": left,
        # The collector may come earlier.
        "deaths": None if gc_stress else [*deaths, *later],
        "starved": memory.failed,
    }


def move_memory() -> list[object]:
    """Takes some of each size that the interpreter allocates: what comes later lies elsewhere."""
    return [bytearray(size) for size in range(1, 512, 8) for _ in range(5)] + [
        bytes(size) for size in range(1, 512, 8) for _ in range(size % 37)
    ]


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    moved = move_memory() if "FUZZ_ELSEWHERE" in os.environ else []
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc_stress = "gc" in os.environ.get("PYSTON_STRESS", "")
    gc.disable()
    for line in sys.stdin:
        request = json.loads(line)
        answer = execute(request["source"], request["seconds"], gc_stress)
        replies.write(json.dumps(answer) + "\n")
        replies.flush()
    del moved


if __name__ == "__main__":
    main()
