"""What the demo's figures mean, as tables for the terminal and as JSON.

The speed is requests per second of CPU time: on a machine with other users the wall clock measures
them too. Warm-up is measured in work: each request of the lap counts as what it costs stock CPython in its
steady state, so that 1.00 always means "as fast as stock, warmed up", from the first request on.

Two ratios are given. The first counts everything that happened in whole rounds. The second takes each
request of the lap at the tenth percentile of its cost over the rounds: what is left when the disturbances,
which only ever add, are set aside. On a busy machine its interval is the narrower one.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.rounds import PYSTON, Estimate, estimate, percentile

from .measure import Lap, SideRun, cpu_per_lap, ratios

PERIODS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


def request_costs(side: SideRun) -> list[float]:
    """CPU nanoseconds of each request of the lap in the steady state (medians)."""
    return [statistics.median(costs) for costs in zip(*(lap.cpu_ns for lap in side.steady()), strict=True)]


def quiet_ratio(stock: SideRun, other: SideRun, samples: int = 200) -> Estimate:
    """The ratio of the undisturbed costs; its interval comes from drawing the rounds anew (bootstrap)."""
    chance = random.Random(1)
    laps = list(zip(stock.steady(), other.steady(), strict=True))

    def ratio(pairs: Sequence[tuple[Lap, Lap]]) -> float:
        first, second = (
            sum(percentile(costs, 0.1) for costs in zip(*(pair[side].cpu_ns for pair in pairs), strict=True))
            for side in (0, 1)
        )
        return first / second

    drawn = [ratio(chance.choices(laps, k=len(laps))) for _ in range(samples)]
    return Estimate(ratio(laps), percentile(drawn, 0.025), percentile(drawn, 0.975), len(laps))


def warm_up_curve(side: SideRun, work: Sequence[float]) -> list[tuple[float, float, float]]:
    """Speed by period: (from second, to second, work done for each second of CPU time)."""
    curve: list[tuple[float, float, float]] = []
    begin, done, spent, total = 0.0, 0.0, 0.0, 0.0
    ends = list(PERIODS)
    for lap in side.laps:
        for cost, value in zip(lap.cpu_ns, work, strict=True):
            done, spent, total = done + value, spent + cost, total + cost
            if ends and total >= ends[0] * 1e9:
                curve.append((begin, ends[0], done / spent))
                begin, done, spent = ends.pop(0), 0.0, 0.0
    return curve


def seconds_to_peak(side: SideRun, share: float = 0.95) -> float | None:
    """CPU seconds from the first request until laps stay at 95 % of the steady speed (two in a row)."""
    goal = statistics.median(sum(lap.cpu_ns) for lap in side.steady()) / share
    spent, before = 0.0, math.inf
    for lap in side.laps:
        now = sum(lap.cpu_ns)
        if before <= goal and now <= goal:
            return max(0.0, spent - before) / 1e9
        spent, before = spent + now, now
    return None


def summary(sides: Sequence[SideRun]) -> dict[str, Any]:
    """All figures, for `--json` and for the tables."""
    stock = sides[0]
    work = request_costs(stock)
    data: dict[str, Any] = {
        "python": stock.version,
        "packages": {name: version(name) for name in ("flask", "jinja2", "sqlalchemy")},
        "requests_per_lap": len(stock.requests),
        "responses": sum(len(lap.cpu_ns) for side in sides for lap in side.laps),
        "sides": {side.name: _side_summary(side, work) for side in sides},
    }
    if len(sides) > 1:
        data["round_ratios"] = ratios(stock, sides[1])
        data["ratio"] = estimate(data["round_ratios"]).as_json()
        data["quiet_ratio"] = quiet_ratio(stock, sides[1]).as_json()
        data["memory_ratio"] = sides[1].after["peak_bytes"] / stock.after["peak_bytes"]
        data["calls_compiled_share"] = sides[1].calls_compiled_share
    return data


def _side_summary(side: SideRun, work: Sequence[float]) -> dict[str, Any]:
    steady = side.steady()
    wall = [cost / 1e6 for lap in steady for cost in lap.wall_ns]
    count = len(side.requests)
    costs = request_costs(side)
    kinds: dict[str, list[float]] = {}
    for (kind, _), cost in zip(side.requests, costs, strict=True):
        kinds.setdefault(kind, []).append(cost / 1e6)
    return {
        "requests_per_cpu_second": estimate([count * 1e9 / cpu_per_lap(r) for r in side.rounds()]).as_json(),
        "requests_per_wall_second": estimate(
            [count * len(laps) * 1e9 / sum(sum(lap.wall_ns) for lap in laps) for laps in side.rounds()]
        ).as_json(),
        "latency_p50_ms": percentile(wall, 0.5),
        "latency_p99_ms": percentile(wall, 0.99),
        "first_response_cpu_s": (side.ready_ns + side.laps[0].cpu_ns[0]) / 1e9,
        "first_lap_p99_ms": percentile([cost / 1e6 for cost in side.laps[0].wall_ns], 0.99),
        "seconds_to_peak": seconds_to_peak(side),
        "warm_up": warm_up_curve(side, work),
        "peak_bytes": side.after["peak_bytes"],
        "kinds_cpu_ms": {kind: [len(costs), statistics.fmean(costs)] for kind, costs in kinds.items()},
        "counters": side.after["pyston"],
    }


def show(console: Console, sides: Sequence[SideRun], data: dict[str, Any]) -> None:
    """Prints the tables, the most important figure last."""
    packages = ", ".join(f"{name} {number}" for name, number in data["packages"].items())
    console.print(f"\nBookshop: {packages} on CPython {data['python'].split()[0]}", style="bold")
    console.print(
        f"{data['requests_per_lap']} requests a lap, each lap from the same state; "
        f"{len(list(sides[0].rounds()))} rounds after warm-up; latencies by the wall clock"
    )
    console.print(_main_table(data))
    console.print(_warm_up_table(data))
    console.print(_kinds_table(data))
    for side in sides:
        if side.name == PYSTON:
            console.print(_compiled_text(side))
    console.print(_verdict(data))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _main_table(data: dict[str, Any]) -> Table:
    sides: list[dict[str, Any]] = list(data["sides"].values())
    table = _table("Steady state", "", *data["sides"], *(["ratio"] if len(sides) > 1 else []))

    def row(label: str, key: str, form: str, scale: float = 1.0, *, faster: bool = False) -> None:
        values = [side[key]["value"] if isinstance(side[key], dict) else side[key] for side in sides]
        cells = ["-" if value is None else form.format(value * scale) for value in values]
        if len(sides) > 1:
            both = values[0] and values[1]
            cells.append(f"{values[1] / values[0]:.3f}" if both else "-")
            if key == "requests_per_cpu_second":
                cells[-1] = str(Estimate(**data["ratio"]))
        table.add_row(label, *cells, style="bold" if faster else "")
        if faster and len(sides) > 1:
            table.add_row("  disturbances set aside", "", "", str(Estimate(**data["quiet_ratio"])))

    row("requests/s (CPU time)", "requests_per_cpu_second", "{:.1f}", faster=True)
    row("requests/s (wall clock)", "requests_per_wall_second", "{:.1f}")
    row("latency p50, ms", "latency_p50_ms", "{:.2f}")
    row("latency p99, ms", "latency_p99_ms", "{:.2f}")
    row("p99 in the first lap, ms", "first_lap_p99_ms", "{:.2f}")
    row("peak memory, MB", "peak_bytes", "{:.1f}", 1e-6)
    row("start to first response, s", "first_response_cpu_s", "{:.2f}")
    row("to 95 % of own peak, s", "seconds_to_peak", "{:.2f}")
    return table


def _warm_up_table(data: dict[str, Any]) -> Table:
    title = "Warm-up (speed; warmed-up stock = 1.00)"
    table = _table(title, "CPU seconds", *data["sides"])
    curves = [side["warm_up"] for side in data["sides"].values()]
    for cells in zip(*curves, strict=False):
        begin, end, _ = cells[0]
        table.add_row(f"{begin:g} to {end:g}", *(_bar(speed) for _, _, speed in cells))
    return table


def _bar(speed: float) -> Text:
    return Text.assemble(f"{speed:.2f} ", ("━" * round(speed * 16)).ljust(24))


def _kinds_table(data: dict[str, Any]) -> Table:
    sides = list(data["sides"].values())
    header = [f"{name}, ms" for name in data["sides"]] + (["ratio"] if len(sides) > 1 else [])
    table = _table("By kind of request (mean CPU time)", "kind", "in a lap", *header)
    kinds = sides[0]["kinds_cpu_ms"].items()
    for kind, (count, cost) in sorted(kinds, key=lambda item: -item[1][0] * item[1][1]):
        costs = [cost, *(side["kinds_cpu_ms"][kind][1] for side in sides[1:])]
        cells = [f"{value:.2f}" for value in costs]
        if len(costs) > 1:
            cells.append(f"{costs[0] / costs[1]:.3f}")
        table.add_row(kind, str(count), *cells)
    return table


def _compiled_text(side: SideRun) -> str:
    counters = side.after["pyston"]
    share = side.calls_compiled_share
    parts = [] if share is None else [f"{share:.1%} of Python-level calls ran compiled after warm-up"]
    if "functions_compiled" in counters:
        parts.append(f"{counters['functions_compiled']:,} functions compiled")
    if "compile_ns" in counters:
        spent = side.ready_ns + sum(sum(lap.cpu_ns) for lap in side.laps)
        share_of_all = counters["compile_ns"] / spent
        parts.append(f"{counters['compile_ns'] / 1e9:.2f} s compiling ({share_of_all:.1%} of all CPU time)")
    if "code_bytes" in counters:
        parts.append(f"{counters['code_bytes'] / 1024:,.0f} KiB of machine code")
    return "Compiled code: " + ", ".join(parts) + "."


def _verdict(data: dict[str, Any]) -> Text:
    if "ratio" not in data:
        return Text(f"{data['responses']:,} responses, every lap byte-identical.", style="bold")
    names = list(data["sides"])
    ratio = Estimate(**data["ratio"])
    interval = "95 % confidence" if ratio.count >= 6 else "all between"
    certain = "" if ratio.low > 1 or ratio.high < 1 else " (no difference can be told)"
    return Text(
        f"{names[1]} is {ratio.value:.3f} times as fast as {names[0]}{certain}: CPU seconds a request, "
        f"median of {ratio.count} rounds, {interval} {ratio.low:.3f} to {ratio.high:.3f}. "
        f"Disturbances set aside: {Estimate(**data['quiet_ratio'])}. "
        f"{data['responses']:,} responses, all byte-identical.",
        style="bold",
    )
