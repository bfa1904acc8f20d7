"""CPython's own regression tests, each of its test modules a suite."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.conformance.suites import FOLDER, Outcome, Suite, unittest_failures

# The eight of the first milestone, and a handful that look hard at frames, classes and the collector.
CI = """test_gc test_richcmp test_dict test_list test_generators test_exceptions test_scope test_call test_descr
test_frame test_tuple test_set test_class test_with test_raise test_compare test_unpack test_super test_property
test_functools test_sys_settrace test_sys_setprofile test_monitoring""".split()
CI_STRESS = "test_richcmp test_scope test_raise test_super test_unpack".split()


class CPythonSuite(Suite):
    def __init__(self, python: Path, name: str) -> None:
        self.python = python
        self.name = name

    def command(self, way: str) -> list[str]:
        return [str(self.python), "-X", "faulthandler", "-m", "test", "-v", self.name]

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
