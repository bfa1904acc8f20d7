"""Who asks for every instruction is told of every one, whatever Pyston's own events were before, and goes again."""

import sys
import threading

monitoring = sys.monitoring
INSTRUCTION, LINE = monitoring.events.INSTRUCTION, monitoring.events.LINE
seen = []


def loop(change, count=8):
    total = 0
    for i in range(count):
        total += i & 3
        if i == 3:
            change()
        elif i == 6:
            end()
    return total


def begin(*, events=INSTRUCTION, everywhere=False):
    monitoring.use_tool_id(3, "test")
    monitoring.register_callback(3, INSTRUCTION, lambda code, offset: note(code, offset))
    monitoring.register_callback(3, LINE, lambda code, line: note(code, line))
    if everywhere:
        monitoring.set_events(3, events)
    else:
        monitoring.set_local_events(3, loop.__code__, events)


def note(code, number):
    if code is loop.__code__:
        seen.append(number)


def end():
    if monitoring.get_tool(3) is not None:
        monitoring.set_local_events(3, loop.__code__, 0)
        monitoring.free_tool_id(3)
    sys.settrace(None)


def trace(frame, event, argument):
    frame.f_trace_opcodes = True
    if frame.f_code is loop.__code__:
        seen.append((event, frame.f_lineno, frame.f_lasti))
    return trace


def trace_from_here():
    frame = sys._getframe(1)
    frame.f_trace_opcodes = True
    frame.f_trace = trace
    sys.settrace(trace)


def report(name, change, count):
    # A code object that had several tools keeps what it should not, on stock too.
    loop.__code__ = loop.__code__.replace()
    for _ in range(7):
        loop(lambda: None)
    totals = [loop(change, count), loop(lambda: None, count)]
    end()
    print(name, totals, loop(lambda: None, count), len(seen), seen)
    seen.clear()


CHANGES = {
    "local": begin,
    "lines too": lambda: begin(events=INSTRUCTION | LINE),
    "global": lambda: begin(everywhere=True),
    "tracer": trace_from_here,
    "tracer, then tool": lambda: (trace_from_here(), begin()),
    "tool, then tracer": lambda: (begin(), trace_from_here()),
}


def meanwhile():
    """Another thread's tracer comes and goes while ours is on."""
    thread = threading.Thread(target=lambda: (sys.settrace(trace), sys.settrace(None)))
    trace_from_here()
    thread.start()
    thread.join()


CHANGES["another thread's"] = meanwhile

for name, change in CHANGES.items():
    for count in (8, 7, 5):
        report(name, change, count)
