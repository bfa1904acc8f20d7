"""`python -m pyston explain FILE.py:qualname`: what becomes of a function, in a few lines."""

from __future__ import annotations

import argparse
import sys

import pyston
from pyston.cli import target

EPILOG = """\
examples:
  python -m pyston explain app.py:Basket.total --warm 'Basket([1, 2]).total()'"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    target.add_arguments(parser)


def execute(options: argparse.Namespace) -> int:
    pyston.enable()
    function = target.find(options)
    pyston.compile(function)
    target.warm(options, sys.modules[function.__module__], function)  # now compiled: does it leave?
    print(pyston.explain(function))
    return 0
