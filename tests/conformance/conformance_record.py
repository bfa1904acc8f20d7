"""A pytest plugin that writes down how each test ended, at once: a run that crashes has told how far it came.

It runs in the Python of a project's own environment, into which `projects.py` links it. A line of the file is the
outcome of one phase (collecting, setup, call, teardown), a tab, and the test.

NumPy knows the Pyston of old by its version, and leaves its tests of reference counts out there. They are the very ones
wanted here, so that version is hidden.
"""

from __future__ import annotations

import os
import sys

FILE = os.environ.get("CONFORMANCE_RECORD")
RECORDER = os.getpid()
if hasattr(sys, "pyston_version_info"):
    del sys.pyston_version_info


def write(outcome: str, name: str) -> None:
    # Tests fork, and a forked test may go on here.
    if FILE and os.getpid() == RECORDER:
        with open(FILE, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{outcome}\t{name!r}\n")


def pytest_collectreport(report) -> None:
    if report.failed:
        write("failed", report.nodeid or "collecting")


def pytest_runtest_logreport(report) -> None:
    if report.failed or report.skipped or report.when == "call":
        write("skipped" if hasattr(report, "wasxfail") and report.skipped else report.outcome, report.nodeid)
