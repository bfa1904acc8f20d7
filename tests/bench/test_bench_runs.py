"""Order of rounds, resuming, what is collected, and comparing with an earlier result."""

from __future__ import annotations

import html
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyperf
import pytest
from bench import against, catalogue, collect, configs, harness, page, plan, store, summary, table
from bench.catalogue import Load, Timing
from bench.configs import Config
from bench.execute import Settings
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
    jobs = plan.jobs_of([PURE], [STOCK, PYSTON], 4, ["stock"])
    orders = [[config.name for config in job.configs] for job in jobs]
    assert all(sorted(order) == ["pyston", "stock", "stock-twin"] for order in orders)
    assert orders[0] == orders[1][::-1]
    assert orders[0] != orders[2]
    assert len({job.key for job in jobs}) == 4


def test_peers_take_part_in_the_first_rounds_only():
    web = replace(WEB, timing=Timing(1.0, 1.0, peer_rounds=2))
    jobs = plan.jobs_of([web, PURE], [STOCK, PYSTON, PYPY], 3)
    with_peer = [(job.load.name, job.round) for job in jobs if PYPY in job.configs]
    assert with_peer == [("shop", 0), ("nbody", 0), ("shop", 1)]


def test_curves_follow_round_one_and_only_for_web():
    jobs = plan.jobs_of([WEB, PURE], [STOCK, PYSTON], 2, ["stock", "pyston"])
    assert [(job.load.name, job.way, job.round) for job in jobs] == [
        ("shop", "time", 0),
        ("shop", "curve", 0),
        ("nbody", "time", 0),
        ("shop", "time", 1),
        ("nbody", "time", 1),
    ]


def test_a_run_is_shortened_until_it_fits_but_not_below_what_warm_up_needs():
    jobs = plan.jobs_of([WEB] * 10, [STOCK, PYSTON], 3)
    full = plan.expected_of_all(jobs, Settings(1.0, 0.0))
    assert plan.scale_that_fits(jobs, 0.0, full) == 1.0
    scale = plan.scale_that_fits(jobs, 0.0, 0.8 * full)
    assert 0.4 < scale < 1.0
    assert plan.expected_of_all(jobs, Settings(scale, 0.0)) <= 0.8 * full
    assert plan.scale_that_fits(jobs, 0.0, 1.0) == plan.SHORTEST_SCALE


def test_a_load_measured_in_its_steady_state_keeps_its_warm_up():
    steady = replace(WEB, timing=Timing(14.0, 3.0, steady=True))
    jobs = plan.jobs_of([steady, PURE], [STOCK, PYSTON], 3)
    scale = plan.scale_that_fits(jobs, 0.0, 1.0)
    fitted = Settings(scale, 0.0, fitted=True)
    assert fitted.warmup(steady) == 14.0 and fitted.measure(steady) == scale * 3.0
    assert fitted.warmup(PURE) == scale * PURE.timing.warmup
    assert Settings(0.5, 0.0).warmup(steady) == 7.0  # as asked for


def test_short_of_time_only_stock_and_pyston_get_curves():
    configs_ = [STOCK, PYSTON, PYPY]
    assert plan.curves_that_fit([WEB], configs_, 10_000) == (60.0, ["stock", "pyston", "pypy"])
    assert plan.curves_that_fit([WEB] * 10, configs_, 1000) == (12.0, ["stock", "pyston"])
    assert plan.curves_that_fit([WEB] * 10, configs_, 10) == (10.0, ["stock", "pyston"])


def test_time_left_is_learnt_from_the_loads_that_were_done():
    other = replace(PURE, name="chaos")
    jobs = plan.jobs_of([PURE, other, WEB], [STOCK, PYSTON], 1, ["stock", "pyston"])
    settings = Settings(1.0, 10.0)
    clock = plan.Clock(settings)
    first = clock.expected(jobs[0])
    by_timing = clock.left(jobs[1:3])
    curve = clock.expected(jobs[3])
    clock.saw(jobs[0], 3 * first)
    assert clock.expected(jobs[0]) == pytest.approx(3 * first)
    assert clock.left(jobs[1:3]) == pytest.approx(3 * by_timing)
    assert clock.expected(jobs[3]) == curve


