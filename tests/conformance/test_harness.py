"""The harness itself: what it reads from a run, and what it calls a difference."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.conformance import schedule, suites
from tests.conformance.cpython import Batch, CPythonSuite, batches
from tests.conformance.projects import Project, ProjectSuite, project_suites
from tests.conformance.results import Results, build_digest, differences, reasons_for
from tests.conformance.schedule import Schedule
from tests.conformance.suites import Outcome, Suite, run_suite


def outcome(*failed: str, crash: str = "", tests: int = 10, output: str = "") -> Outcome:
    return Outcome(list(failed), crash, tests, 0.0, output)


class Shell(Suite):
    """A suite that is a command of the shell."""

    def __init__(self, folder: Path, text: str) -> None:
        self.name = "shell"
        self.text = text
        self.where = folder

    def command(self, way: str) -> list[str]:
        return ["sh", "-c", self.text]

    def folder(self) -> Path:
        return self.where

    def read(self, way: str, status: int) -> Outcome:
        return Outcome(suites.unittest_failures(self.log(way).read_text()), "", status, 0)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "FOLDER", tmp_path / "results")


def test_differences():
    stock = outcome("a")
    assert differences(outcome("a"), stock, {}) == []
    assert differences(outcome("a", "b"), stock, {}) == ["b fails"]
    assert differences(outcome("a", "b"), stock, {"b": "known"}) == []
    assert differences(outcome("a"), stock, {"b": "known"}) == ["b passes; expected.toml says it fails"]
    assert differences(outcome("a"), stock, {"b": "sometimes"}) == []
    assert differences(outcome(crash="died of signal 11"), stock, {}) == ["died of signal 11"]
    assert differences(outcome(crash="died"), outcome(crash="died"), {}) == []
    assert differences(outcome(output="x"), outcome(output="y"), {}) == ["prints something else than stock"]


def test_exact_differences():
    stock = outcome("a")
    assert differences(outcome("a"), stock, {}, exact=True) == []
    assert differences(outcome(), stock, {}, exact=True) == ["a passes; it fails on stock"]
    assert differences(outcome("a", tests=9), stock, {}, exact=True) == ["9 tests ran; 10 on stock"]
    assert differences(outcome(), stock, {}) == []


def test_results_go_on(tmp_path: Path):
    suite = Shell(tmp_path, "")
    first = Results(tmp_path / "done.jsonl")
    first.add(suite, "stock", outcome("a"))
    first.add(suite, "first", outcome("a", "b"))
    first.add(suite, "first", outcome("a", "c", output="x"))
    again = Results(tmp_path / "done.jsonl")
    assert again.has(suite, "stock") and not again.has(suite, "default")
    assert again.wrong(suite, "first") == ["c fails", "prints something else than stock"]


def test_left_out():
    suite = CPythonSuite(Path("python"), "test_capi")
    command = suite.command("stock")
    assert command[-1] == "test_capi" and command[command.index("-i") + 1] == "*TestTypeWatchers*"
    assert not any(name.startswith("-i") for name in reasons_for("test_capi", "first"))
    assert "-i" not in CPythonSuite(Path("python"), "test_dict").command("stock")


def test_another_build_runs_it_again(tmp_path: Path):
    suite = Shell(tmp_path, "")
    first = Results(tmp_path / "done.jsonl", "one")
    first.add(suite, "stock", outcome())
    first.add(suite, "first", outcome())
    assert first.current(suite, "first") and not first.current(suite, "default")
    again = Results(tmp_path / "done.jsonl", "another")
    assert again.has(suite, "first") and not again.current(suite, "first")
    assert again.current(suite, "stock")


def test_digest_of_a_build(tmp_path: Path):
    """It is of what is installed, links followed."""
    source, library = tmp_path / "src", tmp_path / "library"
    source.mkdir()
    library.mkdir()
    (source / "part.py").write_text("1")
    (library / "pyston").symlink_to(source)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho {library}\n")
    python.chmod(0o755)
    before = build_digest(python)
    assert build_digest(python) == before
    (source / "part.py").write_text("2")
    assert build_digest(python) != before


def test_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """What is at work is told, and ends with us, without a result."""
    monkeypatch.setattr(suites, "stopping", threading.Event())
    monkeypatch.setattr(schedule, "PATIENCE_SECONDS", 0.1)
    suite = Shell(tmp_path, f"touch {tmp_path}/begun; sleep 1000")
    results = Results(None)
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    usual = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(KeyboardInterrupt):
            Schedule(results, 60, ask_stock=True).run([[(suite, "first")], [(suite, "default")]], 1)
    finally:
        signal.signal(signal.SIGTERM, usual)
    assert (tmp_path / "begun").exists() and not suites.running
    assert not results.has(suite, "first") and not results.has(suite, "default")
    assert "[0/2] at work: shell first for 1 s" in capsys.readouterr().out


def test_how_a_process_ends(tmp_path: Path):
    log = "echo 'FAIL: test_x (module.Class.test_x)'; echo 'ERROR: setUpClass (module.Other)'"
    assert run_suite(Shell(tmp_path, log), "stock", 60).failed == ["Class.test_x", "ERROR: setUpClass"]
    assert run_suite(Shell(tmp_path, "kill -11 $$"), "stock", 60).crash == "died of signal 11"
    assert run_suite(Shell(tmp_path, "sleep 60"), "stock", 1).crash == "took longer than 1 s"
    seen = run_suite(Shell(tmp_path, "exit ${PYSTON_THRESHOLD:-2}"), "first", 60)
    assert (seen.crash, seen.tests) == ("", 1)


BATCH = """
0:00:00 load avg: 1.52 [1/4] test_good
Ran 3 tests in 0.1s
Ran 1 test in 0.1s
0:00:02 load avg: 1.52 [1/4] test_good passed
0:00:02 load avg: 1.52 [2/4] test_bad
FAIL: test_x (module.Class.test_x)
0:01:02 load avg: 1.52 [2/4/1] test_bad failed (1 failure)
0:01:02 load avg: 1.52 [3/4/1] test.test_parts.test_skipped
0:01:04 load avg: 1.52 [3/4/1] test.test_parts.test_skipped skipped
0:01:04 load avg: 1.52 [4/4/1] test_crash
"""


def test_batches():
    """Only what has passed in a batch counts, each suite with its own tests and time."""
    names = ["test_good", "test_bad", "test.test_parts.test_skipped", "test_crash"]
    suites_ = [CPythonSuite(Path("python"), name) for name in names]
    batch = Batch(suites_)
    batch.log("first").write_text(BATCH)
    passed = batch.passed("first")
    assert list(passed) == ["test_good", "test.test_parts.test_skipped"]
    assert (passed["test_good"].tests, passed["test_good"].seconds) == (4, 2)
    alone = [CPythonSuite(Path("python"), name) for name in ("test_capi", "test_multiprocessing_fork.x")]
    units = [(suite, way) for suite in [*suites_, *alone] for way in ("default", "first")]
    assert sorted(len(units) for units in batches(units)) == [1, 1, 1, 1, 4, 4]
    many = [(CPythonSuite(Path("python"), f"test_{i}"), "first") for i in range(30)]
    assert [len(units) for units in batches(many)] == [12, 12, 6]


TESTS = """
import os, pytest
def test_good(): pass
def test_bad(): assert 0
@pytest.mark.parametrize("text", ["a\\tb", "c\\nd"])
def test_names(text): pass
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_expected(): assert 0
@pytest.fixture
def late():
    yield
    assert 0
def test_late(late): pass
def test_fork():
    if os.fork() == 0:
        pytest.fail("only a child's failure")
    os.wait()
"""


def test_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What the plugin writes down and the suite reads."""
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "test_broken.py").write_text("import nothing_of_this_name")
    project = Project(Path(sys.executable), "example", {"requires": []})
    project.python = Path(sys.executable)
    suite = ProjectSuite(project, "pytest", "", str(tmp_path))
    command = suite.command("stock")
    environment = {"PYTHONPATH": str(Path(__file__).parent), "PYSTON": "0"}
    status = subprocess.run(command, env=environment, capture_output=True, cwd=tmp_path).returncode
    read = suite.read("stock", status)
    assert read.crash == ""
    assert [name.rpartition("test_it.py::")[2] or name for name in read.failed] == [
        "test_broken.py",
        "test_bad",
        "test_late",
    ]
    assert read.tests == 7
    suite.record("stock").write_text("passed\t'a'\nfailed\t'b'\n")
    assert suite.read("stock", 2).crash == "exit status 2"


def test_projects_are_well_formed():
    suites_of = {suite.name for suite in project_suites(Path(sys.executable))}
    ci = project_suites(Path(sys.executable), "ci")
    assert ci and {suite.name for suite in ci} < suites_of
