"""One self-contained HTML page from a summary: tables, plots and every figure, nothing fetched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from bench import plots, table
from bench.against import Change
from bench.catalogue import GROUPS
from bench.configs import BASELINE


def percent(part: float | None) -> str:
    return "-" if part is None else f"{100 * part:.1f} %"


def milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.3g}"


def seconds_text(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"


def render(summary: dict[str, Any], changes: list[Change]) -> str:
    names = list(summary["configs"])
    subject = table.subject_of(summary)
    loads = table.worst_first(summary["loads"], subject)
    groups = []
    for group in GROUPS:
        members = [load for load in loads if load["group"] == group]
        if members:
            plotted = [
                load for load in members if any("ratio" in entry for entry in load["configs"].values())
            ]
            curves = [curve for load in members if (curve := plots.curve(load, names))]
            groups.append(
                {
                    "name": group,
                    "title": table.TITLES[group],
                    "loads": members,
                    "means": summary["groups"].get(group, {}),
                    "plot": plots.ratios(plotted, names) if plotted else "",
                    "curves": curves,
                    "with_curves": [
                        load
                        for load in members
                        if any("curve" in entry for entry in load["configs"].values())
                    ],
                }
            )
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        ratio=table.ratio_text,
        mean=table.mean_text,
        time=table.time_text,
        size=table.size_text,
        short=table.short_reason,
        percent=percent,
        ms=milliseconds,
        seconds=seconds_text,
    )
    return environment.get_template("page.html").render(
        summary=summary,
        names=names,
        others=[name for name in names if name != BASELINE],
        baseline=BASELINE,
        subject=subject,
        groups=groups,
        worse=table.losses(summary, subject),
        slow_starts=table.slow_starts(summary, subject),
        changes=changes,
        data=json.dumps(summary, default=str),
    )
