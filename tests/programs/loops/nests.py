# ways: first loops usual loops-exits loops-evict
"""Loops in loops, entered in the innermost: what goes around them then has hardly run, and may be something else."""

import sys


def numbers(n):
    yield from range(n)


# Several ways back to the inner header, and a variable that nothing but the loops' own code stores.
total = 0
for i in range(6):
    for j in range(5):
        for k in range(1500):
            if k % 3 == 0:
                total += i
            elif k % 3 == 1:
                total -= j
            else:
                total ^= k
print(i, j, k, total)

# What is iterated over changes from round to round, in the middle and outside.
total = 0
for rows in ([range(3), [1, 2.5], (1 << 70, True)], ([4], numbers(3), "ab"), {5: [6]}, [range(2), range(0)]):
    for row in rows if len(rows) != 1 else rows.values():
        for item in row:
            for k in range(700):
                total += k if isinstance(item, str) else item
    print(type(rows).__name__, item, k, total)

# A loop that makes no round leaves its variable as it was; names come and go.
for n in (900, 0, 3, 0):
    for a in range(2):
        for b in range(n):
            for c in range(n and 3):
                last = a, b, c
        print(n, a, b, c, last)
del b, c
for n in (0, 2000):
    for a in range(2):
        for b in range(n):
            for c in range(2):
                pass
    print(n, a, globals().get("b"), globals().get("c"))


def look(depth):
    names = "outer inner".split()
    print(depth, [sys._getframe(1).f_locals.get(name) for name in names])


# An exception, and a look at the frame, in the midst of it.
for outer in range(4):
    try:
        for inner in range(3000):
            if inner == 2900 and outer == 2:
                look("before")
                raise KeyError(inner)
    except KeyError as error:
        look(error.args)
    else:
        look("else")


def function(n):
    total = 0
    for i in range(n):
        for j in range(n):
            k = -1
            for k in range(j * 60):
                if i == k:
                    continue
                total += 1
            if k < 0:
                look_at = sys._getframe().f_locals
                print(i, j, k, sorted(look_at))
    return i, j, k, total


print(function(12))

# Numbers that grow out of a machine word while nothing looks.
x = 1
for i in range(3):
    for j in range(4):
        for k in range(1200):
            if k % 40 == 0 and x < 1 << 200:
                x = (x * 3 + 1) % (1 << 61)
            elif k % 599 == 1:
                x <<= 5
    print(i, j, k, x)
