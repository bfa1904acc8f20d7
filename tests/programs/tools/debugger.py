# ways: first warm exits evict
"""pdb: breakpoints, steps, locals written, breakpoint() in straight code and in loops."""
import io
import pdb
import re
import sys

def leaf(x):
    y = x + 1
    return y

def work(n):
    total = 0
    for i in range(n):
        total += leaf(i)
    if n == 4:
        breakpoint()
        total += 1000
        total = leaf(total)
    return total

for _ in range(12):
    work(3)

def session(commands, call):
    out = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO("\n".join(commands) + "\n"), stdout=out, nosigint=True, readrc=False)
    debugger.use_rawinput = False
    sys.breakpointhook = lambda *args, **kwargs: debugger.set_trace(sys._getframe(1))
    try:
        result = debugger.runcall(call) if call is not None else work(4)
    except BaseException as error:
        result = repr(error)
    text = re.sub(r"> \S*/", "> ", out.getvalue())
    print(text)
    print("result", result)

session(["w", "n", "p total", "n", "s", "p x", "r", "c"], None)
session(["!total = 5", "n", "n", "n", "p total", "c"], None)
session(["b leaf", "c", "p x", "c", "p x", "cl 1", "c", "c"], lambda: work(3))
session([f"tbreak {leaf.__code__.co_firstlineno + 2}", "c", "p y", "u", "p i, total", "d", "c"], lambda: work(3))
session(["until", "until", "until", "until", "q"], lambda: work(3))
session(["n", "n", "j %d" % (work.__code__.co_firstlineno + 4), "c"], lambda: work(3))
print(work(3), sys.gettrace())
