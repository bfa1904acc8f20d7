"""What has run, what of it is not as it should be, and the table of both.

What has run is kept with the build that it ran on. Another build has to run it again; what stock did stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conformance.suites import ROOT, Outcome, Suite

LEAVES_OUT = "-i "


def expected_of(suite: str) -> dict[str, Any]:
    expected = tomllib.loads((ROOT / "tests/conformance/expected.toml").read_text())
    of_suite: dict[str, Any] = expected.get(suite, {})
    return of_suite


def reasons_for(suite: str, way: str) -> dict[str, str]:
    """The tests of a suite that are expected to differ in this way of running, with the reason."""
    return {
        name: reason if isinstance(reason, str) else reason["reason"]
        for name, reason in expected_of(suite).items()
        if not name.startswith(LEAVES_OUT) and (isinstance(reason, str) or way in reason["ways"])
    }


def left_out(suite: str) -> list[str]:
    """The options that keep tests of a suite from running at all, on stock too."""
    return [word for name in expected_of(suite) if name.startswith(LEAVES_OUT) for word in name.split()]


def differences(
    ours: Outcome, stock: Outcome | None, expected: dict[str, str], exact: bool = False
) -> list[str]:
    """What is not as it should be, one line each."""
    result = []
    stock_failed = set(stock.failed) if stock is not None else set()
    if ours.crash and "crash" not in expected and not (stock is not None and stock.crash):
        result.append(ours.crash)
    for name in ours.failed:
        if name not in stock_failed and name not in expected and "*" not in expected:
            result.append(f"{name} fails")
    if not ours.crash:
        for name in expected:
            sometimes = expected[name].startswith("sometimes")
            if name not in ("*", "crash") and name not in ours.failed and not sometimes:
                result.append(f"{name} passes; expected.toml says it fails")
    if stock is not None and not ours.crash and not stock.crash and "*" not in expected:
        if ours.output != stock.output:
            result.append("prints something else than stock")
        if exact:
            if ours.tests != stock.tests:
                result.append(f"{ours.tests} tests ran; {stock.tests} on stock")
            passing = [name for name in stock.failed if name not in ours.failed and name not in expected]
            result += [f"{name} passes; it fails on stock" for name in passing]
    return result


def build_digest(python: Path) -> str:
    """Names the Pyston of this Python by what it consists of."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    environment = {**os.environ, "PYSTON": "0"}
    asked = subprocess.run([python, "-c", ask], env=environment, capture_output=True, text=True, check=True)
    library = Path(asked.stdout.strip())
    digest = hashlib.sha256()
    found = list(library.glob("pyston_*"))
    for folder, _, names in os.walk(library / "pyston", followlinks=True):
        found += [Path(folder, name) for name in names]
    for file in sorted(found):
        if file.suffix in (".py", ".so"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


class Results:
    """What has run, kept in a file from where a later run goes on."""

    def __init__(self, file: Path | None, build: str = "") -> None:
        self.file = file
        self.build = build
        self.outcomes: dict[tuple[str, str], Outcome] = {}
        self.lock = threading.Lock()
        if file is not None and file.exists():
            for line in file.read_text().splitlines():
                entry = json.loads(line)
                unit = entry.pop("suite"), entry.pop("way")
                self.outcomes[unit] = Outcome(**entry)

    def add(self, suite: Suite, way: str, outcome: Outcome) -> None:
        outcome.build = self.build
        with self.lock:
            self.outcomes[suite.name, way] = outcome
            if self.file is not None:
                with self.file.open("a") as file:
                    file.write(json.dumps({"suite": suite.name, "way": way, **vars(outcome)}) + "\n")

    def has(self, suite: Suite, way: str) -> bool:
        return (suite.name, way) in self.outcomes

    def current(self, suite: Suite, way: str) -> bool:
        """Whether it has run with this build; stock is the same whatever the build."""
        outcome = self.outcomes.get((suite.name, way))
        return outcome is not None and (way == "stock" or outcome.build == self.build)

    def wrong(self, suite: Suite, way: str) -> list[str]:
        outcome = self.outcomes.get((suite.name, way))
        if outcome is None or way == "stock":
            return []
        stock = self.outcomes.get((suite.name, "stock"))
        return differences(outcome, stock, reasons_for(suite.name, way), suite.exact)


def report(results: Results, suite: Suite, way: str, position: str) -> None:
    """One line of progress, and one for each difference."""
    outcome, wrong = results.outcomes[suite.name, way], results.wrong(suite, way)
    verdict = "DIFFERS" if wrong else "ok" if not outcome.failed and not outcome.crash else "as expected"
    if way == "stock":
        verdict = outcome.crash or (f"{len(outcome.failed)} fail" if outcome.failed else "ok")
    counted = f"{outcome.tests:6} {'lines' if outcome.output else 'tests'}"
    print(f"{position} {suite.name:32} {way:8} {counted} {outcome.seconds:7.1f} s  {verdict}", flush=True)
    for line in wrong:
        print(f"    {line}", flush=True)


def table(results: Results, suites: Sequence[Suite], ways: list[str], every: bool) -> int:
    """One line a suite (unless `every`, only where anything failed), and the sums.

    Returns in how many suites there is a difference.
    """
    ours = [way for way in ways if way != "stock"]
    print(
        "\n" + f"{'suite, passed/failed':32} {'stock':>14} " + " ".join(f"{way:>14}" for way in ours), end=""
    )
    print("  differences")
    passed = dict.fromkeys(["stock", *ours], 0)
    failed = dict.fromkeys(["stock", *ours], 0)
    differing = compared = 0
    for suite in suites:
        compared += results.has(suite, "stock") and all(results.has(suite, way) for way in ours)
        columns = []
        for way in ["stock", *ours]:
            outcome = results.outcomes.get((suite.name, way))
            if outcome is None:
                columns.append("-")
                continue
            good = max(outcome.tests - len(outcome.failed), 0)
            passed[way] += good
            failed[way] += len(outcome.failed)
            columns.append(f"{good}/{len(outcome.failed)}" + (" crash" if outcome.crash else ""))
        wrong = sum(len(results.wrong(suite, way)) for way in ours)
        differing += wrong > 0
        shown = any(column != "-" and not column.endswith("/0") for column in columns)
        if wrong or shown or (every and columns != ["-"] * len(columns)):
            print(f"{suite.name:32} " + " ".join(f"{column:>14}" for column in columns) + f"  {wrong or ''}")
    sums = [f"{passed[way]}/{failed[way]}" for way in ["stock", *ours]]
    print(f"{'all':32} " + " ".join(f"{column:>14}" for column in sums))
    print(f"of {len(suites)} suites {compared} ran in every way; {differing} differ")
    stale = sum(
        results.has(suite, way) and not results.current(suite, way) for suite in suites for way in ours
    )
    if stale:
        print(f"{stale} of these runs were of another build of Pyston")
    return differing
