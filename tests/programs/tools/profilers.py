"""cProfile counts what stock counts; trace.Trace counts lines; tracemalloc names lines; timings aside."""
import cProfile
import pstats
import io
import trace
import tracemalloc

class P:
    def __init__(self, x):
        self.x = x
    @property
    def twice(self):
        return self.x * 2
    def __eq__(self, other):
        return self.x == other.x
    def __len__(self):
        return 3

def leaf(x):
    return P(x).twice + len(P(x))

def work(n):
    total = 0
    for i in range(n):
        total += leaf(i)
        total += [P(1), P(2)].index(P(2))
    return total + sum(y for y in range(3)) + max([1, 2], key=lambda v: -v)

for _ in range(10):
    work(5)
for kind in (dict(), dict(builtins=False)):
    profile = cProfile.Profile(**kind)
    profile.enable()
    work(5)
    profile.disable()
    rows = []
    for (file, line, name), (calls, total, *_rest) in pstats.Stats(profile).stats.items():
        if file == __file__ or file == "~":
            rows.append((name, line, calls, total))
    print(sorted(rows))
print(work(5))
tracer = trace.Trace(count=1, trace=0)
tracer.runfunc(work, 3)
counts = tracer.results().counts
print(sorted((line, count) for (file, line), count in counts.items() if file == __file__))

def allocate(n):
    kept = []
    for i in range(n):
        kept.append(bytearray(1000 + i))
        kept.append([i] * 200)
    text = "x" * 5000
    return kept, {i: str(i) * 50 for i in range(n)}, text

for _ in range(10):
    allocate(3)
tracemalloc.start(5)
kept = allocate(20)
snapshot = tracemalloc.take_snapshot()
tracemalloc.stop()
lines = {}
for trace_ in snapshot.traces:
    where = [(f.filename == __file__, f.lineno) for f in trace_.traceback]
    if where[-1][0] and trace_.size > 400:
        lines[tuple(where)] = lines.get(tuple(where), 0) + 1
print(sorted(lines.items()))
