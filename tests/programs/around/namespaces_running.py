# ways: first warm exits evict
"""A namespace loses its names while its functions run. What compiled code has taken for constant may die later than on stock, but
no later than that code ends: so this is told where none runs, and there is no loop."""
import gc

gc.disable()
CALLS = 20
died = []


class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        died.append(self.name)


def report(title):
    gc.collect()
    print(title, sorted(died))
    died.clear()


SOURCE = """
held = [Loud("held while it runs")]
def inner(x, end):
    if end is not None:
        end(x)
    return len(held)
def outer(x, end=None):
    before = inner(x, end)
    return before + len(held) + inner(x, None)
for i in range(CALLS):
    outer(i)
"""


def make():
    namespace = {"Loud": Loud, "CALLS": CALLS}
    exec(SOURCE, namespace)
    return namespace


def rebound():
    namespace = make()

    def end(x):
        namespace["held"] = [Loud("another"), Loud("and one more")]
        gc.collect()

    print(namespace["outer"](1, end), len(namespace["held"]))


def deleted():
    namespace = make()

    def end(x):
        del namespace["inner"], namespace["held"]
        gc.collect()

    try:
        namespace["outer"](1, end)
    except NameError as error:
        print(error)


def cleared():
    namespace = make()

    def end(x):
        namespace.clear()
        gc.collect()

    try:
        namespace["outer"](1, end)
    except NameError as error:
        print(error)


def replaced():
    namespace = make()

    def end(x):
        exec(SOURCE, namespace)
        gc.collect()

    print(namespace["outer"](1, end), len(namespace["held"]))


def dropped():
    namespace = make()
    box = [namespace.pop("outer")]
    del namespace

    def end(x):
        gc.collect()
        print("ending:", died, end=" ")

    print(box.pop()(1, end))


rebound()
report("rebound")
rebound()
report("rebound")
deleted()
report("deleted")
deleted()
report("deleted")
cleared()
report("cleared")
cleared()
report("cleared")
replaced()
report("replaced")
replaced()
report("replaced")
dropped()
report("dropped")
dropped()
report("dropped")
