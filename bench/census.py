"""What web code executes: `python -m bench census [LOADS]` counts it, by opcode, call and attribute.

Each load runs on stock CPython in a process of its own, is warmed up and then counted for one pass over its
requests (`bench/worker/census.py` says how). The tables have a column for each load; counts are a request.
What they are for: before making something fast, see how often real programs do it, and what the
interpreter's own specialisation leaves over.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.catalogue import Load
from bench.configs import Config
from bench.execute import end_session, how_it_ended, start_worker
from bench.table import aligned

LIMIT = 900
MOST_ROWS = 40
FAMILIES_FROM = 0.0005  # of all instructions; rarer families are left out of their table
Census = dict[str, Any]


class CannotCount(Exception):
    """Why a load has no census."""


def take(load: Load, stock: Config, warmup: int) -> Census:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        order: dict[str, Any] = {"way": "census", "kind": load.kind, "module": load.target}
        order |= {"arguments": load.arguments, "warmup": warmup, "answer": str(folder / "answer.json")}
        process = start_worker(order, stock, 0, folder)
        try:
            process.wait(timeout=LIMIT)
            if process.returncode or not (folder / "answer.json").exists():
                raise CannotCount(how_it_ended(process, folder))
        finally:
            end_session(process)
        census: Census = json.loads((folder / "answer.json").read_text())["census"]
        return census


def take_all(loads: Sequence[Load], stock: Config, warmup: int) -> dict[str, Census]:
    found = {}
    for load in loads:
        print(f"counting {load.name} … ", end="", flush=True)
        try:
            found[load.name] = take(load, stock, warmup)
            print(f"{sum(found[load.name]['forms'].values()):,} instructions")
        except CannotCount as error:
            print(f"FAILED: {str(error).splitlines()[-1]}")
    return found


def as_text(found: Mapping[str, Census]) -> str:
    parts = [
        ("Overview", overview(found)),
        ("Instructions, % of all (% of them left generic)", by_family(found)),
        ("Calls a request", by_key(found, "calls", spread=True)),
        ("Attributes a request (% left generic)", attributes(found)),
        ("Operands of what is left generic, a request", by_key(found, "operands")),
    ]
    return "\n\n".join("\n".join([f"## {title}", "", *aligned(rows)]) for title, rows in parts)


def overview(found: Mapping[str, Census]) -> list[list[str]]:
    lines: dict[str, Callable[[Census], str]] = {
        "requests in a pass": lambda census: f"{census['steps']}",
        "instructions a request": lambda census: per_request(census, instructions(census)),
        "code objects": lambda census: f"{census['code_objects']}",
        "functions started a request": lambda census: per_request(census, census["starts"]),
        "instructions an activation": lambda census: (
            f"{instructions(census) / max(1, census['starts'] + census['resumes']):.1f}"
        ),
        "generators, coroutines resumed a request": lambda census: per_request(census, census["resumes"]),
        "frames left by an exception a request": lambda census: per_request(census, census["unwound"]),
    }
    return [["", *found], *([title, *map(line, found.values())] for title, line in lines.items())]


def instructions(census: Census) -> int:
    return sum(census["forms"].values())


def per_request(census: Census, count: float) -> str:
    each = count / census["steps"]
    return f"{each:,.0f}" if each >= 100 else f"{each:.3g}" if each else "-"


def by_family(found: Mapping[str, Census]) -> list[list[str]]:
    """A row an opcode, by its mean share; the share left generic where the interpreter could specialise."""
    totals = {load: Counter[str]() for load in found}
    generic = {load: Counter[str]() for load in found}
    specialised: set[str] = set()
    for load, census in found.items():
        for key, count in census["forms"].items():
            base, form = key.split()
            totals[load][base] += count
            if form == base:
                generic[load][base] += count
            else:
                specialised.add(base)
    shares = {load: {base: n / totals[load].total() for base, n in totals[load].items()} for load in found}
    mean = {
        base: sum(share.get(base, 0.0) for share in shares.values()) for base in set().union(*shares.values())
    }

    def cell(load: str, base: str) -> str:
        share = shares[load].get(base, 0.0)
        if not share:
            return "-"
        left = f" ({generic[load][base] / totals[load][base]:4.0%})" if base in specialised else " " * 7
        return f"{100 * share:.2f}{left}"

    bases = [base for base in sorted(mean, key=lambda base: -mean[base]) if mean[base] >= FAMILIES_FROM]
    return [["", *found], *([base, *(cell(load, base) for load in found)] for base in bases)]


def by_key(found: Mapping[str, Census], part: str, spread: bool = False) -> list[list[str]]:
    """A row a kind, most frequent first; with `spread` the second half of each key is told in brackets."""
    keys = sorted(
        set().union(*(census[part] for census in found.values())),
        key=lambda key: -sum(census[part].get(key, 0) / census["steps"] for census in found.values()),
    )
    rows = [["", *found]]
    for key in keys[:MOST_ROWS]:
        first, _, second = key.partition("|")
        title = f"{first} ({second})" if spread else f"{first}  {second}"
        rows.append([title, *(per_request(census, census[part].get(key, 0)) for census in found.values())])
    return rows


def attributes(found: Mapping[str, Census]) -> list[list[str]]:
    totals = {load: Counter[str]() for load in found}
    generic = {load: Counter[str]() for load in found}
    for load, census in found.items():
        for key, count in census["attributes"].items():
            verb, kind, how = key.split("|")
            totals[load][f"{verb} {kind}"] += count
            generic[load][f"{verb} {kind}"] += count if how == "generic" else 0
    kinds = sorted(
        set().union(*totals.values()),
        key=lambda kind: -sum(totals[load][kind] / found[load]["steps"] for load in found),
    )

    def cell(load: str, kind: str) -> str:
        count = totals[load][kind]
        return f"{per_request(found[load], count)} ({generic[load][kind] / count:4.0%})" if count else "-"

    return [["", *found], *([kind, *(cell(load, kind) for load in found)] for kind in kinds)]
