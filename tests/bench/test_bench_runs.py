"""Order of rounds, resuming, what is collected, and comparing with an earlier result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyperf
import pytest
from bench import against, catalogue, collect, configs, plan, store, summary, table
from bench.catalogue import Load
from bench.configs import Config
from bench.plan import Job

STOCK, PYSTON, PYPY = (Config(name, f"/usr/bin/{name}") for name in ("stock", "pyston", "pypy"))
WEB = Load("shop", "web", "module", "shop")
PURE = Load("nbody", "pure", "script", "nbody.py")


def answer(values: list[float], output: str = "x", name: str = "nbody") -> dict[str, Any]:
    part = {"name": name, "inner_loops": 1, "loops": 4, "warmups": [(4, values[0])], "values": values}
    return {
        "benchmarks": [{**part, "metadata": {}, "output": output}],
        "memory_bytes": 1 << 20,
        "compiler": {},
    }


def test_every_round_has_every_config_and_the_order_turns():
    jobs = plan.jobs_of([PURE], [STOCK, PYSTON, PYPY], 4, with_curves=True)
    orders = [[config.name for config in job.configs] for job in jobs]
    assert all(sorted(order) == ["pypy", "pyston", "stock", "stock-twin"] for order in orders)
    assert orders[0] == orders[1][::-1]
    assert orders[0] != orders[2]
    assert len({job.key for job in jobs}) == 4


def test_curves_follow_round_one_and_only_for_web():
    jobs = plan.jobs_of([WEB, PURE], [STOCK, PYSTON], 2, with_curves=True)
    assert [(job.load.name, job.way, job.round) for job in jobs] == [
        ("shop", "time", 0),
        ("nbody", "time", 0),
        ("shop", "curve", 0),
        ("shop", "time", 1),
        ("nbody", "time", 1),
    ]


def test_an_interrupted_run_goes_on(tmp_path: Path):
    jobs = plan.jobs_of([PURE], [STOCK, PYSTON], 2, with_curves=False)
    question = store.fingerprint([STOCK, PYSTON], [PURE], {})
    run, resumed = store.open_run(tmp_path, question, {"rounds": 2}, fresh=False)
    assert not resumed
    run.keep(jobs[0], {"members": {}, "seconds": 1.0})
    again, resumed = store.open_run(tmp_path, question, {"rounds": 3}, fresh=False)
    assert resumed and again.folder == run.folder
    assert again.has(jobs[0]) and not again.has(jobs[1])
    assert again.about()["rounds"] == 3
    assert (tmp_path / "latest").resolve() == run.folder


def test_another_question_a_finished_run_or_fresh_starts_anew(tmp_path: Path):
    question = store.fingerprint([STOCK], [PURE], {})
    run, _ = store.open_run(tmp_path, question, {"rounds": 1}, fresh=False)
    other, resumed = store.open_run(
        tmp_path, store.fingerprint([STOCK], [WEB], {}), {"rounds": 1}, fresh=False
    )
    assert not resumed and other.folder != run.folder
    third, resumed = store.open_run(tmp_path, question, {"rounds": 1}, fresh=True)
    assert not resumed
    run.finish()
    third.finish()
    _, resumed = store.open_run(tmp_path, question, {"rounds": 1}, fresh=False)
    assert not resumed


def test_a_rebuilt_pyston_is_another_question():
    before = Config("pyston", "/p", facts={"pyston": [["x.so", 1, 1]]})
    after = Config("pyston", "/p", facts={"pyston": [["x.so", 1, 2]]})
    assert store.fingerprint([before], [PURE], {}) != store.fingerprint([after], [PURE], {})


def finished_run(tmp_path: Path, members: dict[str, dict[str, Any]]) -> tuple[store.Run, list[Job]]:
    jobs = plan.jobs_of([PURE], [STOCK, PYSTON], 2, with_curves=False)
    run, _ = store.open_run(tmp_path, "q", {"rounds": 2}, fresh=True)
    for job in jobs:
        run.keep(job, {"members": members, "seconds": 1.0})
    return run, jobs


def test_summary_and_pyperf_files(tmp_path: Path):
    members = {
        "stock": answer([1.0] * 6),
        "stock-twin": answer([1.01] * 6),
        "pyston": answer([0.5] * 6, output="y"),
    }
    run, jobs = finished_run(tmp_path, members)
    benchmarks = collect.collect(run, jobs)
    found = summary.summarise(benchmarks, [STOCK, PYSTON], 2, True)
    entry = found["loads"][0]["configs"]["pyston"]
    assert entry["ratio"] == pytest.approx(2.0)
    assert entry["verdict"] == "faster"
    assert entry["output"] == "differs"
    assert any("output differs" in text for text in found["warnings"])
    assert found["groups"]["pure"]["pyston"]["ratio"] == pytest.approx(2.0)
    assert "stock-twin" not in found["loads"][0]["configs"]
    assert "2.00!" in table.as_text(found)
    files = collect.write_pyperf(run, benchmarks, ["stock", "pyston"])
    suite = pyperf.BenchmarkSuite.load(str(files[1]))
    benchmark = suite.get_benchmark("nbody")
    assert benchmark.mean() == pytest.approx(0.5)
    assert benchmark.get_nrun() == 2


def test_a_failed_load_is_reported(tmp_path: Path):
    run, jobs = finished_run(
        tmp_path, {"stock": answer([1.0] * 3), "pyston": {"failed": "exit status 1\nboom"}}
    )
    found = summary.summarise(collect.collect(run, jobs), [STOCK, PYSTON], 2, True)
    assert found["failures"] == [{"load": "nbody", "config": "pyston", "reason": "exit status 1\nboom"}]
    assert "failed: nbody under pyston: boom" in table.as_text(found)


@pytest.mark.parametrize(
    ("stock", "twin", "other", "verdict"),
    [
        ("a", "a", "a", "same"),
        ("a", "a", "b", "differs"),
        ("a", "b", "c", "unstable"),
        ("a", "a", "error: x", "failed"),
        ("error: x", "error: x", "error: x", "unchecked"),
        ("", "", "a", "unchecked"),
    ],
)
def test_output_verdict(stock: str, twin: str, other: str, verdict: str):
    measured = [collect.Measured(outputs={0: text} if text else {}) for text in (stock, twin, other)]
    assert collect.output_verdict(*measured) == verdict


def result(ratio: float, half: float = 0.01, seconds: float = 1.0) -> dict[str, Any]:
    entry = {
        "seconds": seconds,
        "ratio": ratio,
        "low": ratio - half,
        "high": ratio + half,
        "verdict": "faster",
    }
    loads = [
        {
            "name": "shop",
            "group": "web",
            "floor": 0.0,
            "configs": {"stock": {"seconds": 1.0}, "pyston": entry},
        }
    ]
    return {"loads": loads, "configs": {"stock": {}, "pyston": {}}}


def test_regressions_are_beyond_intervals_and_threshold():
    assert against.changes(result(1.3), result(1.2))[0].regression
    assert not against.changes(result(1.3), result(1.28))[0].regression
    assert not against.changes(result(1.3, half=0.2), result(1.2))[0].regression
    assert not against.changes(result(1.2), result(1.3))[0].regression
    assert [change.config for change in against.changes(result(1.3), result(1.2))] == ["pyston"]


def test_against_a_pyperf_file(tmp_path: Path):
    runs = [pyperf.Run([2.0, 2.0], metadata={"name": "shop"}, collect_metadata=False)]
    file = tmp_path / "pyston.json"
    pyperf.BenchmarkSuite([pyperf.Benchmark(runs)]).dump(str(file))
    found = against.changes(against.load_earlier(file), result(1.2, seconds=2.5))
    assert [(change.what, change.regression) for change in found] == [("time", True)]
    assert found[0].text().startswith("REGRESSION shop under pyston: time 2 s -> 2.5 s")


def test_slower_comes_first():
    def load(name: str, verdict: str, ratio: float) -> dict[str, Any]:
        return {"name": name, "configs": {"pyston": {"ratio": ratio, "verdict": verdict}}}

    loads = [
        load("b", "faster", 1.5),
        load("c", "slower", 0.9),
        load("d", "same", 1.0),
        {"name": "e", "configs": {}},
    ]
    assert [found["name"] for found in table.worst_first(loads, "pyston")] == ["e", "c", "d", "b"]


def test_only_chooses_groups_and_names():
    loads = [
        WEB,
        PURE,
        Load("shop_socket", "socket", "socket", "shop:app"),
        Load("small_x", "small", "module", "small"),
    ]
    assert [load.name for load in catalogue.choose(loads, "web")] == ["shop", "shop_socket"]
    assert [load.name for load in catalogue.choose(loads, "nbody, shop")] == ["nbody", "shop"]
    assert [load.name for load in catalogue.choose(loads, "")] == ["shop", "nbody", "shop_socket"]
    with pytest.raises(catalogue.NoSuchLoad):
        catalogue.choose(loads, "nothing")


def test_peers_by_name():
    own = [STOCK, PYSTON]
    known = Config("pypy", "/usr/bin/pypy", facts={"version": "3"})
    assert configs.choose(own, [known], "none") == own
    assert configs.choose(own, [known], "pypy") == [*own, known]
    with pytest.raises(configs.NoSuchConfig):
        configs.choose(own, [known], "jython")


def test_the_readme_table_is_replaced_between_its_markers(tmp_path: Path):
    members = {"stock": answer([1.0] * 6), "stock-twin": answer([1.0] * 6), "pyston": answer([0.5] * 6)}
    run, jobs = finished_run(tmp_path, members)
    found = summary.summarise(collect.collect(run, jobs), [STOCK, PYSTON], 2, True)
    readme = tmp_path / "README.md"
    readme.write_text("# Title\n\nText.\n")
    table.put_into(readme, found)
    once = readme.read_text()
    assert once.startswith("# Title\n\nText.\n") and "| **pyperformance, pure Python** (1) |" in once
    table.put_into(readme, json.loads(json.dumps(found)))
    assert readme.read_text() == once
