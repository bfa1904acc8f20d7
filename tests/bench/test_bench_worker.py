"""What runs in the measured process (output digests, measuring by the clock), and jobs from end to end."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bench import exact, execute, plan, sockets, table, turns
from bench.catalogue import Load, Timing
from bench.configs import Config
from bench.execute import WORKER, Settings

STOCK = Config("stock", sys.executable, {"PYSTON": "0"})
OTHER = Config("pyston", sys.executable)


def module_of_worker(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"bench_worker_{name}", WORKER.with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_plain_text_of_data():
    plain = module_of_worker("outputs").plain
    assert plain({"b": 1, "a": [1.5, None]}) == plain({"a": [1.5, None], "b": 1})
    assert plain({3, 1, 2}) == plain({2, 3, 1})
    assert plain([1, 2]) != plain((1, 2))
    assert plain(0.1) != plain(0.1 + 1e-17 * 3)
    assert "0x" not in plain(object())


def test_plain_text_of_endless_data_ends():
    nested: list[object] = []
    for _ in range(100):
        nested = [nested] * 100
    assert len(module_of_worker("outputs").plain(nested)) < 100_000


def test_measure_warms_up_and_makes_values_long_enough():
    timed = module_of_worker("timed")
    asked: list[int] = []

    def run(loops: int) -> float:
        asked.append(loops)
        return loops * 0.01

    loops, warmups, values = timed.measure("x", run, timed.Schedule(0.0, 0.1), timed.Gate(None, alone=4))
    assert loops >= 10
    assert values == pytest.approx([0.01] * 4)
    assert warmups[0] == (1, pytest.approx(0.01))


def script(folder: Path, text: str) -> Load:
    file = folder / "script.py"
    file.write_text(text)
    return Load("made", "pure", "script", str(file), timing=Timing(0.0, 0.05, 3, 0.01))


def do(load: Load, *configs: Config) -> dict[str, dict[str, Any]]:
    answers: dict[str, dict[str, Any]] = turns.do_job(plan.Job(load, configs, 0), Settings(), {})["members"]
    return answers


TWO = """
import pyperf
def square(n):
    return n * n
def work(n):
    return sum(square(i) for i in range(n))
if __name__ == "__main__":
    runner = pyperf.Runner()
    runner.bench_func("one", work, 100)
    runner.bench_time_func("two", lambda loops: (work(10), 0.001 * loops)[1])
"""


def test_a_script_with_two_benchmarks_under_two_configs(tmp_path: Path):
    answers = do(script(tmp_path, TWO), STOCK, OTHER)
    for answer in answers.values():
        assert [part["name"] for part in answer["benchmarks"]] == ["one", "two"]
        assert all(len(part["values"]) >= 3 for part in answer["benchmarks"])
        assert answer["memory_bytes"] > 1 << 20
    outputs = [[part["output"] for part in answer["benchmarks"]] for answer in answers.values()]
    assert outputs[0] == outputs[1] and len(set(outputs[0])) == 2


COUNTING = """
import pyperf
seen = 0
path = [[0.0], {"steps": [0]}]
alias = path[0]
def step():
    global seen
    seen += 1
    path[0][0] += 0.5
    path[1]["steps"].append(seen)
    return seen, path, alias
if __name__ == "__main__":
    pyperf.Runner().bench_func("one", step)
"""


def test_an_output_does_not_depend_on_the_number_of_iterations(tmp_path: Path):
    load = script(tmp_path, COUNTING)
    longer = replace(load, timing=replace(load.timing, shortest_value=0.05))
    answers = [do(load, STOCK)["stock"], do(longer, STOCK)["stock"]]
    (first,), (second,) = (answer["benchmarks"] for answer in answers)
    assert first["loops"] != second["loops"]
    assert first["output"] == second["output"]


def test_what_is_remembered_is_put_back_into_the_same_containers():
    remember = module_of_worker("outputs").remember
    inner = [1, 2]
    namespace = {"a": {"x": inner}, "b": {3}, "c": "text", "d": (inner,)}
    kept = dict(namespace)
    put_back = remember(namespace)
    inner.append(3)
    namespace["a"]["y"] = 1
    namespace["b"].add(4)
    namespace["c"] = "other"
    put_back()
    assert namespace == {"a": {"x": [1, 2]}, "b": {3}, "c": "text", "d": ([1, 2],)}
    assert all(namespace[name] is kept[name] for name in kept)
    assert namespace["a"]["x"] is inner


def test_the_stack_has_grown_before_valgrind_might_have_to_let_it():
    code = """
