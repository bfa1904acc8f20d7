"""Compares a run with an earlier one and marks what became slower.

Two kinds of earlier result are read: a summary (`results.json`) and a pyperf file of one config. What is
compared is a config's ratio to the stock of its own run where both runs have one, since the machine may
have changed in between; with a pyperf file the times themselves. A regression is a drop beyond both the
intervals and a threshold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.configs import BASELINE
from bench.estimates import time_of

THRESHOLD = 0.03


class NoResult(Exception):
    """Says which file or folder holds no result."""


@dataclass(frozen=True)
class Change:
    load: str
    config: str
    before: float
    after: float
    regression: bool
    what: str  # "ratio" or "time"

    @property
    def factor(self) -> float:
        """Above 1: faster than before."""
        return self.after / self.before if self.what == "ratio" else self.before / self.after

    def text(self) -> str:
        mark = "REGRESSION " if self.regression else ""
        unit = "" if self.what == "ratio" else " s"
        step = f"{self.what} {self.before:.4g}{unit} -> {self.after:.4g}{unit} ({self.factor - 1:+.1%})"
        return f"{mark}{self.load} under {self.config}: {step}"


def load_earlier(file: Path) -> dict[str, Any]:
    """A summary, made from a pyperf file where that is what it is."""
    if file.is_dir():
        file = file / "results.json"
    try:
        data: dict[str, Any] = json.loads(file.read_text())
        return data if "loads" in data else from_pyperf(file)
    except (OSError, ValueError, KeyError) as error:
        raise NoResult(f"no result can be read from {file}: {error}") from error


def from_pyperf(file: Path) -> dict[str, Any]:
    """As much of a summary as a pyperf file of one config gives; the config is called like the file."""
    import pyperf

    config = file.stem
    loads = []
    for benchmark in pyperf.BenchmarkSuite.load(str(file)).get_benchmarks():
        rounds = {number: run.values for number, run in enumerate(benchmark.get_runs()) if run.values}
        loads.append({"name": benchmark.get_name(), "configs": {config: {"seconds": time_of(rounds)}}})
    return {"loads": loads, "configs": {config: {}}}


def changes(before: dict[str, Any], now: dict[str, Any], threshold: float = THRESHOLD) -> list[Change]:
    """Everything both runs measured, regressions first, then by factor."""
    found = list(_changes(before, now, threshold))
    return sorted(found, key=lambda change: (not change.regression, change.factor))


def _changes(before: dict[str, Any], now: dict[str, Any], threshold: float) -> Iterator[Change]:
    earlier = {load["name"]: load["configs"] for load in before["loads"]}
    for load in now["loads"]:
        for config, entry in load["configs"].items():
            old = earlier.get(load["name"], {}).get(config)
            if old is None or "seconds" not in entry or "seconds" not in old:
                continue
            if "ratio" in entry and "ratio" in old:
                beyond = entry["high"] < old["low"]
                worse = beyond and entry["ratio"] < (1 - threshold) * old["ratio"]
                yield Change(load["name"], config, old["ratio"], entry["ratio"], worse, "ratio")
            elif config != BASELINE or len(before["configs"]) == 1:
                worse = entry["seconds"] > (1 + max(threshold, load.get("floor", 0.0))) * old["seconds"]
                yield Change(load["name"], config, old["seconds"], entry["seconds"], worse, "time")
