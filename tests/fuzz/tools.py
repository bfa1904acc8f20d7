"""Tools that a random program switches on and off while it runs; see surroundings.py.

They note what they are told of the program's own code, with lines and offsets. A tool of sys.monitoring exists only as
long as it has asked for events: while there is none, code runs compiled.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

monitoring = sys.monitoring
events = monitoring.events
TOOL = 3
KINDS = (
    "PY_START PY_RESUME PY_RETURN PY_YIELD PY_THROW PY_UNWIND LINE INSTRUCTION JUMP BRANCH_LEFT BRANCH_RIGHT"
    " RAISE RERAISE EXCEPTION_HANDLED STOP_ITERATION"
).split()
# The offset they tell is, on stock too, the call's or its end's, by how the interpreter called (docs/internals.md).
PLACELESS = ("RAISE", "RERAISE", "PY_UNWIND")
SETS = [
    events.PY_START | events.PY_RETURN,
    events.LINE,
    events.RAISE | events.RERAISE | events.PY_UNWIND | events.EXCEPTION_HANDLED,
    events.PY_START | events.PY_YIELD | events.PY_RESUME | events.PY_THROW,
    events.JUMP | events.BRANCH_LEFT | events.BRANCH_RIGHT,
    events.PY_START | events.PY_RETURN | events.LINE | events.RAISE,
]
LOCAL_SETS = [
    events.PY_START | events.PY_RETURN,
    events.LINE,
    events.PY_YIELD | events.PY_RESUME | events.STOP_ITERATION | events.PY_RETURN,
    events.JUMP | events.BRANCH_LEFT | events.BRANCH_RIGHT,
    events.PY_RETURN | events.LINE | events.JUMP,
    events.INSTRUCTION,
]


class Tools:
    def __init__(self, note: Callable[[str], None], file: str) -> None:
        self.note = note
        self.file = file
        self.calls = itertools.count(1)
        self.last = ""  # event
        self.switches: list[Callable[[FrameType], None]] = [self.trace, self.trace_frame, self.profile]
        self.switches += [self.global_switch(chosen) for chosen in SETS]
        self.switches += [self.local_switch(chosen) for chosen in LOCAL_SETS]

    def toggle(self, kind: int, every: int) -> None:
        """At every so many calls switches a tool on or off; the kind may be any number."""
        if next(self.calls) % every == 0:
            self.switches[kind % len(self.switches)](sys._getframe(1))

    def tracer(self, frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code.co_filename != self.file:
            return None
        kind = type(argument).__name__
        self.note(f"trace {event} {frame.f_code.co_qualname} {frame.f_lineno} {frame.f_lasti} {kind}")
        return self.tracer

    def profiler(self, frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_filename == self.file and not event.startswith("c_"):
            self.note(f"profile {event} {frame.f_code.co_qualname} {frame.f_lineno}")

    def monitor(self, event: str) -> Callable[..., None]:
        def callback(code: CodeType, *details: object) -> None:
            if code.co_filename == self.file:
                numbers = [detail for detail in details if type(detail) is int and event not in PLACELESS]
                text = f"{event} {code.co_qualname} {numbers}"
                # A generator that is closed at a `yield` tells of its line again, where that has never run before.
                if event != "LINE" or text != self.last:
                    self.note(text)
                self.last = text

        return callback

    def trace(self, frame: FrameType) -> None:
        sys.settrace(None if sys.gettrace() else self.tracer)

    def trace_frame(self, frame: FrameType) -> None:
        frame.f_trace = None if frame.f_trace else self.tracer
        sys.settrace(self.tracer)

    def profile(self, frame: FrameType) -> None:
        sys.setprofile(None if sys.getprofile() else self.profiler)

    def global_switch(self, chosen: int) -> Callable[[FrameType], None]:
        def switch(frame: FrameType) -> None:
            if self.monitors() and monitoring.get_events(TOOL):
                monitoring.free_tool_id(TOOL)
            else:
                self.begin_to_monitor()
                monitoring.set_events(TOOL, chosen)

        return switch

    def local_switch(self, chosen: int) -> Callable[[FrameType], None]:
        def switch(frame: FrameType) -> None:
            if self.monitors() and monitoring.get_local_events(TOOL, frame.f_code):
                monitoring.set_local_events(TOOL, frame.f_code, 0)
                monitoring.free_tool_id(TOOL)
            else:
                self.begin_to_monitor()
                monitoring.set_local_events(TOOL, frame.f_code, chosen)

        return switch

    def monitors(self) -> bool:
        return monitoring.get_tool(TOOL) is not None

    def begin_to_monitor(self) -> None:
        if not self.monitors():
            monitoring.use_tool_id(TOOL, "fuzz")
            for kind in KINDS:
                monitoring.register_callback(TOOL, getattr(events, kind), self.monitor(kind))

    def end(self) -> None:
        sys.settrace(None)
        sys.setprofile(None)
        if self.monitors():
            monitoring.free_tool_id(TOOL)
