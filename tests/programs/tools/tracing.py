"""sys.settrace and sys.setprofile switched on and off while compiled code is on the stack."""
import sys

FILE = __file__
events = []

def tracer(frame, event, arg):
    if frame.f_code.co_filename != FILE:
        return None
    events.append((event, frame.f_code.co_name, frame.f_lineno))
    return tracer

def profiler(frame, event, arg):
    if frame.f_code.co_filename == FILE:
        name = arg.__name__ if event.startswith("c_") else frame.f_code.co_name
        events.append((event, name, frame.f_lineno))

def leaf(x):
    y = x + 1
    return y

def switch(mode):
    if mode == "trace":
        sys.settrace(tracer)
        sys._getframe(1).f_trace = tracer
        sys._getframe(2).f_trace = tracer
    elif mode == "profile":
        sys.setprofile(profiler)
    elif mode == "off":
        sys.settrace(None)
        sys.setprofile(None)

def middle(mode, n):
    total = 0
    for i in range(n):
        total += leaf(i)
        if i == 1:
            switch(mode)
    try:
        total += len([1]) // (n - 3)
    except ZeroDivisionError:
        total = -1
    return total

def outer(mode):
    a = middle(mode, 3)
    b = leaf(a)
    def inner():
        return b
    return a + inner() + sum(x for x in range(2))

for mode in ["none"] * 10 + ["trace", "profile"]:
    outer(mode)
    switch("off")
    sys.setprofile(None)
    for event in events:
        print(mode, event)
    events.clear()
for mode in ["trace", "off", "profile", "none"]:
    sys.settrace(tracer)
    sys.setprofile(profiler)
    try:
        outer(mode)
    finally:
        sys.settrace(None)
        sys.setprofile(None)
    for event in events:
        print(mode, event)
    events.clear()

# A tracer that changes locals, jumps, and raises.
def changing(frame, event, arg):
    if event == "line" and frame.f_code.co_name == "target":
        if frame.f_lineno == target.__code__.co_firstlineno + 2:
            frame.f_locals["x"] = "changed by the tracer"
        if frame.f_lineno == target.__code__.co_firstlineno + 4:
            frame.f_lineno += 1
    return changing

def target(x):
    y = 1
    y = x
    z = 0
    z = "jumped over"
    return x, y, z

print([target(1) for _ in range(10)][-1])
sys.settrace(changing)
print(target(1))
sys.settrace(None)
print(target(1))

def raising(frame, event, arg):
    if event == "line" and frame.f_code.co_name == "target":
        raise ValueError("from the tracer")
    return raising

sys.settrace(raising)
try:
    target(1)
except ValueError as error:
    print(error, sys.gettrace())
print(target(2))
