# ways: usual loops loops-exits loops-evict
"""Loops of a module: the variables they change are globals, and whoever looks sees what the interpreter would show."""

import gc
import sys
import threading
import traceback

ROUNDS = 30_000

# --- numbers, and what becomes of them -------------------------------------------------------------------------

total = 0
for i in range(ROUNDS):
    total += i & 7
print(total, i)

x = 0.5
n = 0
while n < ROUNDS:
    x = x * 0.5 + n
    n += 1
print(x, n)

big = 1
for i in range(ROUNDS):
    big += big & 0xFFFF_FFFF
    if big > 1 << 90:
        big = 1
print(big, i)

kind = 0
kinds = set()
for i in range(ROUNDS):
    if i == 10_000:
        kind = 1.5
    elif i == 20_000:
        kind = "x"
    elif i == 25_000:
        kind = None
    kinds.add(type(kind).__name__)
    kind = kind + kind if isinstance(kind, (int, float)) and kind < 100 else kind
print(sorted(kinds), kind)

# --- names that come and go --------------------------------------------------------------------------------------

for i in range(ROUNDS):
    if i == 15_000:
        late = i
    if i == 20_000:
        del late
    if i == 25_000:
        late = "again"
    if i % 5_000 == 0:
        globals()[f"name{i}"] = i
print(late, name0, name25000)  # noqa: F821

seen = []
for i in range(ROUNDS):
    temporary = i
    if i % 10_000 == 0:
        seen.append(temporary)
    del temporary
print(seen, "temporary" in globals())

try:
    for i in range(ROUNDS):
        if i == 20_000:
            del total
        total + 1
except NameError as error:
    print(i, error)
total = 0

# --- others look and write ---------------------------------------------------------------------------------------

count = 0


def bump(by):
    global count
    count += by


def look():
    return count, i


looks = []
for i in range(ROUNDS):
    count += 1
    if i % 7_000 == 0:
        bump(100)
        looks.append(look())
    count += 1
print(count, looks)

for i in range(ROUNDS):
    count = i
    if i == 17_000:
        exec("count = 'from exec'")
        print(count)
    if i == 18_000:
        globals()["count"] = 1 << 80
        print(count)
    if i == 19_000:
        globals().update(count=[1])
        print(count)
print(count)


class Rebinds:
    """A finalizer that changes what the loop keeps in a register."""

    def __del__(self):
        global count, died
        count = -1_000_000
        died += 1
        if died == 3:
            globals()["another"] = died


died = 0
count = 0
for i in range(ROUNDS):
    count += 1
    if i % 9_000 == 5:
        Rebinds()
    count += 1
print(count, died, another)  # noqa: F821

keeper = None
count = 0
for i in range(ROUNDS):
    count += 1
    if i % 9_000 == 5:
        keeper = Rebinds()
    elif i % 9_000 == 10:
        keeper = None
    count += 1
print(count, died)

box = [None]
count = 0
for i in range(ROUNDS):
    count += 1
    box[0] = Rebinds() if i % 9_000 == 5 else None
    count += 1
print(count, died)


class Chain:
    def __init__(self, label):
        self.label = label

    def __del__(self):
        global holder
        holder = None


holder = Chain("first")
labels = []
for i in range(ROUNDS):
    if i % 10_000 == 0:
        holder = Chain(i)
        other = Chain("other")
    if i % 10_000 == 1:
        del other
        labels.append(holder is None)
print(labels)

stop = False


def stopper():
    global stop
    stop = True


timer = threading.Timer(0.05, stopper)
timer.start()
rounds = 0
while not stop:
    rounds += 1
print(stop, rounds > 0)
timer.join()

shared = 0


def add_shared():
    global shared
    for _ in range(2_000):
        shared += 0
        shared_list.append(1)


shared_list = []
workers = [threading.Thread(target=add_shared) for _ in range(3)]
for worker in workers:
    worker.start()
mine = 0
while any(worker.is_alive() for worker in workers):
    mine += 1
print(len(shared_list), shared)

# --- exceptions ----------------------------------------------------------------------------------------------------


def fail(i):
    if i % 10_000 == 9_999:
        raise ValueError(i)
    return i


