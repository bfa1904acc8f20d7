"""Statistics at exit: readable on standard error, or as JSON into a file (PYSTON_STATS)."""

from __future__ import annotations

import json
import sys
from typing import Any

from pyston import _runtime


def at_exit(where: str) -> None:
    """`where`: "1" for standard error, else the name of a JSON file."""
    statistics = _runtime.stats()
    if where == "1":
        print(as_text(statistics), file=sys.stderr)
        return
    try:
        with open(where, "w", encoding="utf-8") as file:
            json.dump(statistics, file, indent=1)
    except OSError as error:
        print(f"pyston: statistics not written: {error}", file=sys.stderr)


def as_text(statistics: dict[str, Any]) -> str:
    """The statistics as lines of text, largest numbers first where there are many."""
    lines = ["pyston statistics"]
    for name, value in statistics.items():
        if isinstance(value, dict):
            lines.append(f"  {name}")
            for key, count in sorted(value.items(), key=lambda item: -item[1]):
                lines.append(f"    {count:>10,}  {key}")
        elif isinstance(value, (list, tuple)):
            lines.append(f"  {name}")
            for entry in sorted(value, key=lambda item: -item[-1])[:40]:
                lines.append(f"    {entry[-1]:>10,}  {' '.join(str(part) for part in entry[:-1])}")
        elif isinstance(value, int):
            lines.append(f"  {name:<24}{value:>14,}")
        else:
            lines.append(f"  {name:<24}{value!s:>14}")
    return "\n".join(lines)
