"""Counts instructions instead of time: callgrind runs a load for so many iterations, and for more of them.

The difference divided by the extra iterations is what one iteration costs, with start-up, import and
warm-up cancelled. It does not depend on what else the machine does, so a change of half a per cent is
seen in one run; but an instruction is not a nanosecond: caches and branches are not counted. Stock's twin
is counted too: where it differs, CPython itself does not do the same work every time (what a call site
specialises to can hang on an address), and smaller differences of other configs say nothing.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.catalogue import Load
from bench.configs import BASELINE, Config
from bench.execute import WORKER, end_session, start
from bench.plan import with_twin

LIMIT = 900


class CannotCount(Exception):
    """Says why callgrind gave no count."""


def instructions(load: Load, config: Config, iterations: int) -> int:
    """All instructions of a process that runs so many iterations."""
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
        order |= {"iterations": iterations, "answer": str(folder / "answer.json")}
        (folder / "order.json").write_text(json.dumps(order))
        # --smc-check=all: code that a compiler writes while the program runs is noticed.
        tool = [valgrind, "--tool=callgrind", "--smc-check=all", f"--callgrind-out-file={folder}/out"]
        command = [*tool, config.python, str(WORKER), str(folder / "order.json")]
        process = start(command, config.environ({"PYTHONHASHSEED": "1"}), folder)
        try:
            process.wait(timeout=LIMIT)
        except subprocess.TimeoutExpired as error:
            raise CannotCount(f"no end after {LIMIT} s") from error
        finally:
            end_session(process)
        text = (folder / "log").read_text(errors="replace")
        found = re.search(r"Collected : (\d+)", text)
        if process.returncode or not found or not (folder / "answer.json").exists():
            raise CannotCount("\n".join(text.strip().splitlines()[-6:]))
        return int(found[1])


def count_all(
    loads: Sequence[Load], configs: Sequence[Config], warmup: int, iterations: int
) -> dict[str, Any]:
    """Instructions of one iteration by load and config; text where there is no count."""
    counts: dict[str, dict[str, float | str]] = {}
    for load in loads:
        for config in with_twin(configs):
            print(f"counting {load.name} under {config.name} … ", end="", flush=True)
            try:
                first = instructions(load, config, warmup)
                second = instructions(load, config, warmup + iterations)
                cost: float | str = (second - first) / iterations
                print(f"{cost:,.0f} instructions")
            except CannotCount as error:
                cost = str(error)
                print(f"FAILED: {cost.splitlines()[-1] if cost else ''}")
            counts.setdefault(load.name, {})[config.name] = cost
    return {"warmup": warmup, "iterations": iterations, "instructions": counts}


def as_text(counts: dict[str, Any]) -> str:
    from bench.table import aligned

    rows: list[list[str]] = []
    for load, found in counts["instructions"].items():
        stock = found.get(BASELINE)
        others = [name for name in found if name != BASELINE]
        if not rows:
            rows.append(["instructions an iteration", BASELINE, *others])
        cells = [f"{stock:,.0f}" if isinstance(stock, float) else "failed"]
        for name in others:
            known = isinstance(found[name], float) and isinstance(stock, float)
            cells.append(f"{found[name]:,.0f} ({stock / found[name]:.3f})" if known else "failed")
        rows.append([load, *cells])
    return "\n".join(aligned(rows)) if rows else "nothing counted"
