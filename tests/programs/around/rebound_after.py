# ways: first warm exits loops
"""A global that a function's code took for constant is rebound right after that code has ended, in the function's caller, which is
compiled and has no call from C in between: the old value dies there. The code had retired while it ran, so nobody watched the
global for it any more. And one that a loop of a module's took for constant is rebound while it runs, in a function that runs code:
the old value is dead when the loop has ended, though the module's frame goes on. (Not where code is evicted while it runs, at random:
what it held then waits, one time in eight, until no compiled code runs.)"""
import gc

gc.disable()
log = []


class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        log.append(f"{self.name} dies")


SOURCE = """
held = -5
count = 0
def ends():
    global count
    count += 1  # retires this very code
    str(held)
    return {'loud': Loud(f'ends {count}')}
def caller():
    globals()['held'] = ends()
    log.append('rebound')
def raises(fails):
    global count
    count += 1
    str(held)
    if fails:
        raise ValueError
def unwound():
    try:
        raises(True)
    except ValueError:
        globals()['held'] = Loud(f'raises {count}')
        log.append('rebound')
def throws(fails):
    str(held)
    change(fails)
def change(fails):
    global count
    count += 1
    if fails:
        raise ValueError
def unwound_by_callee():
    try:
        throws(True)
    except ValueError:
        globals()['held'] = Loud(f'throws {count}')
        log.append('rebound')
def steps():
    global count
    count += 1
    str(held)
    yield count
def generated():
    for i in steps():
        globals()['held'] = Loud(f'steps {i}')
        log.append('rebound')
for i in range(CALLS):
    TESTED()
"""

for name in ("caller", "unwound", "unwound_by_callee", "generated"):
    for calls in (4, 12):
        exec(SOURCE.replace("TESTED", name), {"Loud": Loud, "CALLS": calls, "log": log})
        gc.collect()
        print(name, calls, ", ".join(log))
        log.clear()

LOOP = """
held = [Loud('first')]
def change(i):
    if i == 50:
        globals()['held'] = [Loud('second')]
    return i
for i in range(60):
    str(held)
    change(i)
log.append('loop ended')
held = None
log.append('end')
"""


def run(source):
    exec(source, {"Loud": Loud, "log": log})
    log.append("ran")


for i in range(10):
    run("1")
run(LOOP)
print(", ".join(log))
