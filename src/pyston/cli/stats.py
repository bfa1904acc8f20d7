"""`python -m pyston stats FILE.json`: a statistics file, readable."""

from __future__ import annotations

import argparse
import json
import sys

from pyston import report
from pyston.cli.problem import Problem
from pyston.cli.show import show

EPILOG = "A program run with PYSTON_STATS=FILE.json writes the file when it ends."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.json", help="what PYSTON_STATS wrote")


def execute(options: argparse.Namespace) -> int:
    show(read(options.file), sys.stdout)
    return 0


def read(name: str) -> dict[str, object]:
    """The statistics in a file."""
    try:
        with open(name, encoding="utf-8") as file:
            statistics = json.load(file)
    except OSError as error:
        raise Problem(f"cannot read {name}: {error.strerror}") from None
    except ValueError:
        raise Problem(f"{name} is not JSON") from None
    try:
        report.tables(statistics)
    except TypeError, KeyError, IndexError, AttributeError:
        raise Problem(f"{name} is not a statistics file of this version of Pyston") from None
    found: dict[str, object] = statistics
    return found
