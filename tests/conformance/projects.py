"""The test suites of widely used projects, as projects.toml lists them.

Each project has an environment of its own in build/conformance/projects/NAME: its requirements as ordinary wheels, and
Pyston by links to the build that is tested, so that building anew counts at once. Tests that are not in the wheel come
from the source archive on PyPI. All versions are pinned by requirements/projects.txt.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import threading
import tomllib
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from tests.conformance.suites import FOLDER, ROOT, Outcome, Suite, unittest_failures

HERE = Path(__file__).parent
CONSTRAINTS = ROOT / "requirements" / "projects.txt"
KINDS = ("pytest", "unittest", "output")


class Project:
    """A project's environment: made when first asked for, again when what it is made of has changed."""

    def __init__(self, python: Path, name: str, described: dict[str, Any]) -> None:
        self.name = name
        self.described = described
        self.build_python = python
        self.home = FOLDER / "projects" / name
        self.python = self.home / "venv" / "bin" / "python"
        self.source = self.home / "source"
        self.ready = False
        self.lock = threading.Lock()
        self.turn: AbstractContextManager[object] = (
            threading.Lock() if described.get("alone") else nullcontext()
        )

    def prepare(self) -> None:
        with self.lock:
            if not self.ready:
                self.make_if_changed()
                self.link_pyston()
                self.ready = True

    def make_if_changed(self) -> None:
        made_of = self.described.get("source"), self.described["requires"], CONSTRAINTS.read_text()
        stamp = self.home / "made"
        digest = hashlib.sha256(repr(made_of).encode()).hexdigest()
        if not stamp.exists() or stamp.read_text() != digest:
            print(f"making the environment of {self.name}", flush=True)
            shutil.rmtree(self.home, ignore_errors=True)
            self.home.mkdir(parents=True)
            self.make()
            stamp.write_text(digest)

    def run(self, *command: object) -> str:
        """Runs without Pyston: pip must work even while that is broken."""
        done = subprocess.run(
            list(map(str, command)),
            env={**os.environ, "PYSTON": "0", "PIP_CONSTRAINT": str(CONSTRAINTS)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout

    def make(self) -> None:
        self.run(self.build_python, "-m", "venv", "--without-pip", self.home / "venv")
        pip = (self.build_python, "-m", "pip", "--disable-pip-version-check", "--quiet", "--quiet")
        self.run(*pip, "--python", self.python, "install", *self.described["requires"])
        if "source" in self.described:
            name = self.described["source"].partition("==")[0]
            downloads = self.home / "downloads"
            only_source = ("--no-deps", "--no-binary", name, "--dest", downloads)
            self.run(*pip, "download", *only_source, self.described["source"])
            (archive,) = downloads.glob("*.tar.gz")
            with tarfile.open(archive) as opened:
                opened.extractall(downloads, filter="data")
            (unpacked,) = (entry for entry in downloads.iterdir() if entry.is_dir())
            unpacked.rename(self.source)
        else:
            self.source.mkdir()

    def link_pyston(self) -> None:
        ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
        built, ours = (
            Path(self.run(python, "-c", ask).strip()) for python in (self.build_python, self.python)
        )
        for pattern in ("pyston", "pyston.pth", "pyston_start.py", "pyston_compiler__mypyc.*"):
            for old in ours.glob(pattern):
                old.unlink()
            for entry in built.glob(pattern):
                (ours / entry.name).symlink_to(entry)
        record = ours / "conformance_record.py"
        record.unlink(missing_ok=True)
        record.symlink_to(HERE / record.name)


class ProjectSuite(Suite):
    """A project's tests, or a part of them."""

    exact = True

    def __init__(self, project: Project, kind: str, part: str, arguments: str) -> None:
        self.name = f"{project.name}/{part}" if part else project.name
        self.project = project
        self.kind = kind
        self.arguments = shlex.split(arguments)

    def folder(self) -> Path:
        self.project.prepare()
        return self.project.source / self.project.described.get("folder", ".")

    def turn(self) -> AbstractContextManager[object]:
        return self.project.turn

    def record(self, way: str) -> Path:
        return self.log(way).with_suffix(".tests")

    def environment(self) -> dict[str, str]:
        # Where the order of a set decides about a test, it shall be the same order every time.
        return {"PYTHONHASHSEED": "1", "TZ": "UTC"}

    def command(self, way: str) -> list[str]:
        command = [str(self.project.python), "-X", "faulthandler"]
        if self.kind == "pytest":
            self.record(way).write_text("")
            command = ["env", f"CONFORMANCE_RECORD={self.record(way)}", *command]
            command += ["-m", "pytest", "-q", "--continue-on-collection-errors"]
            command += ["-p", "conformance_record", "-p", "no:cacheprovider"]
        for argument in self.arguments:
            command += self.packages(argument) if "*" in argument else [argument]
        return command

    def packages(self, pattern: str) -> list[str]:
        return sorted(init.parent.name for init in self.folder().glob(f"{pattern}/__init__.py"))

    def read(self, way: str, status: int) -> Outcome:
        log = self.log(way)
        if self.kind == "output":
            printed = log.read_bytes()
            return Outcome([], "", printed.count(b"\n"), 0, hashlib.sha256(printed).hexdigest()[:16])
        if self.kind == "unittest":
            text = log.read_text(errors="replace")
            counted = re.search(r"^Ran (\d+) tests? in", text, re.MULTILINE)
            skipped = re.search(r"^(?:OK|FAILED) \(.*?skipped=(\d+)", text, re.MULTILINE)
            tests = int(counted[1]) - int(skipped[1] if skipped else 0) if counted else 0
            crash = "" if counted else f"exit status {status}"
            return Outcome(unittest_failures(text), crash, tests, 0)
        ended: dict[str, set[str]] = {}
        for line in self.record(way).read_text().splitlines():
            outcome, _, name = line.partition("\t")
            ended.setdefault(ast.literal_eval(name), set()).add(outcome)
        ran = [name for name, outcomes in ended.items() if outcomes != {"skipped"}]
        failed = sorted(name for name in ran if "failed" in ended[name])
        # 1: some tests failed.
        return Outcome(failed, "" if status in (0, 1) else f"exit status {status}", len(ran), 0)


def project_suites(python: Path, chosen: str = "") -> list[Suite]:
    """All suites in the order of projects.toml; only those of a set, where one is named."""
    suites: list[Suite] = []
    for name, described in tomllib.loads((HERE / "projects.toml").read_text()).items():
        project = Project(python, name, described)
        for kind in KINDS:
            parts = described.get(kind, {})
            if isinstance(parts, str):
                parts = {"": parts}
            for part, arguments in parts.items():
                suite = ProjectSuite(project, kind, part, arguments)
                if not chosen or suite.name in described.get("sets", {}).get(chosen, []):
                    suites.append(suite)
    return suites
