"""One whole run: the jobs in their order, progress with time left, and the reports at the end.

Ctrl-C, or the end of the time allowed, stops after writing what is there; the same command goes on.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import against, collect, execute, page, plan, store, summary, table, turns
from bench.catalogue import Load
from bench.configs import BASELINE, SUBJECT, Config
from bench.plan import Job

INTERRUPTED = "interrupted"


def say(text: str = "") -> None:
    print(text, flush=True)


def outcome(answer: dict[str, Any]) -> str:
    """The end of a progress line: each member's ratio to stock, or what went wrong."""
    parts = []
    members = answer["members"]
    stock = middle_value(members.get(BASELINE, {}))
    for name, found in members.items():
        value = middle_value(found)
        if "failed" in found:
            parts.append(f"{name} FAILED ({table.short_reason(found['failed'])[:100]})")
        elif "curve" in found:
            parts.append(f"{name} {len(found['curve']['times'])} requests")
        elif value is not None and name == BASELINE:
            parts.insert(0, table.time_text(value))
        elif value is not None and stock is not None:
            parts.append(f"{name} {stock / value:.3f}")
    return ", ".join(parts)


def middle_value(answer: dict[str, Any]) -> float | None:
    benchmarks = answer.get("benchmarks")
    return median(benchmarks[0]["values"]) if benchmarks and benchmarks[0]["values"] else None


def hopeless(run: store.Run, job: Job, jobs: Sequence[Job]) -> dict[str, str]:
    """Configs that failed this load before, except the two that matter most: not tried in every round."""
    found: dict[str, str] = {}
    for earlier in jobs:
        if earlier.load.name == job.load.name and earlier.key != job.key and run.has(earlier):
            for name, answer in run.answer(earlier)["members"].items():
                if "failed" in answer and name not in (BASELINE, SUBJECT, plan.TWIN):
                    found[name] = str(answer["failed"])
    return found


def clock_of(run: store.Run, jobs: Sequence[Job], settings: execute.Settings) -> plan.Clock:
    """A clock that knows how long the jobs took that are done."""
    clock = plan.Clock(settings)
    for job in jobs:
        if run.has(job):
            clock.saw(job, float(run.answer(job)["seconds"]))
    return clock


def do_jobs(run: store.Run, jobs: Sequence[Job], settings: execute.Settings, limit: float) -> str:
    """Does what is not yet done, within `limit` seconds; says why it ended before the end, if it did."""
    clock = clock_of(run, jobs, settings)
    remaining = [job for job in jobs if not run.has(job)]
    done = len(jobs) - len(remaining)
    begin = time.monotonic()
    for index, job in enumerate(remaining):
        if time.monotonic() - begin + clock.expected(job) > limit:
            return f"the {plan.in_words(limit)} are over"
        left = plan.in_words(clock.left(remaining[index:]))
        what = f"{job.load.name}{' warm-up curve' if job.way == 'curve' else ''}"
        print(
            f"[{done + index + 1}/{len(jobs)}, {left} left] round {job.round + 1} {what}: ",
            end="",
            flush=True,
        )
        start = time.monotonic()
        try:
            answer = turns.do_job(job, settings, hopeless(run, job, jobs))
        except KeyboardInterrupt:
            say("interrupted")
            return INTERRUPTED
        answer["seconds"] = time.monotonic() - start
        run.keep(job, answer)
        clock.saw(job, answer["seconds"])
        say(outcome(answer))
    return ""


def report(
    run: store.Run,
    jobs: Sequence[Job],
    configs: Sequence[Config],
    rounds: int,
    finished: bool,
    earlier: dict[str, Any] | None,
) -> dict[str, Any]:
    """Writes summary, pyperf files and page; returns the summary."""
    benchmarks = collect.collect(run, jobs)
    found = summary.summarise(benchmarks, configs, rounds, finished)
    store.write_whole(run.folder / "results.json", json.dumps(found, indent=1))
    collect.write_pyperf(run, benchmarks, [config.name for config in configs])
    changes = against.changes(earlier, found) if earlier else []
    (run.folder / "report.html").write_text(page.render(found, changes))
    text = table.as_text(found)
    if changes:
        lines = "".join(f"  {change.text()}\n" for change in changes)
        text += f"\nAgainst the earlier result:\n{lines}"
    (run.folder / "report.txt").write_text(text)
    say()
    say(text)
    say(f"page, JSON and pyperf files: {run.folder}")
    return {**found, "regressions": sum(change.regression for change in changes)}


