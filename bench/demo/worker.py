"""One side of the demo: a process that builds the shop and serves laps of requests when told to.

The driver writes one JSON object a line to standard input and reads one a line from what was standard
output; anything that the application prints goes to standard error instead.

  {"do": "start", "only": [kind, …]}         -> builds the shop; says what interpreter this is
  {"do": "serve", "first": i, "count": n}    -> these requests of the lap: digests of the answers, and costs
  {"do": "text", "index": i}                 -> one of the answers just served, in full
  {"do": "stats"}                            -> Pyston's counters and the memory in use

A lap starts with request 0, which puts database and visitors back to their first state.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.rounds import peak_memory_bytes, pyston_counters, serve


class Side:
    """The shop, its visitors, and the answers they got last."""

    def start(self, only: Sequence[str]) -> dict[str, Any]:
        # Imported here, so that the time to the first answer includes it.
        from . import traffic
        from .shop.app import Database, create_app

        self.traffic = traffic
        self.database = Database()
        self.app = create_app(self.database)
        self.requests = traffic.lap(_slugs(self.database.engine.raw_connection().driver_connection), only)
        return {
            "version": sys.version,
            "pyston": tuple(getattr(sys, "pyston_version_info", ())),
            "requests": [(r.kind, f"{r.method} {r.path}") for _, r in self.requests],
            "ready_ns": time.process_time_ns(),
        }

    def serve(self, first: int, count: int) -> dict[str, Any]:
        if first == 0:
            self.database.reset()
            last = max(number for number, _ in self.requests)
            self.visitors = [self.traffic.Visitor(self.app, f"198.51.100.{n}") for n in range(last + 1)]
        turn = self.requests[first : first + count]
        self.first = first
        self.answers = [self.visitors[number].make(request) for number, request in turn]
        for answer in self.answers:
            if answer.status.startswith("5"):
                raise RuntimeError(f"the shop itself fails: {answer.text()}")
        return {
            "digests": [answer.digest() for answer in self.answers],
            "cpu_ns": [answer.cpu_ns for answer in self.answers],
            "wall_ns": [answer.wall_ns for answer in self.answers],
        }

    def text(self, index: int) -> dict[str, Any]:
        return {"text": self.answers[index - self.first].text()}

    def stats(self) -> dict[str, Any]:
        return {"peak_bytes": peak_memory_bytes(), "pyston": pyston_counters()}


def _slugs(connection: Any) -> dict[str, list[str]]:
    assert isinstance(connection, sqlite3.Connection)
    return {
        table: [slug for (slug,) in connection.execute(f"SELECT slug FROM {table} ORDER BY id")]
        for table in ("books", "authors", "categories", "tags")
    }


if __name__ == "__main__":
    side = Side()
    serve({"start": side.start, "serve": side.serve, "text": side.text, "stats": side.stats})
