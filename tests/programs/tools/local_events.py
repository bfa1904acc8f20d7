"""Local events of a function that compiled code calls: wanted in the midst of it, by a caller that is running."""

import sys

monitoring = sys.monitoring
events = monitoring.events
TOOL = 3


def line(code, number):
    print("line", code.co_name, number - code.co_firstlineno)


def leaf(x):
    x += 1
    return x


def steps(n):
    x = n
    yield x
    yield x + 1


async def waits(n):
    x = n
    return x


async def awaits(n):
    return await waits(n) + await waits(n)


class Thing:
    def method(self, x):
        y = x
        return y

    @property
    def prop(self):
        y = 1
        return y

    def __init__(self):
        self.x = 1

    def __len__(self):
        y = 3
        return y


def run(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value


def calls(i):
    thing = Thing()
    return leaf(i), sum(steps(i)), thing.method(i), thing.prop, len(thing), run(awaits(i))


WATCHED = [leaf, steps, waits, Thing.method, Thing.prop.fget, Thing.__init__, Thing.__len__]


def switch(on):
    if not on:
        monitoring.free_tool_id(TOOL)
        return
    monitoring.use_tool_id(TOOL, "local")
    monitoring.register_callback(TOOL, events.LINE, line)
    for function in WATCHED:
        monitoring.set_local_events(TOOL, function.__code__, events.LINE)


def work(n, at):
    for i in range(n):
        if i in at:
            switch(at[i])
            print(i, calls(i))
        elif i % 1000 == 5:
            print(i, calls(i))
        else:
            calls(i)


for _ in range(20):
    work(3, {})
work(8, {2: True, 3: False, 6: True, 7: False})
work(8, {2: True})
work(2, {1: False})
work(3010, {3004: True, 3006: False})


def again(depth):
    """The caller's caller is compiled, too, and its own callees are watched when it goes on."""
    if depth:
        result = again(depth - 1)
    else:
        switch(True)
        result = 0
    return result + leaf(depth)


for _ in range(20):
    leaf(1)
print(again(4))
switch(False)
print(again(0))