import re, run, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGURG})
def stack_kilobytes():
    return int(re.search(r"VmStk:\\s+(\\d+)", open("/proc/self/status").read())[1])
before = stack_kilobytes()
run.touch_the_stack()
assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
print(stack_kilobytes() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=WORKER.parent, env=STOCK.environ(), capture_output=True, text=True
    )
    assert int(done.stdout) > 256, done.stderr


FAILING = """
import os, sys
if os.environ.get("PYSTON") != "0":
    sys.exit("not here")
import pyperf
pyperf.Runner().bench_func("one", sum, (1, 2))
"""


def test_a_config_that_fails_does_not_end_the_job(tmp_path: Path):
    answers = do(script(tmp_path, FAILING), OTHER, STOCK)
    assert "benchmarks" in answers["stock"]
    assert str(answers["pyston"]["failed"]).endswith("not here")


def test_a_wrong_answer_is_seen(tmp_path: Path):
    text = 'import os, pyperf\npyperf.Runner().bench_func("one", lambda: os.environ.get("PYSTON"))\n'
    answers = do(script(tmp_path, text), STOCK, OTHER)
    first, second = (answers[name]["benchmarks"][0]["output"] for name in ("stock", "pyston"))
    assert first != second


def test_cpu_time_of_a_process_and_what_it_started():
    code = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()']); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as root:
        assert root.stdin is not None and root.stdout is not None
        root.stdout.readline()
        assert len(execute.tree_of(root.pid)) == 2
        assert 0 < sockets.cpu_seconds(root.pid) < 60
        root.stdin.write(b"\n\n")
    before = time.process_time()
    assert before <= sockets.cpu_seconds(os.getpid()) <= time.process_time()


@pytest.mark.parametrize(("cpu", "windows"), [(1.0, 3), (0.6, 5), (0.0, 12)])
def test_a_server_warms_up_by_its_own_cpu_time(cpu: float, windows: int):
    window = sockets.Window(100, 1.0, 1, 1, cpu)
    assert len(sockets.warm_up_windows(lambda: window, 3.0)) == windows


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise SystemExit('no such load')", "no such load"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended by SIGSEGV"),
    ],
)
def test_a_failed_count_says_how_the_program_ended_not_what_valgrind_printed(
    tmp_path: Path, code: str, reason: str
):
    process = execute.start([sys.executable, "-c", code], STOCK.environ(), tmp_path)
    process.wait()
    with (tmp_path / "log").open("a") as log:
        log.write("==12== I   refs:      0\n")
    assert table.short_reason(execute.how_it_ended(process, tmp_path, exact.VALGRIND_LINE)) == reason


class Slow(turns.Member):
    """Works half of the time that passes."""

    def __init__(self) -> None:
        super().__init__(STOCK)
        self.values = 0

    @property
    def process(self) -> None:
        return None

    def warm_up(self) -> None:
        self.at = "one"

    def value(self) -> float:
        time.sleep(0.02)
        self.values += 1
        return 0.01

    def go_on(self) -> None:
        self.at = None

    def answer(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


def test_a_warm_up_curve_is_as_long_as_asked_for_however_busy_the_machine():
    by_work = Slow()
    assert turns.take_turns([by_work], 0.1, 1, worked=True) == {}
    assert by_work.values in (10, 11)
    by_clock = Slow()
    turns.take_turns([by_clock], 0.1, 1)
    assert by_clock.values <= 5
