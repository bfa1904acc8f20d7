"""A module is reloaded, its attributes change, it gets a __getattr__, it is removed."""
import importlib
import os
import sys
import tempfile

folder = tempfile.mkdtemp()
sys.path.insert(0, folder)
sys.dont_write_bytecode = True
path = os.path.join(folder, "changing.py")

def write(text):
    with open(path, "w") as file:
        file.write(text)
    importlib.invalidate_caches()

write("value = 1\ndef f(x):\n    return x + value\ndef g(x):\n    return f(x) * 2\nclass C:\n    def m(self): return 'one'\n")
import changing

def use(x):
    return changing.f(x), changing.g(x), changing.value, changing.C().m()

from changing import f, C
instance = C()

def kept(x):
    return f(x), instance.m(), isinstance(instance, changing.C)

def rounds():
    for function in (use, kept):
        seen = [function(3) for _ in range(12)]
        print(seen[0], all(s == seen[0] for s in seen))

rounds()
write("value = 100\ndef f(x):\n    return x - value\ndef g(x):\n    return 'g', f(x)\nclass C:\n    def m(self): return 'two'\n")
importlib.reload(changing)
rounds()
changing.value = 5
rounds()
del changing.value
changing.__getattr__ = lambda name: f"module hook {name}"
try:
    rounds()
except NameError as error:
    print(error)
changing.__dict__["value"] = 1
rounds()
del sys.modules["changing"]
import changing
rounds()
for i in range(20):
    changing.value = i
    print(use(1)[2], end=" ")
print()
