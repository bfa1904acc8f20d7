"""Threads and a timer's signals beside a random program, that change nothing of what it does; see surroundings.py.

The interpreter switches as often as it can, so what a thread may not see, or must not change, is met between any two
instructions. What they run is compiled anew for each program.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

TOOL = 4
PATIENCE_SECONDS = 10
SWITCH_SECONDS = 1e-6

WORK = """
class Node:
    def __init__(self, value):
        self.value = value
        self.next = None
    def total(self):
        return self.value + (self.next.total() if self.next else 0)
def work(i):
    node = Node(i)
    node.next = Node(i + 1.5)
    node.next.next = Node(2)
    total = node.total()
    for j in range(7):
        total += j * i
    try:
        if i % 5 == 0:
            raise KeyError(i)
    except KeyError as error:
        total += error.args[0]
    return [total, str(total)]
"""


class Threads:
    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.stopping = False
        self.interval = sys.getswitchinterval()
        self.handler: Any = None
        self.work: Any = None

    def beside(self, tasks: tuple[str, ...], seconds: float) -> None:
        """Starts a thread for each task, and a timer that signals each time after so many seconds of work."""
        names: dict[str, Any] = {}
        exec(compile(WORK, "<work>", "exec"), names)
        self.work = names["work"]
        sys.setswitchinterval(SWITCH_SECONDS)
        self.handler = signal.signal(signal.SIGVTALRM, self.on_timer)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.002, seconds)
        self.threads = [threading.Thread(target=self.busy, args=(task,), daemon=True) for task in tasks]
        for thread in self.threads:
            thread.start()

    def busy(self, task: str) -> None:
        round = 0
        while not self.stopping:
            self.work(round)
            round += 1
            if round % 30:
                continue
            if task == "look":
                sys._current_frames()
            elif task == "monitor":
                self.monitor()
            elif task == "sleep":
                time.sleep(0)

    def monitor(self) -> None:
        """A tool comes, and goes at the next time."""
        if sys.monitoring.get_tool(TOOL):
            sys.monitoring.free_tool_id(TOOL)
        else:
            sys.monitoring.use_tool_id(TOOL, "threads")
            sys.monitoring.set_events(TOOL, sys.monitoring.events.PY_START)

    def on_timer(self, number: int, frame: FrameType | None) -> None:
        while frame is not None:
            self.work(len(frame.f_locals))
            frame = frame.f_back

    def end(self) -> None:
        if not self.threads:
            return
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, self.handler)
        self.stopping = True
        for thread in self.threads:
            thread.join(PATIENCE_SECONDS)
        sys.setswitchinterval(self.interval)
        if sys.monitoring.get_tool(TOOL):
            sys.monitoring.free_tool_id(TOOL)
