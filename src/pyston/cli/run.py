"""`python -m pyston run [--stats] APP.py …`: a program with Pyston on, and then what became of its functions.

The program runs in a process of its own, started as the user would start it: what it sees of itself
(`__main__`, `sys.argv`, signals, its end) is the same as without this command, and so is the exit status.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile

from pyston.cli.problem import Problem
from pyston.cli.show import show
from pyston.cli.stats import read

EPILOG = """\
examples:
  python -m pyston run --stats app.py --port 8000
  python -m pyston run --stats --threshold 10 -m unittest"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stats", action="store_true", help="print statistics when the program has ended")
    parser.add_argument("--json", metavar="FILE", help="write the statistics into a file as JSON")
    parser.add_argument("--threshold", type=int, metavar="N", help="calls before a function is compiled")
    parser.usage = (
        "python -m pyston run [--stats] [--json FILE] [--threshold N] (APP.py | -m MODULE | -c CODE) …"
    )


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our own options, and the program with its arguments; argparse would take the program's for ours."""
    index = 0
    while (
        index < len(arguments) and arguments[index].startswith("-") and arguments[index] not in ("-m", "-c")
    ):
        if arguments[index] == "--":
            return arguments[:index], arguments[index + 1 :]
        index += 2 if arguments[index] in ("--json", "--threshold") else 1
    return arguments[:index], arguments[index:]


def execute(options: argparse.Namespace) -> int:
    program: list[str] = options.program
    if not program:
        raise Problem("name a script, or -m and a module, to run")
    if program[0] in ("-m", "-c"):
        if len(program) == 1:
            raise Problem(f"{program[0]} needs an argument")
    elif not os.path.exists(program[0]):
        raise Problem(f"there is no file {program[0]}")
    if options.threshold is not None and options.threshold < 1:
        raise Problem("--threshold is a number from 1 on")

    environment = {**os.environ, "PYSTON": "1"}
    environment.pop("PYSTON_STATS", None)
    if options.threshold is not None:
        environment["PYSTON_THRESHOLD"] = str(options.threshold)
    with tempfile.TemporaryDirectory(prefix="pyston") as folder:
        file = os.path.abspath(options.json) if options.json else os.path.join(folder, "statistics.json")
        if options.stats or options.json:
            environment["PYSTON_STATS"] = file
            if os.path.exists(file):
                os.remove(file)
        status = run([sys.executable, *program], environment)
        if options.stats or options.json:
            if not os.path.exists(file):
                raise Problem(
                    "the program left no statistics: it was killed, replaced itself, or Pyston is off", 1
                )
            if options.stats:
                show(read(file), sys.stderr)
    return status


def run(command: list[str], environment: dict[str, str]) -> int:
    """The exit status, as a shell counts it. Signals of the terminal reach the program itself; others are passed on."""
    process = subprocess.Popen(command, env=environment)
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
    }
    try:
        status = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status
