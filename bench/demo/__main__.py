"""`python -m bench.demo`: the bookshop on stock CPython and on Pyston, in turn, and what came of it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bench.rounds import PYSTON, STOCK, WorkerFailed, busy_machine, estimate, pyston_missing

from . import measure, report

KINDS = (
    "home", "list", "book", "author", "search", "feed", "basket", "log-in", "order", "account", "review",
    "error", "api",
)  # fmt: skip


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.demo", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="rounds after warm-up (30)")
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="CPU seconds a round, at least a lap (0.5)"
    )
    parser.add_argument("--warmup", type=float, default=8.0, help="CPU seconds of warm-up a side (8)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    parser.add_argument("--only", action="append", choices=KINDS, help="only such requests (repeatable)")
    sides = parser.add_mutually_exclusive_group()
    sides.add_argument("--stock-only", action="store_true", help="measure stock CPython alone")
    sides.add_argument("--same", action="store_true", help="stock against stock: the noise of this machine")
    options = parser.parse_args(given)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    console, errors = Console(), Console(stderr=True)
    names = [STOCK] if options.stock_only else [STOCK, "stock again"] if options.same else [STOCK, PYSTON]
    missing = pyston_missing() if PYSTON in names else None
    if missing is not None:
        errors.print(f"{missing} (--stock-only measures it alone.)", soft_wrap=True, markup=False)
        return 2
    warning = busy_machine()
    if warning is not None:
        console.print(warning, style="yellow")
    plan = measure.Plan(options.warmup, options.rounds, options.seconds, options.only or ())
    try:
        sides = _run(console, names, plan)
    except (WorkerFailed, measure.ResponseDiffers, RuntimeError) as error:
        errors.print(str(error), style="red", soft_wrap=True, markup=False, highlight=False)
        return 1
    data = report.summary(sides)
    report.show(console, sides, data)
    if options.json is not None:
        options.json.write_text(json.dumps(data, indent=1) + "\n")
    return 0


def _run(console: Console, names: Sequence[str], plan: measure.Plan) -> list[measure.SideRun]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("building the shop", total=1.0)
        said = 0.0

        def progress(share: float, sides: list[measure.SideRun]) -> None:
            nonlocal said
            text = "warming up"
            if len(sides) > 1 and sides[1].steady():
                text = f"ratio so far {estimate(measure.ratios(sides[0], sides[1]))}"
            elif sides[0].steady():
                text = "measuring"
            bar.update(task, completed=share, description=text)
            if not console.is_terminal and share - said >= 0.2:
                said = share
                console.print(f"{share:.0%}: {text}")

        return measure.run(names, plan, progress)


if __name__ == "__main__":
    sys.exit(main())
