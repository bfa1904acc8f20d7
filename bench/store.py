"""The folder of one run: what was asked for, and every job's answer as it came.

An answer is one file, written whole or not at all; a run is resumed by doing the jobs that have none.
So an interrupted run loses the job that was running and nothing else. Results are only ever mixed where
the question was the same: `run.json` holds configs, loads and timings, and the interpreters' and Pyston's
own files, and a new question starts a new folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.catalogue import Load
from bench.configs import Config
from bench.plan import Job


def fingerprint(configs: Sequence[Config], loads: Sequence[Load], settings: dict[str, Any]) -> str:
    """Equal for two runs whose answers may stand side by side; the number of rounds does not matter."""
    question = {
        "configs": [config.as_json() for config in configs],
        "loads": [asdict(load) for load in loads],
        "settings": settings,
    }
    return hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Run:
    folder: Path

    @property
    def raw(self) -> Path:
        return self.folder / "raw"

    def _file(self, job: Job) -> Path:
        return self.raw / f"{job.key}.json"

    def has(self, job: Job) -> bool:
        return self._file(job).exists()

    def answer(self, job: Job) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._file(job).read_text())
        return answer

    def keep(self, job: Job, answer: dict[str, Any]) -> None:
        file = self._file(job)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(answer))

    def about(self) -> dict[str, Any]:
        about: dict[str, Any] = json.loads((self.folder / "run.json").read_text())
        return about

    def finish(self) -> None:
        write_whole(self.folder / "run.json", json.dumps({**self.about(), "finished": True}, indent=1))


def write_whole(file: Path, text: str) -> None:
    part = file.with_name(file.name + ".part")
    part.write_text(text)
    os.replace(part, file)


def open_run(base: Path, print_of_question: str, about: dict[str, Any], fresh: bool) -> tuple[Run, bool]:
    """The unfinished run with the same question, or a new one; says which by its second value.

    `base/latest` is a link to the run that was opened last.
    """
    base.mkdir(parents=True, exist_ok=True)
    for folder in sorted(base.glob("20*"), reverse=True):
        file = folder / "run.json"
        if fresh or not file.exists():
            continue
        earlier = json.loads(file.read_text())
        if earlier.get("fingerprint") == print_of_question and not earlier.get("finished"):
            _point_latest(base, folder)
            run = Run(folder)
            write_whole(file, json.dumps({**earlier, "rounds": about["rounds"]}, indent=1))
            return run, True
    name = datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = base / name
    number = 1
    while folder.exists():
        number += 1
        folder = base / f"{name}-{number}"
    folder.mkdir()
    write_whole(
        folder / "run.json",
        json.dumps({**about, "fingerprint": print_of_question, "finished": False}, indent=1),
    )
    _point_latest(base, folder)
    return Run(folder), False


def _point_latest(base: Path, folder: Path) -> None:
    link = base / "latest"
    if link.is_symlink() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(folder.name)
    else:  # not ours
        shutil.copyfile(folder / "run.json", base / "latest.json")
