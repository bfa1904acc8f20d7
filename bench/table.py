"""The result as text: for the terminal and, in Markdown, for the README.

What is worse than stock comes first: failures, wrong outputs, lower speed, higher latencies while warming up.
Then the rest by ratio. `~` marks a difference that is no claim:
its interval, never narrower than what stock differs by from itself, includes 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from bench.catalogue import GROUPS
from bench.configs import BASELINE, SUBJECT

BEGIN, END = "<!-- benchmarks: begin", "<!-- benchmarks: end -->"
MOST_WARNINGS = 12
MOST_LISTED = 12  # loads of a group in the README's table; of more, other than applications, the mean
# No twin tells how far two warm-up curves of one config differ, so smaller differences are not mentioned.
SLOW_START = 0.1
TITLES = {
    "web": "Web applications, in the process",
    "socket": "Web applications, over a socket",
    "apps": "Command-line programs",
    "startup": "Start-up",
    "pure": "pyperformance, pure Python",
    "libs": "pyperformance, with libraries",
    "variants": "pyperformance, async_tree's variants",
    "small": "Small loads",
}


def ratio_text(entry: dict[str, Any]) -> str:
    """`1.24 [1.21 1.26]`, with `~` where it is no claim and `!` where the output is wrong."""
    if "ratio" not in entry:
        return "failed" if entry.get("failed") else "-"
    mark = "~" if entry.get("verdict") == "same" else ""
    wrong = "!" if entry.get("output") in ("differs", "failed") else ""
    return f"{mark}{entry['ratio']:.2f}{wrong} [{entry['low']:.2f} {entry['high']:.2f}]"


def time_text(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def size_text(size: float | None) -> str:
    return "-" if size is None else f"{size / 2**20:.0f} MB"


def subject_of(summary: dict[str, Any]) -> str:
    """The config whose losses are shown first: Pyston, or the first that is not stock."""
    names = list(summary["configs"])
    return SUBJECT if SUBJECT in names else next((name for name in names if name != BASELINE), BASELINE)


def worst_first(loads: Iterable[dict[str, Any]], subject: str) -> list[dict[str, Any]]:
    """Failed and slower loads first, then the others from the smallest ratio up."""

    def key(load: dict[str, Any]) -> tuple[int, float]:
        entry = load["configs"].get(subject, {})
        if "ratio" not in entry:
            return 0, 0.0
        return {"slower": 1}.get(entry["verdict"], 2), entry["ratio"]

    return sorted(loads, key=key)


def is_wrong(load: dict[str, Any], config: str) -> bool:
    """Whether a load that stock runs fails under the config, or gives another output."""
    entry, stock = load["configs"].get(config, {}), load["configs"].get(BASELINE, {})
    failed = bool(entry.get("failed")) and not stock.get("failed")
    return failed or entry.get("output") in ("differs", "failed")


def losses(summary: dict[str, Any], config: str) -> list[dict[str, Any]]:
    """The loads on which the config is wrong or slower than stock, the worst first."""
    return [
        load
        for load in worst_first(summary["loads"], config)
        if is_wrong(load, config) or load["configs"].get(config, {}).get("verdict") == "slower"
    ]


def slow_starts(summary: dict[str, Any], config: str) -> list[dict[str, Any]]:
    """The loads whose 99th percentile while warming up is clearly above stock's, the worst first."""
    found = []
    for load in summary["loads"]:
        curves = [load["configs"].get(name, {}).get("curve") for name in (BASELINE, config)]
        if None not in curves and curves[0]["p99"]:
            times_over = curves[1]["p99"] / curves[0]["p99"]
            if times_over > 1 + max(SLOW_START, load["floor"]):
                found.append((times_over, load))
    return [load for _, load in sorted(found, key=lambda pair: -pair[0])]


def worse_text(summary: dict[str, Any], config: str) -> list[str]:
    """What a reader should see before anything else, as lines."""
    lines = []
    worse = losses(summary, config)
    if worse:
        lines.append(f"Slower than stock, wrong or failed under {config}:")
        lines += [f"  {load['name']}: {ratio_text(load['configs'][config])}" for load in worse]
    starts = slow_starts(summary, config)
    if starts:
        lines.append(f"Warming up under {config}, the 99th percentile of the latency is above stock's:")
    for load in starts:
        own, stock = (load["configs"][name]["curve"] for name in (config, BASELINE))
        times = f"{time_text(own['p99'])}, stock {time_text(stock['p99'])}"
        lines.append(f"  {load['name']}: {times}, in the first {own['seconds']:.0f} s")
    return [*lines, ""] if lines else []


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths))
        )
        for row in rows
    ]


