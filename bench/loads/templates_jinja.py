"""Jinja2 alone: a page with inheritance, macros, filters, loops and escaping."""
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass

from calling import Load
from jinja2 import DictLoader, Environment, select_autoescape

TEMPLATES = {
    "base.html": """<html><head><title>{% block title %}Site{% endblock %}</title></head><body>
{%- macro link(url, text, on=false) %}<a href="{{ url }}"{{ ' class="on"'|safe if on }}>{{ text }}</a>{% endmacro %}
<ul>{% for item in menu %}<li>{{ link(item.url, item.name, loop.first) }}
{%- if item.children %}<ul>{% for child in item.children recursive %}<li>{{ link(child.url, child.name) }}</li>{% endfor %}</ul>{% endif %}</li>
{% endfor %}</ul>{% block body %}{% endblock %}<footer>{{ footer|default("none")|title }}</footer></body></html>""",
    "table.html": """{% extends "base.html" %}{% block title %}{{ rows|length }} rows - {{ super() }}{% endblock %}
{% block body %}<table>{% for row in rows %}<tr class="{{ loop.cycle('odd', 'even') }}">
<td>{{ loop.index }}</td><td>{{ row.name|e }}</td><td>{{ "%.2f"|format(row.price) }}</td>
<td>{{ row.tags|join(", ")|upper }}</td><td>{% if row.price > 50 and not row.tags %}dear{% elif row.price < 5 %}cheap{% else %}-{% endif %}</td>
<td>{{ row.text|truncate(20)|replace("a", "b") }}</td></tr>{% endfor %}</table>
{% for tag, group in rows|groupby("kind") %}<h3>{{ tag }}</h3><p>{{ group|map(attribute="name")|join("; ") }}</p>{% endfor %}
{% set total = namespace(value=0) %}{% for row in rows %}{% set total.value = total.value + row.price %}{% endfor %}{{ total.value|round(2) }}
{% endblock %}""",
}


@dataclass
class Item:
    name: str
    url: str
    children: list[Item]


@dataclass
class Row:
    name: str
    price: float
    tags: list[str]
    kind: str
    text: str


def make() -> Load:
    environment = Environment(loader=DictLoader(TEMPLATES), autoescape=select_autoescape())
    template = environment.get_template("table.html")
    menu = [
        Item(f"Menu {n}", f"/m/{n}", [Item(f"Sub {s}", f"/m/{n}/{s}", []) for s in range(n)])
        for n in range(5)
    ]
    rows = [
        Row(
            f"<Row {n}>",
            n * 37 % 101 + 0.5,
            ["x", "yy"][: n % 3],
            "abc"[n % 3],
            "lorem ipsum dolor sit amet " * 2,
        )
        for n in range(40)
    ]

    def step() -> bytes:
        return template.render(menu=menu, rows=rows, footer="the end").encode()

    return Load([step])
