"""Runs one load in this interpreter and writes what was measured to a JSON file.

    python run.py ORDER.json

The order says what to do; the harness writes it. Kinds of load: `script`, a pyperf script such as those
of pyperformance; `module`, one of ours in `bench/loads`, whose `make()` returns steps to repeat.
Ways to run one: `time` (the normal one), `curve` (each step timed alone from the first one on, for
warm-up and latency), `count` (a given number of iterations and nothing else, for counting instructions
of the processor), `census` (what bytecode one iteration executes, after so many others).

Runs under every peer, so it uses the standard library and pyperf only.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

START = time.perf_counter()
HERE = Path(__file__).resolve().parent


def peak_memory() -> int:
    """The most memory that this process had resident, in bytes.

    Not `ru_maxrss`: a new process inherits that from the one that started it.
    """
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def compiler_facts() -> dict[str, Any]:
    """Compile time and code size, from whichever compiler runs in this process."""
    facts: dict[str, Any] = {}
    if hasattr(sys, "pyston_version_info"):
        import pyston  # type: ignore[import-not-found, import-untyped, unused-ignore]

        facts["pyston"] = pyston.stats()
    if "cinderx.jit" in sys.modules:
        jit = sys.modules["cinderx.jit"]
        facts["compile_ns"] = int(1e6 * jit.get_compilation_time())
        functions = jit.get_compiled_functions()
        facts["functions_compiled"] = len(functions)
        facts["code_bytes"] = sum(jit.get_compiled_size(function) for function in functions)
    return facts


def time_script(order: dict[str, Any]) -> list[Any]:
    import outputs
    import pyperf
    import timed

    results: list[timed.Measured] = []

    def done(measured: timed.Measured, once: Any) -> None:
        measured.output = outputs.digest_of_script(once) if order["check"] else ""

    timed.TimedRunner.schedule = timed.Schedule(**order["schedule"])
    timed.TimedRunner.gate = timed.Gate(order.get("gate"))
    timed.TimedRunner.results = results
    timed.TimedRunner.remember = staticmethod(lambda: outputs.remember(vars(sys.modules["__main__"])))
    timed.TimedRunner.on_done = staticmethod(done)
    pyperf.Runner = timed.TimedRunner
    script = order["script"]
    # --worker keeps pyperf from starting processes of its own; the numbers are ours to decide.
    sys.argv = [script, *order["arguments"], "--worker", "-l1", "-w0", "-n1"]
    sys.path.insert(0, os.path.dirname(script))
    runpy.run_path(script, run_name="__main__")
    return results


def load_module(order: dict[str, Any]) -> Any:
    sys.path.insert(0, str(HERE.parent / "loads"))
    return importlib.import_module(order["module"]).make(*order["arguments"])


def time_module(order: dict[str, Any]) -> list[Any]:
    import outputs
    import timed
    from pyperf._collect_metadata import collect_metadata

    load = load_module(order)
    steps = tuple(load.steps)
    # CPU time, for warm-up too: a load that never waits loses none of its own, and strangers' does not count.
    clock = time.process_time

    def run(loops: int) -> float:
        start = clock()
        for _ in range(loops):
            for step in steps:
                step()
        return clock() - start

    ready = time.perf_counter() - START
    schedule, gate = timed.Schedule(**order["schedule"]), timed.Gate(order.get("gate"))
    loops, warmups, values = timed.measure(order["name"], run, schedule, gate, len(steps), clock)
    metadata = dict(collect_metadata(process=False))
    measured = timed.Measured(order["name"], len(steps), loops, warmups, values, metadata)
    measured.extra["ready_seconds"] = ready
    if order["check"]:
        measured.output = outputs.digest_of([load.normalise(step()) for step in steps])
    return [measured]


def curve_module(order: dict[str, Any]) -> dict[str, Any]:
    """Times of every single step from the first one on, the import of the application left out.

    It takes turns too, a slice of time each; the time that counts is what this process spent in its slices.
    """
    import timed

    load = load_module(order)
    steps = tuple(load.steps)
    clock = time.process_time
    times: list[tuple[float, float]] = []
    ready = time.perf_counter() - START
    gate = timed.Gate(order.get("gate"))
    gate.ready(order["name"])
    spent = 0.0
    place = 0
    while gate.wait():
        begin = now = clock()
        while now - begin < order["slice"]:
            before = now
            steps[place]()
            place = (place + 1) % len(steps)
            now = clock()
            times.append((spent + now - begin, now - before))
        spent += now - begin
        gate.answer(now - begin)
    return {"steps": len(steps), "ready_seconds": ready, "times": times}


def inside_ffi_call(run: Callable[[], None]) -> None:
    """Calls `run` through libffi: callgrind can be told to count what happens inside a C function."""
    import ctypes

    ctypes.CFUNCTYPE(None)(run)()


def touch_the_stack() -> None:
    """Lets the stack grow now by more than the load will need, then lets SIGURG through.

    A signal that comes while the stack has to grow ends the program under valgrind, and Pyston samples by
    SIGURG; `bench.exact` starts us with that blocked.
    """
    nested: list[Any] = []
    for _ in range(10_000):
        nested = [nested]
    repr(nested)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGURG})


def count_module(order: dict[str, Any]) -> dict[str, Any]:
    touch_the_stack()
    steps = tuple(load_module(order).steps)

    def run(iterations: int) -> None:
        for _ in range(iterations):
            for step in steps:
                step()

    run(order["warmup"])
    before = functions_compiled()
    inside_ffi_call(lambda: run(order["iterations"]))
    return {"compiled_meanwhile": functions_compiled() - before}


def functions_compiled() -> int:
    facts = compiler_facts()
    return int(facts.get("pyston", facts).get("functions_compiled", 0))


def take_census(order: dict[str, Any]) -> dict[str, Any]:
    import census

    steps = tuple(load_module(order).steps)
    for _ in range(order["warmup"]):
        for step in steps:
            step()
    return census.take(steps)


def main() -> None:
    order = json.loads(Path(sys.argv[1]).read_text())
    answer: dict[str, Any] = {}
    if order["way"] == "time":
        timing = time_script if order["kind"] == "script" else time_module
        answer["benchmarks"] = [vars(measured) for measured in timing(order)]
    elif order["way"] == "curve":
        answer["curve"] = curve_module(order)
    elif order["way"] == "census":
        answer["census"] = take_census(order)
    else:
        answer["count"] = count_module(order)
    answer["memory_bytes"] = peak_memory()
    answer["compiler"] = compiler_facts()
    answer["seconds"] = time.perf_counter() - START
    Path(order["answer"]).write_text(json.dumps(answer, default=str))


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
