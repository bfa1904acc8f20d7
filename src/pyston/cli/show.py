"""Draws tables: with rich where it is installed, else as plain text. Pyston itself depends on nothing."""

from __future__ import annotations

from typing import Any, TextIO

from pyston import report


def show(statistics: dict[str, Any], file: TextIO) -> None:
    """All tables of the statistics."""
    if not file.isatty() or not _rich(statistics, file):
        print(report.as_text(statistics), file=file)


def _rich(statistics: dict[str, Any], file: TextIO) -> bool:
    """False when rich is missing."""
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    console = Console(file=file)
    for table in report.tables(statistics):
        drawn = Table(title=table.title, title_justify="left", title_style="bold")
        for column in table.columns:
            drawn.add_column(
                column.removesuffix(">"), justify="right" if column.endswith(">") else "left", overflow="fold"
            )
        for row in table.rows:
            drawn.add_row(*map(Text, row))
        if table.left_out:
            drawn.caption = f"… and {table.left_out} more"
        console.print(drawn)
    return True
