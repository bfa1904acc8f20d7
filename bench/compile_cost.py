"""What compiling costs: `./pyston3 -m bench.compile_cost` has every function of some fifty standard modules compiled.

In microseconds of the thread's CPU time a bytecode instruction, inline caches not counted: for each round all of it,
installing included, as the runtime counts it; then stage by stage. The collector is off, as it is while the runtime
compiles. The functions have not run, so their code is general: more calls of helpers than in a program that is warm.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from types import FunctionType
from typing import Any

MODULES = (
    "argparse ast asyncio.base_events calendar codecs collections configparser csv dataclasses datetime "
    "decimal difflib dis doctest email.message email.header fractions functools gettext heapq html.parser "
    "http.client http.server imaplib inspect json.decoder json.encoder locale logging mailbox mimetypes "
    "ntpath optparse os pathlib pdb pickle pickletools platform plistlib poplib posixpath pprint profile "
    "random re shlex shutil smtplib socketserver ssl statistics string subprocess tarfile tempfile "
    "textwrap threading tokenize traceback typing unittest.case unittest.mock urllib.parse urllib.request "
    "uuid xml.dom.minidom xml.etree.ElementTree zipfile"
)


def functions() -> list[FunctionType]:
    """Those of the modules themselves and of their classes."""
    found: list[FunctionType] = []
    for name in MODULES.split():
        for value in list(vars(importlib.import_module(name)).values()):
            if isinstance(value, FunctionType) and value.__module__ == name:
                found.append(value)
            elif isinstance(value, type) and value.__module__ == name:
                found += [item for item in vars(value).values() if isinstance(item, FunctionType)]
    return found


def measure_all(found: list[FunctionType]) -> tuple[float, int]:
    """Microseconds an instruction, and instructions."""
    import pyston

    for function in found:
        pyston.compile(function)
    figures = pyston.stats()
    count: int = figures["instructions_compiled"]
    return figures["compile_ns"] / 1e3 / count, count


def measure_stages(found: list[FunctionType]) -> dict[str, float]:
    """The same by stage; nothing is installed."""
    from pyston import _runtime
    from pyston.compiler import pipeline
    from pyston.compiler.bytecode.cfg import Unsupported
    from pyston.compiler.hir.builder import build_function
    from pyston.compiler.lir.lower import lower_function
    from pyston.compiler.snapshot import take_snapshot
    from pyston.compiler.x86_64.emit import compile_lir
    from pyston.live_world import LiveWorld

    spent: Counter[str] = Counter()

    def timed(stage: str, step: Callable[..., Any], *args: Any) -> Any:
        start = time.thread_time_ns()
        try:
            return step(*args)
        finally:
            spent[stage] += time.thread_time_ns() - start

    passes = ("drop_trivial_phis", "infer_types", "unbox_phis", "sink_boxes", "defer_stores", "remove_dead")
    count = 0
    for function in found:
        _runtime.open_session()
        try:
            world = timed("questions", LiveWorld, function)
            snapshot = timed("snapshot", take_snapshot, _runtime.callee_facts(function)[0])
            hir = timed("build", build_function, snapshot, world)
            for name in (*passes, "insert_reference_counts"):
                timed(name, getattr(pipeline, name), hir)
            lir = timed("lower", lower_function, hir, world)
            timed("dissolve", pipeline.dissolve_hir, hir)
            timed("compile_lir", compile_lir, lir)
            timed("dissolve", pipeline.dissolve_lir, lir)
        except Unsupported:
            continue
        count += hir.instruction_count
    return {stage: nanoseconds / 1e3 / count for stage, nanoseconds in spent.most_common()}


def run_once(stages: bool) -> None:
    found = functions()
    gc.collect()
    gc.freeze()
    gc.disable()
    if stages:
        for stage, microseconds in measure_stages(found).items():
            print(f"  {microseconds:6.2f}  {stage}")
    else:
        microseconds, count = measure_all(found)
        print(microseconds, count)


def main() -> int:
    parse = argparse.ArgumentParser(
        prog="python -m bench.compile_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parse.add_argument(
        "--rounds", type=int, default=5, help="processes that compile all of it; default %(default)s"
    )
    parse.add_argument("--once", choices=("all", "stages"), help=argparse.SUPPRESS)
    args = parse.parse_args()
    if not hasattr(sys, "pyston_version_info"):
        print("Pyston is not on in this interpreter.", file=sys.stderr)
        return 1
    if args.once:
        run_once(args.once == "stages")
        return 0
    me = [sys.executable, "-m", "bench.compile_cost", "--once"]
    figures: list[float] = []
    for number in range(args.rounds):
        text = subprocess.run([*me, "all"], check=True, capture_output=True, text=True).stdout
        microseconds, count = text.split()
        figures.append(float(microseconds))
        print(f"round {number + 1}: {figures[-1]:.2f} µs an instruction ({count} instructions)", flush=True)
    print(
        f"median {statistics.median(figures):.2f}, from {min(figures):.2f} to {max(figures):.2f} µs an instruction"
    )
    print("by stage, nothing installed:", flush=True)
    return subprocess.run([*me, "stages"]).returncode


if __name__ == "__main__":
    sys.exit(main())
