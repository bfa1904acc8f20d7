"""Tools that are switched on by the innermost of generators that wait for each other: the others' yields are seen."""

import sys

events = []
mode = None


def note(kind):
    def callback(code, *rest):
        if code.co_name in ("inner", "middle", "outer"):
            events.append((kind, code.co_name))

    return callback


def profiler(frame, event, arg):
    if frame.f_code.co_name in ("inner", "middle", "outer"):
        events.append((event, frame.f_code.co_name, frame.f_lineno, frame.f_lasti))


def switch_on():
    if mode == "profile":
        sys.setprofile(profiler)
        return
    m = sys.monitoring
    m.use_tool_id(4, "chain")
    wanted = 0
    for name in ("PY_YIELD", "PY_RESUME", "PY_START", "PY_RETURN", "LINE"):
        event = getattr(m.events, name)
        m.register_callback(4, event, note(name))
        wanted |= event
    m.set_events(4, wanted)


def switch_off():
    sys.setprofile(None)
    if sys.monitoring.get_tool(4):
        sys.monitoring.set_events(4, 0)
        sys.monitoring.free_tool_id(4)


def inner(n):
    for i in range(n):
        if mode is not None and i == n - 3:
            switch_on()
        yield i
    return "done"


def middle(n):
    return (yield from inner(n))


def outer(n):
    result = yield from middle(n)
    yield result


def drive(n):
    return list(outer(n))


for _ in range(60):
    drive(8)
for mode in ("profile", "monitoring", "profile"):
    del events[:]
    out = drive(8)
    switch_off()
    print(mode, out)
    for event in events:
        print("  ", event)
