"""sys.monitoring with several tools, global and local events, DISABLE, switched while code runs."""
import sys

M = sys.monitoring
E = M.events
seen = []

def callback(tool, name):
    def called(code, *args):
        if code.co_filename == __file__ and code.co_name in ("work", "leaf", "gen", "fails"):
            seen.append((tool, name, code.co_name, args[0] if name == "LINE" else None))
        return M.DISABLE if tool == "second" and name == "LINE" else None
    return called

def leaf(x):
    return x * 2

def gen(n):
    for i in range(n):
        yield i

def fails(x):
    return 1 // x

def work(n, switch=None):
    total = 0
    for i in gen(n):
        total += leaf(i)
        if switch and i == 1:
            switch()
    try:
        fails(0)
    except ZeroDivisionError:
        total += 1
    return total

def show(text):
    print(text, len(seen))
    for item in seen:
        print("  ", *item)
    seen.clear()

for _ in range(10):
    work(3)
FIRST, SECOND = 3, 4
M.use_tool_id(FIRST, "first")
M.use_tool_id(SECOND, "second")
names = ["PY_START", "PY_RETURN", "PY_YIELD", "PY_RESUME", "LINE", "RAISE", "EXCEPTION_HANDLED", "PY_UNWIND", "JUMP", "CALL", "C_RETURN"]
for tool, name in ((FIRST, "first"), (SECOND, "second")):
    for event in names:
        if event == "C_RETURN":
            continue
        M.register_callback(tool, getattr(E, event), callback(name, event))
M.set_events(FIRST, E.PY_START | E.PY_RETURN | E.RAISE | E.PY_UNWIND)
work(3); show("global")
M.set_events(SECOND, E.LINE | E.JUMP)
work(3); show("two")
work(3); show("lines disabled")
M.restart_events()
work(3); show("restarted")
M.set_events(FIRST, 0)
M.set_events(SECOND, 0)
work(3); show("none")
M.set_local_events(FIRST, leaf.__code__, E.PY_START | E.LINE)
work(3); show("local")
M.set_local_events(FIRST, leaf.__code__, 0)
def on(): M.set_events(FIRST, E.PY_START | E.PY_RETURN | E.PY_YIELD | E.PY_RESUME)
def off(): M.set_events(FIRST, 0)
work(4, on); show("on inside")
work(4, off); show("off inside")
def local(): M.set_local_events(FIRST, work.__code__, E.LINE)
work(4, local); show("local inside")
M.set_local_events(FIRST, work.__code__, 0)
def bad(code, offset):
    raise ValueError("from a callback")
M.register_callback(FIRST, E.PY_START, bad)
M.set_local_events(FIRST, leaf.__code__, E.PY_START)
try:
    work(2)
except ValueError as error:
    print(error)
M.set_local_events(FIRST, leaf.__code__, 0)
M.free_tool_id(FIRST)
M.free_tool_id(SECOND)
seen.clear()
print(work(3), seen)
