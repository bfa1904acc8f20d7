"""The result as text: for the terminal and, in Markdown, for the README.

What is slower than stock comes first, then the rest by ratio. `~` marks a difference that is no claim:
its interval, never narrower than what stock differs by from itself, includes 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.catalogue import GROUPS
from bench.configs import BASELINE, SUBJECT

BEGIN, END = "<!-- benchmarks: begin", "<!-- benchmarks: end -->"
MOST_WARNINGS = 12
TITLES = {
    "web": "Web applications, in the process",
    "socket": "Web applications, over a socket",
    "apps": "Command-line programs",
    "startup": "Start-up",
    "pure": "pyperformance, pure Python",
    "libs": "pyperformance, with libraries",
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
    lines: list[str] = []
    slower = [
        f"  {load['name']} under {name}: {ratio_text(load['configs'][name])}"
        for load in worst_first(summary["loads"], subject)
        for name in others
        if name == subject and load["configs"].get(name, {}).get("verdict") == "slower"
    ]
    if slower:
        lines += [f"Slower than stock under {subject}:", *slower, ""]
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


def as_markdown(summary: dict[str, Any]) -> str:
    """The table for the README: geometric means by group, then the applications one by one."""
    others = [name for name in summary["configs"] if name != BASELINE]
    head = ["", *others]
    rows = [head, ["---", *("---:" for _ in others)]]
    for group in GROUPS:
        means = summary["groups"].get(group)
        if means:
            count = max(mean["loads"] for mean in means.values())
            rows.append([f"**{TITLES[group]}** ({count})", *(mean_text(means.get(name)) for name in others)])
        if group in ("web", "socket", "apps"):
            loads = worst_first(
                (load for load in summary["loads"] if load["group"] == group), subject_of(summary)
            )
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
        f"{table}\n\nSpeed relative to stock CPython, which is 1.00: more is faster. In brackets the 95 % "
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