def as_text(summary: dict[str, Any]) -> str:
    subject = subject_of(summary)
    others = [name for name in summary["configs"] if name != BASELINE]
    lines = worse_text(summary, subject)
    for group in GROUPS:
        loads = worst_first((load for load in summary["loads"] if load["group"] == group), subject)
        if not loads:
            continue
        rows = [[TITLES[group], BASELINE, *others, "memory"]]
        for load in loads:
            entries = load["configs"]
            stock = entries.get(BASELINE, {})
            sizes = [entries.get(name, {}).get("memory_bytes") for name in (BASELINE, subject)]
            memory = " -> ".join(size_text(size) for size in sizes)
            time = (
                time_text(stock["seconds"])
                if "seconds" in stock
                else "failed"
                if stock.get("failed")
                else "-"
            )
            rows.append([load["name"], time, *(ratio_text(entries.get(name, {})) for name in others), memory])
        means = summary["groups"].get(group, {})
        twin = summary["twins"].get(group)
        own = f"twin {twin['ratio']:.3f}" if twin else ""
        rows.append(["geometric mean", own, *(mean_text(means.get(name)) for name in others), ""])
        lines += [*aligned(rows), ""]
    for failure in summary["failures"]:
        reason = short_reason(failure["reason"])
        lines.append(f"failed: {failure['load']} under {failure['config']}: {reason}")
    shown = summary["warnings"][:MOST_WARNINGS]
    lines += [f"warning: {text}" for text in shown]
    if len(summary["warnings"]) > len(shown):
        lines.append(f"{len(summary['warnings']) - len(shown)} more warnings in the page and in results.json")
    return "\n".join(lines).rstrip() + "\n"


def short_reason(reason: str) -> str:
    """A failure in one line: how a crash ended, else the last line printed, which names the error."""
    lines = reason.strip().splitlines() or ["no reason given"]
    return (lines[0] if lines[0].startswith("ended by") else lines[-1])[:200]


def mean_text(mean: dict[str, Any] | None) -> str:
    return ratio_text(mean) if mean else "-"


def worse_sentences(summary: dict[str, Any], config: str) -> str:
    """What a table of means would hide: losses, slow starts, memory."""
    worse = [f"{load['name']} {ratio_text(load['configs'][config])}" for load in losses(summary, config)]
    parts = [f"Slower than stock, wrong or failed under {config}: {', '.join(worse) or 'nothing'}."]
    with_curve = [load for load in summary["loads"] if "curve" in load["configs"].get(config, {})]
    if with_curve:
        late = [load["name"] for load in slow_starts(summary, config)]
        seconds = max(load["configs"][config]["curve"]["seconds"] for load in with_curve)
        names = f" ({', '.join(late)})" if late else ""
        parts.append(
            f"In the first {seconds:.0f} seconds the 99th percentile of the latency is above stock's on {len(late)} of "
            f"{len(with_curve)} loads{names}."
        )
    memory = memory_of(summary, config)
    if memory is not None:
        parts.append(f"Memory, geometric mean: {memory:.2f} times stock's.")
    return " ".join(parts)


def memory_of(summary: dict[str, Any], config: str) -> float | None:
    """How much memory the config takes, relative to stock."""
    ratios = []
    for load in summary["loads"]:
        own, stock = (load["configs"].get(name, {}).get("memory_bytes") for name in (config, BASELINE))
        if own and stock:
            ratios.append(own / stock)
    return geometric_mean(ratios) if ratios else None


def as_markdown(summary: dict[str, Any]) -> str:
    """The README's part: what is worse, then geometric means by group; applications and small groups one by one."""
    subject = subject_of(summary)
    others = [name for name in summary["configs"] if name != BASELINE]
    head = ["", *others]
    rows = [head, ["---", *("---:" for _ in others)]]
    for group in GROUPS:
        means = summary["groups"].get(group)
        if means:
            count = max(mean["loads"] for mean in means.values())
            rows.append([f"**{TITLES[group]}** ({count})", *(mean_text(means.get(name)) for name in others)])
        loads = worst_first((load for load in summary["loads"] if load["group"] == group), subject)
        if group in ("web", "socket", "apps") or len(loads) <= MOST_LISTED:
            rows += [
                [f"{load['name']}", *(ratio_text(load["configs"].get(name, {})) for name in others)]
                for load in loads
            ]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    versions = "; ".join(f"{name}: {config['version']}" for name, config in summary["configs"].items())
    machine = summary["machine"]
    cpu = machine["cpu"] or "an unknown CPU"
    rounds = f"{summary['rounds']} round{'s' if summary['rounds'] > 1 else ''}"
    rounds += "" if summary["finished"] else ", not finished"
    return (
        f"{worse_sentences(summary, subject)}\n\n{table}\n\n"
        "Speed relative to stock CPython, which is 1.00: more is faster. In brackets the 95 % "
        "interval; `~`: no claim, within noise. "
        f"{rounds}, {summary['date'][:10]}, {machine['cores']} cores of {cpu}. "
        f"{versions}.\n"
    )


def put_into(file: Path, summary: dict[str, Any]) -> None:
    """Replaces what stands between the markers in the file; adds them at its end if there are none."""
    text = file.read_text()
    note = f"{BEGIN}, written by `python -m bench readme` -->"
    block = f"{note}\n{as_markdown(summary)}{END}"
    if BEGIN in text and END in text:
        before, rest = text.split(BEGIN, 1)
        text = before + block + rest.split(END, 1)[1]
    else:
        text = f"{text.rstrip()}\n\n## Benchmarks\n\n{block}\n"
    file.write_text(text)
