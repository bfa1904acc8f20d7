"""The command line: `python -m pyston run | dump | explain | stats`.

Each subcommand has a module, with `add_arguments(parser)` and `execute(options) -> exit status`. What the user got
wrong is a `Problem`: one sentence on standard error, status 2 for what was asked, 1 for what could not be done.
"""

from __future__ import annotations

import argparse
import sys

from pyston.cli import dump, explain, run, stats
from pyston.cli.problem import Problem

COMMANDS = {
    "run": (run, "run a program and show what became of its functions"),
    "dump": (dump, "print a function as the compiler sees it: HIR, LIR, machine code"),
    "explain": (explain, "say whether a function is compiled, and if not, why"),
    "stats": (stats, "print a statistics file (PYSTON_STATS=FILE.json)"),
}


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pyston",
        description="Looks inside Pyston, which makes this Python faster.",
        epilog="Each command has its own --help.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, help_) in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=help_,
            description=help_[0].upper() + help_[1:] + ".",
            epilog=module.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(sub)
        sub.set_defaults(execute=module.execute)
    return parser


def main(arguments: list[str]) -> int:
    """The exit status."""
    program: list[str] = []
    if arguments[:1] == ["run"]:
        own, program = run.split(arguments[1:])
        arguments = ["run", *own]
    options = make_parser().parse_args(arguments, argparse.Namespace(program=program))
    try:
        status: int = options.execute(options)
        sys.stdout.flush()
    except Problem as problem:
        print(f"pyston {options.command}: {problem}", file=sys.stderr)
        return problem.status
    except BrokenPipeError:
        sys.stdout = None  # nothing more to flush at exit
        return 1
    return status