def request(limit: float = 1000.0, rounds: int = 2) -> harness.Request:
    return harness.Request(rounds, limit, scale=1.0, curve_seconds=0.0)


def test_a_run_ends_with_its_time_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    done: list[str] = []

    def do_job(job: Job, _settings: Settings, _skip: dict[str, str]) -> dict[str, Any]:
        done.append(job.key)
        time.sleep(0.05)
        return {"members": {config.name: answer([1.0] * 4) for config in job.configs}}

    monkeypatch.setattr(harness.turns, "do_job", do_job)
    monkeypatch.setattr(harness.page, "render", lambda *_: "")
    load = replace(PURE, timing=Timing(0.0, 0.0, besides=0.01))
    assert harness.run_all([load], [STOCK, PYSTON], request(limit=0.04), tmp_path) == 0
    assert done == ["nbody/time-00"]
    assert "1 of 2 jobs are left; the same command goes on" in capsys.readouterr().out
    assert not json.loads((tmp_path / "latest" / "results.json").read_text())["finished"]
    assert harness.run_all([load], [STOCK, PYSTON], request(), tmp_path) == 0
    assert done == ["nbody/time-00", "nbody/time-01"]
    assert json.loads((tmp_path / "latest" / "results.json").read_text())["finished"]
    assert len(list(tmp_path.glob("20*"))) == 1


def test_ctrl_c_reports_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def do_job(job: Job, _settings: Settings, _skip: dict[str, str]) -> dict[str, Any]:
        if job.round == 1:
            raise KeyboardInterrupt
        return {"members": {config.name: answer([1.0] * 4) for config in job.configs}}

    monkeypatch.setattr(harness.turns, "do_job", do_job)
    monkeypatch.setattr(harness.page, "render", lambda *_: "")
    assert harness.run_all([PURE], [STOCK, PYSTON], request(), tmp_path) == 130
    assert "nbody" in (tmp_path / "latest" / "report.txt").read_text()


def test_an_interrupted_run_goes_on(tmp_path: Path):
    jobs = plan.jobs_of([PURE], [STOCK, PYSTON], 2)
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
    jobs = plan.jobs_of([PURE], [STOCK, PYSTON], 2)
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


def test_a_run_has_not_changed_against_its_own_pyperf_file(tmp_path: Path):
    members = {
        "stock": answer([1.0] * 6),
        "stock-twin": answer([1.0] * 6),
        "pyston": answer([0.5, 0.6, 0.7]),
    }
    run, jobs = finished_run(tmp_path, members)
    benchmarks = collect.collect(run, jobs)
    files = collect.write_pyperf(run, benchmarks, ["pyston"])
    found = summary.summarise(benchmarks, [STOCK, PYSTON], 2, True)
    assert [change.factor for change in against.changes(against.load_earlier(files[0]), found)] == [1.0]


