"""One side of the demo: a process that builds the shop and serves laps of requests when told to.

The driver writes one JSON object a line to standard input and reads one a line from what was standard
output; anything that the application prints goes to standard error instead.

  {"do": "start", "only": [kind, …]}   -> builds the shop; says what interpreter this is
  {"do": "slice", "seconds": s}        -> whole laps until `s` seconds of CPU time have passed
  {"do": "show", "index": i}           -> one lap up to request `i`; its answer in full
  {"do": "stats"}                      -> Pyston's counters and the memory in use

Every answer's digest is compared with that of the first lap here; the driver compares the first laps.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.rounds import peak_memory_bytes, pyston_counters, serve


class Side:
    """The shop with its visitors, and what the first lap answered."""

    def __init__(self) -> None:
        self.digests: list[str] = []

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

    def slice(self, seconds: float) -> dict[str, Any]:
        laps: list[dict[str, list[int]]] = []
        spent = 0
        difference = None
        while not laps or (spent < seconds * 1e9 and difference is None):
            answers = self._lap(len(self.requests))
            digests = [answer.digest() for answer in answers]
            if not self.digests:
                broken = [answer for answer in answers if answer.status.startswith("5")]
                if broken:
                    raise RuntimeError(f"the shop itself fails: {broken[0].text()}")
                self.digests = digests
            for index, (first, now) in enumerate(zip(self.digests, digests, strict=True)):
                if first != now:
                    difference = {"index": index, "text": answers[index].text()}
                    break
            cpu = [answer.cpu_ns for answer in answers]
            laps.append({"cpu_ns": cpu, "wall_ns": [answer.wall_ns for answer in answers]})
            spent += sum(cpu)
        return {"laps": laps, "digests": self.digests, "difference": difference}

    def show(self, index: int) -> dict[str, Any]:
        return {"text": self._lap(index + 1)[index].text()}

    def stats(self) -> dict[str, Any]:
        return {"peak_bytes": peak_memory_bytes(), "pyston": pyston_counters()}

    def _lap(self, count: int) -> list[Any]:
        self.database.reset()
        visitors = [
            self.traffic.Visitor(self.app, f"198.51.100.{number}")
            for number in range(1 + max(number for number, _ in self.requests))
        ]
        return [visitors[number].make(request) for number, request in self.requests[:count]]


def _slugs(connection: Any) -> dict[str, list[str]]:
    assert isinstance(connection, sqlite3.Connection)
    return {
        table: [slug for (slug,) in connection.execute(f"SELECT slug FROM {table} ORDER BY id")]
        for table in ("books", "authors", "categories", "tags")
    }


if __name__ == "__main__":
    side = Side()
    serve({"start": side.start, "slice": side.slice, "show": side.show, "stats": side.stats})