caught = []
for i in range(ROUNDS):
    try:
        total += fail(i)
    except ValueError as error:
        caught.append((error.args, error.__traceback__.tb_lineno, error.__traceback__.tb_next.tb_lineno))
    finally:
        total -= 1
print(total, caught, "error" in globals())

try:
    for i in range(ROUNDS):
        total += 10 // (20_000 - i)
except ZeroDivisionError:
    print(i, total)
    traceback.print_exc(file=sys.stdout)

try:
    try:
        for i in range(ROUNDS):
            fail(i)
    finally:
        print("finally", i)
except ValueError:
    traceback.print_exc(file=sys.stdout)

for i in range(ROUNDS):
    try:
        if i == 20_000:
            break
        if i == 19_000:
            continue
    finally:
        total += 1
else:
    print("not reached")
print(i, total)

try:
    raise KeyError("outer")
except KeyError:
    for i in range(ROUNDS):
        if i == 20_000:
            print(sys.exception())
        try:
            fail(i)
        except ValueError as error:
            print(repr(error.__context__))
print(sys.exception())

# --- shapes of loops -----------------------------------------------------------------------------------------------

for i in range(200):
    for j in range(200):
        if j == 150:
            break
        total += j
    else:
        print("not reached")
    total -= i
print(total, i, j)

pairs = [(k, str(k)) for k in range(200)]
joined = 0
for _ in range(100):
    for key, (first, *rest) in pairs:
        joined += key + len(first) + len(rest)
print(joined)

outer = 0
while True:
    outer += 1
    inner = 0
    while True:
        inner += 1
        if inner > 300:
            break
    if outer > 100:
        break
print(outer, inner)

squares = [y * y for y in range(ROUNDS)]
print(sum(squares), "y" in globals())
print(sum(y for y in range(ROUNDS) if y & 1))
table = {y: y for y in range(ROUNDS)}
for key in table:
    table[key] += 1
print(sum(table.values()))

text = ""
for i in range(ROUNDS):
    text += "ab"[i & 1]
print(len(text), text[-3:])

for i in range(ROUNDS):
    match i % 4:
        case 0 | 1:
            total += 1
        case 2 if i > 100:
            total += 2
        case _:
            total -= 1
print(total)


class Body:
    """A class body that loops: its names are neither globals nor slots."""

    number = 0
    for step in range(ROUNDS):
        number += step & 3
    del step


print(Body.number, hasattr(Body, "step"))


def make_body(rounds, around):
    class Body:
        """The same, with a variable of the function around it, which its own hides later."""

        number = 0
        for step in range(rounds):
            number += around
            if step == rounds // 2:
                locals()["around"] = 2

    return Body


print(make_body(ROUNDS, 1).number, make_body(ROUNDS, 1.5).number)

for i in range(ROUNDS):
    if i % 1000 == 0:
        from math import *  # noqa: F403
print(floor(i / 7), i)  # noqa: F405

nan = float("nan")
kinds = set()
for i in range(ROUNDS):
    kinds.add(nan)
print(len(kinds), nan in kinds)

space = {"n": ROUNDS}
exec("t = 0\nfor k in range(n):\n    t += k", space)
print(space["t"], space["k"])
apart = {}
exec("t = 0\nfor k in range(n):\n    t += k", space, apart)
print(apart["t"], apart["k"])


class Globals(dict):
    pass


special = Globals(n=ROUNDS)
exec("t = 0\nfor k in range(n):\n    t += k", special)
print(special["t"])

code = compile("t = 0\nfor k in range(n):\n    t += k\nlast = k", "<twice>", "exec")
for limit in (ROUNDS, ROUNDS + 1, ROUNDS):
    fresh = {"n": limit}
    exec(code, fresh)
    print(fresh["t"], fresh["last"])
mixed = {"n": 5.5, "t": 0}
del fresh
gc.collect()

# --- builtins that are hidden and shown again ------------------------------------------------------------------------

lengths = 0
for i in range(ROUNDS):
    lengths += len("abc")
    if i == 10_000:
        len = lambda value: 100  # noqa: E731
    if i == 20_000:
        del len
print(lengths)
