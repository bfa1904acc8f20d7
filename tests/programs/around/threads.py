"""Threads that switch, compile beside each other, and are still running at the end."""
import sys
import threading
import time

sys.setswitchinterval(0.0005)
lock = threading.Lock()
total = 0
local = threading.local()

class Counter:
    def __init__(self):
        self.n = 0
    def up(self):
        with lock:
            self.n += 1

counter = Counter()

def work(n):
    global total
    local.x = n
    seen = 0
    for i in range(n):
        counter.up()
        with lock:
            total += 1
        seen += i
    assert local.x == n
    return seen

def numbers(n):
    x = 0.5
    for i in range(n):
        x = x * 0.5 + i
    return x

results = []
def runner(i):
    for _ in range(20):
        work(50 + i)
    results.append(numbers(2000) == expected)

expected = numbers(2000)
threads = [threading.Thread(target=runner, args=(i,)) for i in range(6)]
for t in threads: t.start()
for t in threads: t.join()
print(total, counter.n, results)

# Each thread makes functions of its own, which are compiled while others run.
def makes(i):
    space = {}
    for k in range(15):
        exec(f"def f(a, b={k}):\n    s = 0\n    for j in range(30):\n        s += a * j + b\n    return s", space)
        for _ in range(8):
            made[i].append(space["f"](i))
made = [[] for _ in range(4)]
threads = [threading.Thread(target=makes, args=(i,)) for i in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print([sum(m) for m in made])

# One changes what the others use.
K = 1
def uses():
    return K
stop = False
def changes():
    global K
    while not stop:
        K = 1
        K = 2
        time.sleep(0)
t = threading.Thread(target=changes)
t.start()
values = {uses() for _ in range(3000)}
stop = True
t.join()
print(values <= {1, 2})
K = 3
print(uses())

# Uncaught in a thread.
def fails(x):
    return x.missing
threading.excepthook = lambda args: print(args.exc_type.__name__, args.exc_value, args.exc_traceback.tb_next.tb_next.tb_lineno)
for _ in range(3):
    t = threading.Thread(target=fails, args=(1,))
    t.start(); t.join()

# Daemons at the end.
def forever():
    x = 0
    while True:
        x += 1
        numbers(10)
        len([x])
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.1)
print("end")
