# ways: usual first warm
"""Functions get hot while the program iterates over sys.modules: bringing the compiler in must not change that dict."""

import sys
import time

while time.process_time() < 1.7:  # until calls are counted without PYSTON_THRESHOLD, too
    sum(range(20_000))


def text(name):
    return len(name) + 1


def loop(rounds):
    total = 0
    for i in range(rounds):
        total += i
    return total


for kind in (sys.modules, sys.modules.values(), sys.modules.items(), reversed(sys.modules)):
    count = 0
    for entry in kind:
        for i in range(300):
            count = text(str(i))
    print(count)

print(max(sys.modules, key=lambda name: (text(name) > 0) + loop(200)) is not None)
iterator = iter(sys.modules)
next(iterator)
loop(3_000_000)
print(next(iterator) in sys.modules)
del iterator
for i in range(300_000):
    text("again")
if hasattr(sys, "pyston_version_info"):
    import pyston

    assert pyston.is_compiled(text), pyston.explain(text)
