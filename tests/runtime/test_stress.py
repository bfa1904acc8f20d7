"""PYSTON_STRESS, the perf map, and other switches."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from handmade import CHECK_TOOLS, RETURN_CONSTANT, entry, exit_, install, make, tool_exits, unit_of

from pyston.compiler.artifact import REPR_LOCAL_INT


def test_exits(runtime):
    def f(x):
        return "interpreted"

    install(runtime, f, CHECK_TOOLS + RETURN_CONSTANT, tool_exits(unit_of(f, "RESUME")), ["compiled"])
    runtime.set_stress("exits")
    try:
        results = [f(1) for _ in range(30)]
    finally:
        runtime.set_stress("")
    assert results.count("interpreted") == 10
    assert [f(1) for _ in range(5)] == ["compiled"] * 5


def test_gc(runtime):
    import gc

    def f(x):
        return "interpreted"

    install(runtime, f, CHECK_TOOLS + RETURN_CONSTANT, tool_exits(unit_of(f, "RESUME")), ["compiled"])
    before = sum(generation["collections"] for generation in gc.get_stats())
    runtime.set_stress("gc")
    try:
        assert [f(1) for _ in range(50)] == ["compiled"] * 50
    finally:
        runtime.set_stress("")
    assert sum(generation["collections"] for generation in gc.get_stats()) >= before + 10


def test_evict(runtime):
    def f(x):
        return "interpreted"

    def compiler(function):
        if function is not f:
            runtime.give_up(function, "test")
        else:
            install(runtime, f, CHECK_TOOLS + RETURN_CONSTANT, tool_exits(unit_of(f, "RESUME")), ["compiled"])

    runtime.set_threshold(2)
    runtime.set_compiler(compiler)
    runtime.set_stress("evict,gc")
    try:
        results = [f(1) for _ in range(100)]
    finally:
        runtime.set_stress("")
        runtime.set_compiler(None)
    assert 5 < results.count("interpreted") < 30


def test_unknown_words(runtime):
    with pytest.raises(ValueError, match="unknown kind of stress: exit"):
        runtime.set_stress("gc,exit")


PERF = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from pyston import _runtime
from handmade import *
_runtime.enable()
def named_by_perf(x): return x
install(_runtime, named_by_perf, RETURN_CONSTANT, [], [1])
assert named_by_perf(2) == 1
import os
print(hex(_runtime.code_of(named_by_perf)[0])[2:], os.getpid())
"""


def test_perf_map():
    done = subprocess.run([sys.executable, "-X", "perf", "-c", PERF], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    address, process = done.stdout.split()
    path = f"/tmp/perf-{process}.map"
    with open(path) as file:
        lines = [line for line in file if "named_by_perf" in line and "pyston" in line]
    os.unlink(path)
    assert len(lines) == 1
    assert lines[0].startswith(address)


CALLED_ONCE = "import os; exec('def called_once(x): return x'); called_once(1); print(os.getpid())"


def test_perf_map_of_the_interpreter():
    """What waits to be compiled goes through CPython's trampolines, too."""
    done = subprocess.run([sys.executable, "-X", "perf", "-c", CALLED_ONCE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    path = f"/tmp/perf-{done.stdout.strip()}.map"
    with open(path) as file:
        assert "py::called_once" in file.read()
    os.unlink(path)


def test_bad_artifacts_are_refused(runtime):
    def f(x):
        return x

    def broken(**changes):
        artifact = make(RETURN_CONSTANT, [exit_(0)], [1])
        for name, value in changes.items():
            setattr(artifact, name, value)
        return artifact

    from pyston.compiler.artifact import Relocation

    for changes in [
        {"code": "text"},
        {"epilogue": 10**6},
        {"relocations": [Relocation(0, 10**6, 0)]},
        {"relocations": [Relocation(99, 0, 0)]},
        {"relocations": [Relocation(0, 0, 50)]},
        {"helpers": ["no_such_helper"]},
        {"exits": [exit_(77)]},
        {"exits": [exit_(0, 10**6)]},
        {"exits": [exit_(0, 1 << 20)]},
        {"exits": [exit_(0, 0, 1000)]},
        {"exits": [exit_(0, 0, 0, [entry(0, 2, 5, 1 << 32)])]},
        {"exits": [exit_(0, 0, 0, [entry(1000, 2, 5, 1)])]},
        {"exits": [exit_(0, 0, 0, [entry(0, 8, 5, 1)])]},
        {"exits": [exit_(0, 0, 1, [entry(1, REPR_LOCAL_INT, 5, 1)])]},  # no local
        {"dependencies": [("colour", 1)]},
        {"dependencies": 5},
        {"cell_objects": [(100, None)]},
    ]:
        with pytest.raises((ValueError, TypeError, AssertionError)):
            runtime.install(f, broken(**changes))
        assert f(2) == 2
    before = runtime.stats()["code_bytes"]
    for _ in range(20):
        with pytest.raises(ValueError):
            runtime.install(f, broken(helpers=["no_such_helper"]))
    assert runtime.stats()["code_bytes"] == before
