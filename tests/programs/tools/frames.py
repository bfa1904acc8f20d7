"""Frames seen from everywhere: inspect, traceback with marks, faulthandler, _current_frames, gc, warnings."""
import faulthandler
import gc
import inspect
import sys
import tempfile
import threading
import traceback
import warnings

class Look:
    def __init__(self, what):
        self.what = what
    def __eq__(self, other):
        return show(self.what, 1)
    __hash__ = None

def show(what, depth=0):
    frame = sys._getframe(1 + depth)
    if what == "stack":
        print([(f.function, f.lineno, f.positions.col_offset, f.positions.end_col_offset) for f in inspect.stack(0)[1 + depth:]])
    elif what == "args":
        print(inspect.getargvalues(frame))
    elif what == "locals":
        print(dict(frame.f_locals), frame.f_lineno, frame.f_lasti, frame.f_code.co_name)
    elif what == "write":
        frame.f_locals["x"] = "written"
    elif what == "new":
        frame.f_locals["fresh"] = 1
        print(frame.f_locals["fresh"])
    elif what == "clear":
        try:
            frame.clear()
        except RuntimeError as error:
            print(error)
    elif what == "trace":
        print("".join(traceback.format_stack(frame)))
    elif what == "fault":
        with tempfile.TemporaryFile("w+") as file:
            faulthandler.dump_traceback(file, all_threads=False)
            file.seek(0)
            print(file.read())
    elif what == "referrers":
        print(sorted(type(r).__name__ for r in gc.get_referrers(marker) if type(r).__name__ in ("list", "dict")))
    elif what == "warn":
        warnings.warn("from the level above", stacklevel=2 + depth)
    elif what == "code":
        print(frame.f_back.f_code.co_name, frame.f_globals is globals(), frame.f_builtins["len"] is len)
    elif what == "names":
        print(sorted(k for k in frame.f_locals))
    return False

marker = ["marker"]

def target(x, what, *args, key=None, **more):
    y = [x, 2]
    for i in range(2):
        z = i * 1.5
        show(what)
    w = (lambda: show(what))()
    w = [show(what) for _ in range(1)]
    w = Look(what) == 3
    return x, y, z

nowhere = open("/dev/null", "w")
for what in ["locals", "args", "stack", "write", "new", "clear", "trace", "fault", "referrers", "warn", "code", "names"]:
    print("---", what)
    warnings.simplefilter("always")
    stdout, sys.stdout = sys.stdout, nowhere
    stderr, sys.stderr = sys.stderr, sys.stdout
    for _ in range(9):
        target("x", what, 1, 2, more=3)
    sys.stdout, sys.stderr = stdout, stderr
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        print(target("x", what, 1, 2, more=3))
    print([(w.lineno, str(w.message)) for w in caught])

class Bad:
    @property
    def p(self):
        return self.inner.deep
    def __getitem__(self, i):
        raise KeyError(i)

def marks(kind, b):
    if kind == 0: return (1 + 2) * (b.x + b.y)
    if kind == 1: return b[0]["k"](b)
    if kind == 2: return [b.p for _ in range(1)][0]
    if kind == 3: return len(b) + max(1, 2 // 0)
    if kind == 4: return f"{b.p!r:>10}"
    if kind == 5: return undefined_name + 1
    if kind == 6: a, c = 1, 2, 3; return b
    if kind == 7:
        with b as c:
            return c
    if kind == 8:
        try:
            return 1 / 0
        except ZeroDivisionError as error:
            raise ValueError("chained") from error
    if kind == 9:
        try:
            return {}["missing"]
        finally:
            b.finally_attribute
    if kind == 10: return "a" + 1
    if kind == 11: del b.missing
    if kind == 12: b.p = 3
    if kind == 13: return b(1, *b)
    if kind == 14: assert b is None, "asserted"
    if kind == 15: raise ExceptionGroup("group", [ValueError(1), TypeError("t")])
    if kind == 16: return 1 < b < 3

for kind in range(17):
    for _ in range(8):
        try:
            marks(kind, Bad())
        except Exception:
            text = traceback.format_exc()
    print(text)

ready, go = threading.Event(), threading.Event()
def waits(n):
    ready.set()
    go.wait()
    return n
thread = threading.Thread(target=waits, args=(5,))
thread.start()
ready.wait()
frame = sys._current_frames()[thread.ident]
names = []
while frame is not None:
    names.append(frame.f_code.co_name)
    frame = frame.f_back
print(names[-4:])
go.set()
thread.join()
