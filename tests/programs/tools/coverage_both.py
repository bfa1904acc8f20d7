"""coverage.py finds the same lines and branches with its C tracer and with sys.monitoring."""
import os
import sys
import tempfile

import coverage

SOURCE = '''
def leaf(x):
    if x % 2:
        return 1
    return 0

def never():
    return 5

class C:
    def __init__(self, x):
        self.x = x
    def m(self):
        try:
            return 1 // self.x
        except ZeroDivisionError:
            return -1

def gen(n):
    for i in range(n):
        yield i
    return

def work(n):
    total = 0
    while n:
        total += leaf(n)
        n -= 1
    else:
        total += 1
    for c in [C(0), C(1)]:
        total += c.m()
    if total > 1000:
        total = 0
    return total + sum(gen(3)) + len([x for x in range(3) if x])
'''
folder = tempfile.mkdtemp()
path = os.path.join(folder, "measured.py")
with open(path, "w") as file:
    file.write(SOURCE)
sys.path.insert(0, folder)
for core in ("ctrace", "sysmon", "pytrace"):
    for branch in (False, True):
        os.environ["COVERAGE_CORE"] = core
        sys.modules.pop("measured", None)
        import measured
        for _ in range(10):
            measured.work(4)
        measuring = coverage.Coverage(data_file=None, branch=branch, include=[path])
        measuring.start()
        measured.work(4)
        measuring.stop()
        data = measuring.get_data()
        print(core, branch, sorted(data.lines(path)), sorted(data.arcs(path) or []) if branch and core != "sysmon" else "")
        measured.work(4)
