"""`python -m bench.pure`: ten pure-Python benchmarks of pyperformance, stock CPython and Pyston in turn.

For each benchmark two workers are started, one with `PYSTON=0`. Each loads pyperformance's own script, takes
the function that the script hands to its runner, calls it once (the first iteration, cold), warms up, and
is then measured in turns with the other. Times are CPU time. After the last round both compute a value that
shows the work done (the return value, what was printed, an image, a position); it must be the same.

Exit code: 0, 1 where a worker failed or the values differ, 2 where there is nothing to compare.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import functools
import hashlib
import importlib
import importlib.util
import io
import json
import sys
import tempfile
import time
import types
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.rounds import (
    PYSTON,
    STOCK,
    Estimate,
    Worker,
    WorkerFailed,
    busy_machine,
    estimate,
    geometric_mean,
    percentile,
    pyston_counters,
    pyston_missing,
    serve,
)

# CPU seconds until it is the other side's turn (one call at least): short beside the time in which a
# shared machine changes its speed.
TURN = 0.1

NAMES = (
    "richards", "deltablue", "chaos", "float", "nbody", "spectral_norm", "fannkuch", "hexiom", "pyflate",
    "raytrace",
)  # fmt: skip


def script_path(name: str) -> Path:
    """The benchmark's program in the installed pyperformance."""
    found = importlib.util.find_spec("pyperformance")
    if found is None or found.origin is None:
        raise FileNotFoundError(f"pyperformance is not installed in {sys.executable}.")
    return Path(found.origin).parent / "data-files" / "benchmarks" / f"bm_{name}" / "run_benchmark.py"


# ---------------------------------------------------------------- the worker


class Recorder:
    """Stands in for `pyperf.Runner`: keeps the function to measure instead of measuring it."""

    def __init__(self, **_: Any) -> None:
        self.argparser = argparse.ArgumentParser()
        self.metadata: dict[str, Any] = {}
        self.call: Callable[[], object] | None = None
        Recorder.last = self

    last: Recorder | None = None

    def parse_args(self) -> argparse.Namespace:
        return self.argparser.parse_args([])

    def bench_func(self, name: str, function: Callable[..., object], *arguments: Any) -> None:
        self.call = lambda: function(*arguments)

    def bench_time_func(self, name: str, function: Callable[..., object], *arguments: Any) -> None:
        # These take a number of loops and return the time they took: nothing that could be compared.
        def call() -> None:
            function(1, *arguments)

        self.call = call


def load(name: str) -> tuple[dict[str, Any], Callable[[], object]]:
    """The benchmark's global names and its function, as its script would give it to pyperf."""
    # Imported by name, since pyperf has no types.
    pyperf: Any = importlib.import_module("pyperf")
    pyperf.Runner = Recorder
    path = script_path(name)
    module = types.ModuleType("__main__")
    module.__file__ = str(path)
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    assert Recorder.last is not None and Recorder.last.call is not None
    return module.__dict__, Recorder.last.call


def written_image(write: Callable[[str], object]) -> str:
    with tempfile.NamedTemporaryFile(suffix=".ppm") as file:
        write(file.name)
        return hashlib.sha256(Path(file.name).read_bytes()).hexdigest()


def chaos_image(space: dict[str, Any]) -> str:
    """The picture with fewer points, since the benchmark throws its own away."""
    points = [space["GVector"](x, y, 0.0) for x, y in ((1.6, 3.3), (1.58, 4.1), (1.3, 5.3), (2.4, 4.4))]
    game = space["Chaosgame"]([space["Spline"](points, 3, [0, 0, 0, 1, 1, 1])], 0.25)
    return written_image(lambda path: game.create_image_chaos(64, 64, 500, path, 1234))


def nbody_energy(space: dict[str, Any]) -> str:
    """The planets' energy a thousand steps after their first positions."""
    for body, (position, velocity, _) in space["first"].items():
        space["BODIES"][body][0][:] = position
        space["BODIES"][body][1][:] = velocity
    space["offset_momentum"](space["BODIES"]["sun"])
    space["advance"](0.01, 1000)
    return repr(space["report_energy"]())


