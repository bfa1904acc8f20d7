"""Tracebacks and the frames in them: deep, cut, looked at, kept in cycles, with finalizers between."""

import gc
import sys

sys.setrecursionlimit(200000)


def deep(n):
    if n == 0:
        raise ValueError
    deep(n - 1)


def catch(n):
    try:
        deep(n)
    except ValueError as e:
        return e


for _ in range(3):
    catch(5)
e = catch(20000)
n = 0
tb = e.__traceback__
while tb:
    n += 1
    last = tb
    tb = tb.tb_next
print(n)
del e, tb, last
gc.collect()


# entries cut and looped
def f():
    try:
        deep(3)
    except ValueError as e:
        tb = e.__traceback__
        tb.tb_next.tb_next = None
        try:
            tb.tb_next.tb_next = tb
        except ValueError as x:
            print(x)
        e.__traceback__ = None
        return tb


for _ in range(5):
    t = f()
    print(t.tb_next.tb_frame.f_code.co_name)


class D:
    def __del__(self):
        print("del", sys._getframe(1).f_code.co_name)


def g(n):
    d = D()
    deep(n)


def h():
    for _ in range(4):
        try:
            g(2)
        except ValueError:
            pass
        print("next")


h()


def gen():
    try:
        deep(2)
    except ValueError:
        yield 1
    yield sys._getframe().f_back.f_code.co_name


def use():
    return list(gen())


for _ in range(4):
    print(use())


def looked():
    try:
        deep(1)
    except ValueError as e:
        fr = e.__traceback__.tb_frame
        fr.f_locals["new"] = 5
        return fr.f_locals["new"], fr is sys._getframe()


for _ in range(4):
    print(looked())


def trace():
    try:
        deep(1)
    except ValueError:
        sys._getframe().f_trace = lambda *a: None


for _ in range(4):
    trace()
cyc = []


def cycle():
    try:
        deep(2)
    except ValueError as e:
        keep = e
        me = sys._getframe()


for _ in range(2000):
    cycle()
print(gc.collect() >= 0)
