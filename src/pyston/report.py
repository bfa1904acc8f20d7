"""Statistics for people: at exit (PYSTON_STATS), and for `python -m pyston`.

Statistics are a dict as `pyston.stats()` gives it, with one more key at exit, `functions`: what became of each
function that was called. `tables` arranges them; how a table is drawn is for others to say (`as_text` here,
`pyston.cli.show` with colours), so that all ways of looking at them show the same.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from pyston import _runtime

MOST_ROWS: Final = 40  # of a table; the file has them all

FUNCTION_KEYS: Final = (
    "function", "file", "line", "state", "reason", "calls", "compiles", "instructions", "code_bytes", "hot_bytes",
)  # fmt: skip


class Table:
    """A title, column names (numbers in those that end in `>`), rows of text, and how many rows were left out."""

    def __init__(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        self.title = title
        self.columns = columns
        self.rows = rows[:MOST_ROWS]
        self.left_out = len(rows) - len(self.rows)


def collect() -> dict[str, Any]:
    """All that there is to know now."""
    statistics = _runtime.stats()
    statistics["functions"] = [dict(zip(FUNCTION_KEYS, row)) for row in _runtime.functions()]
    return statistics


def at_exit(where: str) -> None:
    """`where`: "1" for standard error, else the name of a JSON file."""
    statistics = collect()
    if where == "1":
        print(as_text(statistics), file=sys.stderr)
        return
    import json

    try:
        with open(where, "w", encoding="utf-8") as file:
            json.dump(statistics, file, indent=1)
    except OSError as error:
        print(f"pyston: statistics not written: {error}", file=sys.stderr)


def tables(statistics: dict[str, Any]) -> list[Table]:
    """The statistics in the order in which one reads them; tables without rows are left out."""
    functions: list[dict[str, Any]] = statistics.get("functions", [])
    compiled = [f for f in functions if f["state"] == "compiled"]
    compiled.sort(key=lambda f: -f["code_bytes"])
    given_up = [f for f in functions if f["state"] == "given up"]
    given_up.sort(key=lambda f: (f["reason"] or "", f["file"], f["line"]))
    reasons = sorted(statistics["given_up"].items(), key=lambda item: -item[1])
    retired = sorted(statistics["retired"].items(), key=lambda item: -item[1])
    exits = sorted(statistics["exits"], key=lambda row: -row[-1])
    found = [
        Table("Pyston", ["what", "how much>"], summary(statistics)),
        Table(
            "Compiled",
            ["function", "where", "bytecodes>", "bytes>", "of them hot>", "compiled>"],
            [
                [f["function"], _where(f["file"], f["line"]), *map(_number, (f["instructions"], f["code_bytes"])),
                 _number(f["hot_bytes"]), f"{f['compiles']}×"] for f in compiled
            ],
        ),
        Table("Given up", ["reason", "functions>"], [[reason, _number(count)] for reason, count in reasons]),
        Table(
            "Given up, function by function",
            ["function", "where", "reason"],
            [[f["function"], _where(f["file"], f["line"]), f["reason"] or ""] for f in given_up],
        ),
        Table(
            "Exits to the interpreter",
            ["function", "where", "bytecode>", "reason", "times>"],
            [[row[0], _where(row[3], row[4]), str(row[1]), row[2], _number(row[-1])] for row in exits],
        ),
        Table(
            "Loops left to the interpreter",
            ["reason", "loops>"],
            [[reason, _number(count)] for reason, count in statistics["loops_refused"].items()],
        ),
        Table("Code retired", ["reason", "times>"], [[reason, _number(count)] for reason, count in retired]),
    ]  # fmt: skip
    return [table for table in found if table.rows]


def summary(statistics: dict[str, Any]) -> list[list[str]]:
    """The figures that stand alone."""
    instructions, compile_ns = statistics["instructions_compiled"], statistics["compile_ns"]
    total, compiled = statistics["calls_total"], statistics["calls_compiled"]
    rows = [
        ["compilations", _number(statistics["functions_compiled"])],
        ["loops compiled alone", _number(statistics["loops_compiled"])],
        ["loops entered while they ran", _number(statistics["loops_entered"])],
        ["bytecode instructions compiled", _number(instructions)],
        ["compile time", f"{compile_ns / 1e6:,.1f} ms"],
        ["machine code", f"{_number(statistics['code_bytes'])} bytes"],
        ["of it hot", f"{_number(statistics['hot_bytes'])} bytes"],
        ["objects in huge pages", f"{_number(statistics['huge_page_bytes'])} bytes"],
    ]
    if instructions:
        rows.insert(3, ["compile time an instruction", f"{compile_ns / 1e3 / instructions:,.1f} µs"])
    if total > compiled:  # else calls were not counted
        rows.append(["Python calls", _number(total)])
        rows.append(["of them compiled", f"{_number(compiled)} ({100 * compiled / total:.1f} %)"])
    return rows


def as_text(statistics: dict[str, Any]) -> str:
    """The tables in plain text."""
    return "\n\n".join(_plain(table) for table in tables(statistics))


def _plain(table: Table) -> str:
    right = [column.endswith(">") for column in table.columns]
    cells = [[column.removesuffix(">") for column in table.columns], *table.rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(right))]
    lines = [table.title]
    for row in cells:
        parts = [cell.rjust(width) if r else cell.ljust(width) for cell, width, r in zip(row, widths, right)]
        lines.append(("  " + "  ".join(parts)).rstrip())
    if table.left_out:
        lines.append(f"  … and {table.left_out} more")
    return "\n".join(lines)


def _number(value: int) -> str:
    return f"{value:,}"


def _where(file: str, line: int) -> str:
    """The file's last two parts and the line: enough to find it, short enough for a table."""
    return f"{'/'.join(file.split('/')[-2:])}:{line}"
