"""Runs suites, some at a time, and says how it goes: a line for each that has ended, and what is at work where none has
for a while. Stopped by Ctrl-C or a SIGTERM, it ends what it has started and keeps no result of that."""

from __future__ import annotations

import concurrent.futures
import signal
import time
from collections.abc import Sequence

from tests.conformance.cpython import Batch
from tests.conformance.results import Results, report
from tests.conformance.suites import Outcome, Suite, run_suite, stop_all

PATIENCE_SECONDS = 120

Unit = tuple[Suite, str]  # a suite and the way it is run


class Schedule:
    def __init__(self, results: Results, limit: float, ask_stock: bool) -> None:
        self.results = results
        self.limit = limit
        self.ask_stock = ask_stock  # what differs is run on stock too, which nobody has asked for
        self.total = self.finished = 0
        self.begun: dict[str, float] = {}  # what is at work, and since when

    def run(self, together: Sequence[list[Unit]], jobs: int) -> None:
        """Each list is a batch's, or has one unit."""
        self.total = sum(map(len, together))
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            pending = {pool.submit(self._run, units) for units in together}
            try:
                while pending:
                    done, pending = concurrent.futures.wait(
                        pending, PATIENCE_SECONDS, concurrent.futures.FIRST_COMPLETED
                    )
                    for future in done:
                        future.result()
                    if not done:
                        self._tell()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                stop_all()
                raise

    def _tell(self) -> None:
        now = time.monotonic()
        at_work = ", ".join(f"{title} for {now - at:.0f} s" for title, at in list(self.begun.items()))
        print(f"[{self.finished}/{self.total}] at work: {at_work}", flush=True)

    def _run_one(self, suite: Suite, way: str) -> Outcome:
        title = f"{suite.name} {way}"
        self.begun[title] = time.monotonic()
        try:
            return run_suite(suite, way, self.limit)
        finally:
            del self.begun[title]

    def _run(self, units: list[Unit]) -> None:
        passed: dict[str, Outcome] = {}
        if len(units) > 1:
            batch = Batch([suite for suite, _ in units])
            way = units[0][1]
            self._run_one(batch, way)
            passed = batch.passed(way)
        for suite, way in units:
            self._check(suite, way, passed.get(suite.name) or self._run_one(suite, way))

    def _check(self, suite: Suite, way: str, outcome: Outcome) -> None:
        results = self.results
        results.add(suite, way, outcome)
        if self.ask_stock and results.wrong(suite, way) and not results.has(suite, "stock"):
            # Perhaps this machine is to blame.
            results.add(suite, "stock", self._run_one(suite, "stock"))
        self.finished += 1
        report(results, suite, way, f"[{self.finished}/{self.total}]")
