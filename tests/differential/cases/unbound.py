"""Locals that are numbers or unbound: a loop binds them, on some of its ways or in no round at all.

They stay numbers in compiled loops; -2**31 is the one that says "see the slot" (compiler/passes/unbox_phis.py).
"""

import sys

from prelude import case, look, see

LEAST = -(2**31)


@case("3", "0", "1", skip="big")
def after_empty(n):
    for i in range(n):
        for j in range(i):
            pass
    return sorted(locals()), j


@case("4, 3", "3, 0", "0, 3", "1, 1", skip="big")
def nest(n, m):
    total = 0
    for i in range(n):
        for j in range(m):
            for k in range(j):
                total += k
    see(sorted(locals().items()))
    return total, k


@case("8, 3", "8, 100", "0, 3", skip="big")
def on_one_way(n, when):
    total = 0
    for i in range(n):
        if i == when:
            found = i * 3
        total += i
    see(sorted(locals().items()))
    return found + total


@case("6, 2", "6, 9", "0, 0", skip="big")
def seen_by_a_callee(n, when):
    total = 0
    for i in range(n):
        for j in range(n):
            if j == when:
                product = i * j
            total += j
        look()
    look()
    return total


@case("[1, 2, 3, 4]", "[1, 2, 'x', 4]", "[1.5]", "[2**70, 1]", "[]")
def leaves_in_the_middle(items):
    total = 0
    for i in range(len(items)):
        item = items[i]
        twice = i + i
        if i > 1:
            late = twice * 3
        total = total + item
    see(sorted(locals().items()))
    return total


@case("[1, 2, 3]", "[1, 2, None]", "[None]", "[]")
def raises_in_the_middle(items):
    total = 0
    try:
        for i in range(len(items)):
            for j in range(i):
                last = i * 10 + j
                total += last
            total += items[i]
    except TypeError as error:
        see(sorted(error.__traceback__.tb_frame.f_locals.items(), key=str))
    look()
    return total


@case("-2147483650, 5", "-2147483648, 1", "-2147483647, 3", skip="big")
def least(start, count):
    """The number that stands for the slot is one of the program's own."""
    total = 0
    for i in range(start, start + count):
        for j in range(i, i + 2):
            if j == LEAST:
                found = j
            total += j & 1
    see(sorted(locals().items()))
    return found, total


@case("3, 2", "3, 0", skip="big")
def least_then_nothing(n, m):
    for i in range(n):
        for j in range(LEAST, LEAST + m - i):
            half = j + 0
        see(sorted(locals().items()))
    return i, half


@case("5", "0", skip="big")
def deleted(n):
    total = 0
    for i in range(n):
        total += i
        square = i * i
        if i == 3:
            del square
    see(sorted(locals().items()))
    del i
    return square


@case("7", "1", "0", skip="big")
def by_while(n):
    while n > 0:
        m = n
        while m > 2:
            rest = m & 3
            m -= 2
        n -= 1
    see(sorted(locals().items()))
    return rest


@case("4", "0", skip="big")
def other_kinds_later(n):
    total = 0
    for i in range(n):
        total += i
        last = total
    for i in range(n):
        last = [last]
    for i in range(n):
        total += i
    see(sorted(locals().items()))
    return last


@case("4", "0", skip="big")
def comprehension_inside(n):
    out = 0
    for i in range(n):
        for j in range(n):
            out += j
            k = j
        out += sum([j for j in range(k)])
    see(sorted(locals().items()))
    return out, j


@case("4", "0", skip="big")
def generates(n):
    def numbers():
        total = 0
        for i in range(n):
            for j in range(i):
                total += j
            yield total, sorted(locals().items(), key=str)
        yield j

    out = []
    for number in numbers():
        out.append(number)
    return out


@case("2000", "3", skip="big")
def frames_from_outside(n):
    """A tracer that comes and goes sees the numbers."""
    seen = []

    def trace(frame, event, argument):
        seen.append((event, frame.f_lineno, sorted(frame.f_locals.items(), key=str)[:6]))
        return trace

    def loop(n):
        total = 0
        for i in range(n):
            for j in range(2):
                last = i + j
                total += last
            if i == 1:
                sys.settrace(trace)
            if i == 2:
                sys.settrace(None)
        return total, i, last

    try:
        result = loop(n)
    finally:
        sys.settrace(None)
    return result, len(seen), seen[:12]


@case("600", "2", "0", skip="big")
def overflows(n):
    for i in range(n):
        for j in range(2):
            power = 1 << (i & 31)
            big = power * power * power
    see(sorted(locals().items()))
    return big
