"""CPython's own regression tests, each of its test modules a suite.

Small ones share a process (`Batch`): to compile all that a test runner needs, at the first call, takes longer than most
of them do.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.conformance.results import left_out, reasons_for
from tests.conformance.suites import FOLDER, Outcome, Suite, unittest_failures

# The eight of the first milestone, and a handful that look hard at frames, classes and the collector.
CI = """test_gc test_richcmp test_dict test_list test_generators test_exceptions test_scope test_call test_descr
test_frame test_tuple test_set test_class test_with test_raise test_compare test_unpack test_super test_property
test_functools test_sys_settrace test_sys_setprofile test_monitoring""".split()
# What starts many processes, and takes minutes: alone.
LARGE = re.compile("test_(multiprocessing|concurrent_futures|free_threading)")
BATCH_SIZE = 12
CI_STRESS = "test_richcmp test_scope test_raise test_super test_unpack".split()


class CPythonSuite(Suite):
    def __init__(self, python: Path, name: str) -> None:
        self.python = python
        self.name = name

    def command(self, way: str) -> list[str]:
        return [str(self.python), "-X", "faulthandler", "-m", "test", "-v", *left_out(self.name), self.name]

    def folder(self) -> Path:
        folder = FOLDER / "cwd"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def read(self, way: str, status: int) -> Outcome:
        text = self.log(way).read_text(errors="replace")
        failed = unittest_failures(text)
        bad = status not in (0, 2, 4, 5) or (status == 2 and not failed)
        counted = re.search(r"^Total tests: run=([\d,]+)", text, re.MULTILINE)
        tests = int(counted[1].replace(",", "")) if counted else 0
        return Outcome(failed, f"exit status {status}" if bad else "", tests, 0)


# A suite of a batch begins, or ends. The second number is of suites, a third of those that failed.
MARK = re.compile(
    r"^(\d+):(\d\d):(\d\d) load avg: \S+ \[[ \d/]+\] (\S+)( passed| skipped| ran no tests)?", re.MULTILINE
)


class Batch(Suite):
    """Some suites in one process, one after the other. What passes there has passed. What does not, or is not reached,
    has to run in a process of its own: it may be the fault of another."""

    def __init__(self, suites: list[CPythonSuite]) -> None:
        self.suites = suites
        self.python = suites[0].python
        self.name = f"{suites[0].name} to {suites[-1].name}"

    def command(self, way: str) -> list[str]:
        names = [suite.name for suite in self.suites]
        return [str(self.python), "-X", "faulthandler", "-m", "test", "-v", *names]

    def folder(self) -> Path:
        return self.suites[0].folder()

    def read(self, way: str, status: int) -> Outcome:
        return Outcome([], "", sum(outcome.tests for outcome in self.passed(way).values()), 0)

    def passed(self, way: str) -> dict[str, Outcome]:
        """How those suites ended in which nothing failed."""
        text = self.log(way).read_text(errors="replace")
        found: dict[str, Outcome] = {}
        begun = at = 0
        for mark in MARK.finditer(text):
            hours, minutes, seconds, name, well = mark.groups()
            now = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
            if well:
                counts = re.findall(r"^Ran (\d+) tests? in", text[at : mark.start()], re.MULTILINE)
                found[name] = Outcome([], "", sum(map(int, counts)), now - begun)
            begun, at = now, mark.end()
        return {suite.name: found[suite.name] for suite in self.suites if suite.name in found}


def alone(name: str, way: str) -> bool:
    """What is large, has options of its own, or would have to run again because something is known to differ."""
    return bool(LARGE.search(name) or reasons_for(name, way) or left_out(name))


def batches(units: list[tuple[Suite, str]]) -> list[list[tuple[Suite, str]]]:
    """Suites that may share a process are put together."""
    result: list[list[tuple[Suite, str]]] = []
    open_batches: dict[str, list[tuple[Suite, str]]] = {}  # by way
    for suite, way in units:
        if not isinstance(suite, CPythonSuite) or alone(suite.name, way):
            result.append([(suite, way)])
            continue
        batch = open_batches.get(way, [])
        if len(batch) % BATCH_SIZE == 0:
            batch = open_batches[way] = []
            result.append(batch)
        batch.append((suite, way))
    return result


def all_names(python: Path) -> list[str]:
    listed = subprocess.run(
        [python, "-m", "test", "--list-tests"],
        env={**os.environ, "PYSTON": "0"},
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    return [line for line in listed.stdout.split() if line.startswith("test")]
