# ways: usual loops loops-exits
"""Tools that come and go while a loop runs compiled: they see what they would on stock."""

import signal
import sys

ROUNDS = 60_000


def traced(n):
    events = []

    def tracer(frame, event, arg):
        if frame.f_code is traced.__code__:
            events.append((event, frame.f_lineno - frame.f_code.co_firstlineno))
        return tracer

    total = 0
    for i in range(n):
        total += i
        if i == n - 100:
            sys._getframe().f_trace = tracer
            sys.settrace(tracer)
        if i == n - 97:
            sys.settrace(None)
            break
    return total, events


print(traced(ROUNDS))


def helper(i):
    return i


def profiled(n):
    calls = []

    def profiler(frame, event, arg):
        if event == "call":
            calls.append(frame.f_code.co_name)

    for i in range(n):
        helper(i)
        if i == n - 5:
            sys.setprofile(profiler)
    sys.setprofile(None)
    return calls


print(profiled(ROUNDS))

lines = []


def on_line(code, line):
    lines.append(line - code.co_firstlineno)


def monitored(n):
    for i in range(n):
        if i == n - 3:
            sys.monitoring.use_tool_id(0, "test")
            sys.monitoring.register_callback(0, sys.monitoring.events.LINE, on_line)
            sys.monitoring.set_local_events(0, monitored.__code__, sys.monitoring.events.LINE)
        helper(i)
    sys.monitoring.free_tool_id(0)


monitored(ROUNDS)
print(lines)

jumps = []


def on_jump(code, start, target):
    jumps.append(target < start)


def watched(n):
    total = 0
    for i in range(n):
        total += i
    return total


sys.monitoring.use_tool_id(1, "jumps")
sys.monitoring.register_callback(1, sys.monitoring.events.JUMP, on_jump)
sys.monitoring.set_local_events(1, watched.__code__, sys.monitoring.events.JUMP)
print(watched(ROUNDS), len(jumps), all(jumps))
sys.monitoring.free_tool_id(1)
print(watched(ROUNDS), len(jumps))

state = "waiting"


def on_alarm(number, frame):
    global state
    state = "rung"


signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.05)
rounds = 0
while state == "waiting":
    rounds += 1
print(state)


def interrupted():
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    count = 0
    try:
        while True:
            count += 1
    except KeyboardInterrupt:
        return "interrupted", count > 0


def interrupt(number, frame):
    raise KeyboardInterrupt


signal.signal(signal.SIGALRM, interrupt)
try:
    print(interrupted())
except KeyboardInterrupt:
    # At the back edge of `while True` the interpreter has left the try block already.
    print(("interrupted", True))

for step in range(ROUNDS):
    if step == ROUNDS - 10:
        sys.settrace(lambda frame, event, arg: None)
    if step == ROUNDS - 5:
        sys.settrace(None)
print(step)

if sys.monitoring.get_tool(5) not in (None, "pyston"):
    print("the optimizer's tool has another name")