@dataclass(frozen=True)
class Request:
    """What the user asked for; what is None is chosen so that the run fits into its limit."""

    rounds: int
    limit: float
    scale: float | None = None
    curve_seconds: float | None = None
    pin: bool = True
    fresh: bool = False
    earlier: Path | None = None


def planned(
    loads: Sequence[Load], configs: Sequence[Config], request: Request
) -> tuple[execute.Settings, list[str]]:
    """Settings that fit into the limit, and the configs whose warm-up curves are recorded."""
    curve_seconds, curve_of = plan.curves_that_fit(loads, configs, request.limit)
    if request.curve_seconds is not None:
        curve_seconds, curve_of = request.curve_seconds, [config.name for config in configs]
    if not curve_seconds:
        curve_of = []
    if request.scale is not None:
        return execute.Settings(request.scale, curve_seconds, request.pin), curve_of
    jobs = plan.jobs_of(loads, configs, request.rounds, curve_of)
    scale = plan.scale_that_fits(jobs, curve_seconds, request.limit)
    return execute.Settings(scale, curve_seconds, request.pin, fitted=True), curve_of


def run_all(loads: Sequence[Load], configs: Sequence[Config], request: Request, base: Path) -> int:
    """Returns the exit status: 0; 1 for regressions, failures or wrong outputs; 130 after an interruption."""
    earlier = against.load_earlier(request.earlier) if request.earlier else None
    settings, curve_of = planned(loads, configs, request)
    asked = {"scale": request.scale, "curve": request.curve_seconds, "pin": request.pin}
    question = store.fingerprint(configs, loads, asked)
    about = {
        "rounds": request.rounds,
        "configs": [config.as_json() for config in configs],
        "loads": [load.name for load in loads],
        "settings": vars(settings),
        "curve_of": curve_of,
    }
    run, resumed = store.open_run(base, question, about, request.fresh)
    if resumed:  # what was measured and what will be stand side by side, so they are measured alike
        settings, curve_of = execute.Settings(**run.about()["settings"]), run.about()["curve_of"]
    jobs = plan.jobs_of(loads, configs, request.rounds, curve_of)
    announce(run, resumed, loads, configs, jobs, settings, request)
    ended_by = do_jobs(run, jobs, settings, request.limit)
    if not ended_by:
        run.finish()
    found = report(run, jobs, configs, request.rounds, not ended_by, earlier)
    if ended_by:
        left = sum(not run.has(job) for job in jobs)
        say(f"{ended_by}: {left} of {len(jobs)} jobs are left; the same command goes on with this run")
    if ended_by == INTERRUPTED:
        return 130
    wrong = [load["name"] for load in found["loads"] if table.is_wrong(load, SUBJECT)]
    if wrong:
        print(f"wrong or failed under {SUBJECT}, though not under stock: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong or found["regressions"] else 0


def announce(
    run: store.Run,
    resumed: bool,
    loads: Sequence[Load],
    configs: Sequence[Config],
    jobs: Sequence[Job],
    settings: execute.Settings,
    request: Request,
) -> None:
    """Says before the first job what is run and how long that will take."""
    what = "going on with" if resumed else "new run"
    names = ", ".join(config.name for config in configs)
    say(f"{what} {run.folder}: {len(loads)} loads under {names}, {request.rounds} rounds")
    if len(configs) == 2:
        say("no peers (`python -m bench.peers` sets them up)")
    seconds = clock_of(run, jobs, settings).left([job for job in jobs if not run.has(job)])
    text = f"about {plan.in_words(seconds)}"
    if settings.scale != 1:
        text += f", warm-up and measuring {settings.scale:g} times as long as usual"
    if seconds > request.limit:
        text += f"; it stops after {plan.in_words(request.limit)} with the rounds that it has (MINUTES=…)"
    say(text)
    busy = summary.machine()["load"][0]
    if busy > 0.5:
        say(f"the machine is busy (load average {busy}): expect noise")
