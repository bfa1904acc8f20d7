"""The shop of `make demo` (bench/demo), a whole lap of its visitors, as the demo drives it."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from bench.demo import traffic
from bench.demo.shop.app import Database, create_app
from calling import Load

TABLES = ("books", "authors", "categories", "tags")


def make() -> Load:
    database = Database()
    app = create_app(database)
    connection = database.engine.raw_connection()
    slugs = {
        table: [slug for (slug,) in connection.cursor().execute(f"SELECT slug FROM {table} ORDER BY id")]
        for table in TABLES
    }
    requests = traffic.lap(slugs)
    visitors: list[traffic.Visitor] = []

    def first() -> bytes:
        """A lap begins with the first state of the database and new visitors."""
        database.reset()
        last = max(number for number, _ in requests)
        visitors[:] = [traffic.Visitor(app, f"198.51.100.{n}") for n in range(last + 1)]
        return make_request(0)

    def make_request(place: int) -> bytes:
        number, request = requests[place]
        answer = visitors[number].make(request)
        if answer.status.startswith("5"):
            raise AssertionError(f"{request.method} {request.path}: {answer.status}")
        return answer.body

    return Load([first, *(partial(make_request, place) for place in range(1, len(requests)))])
