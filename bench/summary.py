"""The summary of a run: one plain JSON document, from which tables, page and later comparisons are made.

| key | what |
| --- | --- |
| `loads` | each benchmark's group and, by config, time, ratio, interval, verdict, memory, compiler, warm-up |
| `twins` | how far stock was from stock, by group: the harness's own error |
| `groups` | geometric means by group and config |
| `failures` | loads that a config could not run, with the reason |
| `warnings` | what a sceptic should know: noise above the claim, outputs that differ, values still falling |
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any

from bench import estimates
from bench.collect import Benchmark, Measured, output_verdict
from bench.configs import BASELINE, SUBJECT, Config
from bench.plan import TWIN

FORMAT = 1
CURVE_BUCKET = 0.25


def summarise(
    benchmarks: Sequence[Benchmark], configs: Sequence[Config], rounds: int, finished: bool
) -> dict[str, Any]:
    floors = noise_floors(benchmarks)
    loads = [summary_of(benchmark, floors[benchmark.load.group]) for benchmark in benchmarks]
    names = [config.name for config in configs]
    # A run that ended early has fewer rounds than were asked for.
    stock = [benchmark.configs[BASELINE] for benchmark in benchmarks if BASELINE in benchmark.configs]
    rounds = min(rounds, max((len(measured.rounds) for measured in stock), default=0))
    return {
        "format": FORMAT,
        "date": datetime.now().isoformat(timespec="seconds"),
        "finished": finished,
        "rounds": rounds,
        "machine": machine(),
        "configs": {config.name: described(config) for config in configs},
        "loads": loads,
        "groups": group_means(benchmarks, names, floors),
        "twins": twin_report(benchmarks),
        "failures": failures(loads, names),
        "warnings": warnings(loads, names, rounds),
    }


def machine() -> dict[str, Any]:
    model = ""
    try:
        with open("/proc/cpuinfo") as file:
            model = next(
                (line.partition(":")[2].strip() for line in file if line.startswith("model name")), ""
            )
    except OSError:
        pass
    return {
        "system": platform.system(),
        "cpu": model,
        "cores": os.cpu_count(),
        "load": [round(x, 2) for x in os.getloadavg()],
    }


def described(config: Config) -> dict[str, str]:
    facts = config.facts
    version = f"{facts.get('implementation', '')} {str(facts.get('version', '')).partition(' ')[0]}".strip()
    notes = config.description
    if config.name == SUBJECT and facts.get("pyston") is None:
        notes += " (not installed in this interpreter: this is stock)"
    return {"version": version, "description": notes}


def noise_floors(benchmarks: Sequence[Benchmark]) -> dict[str, float]:
    """The noise floor of every group, from the differences between stock and its twin."""
    found: dict[str, list[float]] = {benchmark.load.group: [] for benchmark in benchmarks}
    for benchmark in benchmarks:
        difference = own_twin(benchmark)
        if difference is not None:
            found[benchmark.load.group].append(difference)
    return {group: estimates.noise_floor(found, group) for group in found}


def own_twin(benchmark: Benchmark) -> float | None:
    stock, twin = benchmark.configs.get(BASELINE), benchmark.configs.get(TWIN)
    return estimates.twin_difference(stock.rounds, twin.rounds) if stock and twin else None


def twin_report(benchmarks: Sequence[Benchmark]) -> dict[str, Any]:
    """By group: the geometric mean of stock against its twin, the floor, and the largest difference."""
    floors = noise_floors(benchmarks)
    report: dict[str, Any] = {}
    for group, floor in floors.items():
        found = {
            b.name: twin for b in benchmarks if b.load.group == group and (twin := own_twin(b)) is not None
        }
        if found:
            worst = max(found, key=lambda name: abs(found[name]))
            mean = math.exp(sum(found.values()) / len(found))
            report[group] = {
                "ratio": mean,
                "floor": floor,
                "loads": len(found),
                "worst": worst,
                "most": abs(found[worst]),
            }
    return report


def summary_of(benchmark: Benchmark, group_floor: float) -> dict[str, Any]:
    twin = own_twin(benchmark)
    floor = max(group_floor, abs(twin or 0.0))
    configs = {
        name: entry(benchmark, name, measured, floor)
        for name, measured in benchmark.configs.items()
        if name != TWIN
    }
    for name, curve in benchmark.curves.items():
        if name in configs and curve["times"]:
            configs[name]["curve"] = curve_summary(curve)
    return {
        "name": benchmark.name,
        "load": benchmark.load.name,
        "group": benchmark.load.group,
        "twin_difference": twin,
        "floor": floor,
        "configs": configs,
    }


def entry(benchmark: Benchmark, name: str, measured: Measured, floor: float) -> dict[str, Any]:
    stock, twin = benchmark.configs.get(BASELINE), benchmark.configs.get(TWIN)
    found: dict[str, Any] = {"failed": measured.failed} if measured.failed else {}
    if not measured.rounds:
        return found
    found["seconds"] = estimates.time_of(measured.rounds)
    found["rounds"] = list(measured.rounds.values())
    found["memory_bytes"] = round(median(measured.memory)) if measured.memory else None
    found["compiler"] = compiler_summary(measured.compiler)
    reference = stock.rounds if stock is not None and stock is not measured else None
    found["warming"] = estimates.still_warming(measured.rounds, reference, floor)
    found["warmup_seconds_to_peak"] = warmup_to_peak(measured)
    if "requests_a_second" in measured.metadata:
        wanted = ("requests_a_second", "latency_p50_us", "latency_p99_us")
        found["socket"] = {key: measured.metadata[key] for key in wanted}
    if measured.ready:
        found["ready_seconds"] = median(measured.ready)
    if name == BASELINE:
        return found
    found["output"] = output_verdict(stock, twin, measured)
    compared = estimates.compare(stock.rounds, measured.rounds, floor) if stock else None
    if compared is not None:
        found["ratio"] = compared.ratio
        found["low"], found["high"] = compared.interval.low, compared.interval.high
        found["verdict"] = compared.verdict
    return found


def compiler_summary(answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians of the few figures that every compiler has."""
    wanted = ("compile_ns", "code_bytes", "functions_compiled")
    found: dict[str, Any] = {}
    for key in wanted:
        values = [value for answer in answers if (value := number(answer, key)) is not None]
        if values:
            found[key] = median(values)
    return found


