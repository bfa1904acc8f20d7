"""Django's templates alone: inheritance, includes, filters, loops, URLs left out."""
# ruff: noqa: E501

from __future__ import annotations

from datetime import date, timedelta

import django
from calling import Load
from django.conf import settings

TEMPLATES = {
    "base.html": """<html><title>{% block title %}Site{% endblock %}</title><body><ul>
{% for item in menu %}<li{% if forloop.first %} class="on"{% endif %}><a href="{{ item.url }}">{{ item.name }}</a></li>{% endfor %}
</ul>{% block body %}{% endblock %}<footer>{{ footer|default:"none"|title }}</footer></body></html>""",
    "row.html": """<tr class="{% cycle 'odd' 'even' %}"><td>{{ forloop.counter }}</td><td>{{ row.name }}</td>
<td>{{ row.price|floatformat:2 }}</td><td>{{ row.tags|join:", "|upper }}</td><td>{{ row.day|date:"j N Y" }}</td>
<td>{% if row.price > 50 and not row.tags %}dear{% elif row.price < 5 %}cheap{% else %}-{% endif %}</td>
<td>{{ row.text|truncatewords:4|linebreaksbr }}</td></tr>""",
    "table.html": """{% extends "base.html" %}{% block title %}{{ rows|length }} rows - {{ block.super }}{% endblock %}
{% block body %}<table>{% for row in rows %}{% include "row.html" %}{% endfor %}</table>
{% regroup rows by kind as kinds %}{% for kind in kinds %}<h3>{{ kind.grouper }}</h3>{% for row in kind.list %}{{ row.name|lower }}
{% if not forloop.last %}, {% endif %}{% endfor %}{% endfor %}{% with total=rows|length %}{{ total }} row{{ total|pluralize }}{% endwith %}
{% endblock %}""",
}

settings.configure(
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    (
                        "django.template.loaders.cached.Loader",
                        [("django.template.loaders.locmem.Loader", TEMPLATES)],
                    )
                ]
            },
        }
    ]
)
django.setup()


def make() -> Load:
    from django.template.loader import get_template

    template = get_template("table.html")
    menu = [{"name": f"Menu {n}", "url": f"/m/{n}"} for n in range(8)]
    rows = [
        {
            "name": f"<Row {n}>",
            "price": n * 37 % 101 + 0.5,
            "tags": ["x", "yy"][: n % 3],
            "kind": "abc"[n // 14],
            "text": "lorem ipsum dolor sit amet\n" * 2,
            "day": date(2026, 1, 1) + timedelta(n),
        }
        for n in range(40)
    ]

    def step() -> bytes:
        return str(template.render({"menu": menu, "rows": rows, "footer": "the end"})).encode()

    return Load([step])
