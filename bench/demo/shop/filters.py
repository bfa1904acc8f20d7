"""Template filters: money, dates, stars, excerpts and a little markup."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

from flask import Flask
from markupsafe import Markup, escape

_MARKS = (
    (re.compile(r"\*\*(.+?)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\*(.+?)\*"), r"<em>\1</em>"),
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def money(cents: int) -> str:
    whole, rest = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    return f"{sign}€ {whole:,}.{rest:02d}"


def day(date: datetime.date) -> str:
    return f"{date.day} {MONTHS[date.month - 1]} {date.year}"


def ago(date: datetime.date, today: datetime.date) -> str:
    days = (today - date).days
    for size, unit in ((365, "year"), (30, "month"), (7, "week"), (1, "day")):
        if days >= size:
            return f"{plural(days // size, unit)} ago"
    return "today"


def plural(count: int, word: str, many: str = "") -> str:
    return f"{count} {word if count == 1 else many or word + 's'}"


def stars(value: float | None) -> Markup:
    if value is None:
        return Markup('<span class="stars none">not rated yet</span>')
    full = round(value)
    return Markup('<span class="stars" title="{:.1f} of 5">{}</span>').format(
        value, "★" * full + "☆" * (5 - full)
    )


def excerpt(text: str, size: int = 140) -> str:
    if len(text) <= size:
        return text
    return text[:size].rsplit(" ", 1)[0] + "…"


def rich_text(text: str) -> Markup:
    """Paragraphs, **strong** and *emphasised* words; everything else is escaped."""
    paragraphs = []
    for paragraph in text.split("\n\n"):
        html = str(escape(paragraph))
        for expression, replacement in _MARKS:
            html = expression.sub(replacement, html)
        paragraphs.append(f"<p>{html}</p>")
    return Markup("\n".join(paragraphs))


def highlight(text: str, words: Iterable[str]) -> Markup:
    """`text` with the words that were searched for marked."""
    html = str(escape(text))
    wanted = "|".join(re.escape(str(escape(word))) for word in words if word)
    if wanted:
        html = re.sub(f"(?i)({wanted})", r"<mark>\1</mark>", html)
    return Markup(html)


def register(app: Flask) -> None:
    for function in (money, day, ago, plural, stars, excerpt, rich_text, highlight):
        app.add_template_filter(function)
