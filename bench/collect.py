"""From the answers of a run's jobs to what the statistics and pyperf want.

Answers are grouped by benchmark (a script of pyperformance may hold several) and config. Written beside
the summary is one pyperf file for each config, so `python -m pyperf compare_to stock.json pyston.json`,
`pyperf hist` and the rest read our results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyperf

from bench.catalogue import Load
from bench.plan import Job
from bench.store import Run

PLAIN = (str, int, float)


@dataclass
class Measured:
    """One benchmark under one config: everything that its rounds gave."""

    rounds: dict[int, list[float]] = field(default_factory=dict)
    warmups: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    inner_loops: int = 1
    loops: dict[int, int] = field(default_factory=dict)
    outputs: dict[int, str] = field(default_factory=dict)  # by round
    memory: list[int] = field(default_factory=list)
    compiler: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    ready: list[float] = field(default_factory=list)
    failed: str = ""


@dataclass
class Benchmark:
    name: str
    load: Load
    configs: dict[str, Measured] = field(default_factory=dict)
    curves: dict[str, dict[str, Any]] = field(default_factory=dict)


def collect(run: Run, jobs: Sequence[Job]) -> list[Benchmark]:
    """Everything answered so far, in the order of the jobs."""
    found: dict[str, Benchmark] = {}
    failures: list[tuple[Job, str, str]] = []
    for job in jobs:
        if not run.has(job):
            continue
        for config, answer in run.answer(job)["members"].items():
            if "failed" in answer:
                failures.append((job, config, str(answer["failed"])))
            elif job.way == "curve":
                benchmark = found.setdefault(job.load.name, Benchmark(job.load.name, job.load))
                benchmark.curves[config] = answer["curve"]
            else:
                for part in answer["benchmarks"]:
                    benchmark = found.setdefault(part["name"], Benchmark(part["name"], job.load))
                    add(benchmark.configs.setdefault(config, Measured()), job.round, answer, part)
    for job, config, reason in failures:
        of_load = [benchmark for benchmark in found.values() if benchmark.load.name == job.load.name]
        for benchmark in of_load or [found.setdefault(job.load.name, Benchmark(job.load.name, job.load))]:
            measured = benchmark.configs.setdefault(config, Measured())
            measured.failed = measured.failed or reason
    return list(found.values())


def add(measured: Measured, round: int, answer: dict[str, Any], part: dict[str, Any]) -> None:
    measured.rounds[round] = [float(value) for value in part["values"]]
    measured.warmups[round] = [(int(loops), float(value)) for loops, value in part["warmups"]]
    measured.inner_loops = int(part["inner_loops"])
    measured.loops[round] = int(part["loops"])
    measured.metadata = dict(part["metadata"])
    if part["output"]:
        measured.outputs[round] = str(part["output"])
    # A command's own peak counts, not that of the process that times it.
    memory = part["metadata"].get("command_max_rss") or answer.get("memory_bytes")
    if memory:
        measured.memory.append(int(memory))
    if answer.get("compiler"):
        measured.compiler.append(answer["compiler"])
    if "ready_seconds" in part.get("extra", {}):
        measured.ready.append(float(part["extra"]["ready_seconds"]))


def output_verdict(stock: Measured | None, twin: Measured | None, other: Measured) -> str:
    """`same`, `differs`, `unstable` (stock and twin disagree), `failed` or `unchecked`, round by round."""
    if stock is None or not stock.outputs or not other.outputs:
        return "unchecked"
    rounds = stock.outputs.keys() & other.outputs.keys()
    if any(stock.outputs[round].startswith("error:") for round in rounds):
        return "unchecked"
    if all(stock.outputs[round] == other.outputs[round] for round in rounds):
        return "same"
    if twin is not None and any(
        twin.outputs.get(round, text) != text for round, text in stock.outputs.items()
    ):
        return "unstable"
    return "failed" if any(other.outputs[round].startswith("error:") for round in rounds) else "differs"


def pyperf_suite(benchmarks: Sequence[Benchmark], config: str) -> pyperf.BenchmarkSuite | None:
    """The config's results in pyperf's own form."""
    parts = []
    for benchmark in benchmarks:
        measured = benchmark.configs.get(config)
        if measured is None or not measured.rounds:
            continue
        metadata = {
            key: value for key, value in measured.metadata.items() if isinstance(value, PLAIN) and value != ""
        }
        runs = []
        for round, values in measured.rounds.items():
            own: dict[str, Any] = {
                **metadata,
                "name": benchmark.name,
                "unit": "second",
                "loops": measured.loops[round],
            }
            own["tags"] = [benchmark.load.group]
            if measured.inner_loops > 1:
                own["inner_loops"] = measured.inner_loops
            warmups = measured.warmups[round]
            runs.append(pyperf.Run(values, warmups=warmups, metadata=own, collect_metadata=False))
        parts.append(pyperf.Benchmark(runs))
    return pyperf.BenchmarkSuite(parts) if parts else None


def write_pyperf(run: Run, benchmarks: Sequence[Benchmark], configs: Sequence[str]) -> list[Path]:
    files = []
    for config in configs:
        suite = pyperf_suite(benchmarks, config)
        if suite is not None:
            file = run.folder / f"{config}.json"
            suite.dump(str(file), replace=True)
            files.append(file)
    return files