def number(answer: dict[str, Any], key: str) -> float | None:
    for place in (answer, answer.get("pyston")):
        if isinstance(place, dict) and isinstance(place.get(key), (int, float)):
            return float(place[key])
    return None


def warmup_to_peak(measured: Measured) -> float | None:
    """Seconds until warm-up values first came within 5 % of the measured time, the median of the rounds."""
    found = []
    for round, values in measured.rounds.items():
        warmups = measured.warmups[round]
        spent = 0.0
        goal = median(values) / 0.95
        for index, (loops, value) in enumerate(warmups):
            if value <= goal and all(later <= 1.1 * goal for _, later in warmups[index : index + 4]):
                break
            spent += loops * measured.inner_loops * value
        found.append(spent)
    return median(found) if found else None


def curve_summary(curve: dict[str, Any]) -> dict[str, Any]:
    times = [(float(end), float(duration)) for end, duration in curve["times"]]
    durations = sorted(duration for _, duration in times)
    buckets: dict[int, list[float]] = {}
    for end, duration in times:
        buckets.setdefault(int(end / CURVE_BUCKET), []).append(duration)
    series = [
        (round(index * CURVE_BUCKET, 3), len(found) / sum(found)) for index, found in sorted(buckets.items())
    ]
    return {
        "seconds": times[-1][0],
        "requests": len(times),
        "p50": durations[len(durations) // 2],
        "p99": durations[min(len(durations) - 1, int(0.99 * len(durations)))],
        "max": durations[-1],
        "to_peak": estimates.seconds_to_peak(times),
        "ready_seconds": curve["ready_seconds"],
        "per_second": series,
    }


def group_means(
    benchmarks: Sequence[Benchmark], names: Sequence[str], floors: Mapping[str, float]
) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for group in dict.fromkeys(benchmark.load.group for benchmark in benchmarks):
        members = [benchmark.configs for benchmark in benchmarks if benchmark.load.group == group]
        twins = [
            (configs[BASELINE].rounds, configs[TWIN].rounds)
            for configs in members
            if {BASELINE, TWIN} <= configs.keys()
        ]
        control = estimates.compare_group(twins)
        # A mean of n loads is that much steadier than one of them, but no better than its own control.
        floor = floors[group] / math.sqrt(len(members))
        floor = max(floor, abs(math.log(control.ratio))) if control else floor
        for name in names:
            pairs = [
                (configs[BASELINE].rounds, configs[name].rounds)
                for configs in members
                if {BASELINE, name} <= configs.keys()
            ]
            mean = estimates.compare_group(pairs, floor) if name != BASELINE else None
            if mean is not None:
                found = {
                    "ratio": mean.ratio,
                    "low": mean.interval.low,
                    "high": mean.interval.high,
                    "loads": mean.loads,
                }
                groups.setdefault(group, {})[name] = {**found, "verdict": mean.verdict}
    return groups


def failures(loads: Sequence[dict[str, Any]], names: Sequence[str]) -> list[dict[str, str]]:
    return [
        {"load": load["name"], "config": name, "reason": load["configs"][name]["failed"]}
        for load in loads
        for name in names
        if load["configs"].get(name, {}).get("failed")
    ]


def warnings(loads: Sequence[dict[str, Any]], names: Sequence[str], rounds: int) -> list[str]:
    """What matters most first: wrong outputs, then claims within noise, then values still falling."""
    outputs, noise, warming = [], [], []
    for load in loads:
        twin = load["twin_difference"]
        for name in names:
            entry = load["configs"].get(name, {})
            where = f"{load['name']} under {name}"
            ratio = entry.get("ratio")
            if entry.get("output") == "differs":
                outputs.append(f"{where}: output differs from stock's")
            if entry.get("output") == "failed":
                outputs.append(f"{where}: the output check failed")
            if twin is not None and ratio is not None and 0.01 < abs(ratio - 1) <= abs(twin):
                identical = f"two identical runs differ by {abs(twin):.1%}"
                noise.append(f"{where}: {identical}, more than the claim of {ratio - 1:+.1%}")
            if entry.get("warming"):
                warming.append(f"{where}: values were still falling when measuring ended")
    few = []
    if rounds < 3:
        count = f"{rounds} round{'s' if rounds > 1 else ''}"
        few = [f"{count} only: intervals say little about the next run; a claim needs 3 or more"]
    return [*outputs, *few, *noise, *warming]
