"""Counts instructions instead of time: callgrind runs a load, and counts so many iterations after warm-up.

Start-up, import and warm-up happen in the same process with counting off: two processes, one with more
iterations than the other, would not do the same up to there, since what is compiled when can hang on time.
The count does not depend on what else the machine does, so a change of half a per cent is seen in one
run; but an instruction is not a nanosecond: caches and branches are not counted. Stock's twin is counted
too: where it differs, CPython itself does not do the same work every time (what a call site specialises
to can hang on an address), and smaller differences of other configs say nothing. A `*` marks a config
that still compiled while it was counted: give it more warm-up.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.catalogue import Load
from bench.configs import BASELINE, Config
from bench.execute import WORKER, end_session, how_it_ended, start
from bench.plan import with_twin
from bench.table import aligned, short_reason

LIMIT = 900
VALGRIND_LINE = r"==\d+=="  # what valgrind itself prints


class CannotCount(Exception):
    """Says why callgrind gave no count."""


@dataclass(frozen=True)
class Count:
    """Instructions of one iteration."""

    instructions: float
    steady: bool  # nothing was compiled while counting


def count(load: Load, config: Config, warmup: int, iterations: int) -> Count:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CannotCount("valgrind is not installed")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        order: dict[str, Any] = {
            "way": "count",
            "kind": load.kind,
            "module": load.target,
            "arguments": load.arguments,
        }
        order |= {"warmup": warmup, "iterations": iterations, "answer": str(folder / "answer.json")}
        (folder / "order.json").write_text(json.dumps(order))
        # --smc-check=all: code that a compiler writes while the program runs is noticed.
        tool = [valgrind, "--tool=callgrind", "--smc-check=all", f"--callgrind-out-file={folder}/out"]
        tool += ["--collect-atstart=no", "--toggle-collect=ffi_call"]  # see the worker's inside_ffi_call
        command = [*tool, config.python, str(WORKER), str(folder / "order.json")]
        # The mask is inherited; the worker lifts it (its touch_the_stack says why).
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGURG})
        try:
            process = start(command, config.environ({"PYTHONHASHSEED": "1"}), folder)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        try:
            process.wait(timeout=LIMIT)
        except subprocess.TimeoutExpired as error:
            raise CannotCount(f"no end after {LIMIT} s") from error
        finally:
            end_session(process)
        text = (folder / "log").read_text(errors="replace")
        found = re.search(r"Collected : (\d+)", text)
        if process.returncode or not found or not (folder / "answer.json").exists():
            raise CannotCount(how_it_ended(process, folder, skip=VALGRIND_LINE))
        answer = json.loads((folder / "answer.json").read_text())["count"]
        return Count(int(found[1]) / iterations, answer["compiled_meanwhile"] == 0)


def count_all(
    loads: Sequence[Load], configs: Sequence[Config], warmup: int, iterations: int
) -> dict[str, Any]:
    """What was counted by load and config, as plain data; text where there is no count."""
    counts: dict[str, dict[str, Any]] = {}
    for load in loads:
        for config in with_twin(configs):
            print(f"counting {load.name} under {config.name} … ", end="", flush=True)
            try:
                found: Any = asdict(count(load, config, warmup, iterations))
                print(f"{found['instructions']:,.0f} instructions")
            except CannotCount as error:
                found = str(error)
                print(f"FAILED: {short_reason(found)}")
            counts.setdefault(load.name, {})[config.name] = found
    return {"warmup": warmup, "iterations": iterations, "instructions": counts}


def as_text(counts: dict[str, Any]) -> str:
    rows: list[list[str]] = []
    for load, found in counts["instructions"].items():
        if not rows:
            rows.append(["instructions an iteration", *found])
        stock = found.get(BASELINE)
        cells = []
        for name, entry in found.items():
            if isinstance(entry, str):
                cells.append("failed")
                continue
            text = f"{entry['instructions']:,.0f}{'' if entry['steady'] else '*'}"
            if name != BASELINE and isinstance(stock, dict):
                text += f" ({stock['instructions'] / entry['instructions']:.3f})"
            cells.append(text)
        rows.append([load, *cells])
    return "\n".join(aligned(rows)) if rows else "nothing counted"