# What shows the work done where the measured function returns nothing and its script checks nothing.
CHECKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "chaos": chaos_image,
    "nbody": nbody_energy,
    "raytrace": lambda space: written_image(lambda path: space["bench_raytrace"](1, 40, 40, path)),
    "spectral_norm": lambda space: repr(space["eval_AtA_times_u"]([1.0] * 50)),
}


class Benchmark:
    """The worker's state: one loaded benchmark."""

    def load(self, name: str) -> dict[str, Any]:
        self.name = name
        self.space, self.call = load(name)
        if name == "nbody":
            self.space["first"] = copy.deepcopy(self.space["BODIES"])
        return {"pyston": hasattr(sys, "pyston_version_info"), "version": sys.version}

    def slice(self, seconds: float) -> dict[str, Any]:
        """Calls the function for that many CPU seconds, once at least."""
        calls, cpu, wall = 0, time.process_time(), time.perf_counter()
        end = cpu + seconds
        now = cpu
        while not calls or now < end:
            self.call()
            calls += 1
            now = time.process_time()
        return {"calls": calls, "cpu": now - cpu, "wall": time.perf_counter() - wall}

    def value(self) -> dict[str, Any]:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            result = repr(self.call())
            check = CHECKS[self.name](self.space) if self.name in CHECKS else ""
        return {"value": [result, check, printed.getvalue()], "counters": pyston_counters()}


# ---------------------------------------------------------------- the driver


@dataclass
class Result:
    """One benchmark's figures; times in seconds of CPU time a call."""

    name: str
    ratio: Estimate
    quiet_ratio: float
    """The ratio of the tenth percentiles of all turns: disturbances, which only ever add, are set aside."""
    stock: float
    pyston: float
    wall_ratio: float
    first_stock: float
    first_pyston: float
    counters: dict[str, int]


@dataclass(frozen=True)
class Plan:
    """Rounds, CPU seconds of a round and of a side's warm-up."""

    rounds: int
    seconds: float
    warmup: float


class ValueDiffers(Exception):
    """Stock and Pyston computed different values."""


def measure(name: str, other: str, plan: Plan, progress: Callable[[float], None]) -> Result:
    """One benchmark, stock beside `other`."""
    workers: list[Worker] = []
    try:
        for side in (STOCK, other):
            workers.append(Worker(side, "bench.pure", "--worker"))
            state = workers[-1].ask("load", name=name)
            if state["pyston"] != (side == PYSTON):
                raise WorkerFailed(f"Pyston is {'on' if state['pyston'] else 'off'} in the {side} worker.")
        return _measure(name, workers, plan, progress)
    finally:
        for worker in workers:
            worker.close()


def _measure(name: str, workers: list[Worker], plan: Plan, progress: Callable[[float], None]) -> Result:
    def turns(seconds: float, order: int = 1) -> list[dict[str, Any]]:
        timeout = 120 + 20 * seconds
        return [worker.ask("slice", timeout, seconds=seconds) for worker in workers[::order]][::order]

    first = turns(0.0)
    for part in range(4):
        turns(plan.warmup / 4)
        progress((part + 1) / 4 * plan.warmup / (plan.warmup + plan.rounds * plan.seconds))
    costs: list[list[float]] = [[], []]
    walls: list[list[float]] = [[], []]
    quiet: list[list[float]] = [[], []]
    for number in range(1, plan.rounds + 1):
        done: list[list[dict[str, Any]]] = [[], []]
        while min(sum(turn["cpu"] for turn in side) for side in done) < plan.seconds:
            order = 1 if (number + len(done[0])) % 2 else -1
            for side, turn in zip(done, turns(TURN, order), strict=True):
                side.append(turn)
        for index, side in enumerate(done):
            calls = sum(turn["calls"] for turn in side)
            quiet[index] += [turn["cpu"] / turn["calls"] for turn in side]
            costs[index].append(sum(turn["cpu"] for turn in side) / calls)
            walls[index].append(sum(turn["wall"] for turn in side) / calls)
        progress((plan.warmup + number * plan.seconds) / (plan.warmup + plan.rounds * plan.seconds))
    ends = [worker.ask("value") for worker in workers]
    if ends[0]["value"] != ends[1]["value"]:
        raise ValueDiffers(f"{name}: stock computed {ends[0]['value']}, {workers[1].side} {ends[1]['value']}")
    return Result(
        name,
        estimate([a / b for a, b in zip(*costs, strict=True)]),
        percentile(quiet[0], 0.1) / percentile(quiet[1], 0.1),
        estimate(costs[0]).value,
        estimate(costs[1]).value,
        estimate([a / b for a, b in zip(*walls, strict=True)]).value,
        first[0]["cpu"],
        first[1]["cpu"],
        ends[1]["counters"],
    )


