# ways: usual
"""A debugger behind, in and below a loop that is entered while it runs stops where it does on stock."""

import io
import pdb
import re
import sys
import threading
from concurrent import interpreters


def below(i):
    if i == 1_200_000:
        breakpoint()
    return i


def behind():
    total = 0
    for i in range(1_500_000):
        total += i & 3
    breakpoint()
    total += 1000
    return total


def within():
    total = 0
    for i in range(1_500_000):
        if i == 1_200_000:
            breakpoint()
            total += 1
        total += i & 3
    return total


def call():
    total = 0
    for i in range(1_500_000):
        total += below(i) & 3
    return total


def events():
    """Our own events do not get in the way of a tool that comes while they are on."""
    seen = []
    total = 0
    for i in range(1_500_000):
        total += i & 3
        if i == 1_200_000:
            monitoring = sys.monitoring
            monitoring.use_tool_id(3, "test")
            monitoring.register_callback(
                3, monitoring.events.INSTRUCTION, lambda code, offset: seen.append(offset)
            )
            monitoring.register_callback(3, monitoring.events.LINE, lambda code, line: seen.append(line))
            monitoring.set_local_events(3, events.__code__, monitoring.events.INSTRUCTION)
            monitoring.set_local_events(
                3, events.__code__, monitoring.events.INSTRUCTION | monitoring.events.LINE
            )
        elif i == 1_200_003:
            monitoring.set_local_events(3, events.__code__, 0)
            monitoring.free_tool_id(3)
    return total, seen


def session(commands, function):
    out = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO("\n".join(commands) + "\n"), stdout=out, nosigint=True, readrc=False)
    debugger.use_rawinput = False
    sys.breakpointhook = lambda *args, **kwargs: debugger.set_trace(sys._getframe(1))
    print(function.__name__, function())
    print(re.sub(r"> \S*/", "> ", out.getvalue()))


session(["w", "n", "p total", "n", "n", "c"], behind)
session(["p i, total", "n", "n", "n", "n", "n", "p total", "c"], within)
session(["p i", "n", "r", "n", "p i, total", "n", "c"], call)
session(["w", "n", "!total = 5", "c"], behind)
print(events())
thread = threading.Thread(target=session, args=(["w", "n", "p total", "c"], within))
thread.start()
thread.join()


def traced_elsewhere():
    """A tracer in another interpreter is nothing to the loops of this one."""
    interpreter = interpreters.create()
    total = 0
    for i in range(1_500_000):
        total += i & 3
        if i == 1_200_000:
            interpreter.exec("import sys; sys.settrace(lambda *args: None); sys.settrace(None)")
    interpreter.close()
    return total


print(traced_elsewhere())
