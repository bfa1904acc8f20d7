"""The page's plots as SVG text, drawn with matplotlib: ratios with intervals, warm-up curves."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.figure import Figure

from bench.configs import BASELINE, SUBJECT

# Colours that people with colour blindness can tell apart (Okabe and Ito).
LOG_TICKS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7A7A7A", "#F0E442")


def colour_of(name: str, names: list[str]) -> str:
    if name == BASELINE:
        return "#444444"
    if name == SUBJECT:
        return "#D55E00"
    rest = [other for other in names if other not in (BASELINE, SUBJECT)]
    free = [colour for colour in COLOURS if colour != "#D55E00"]
    return free[rest.index(name) % len(free)]


def svg_of(figure: Figure) -> str:
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench"}):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)
    text = buffer.getvalue()
    # The XML head names outside addresses and does not belong inside an HTML page.
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    return re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)


def ratios(loads: list[dict[str, Any]], names: list[str]) -> str:
    """One row a load, one mark with its interval a config, stock at 1."""
    others = [name for name in names if name != BASELINE]
    height = 0.6 + len(loads) * (0.16 + 0.11 * len(others))
    figure, axes = pyplot.subplots(figsize=(8.5, height))
    for row in range(0, len(loads), 2):  # bands tell which marks belong to which load
        axes.axhspan(row - 0.5, row + 0.5, color="#f4f4f4", linewidth=0)
    axes.axvline(1.0, color="#444444", linewidth=1)
    shown = [entry["ratio"] for load in loads for entry in load["configs"].values() if "ratio" in entry]
    for place, name in enumerate(others):
        shift = (place - (len(others) - 1) / 2) * 0.8 / max(1, len(others))
        points = [(row, load["configs"].get(name, {})) for row, load in enumerate(loads)]
        points = [(row, entry) for row, entry in points if "ratio" in entry]
        if not points:
            continue
        axes.errorbar(
            [entry["ratio"] for _, entry in points],
            [row + shift for row, _ in points],
            xerr=[
                [max(0.0, entry["ratio"] - entry["low"]) for _, entry in points],
                [max(0.0, entry["high"] - entry["ratio"]) for _, entry in points],
            ],
            fmt="o",
            markersize=4,
            capsize=2,
            linewidth=1.2,
            color=colour_of(name, names),
            label=name,
        )
    axes.set_yticks(range(len(loads)), [load["name"] for load in loads], fontsize=9)
    axes.set_ylim(len(loads) - 0.5, -0.5)
    if shown and max(shown) / min(shown) > 4:
        axes.set_xscale("log")
        ticks = [tick for tick in LOG_TICKS if min(shown) / 1.6 <= tick <= max(shown) * 1.6]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    axes.set_xlabel("speed relative to stock (more is faster)")
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.55 / height),
        ncols=8,
        columnspacing=1.2,
        handletextpad=0.3,
        frameon=False,
        fontsize=9,
    )
    return svg_of(figure)


def curve(load: dict[str, Any], names: list[str]) -> str | None:
    """Requests a second since the first request, for every config that recorded a curve."""
    curves = [
        (name, load["configs"][name]["curve"]) for name in names if "curve" in load["configs"].get(name, {})
    ]
    if not curves:
        return None
    figure, axes = pyplot.subplots(figsize=(5.2, 2.6))
    for name, found in curves:
        series = found["per_second"]
        axes.plot(
            [second for second, _ in series],
            [speed for _, speed in series],
            color=colour_of(name, names),
            label=name,
            linewidth=1.3,
        )
        if found["to_peak"] is not None:
            axes.axvline(found["to_peak"], color=colour_of(name, names), linewidth=0.8, linestyle=":")
    axes.set_title(load["name"], fontsize=10, loc="left")
    axes.set_xlabel("seconds since the first request", fontsize=9)
    axes.set_ylabel("requests a second", fontsize=9)
    axes.set_ylim(bottom=0)
    axes.grid(color="#eeeeee", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return svg_of(figure)