def show(console: Any, results: Sequence[Result], other: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = "CPU milliseconds a call: medians of the rounds, and the first, cold call"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False)
    for number, column in enumerate(
        ("benchmark", "stock", other, "ratio", "95 %", "quiet", "cold", other, "ratio")
    ):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for result in sorted(results, key=lambda result: result.ratio.value):
        table.add_row(
            result.name,
            f"{result.stock * 1e3:.2f}",
            f"{result.pyston * 1e3:.2f}",
            f"{result.ratio.value:.3f}",
            f"{result.ratio.low:.3f}-{result.ratio.high:.3f}",
            f"{result.quiet_ratio:.3f}",
            f"{result.first_stock * 1e3:.1f}",
            f"{result.first_pyston * 1e3:.1f}",
            f"{result.first_stock / result.first_pyston:.2f}",
        )
    console.print(table)
    mean = geometric_mean([result.ratio.value for result in results])
    slowest = min(results, key=lambda result: result.ratio.value)
    quiet = geometric_mean([result.quiet_ratio for result in results])
    console.print(
        f"{other} is {mean:.3f} times as fast as stock (geometric mean of {len(results)}); "
        f"lowest: {slowest.name} {slowest.ratio.value:.3f}. Disturbances set aside (quiet): {quiet:.3f}.",
        style="bold",
    )


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pure", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--only", action="append", choices=NAMES, help="only this benchmark (repeatable)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds (9)")
    parser.add_argument("--seconds", type=float, default=0.4, help="CPU seconds a round and side (0.4)")
    parser.add_argument("--warmup", type=float, default=1.5, help="CPU seconds of warm-up a side (1.5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    parser.add_argument("--same", action="store_true", help="stock against stock: the noise of this machine")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    from rich.console import Console
    from rich.progress import Progress

    options = arguments(given)
    console, errors = Console(), Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    other = "stock again" if options.same else PYSTON
    missing = None if options.same else pyston_missing()
    try:
        script_path(NAMES[0])
    except FileNotFoundError as error:
        missing = str(error)
    if missing is not None:
        errors.print(missing)
        return 2
    warning = busy_machine()
    if warning is not None:
        console.print(warning, style="yellow")
    plan = Plan(options.rounds, options.seconds, options.warmup)
    names = [name for name in NAMES if not options.only or name in options.only]
    results: list[Result] = []
    failures = 0
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("", total=len(names))

        def progress(number: int, share: float) -> None:
            bar.update(task, completed=number + share)

        for number, name in enumerate(names):
            bar.update(task, description=name)
            try:
                result = measure(name, other, plan, functools.partial(progress, number))
            except (WorkerFailed, ValueDiffers) as error:
                failures += 1
                console.print(f"{name:14} failed: {error}", style="red", markup=False, highlight=False)
                continue
            results.append(result)
            console.print(f"{name:14} {result.ratio}", highlight=False)
    if results:
        show(console, results, other)
    if options.json is not None:
        data = {"python": sys.version, "plan": asdict(plan), "results": [asdict(r) for r in results]}
        options.json.write_text(json.dumps(data, indent=1) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--worker"]:
        benchmark = Benchmark()
        serve({"load": benchmark.load, "slice": benchmark.slice, "value": benchmark.value})
    else:
        sys.exit(main())