def test_no_earlier_result_is_noticed_before_the_run(tmp_path: Path):
    with pytest.raises(against.NoResult, match=r"results\.json"):
        harness.run_all([PURE], [STOCK], replace(request(), earlier=tmp_path), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


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


def summed_up(*loads: dict[str, Any]) -> dict[str, Any]:
    """A summary of which only the loads matter."""
    return {
        "date": "2026-01-02T03:04:05",
        "finished": True,
        "rounds": 3,
        "machine": {"cores": 2, "cpu": "a CPU", "load": [0.1, 0.1, 0.1]},
        "configs": {name: {"version": "CPython 3.14", "description": ""} for name in ("stock", "pyston")},
        "loads": list(loads),
        "groups": {},
        "twins": {},
        "failures": [],
        "warnings": [],
    }


def measured_load(name: str, group: str, pyston: dict[str, Any], p99: tuple[float, float]) -> dict[str, Any]:
    curves = [
        {"seconds": 10.0, "requests": 9, "p50": 0.001, "p99": worst, "max": 1.0, "to_peak": 1.0}
        | {"ready_seconds": 1.0, "per_second": [(0.0, 1.0)]}
        for worst in p99
    ]
    stock = {"seconds": 1.0, "memory_bytes": 1 << 20, "compiler": {}, "warmup_seconds_to_peak": 0.1}
    return {
        "name": name,
        "group": group,
        "twin_difference": 0.0,
        "floor": 0.01,
        "configs": {"stock": {**stock, "curve": curves[0]}, "pyston": {**pyston, "curve": curves[1]}},
    }


SLOWER = {
    "seconds": 1.25,
    "ratio": 0.8,
    "low": 0.7,
    "high": 0.9,
    "verdict": "slower",
    "output": "same",
    "memory_bytes": 1 << 20,
    "compiler": {},
    "warmup_seconds_to_peak": 0.1,
}
FASTER = {**SLOWER, "seconds": 0.5, "ratio": 2.0, "low": 1.9, "high": 2.1, "verdict": "faster"}


def test_what_is_worse_than_stock_stands_before_all_else():
    found = summed_up(
        measured_load("fast", "web", FASTER, (0.01, 0.01)),
        measured_load("late", "web", FASTER, (0.01, 0.03)),
        measured_load("slow", "web", SLOWER, (0.01, 0.01)),
        measured_load("wrong", "web", {**FASTER, "output": "differs"}, (0.01, 0.01)),
        measured_load("dead", "web", {"failed": "ended by SIGSEGV"}, (0.01, 0.01)),
    )
    lines = table.as_text(found).splitlines()
    assert lines[:6] == [
        "Slower than stock, wrong or failed under pyston:",
        "  dead: failed",
        "  slow: 0.80 [0.70 0.90]",
        "  wrong: 2.00! [1.90 2.10]",
        "Warming up under pyston, the 99th percentile of the latency is above stock's:",
        "  late: 30 ms, stock 10 ms, in the first 10 s",
    ]
    text = page.render(found, [])
    boxes = text[text.index('<div class="box">') : text.index("<h2>Noise</h2>")]
    assert all(f"<td>{name}<td>" in boxes for name in ("dead", "slow", "wrong", "late"))
    assert "<td>fast<td>" not in boxes and "ended by SIGSEGV" in boxes
    assert "Nothing is slower" in page.render(summed_up(measured_load("fast", "web", FASTER, (1.0, 1.0))), [])


def test_the_readme_says_what_its_means_would_hide():
    loads = [
        measured_load("slow", "pure", SLOWER, (0.01, 0.03)),
        measured_load("fast", "web", FASTER, (1, 1)),
    ]
    loads[1]["configs"]["pyston"]["memory_bytes"] *= 4
    text = table.as_markdown(summed_up(*loads))
    assert text.startswith("Slower than stock, wrong or failed under pyston: slow 0.80 [0.70 0.90]. ")
    assert "latency is above stock's on 1 of 2 loads (slow)." in text
    assert "Memory, geometric mean: 2.00 times stock's." in text


@pytest.mark.parametrize("group", catalogue.GROUPS)
def test_every_group_can_be_reported(group: str):
    found = summed_up(measured_load("one", group, FASTER, (0.01, 0.01)))
    assert table.TITLES[group] in table.as_text(found)
    assert table.TITLES[group] in html.unescape(page.render(found, []))
    found["groups"] = {group: {"pyston": {"ratio": 2.0, "low": 1.9, "high": 2.1, "loads": 1}}}
    assert table.TITLES[group] in table.as_markdown(found)


def test_the_page_fetches_nothing():
    found = summed_up(measured_load("one", "web", FASTER, (0.01, 0.03)))
    text = page.render(found, [])
    assert "<svg" in text
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!#)|url\((?!#)|@import", text)


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
