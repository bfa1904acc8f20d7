"""Containers that change while compiled code goes over them."""

def walk_list(items):
    seen = []
    for i in items:
        seen.append(i)
        if i == 2: items.append(9)
        if i == 4: items.remove(1)
        if i == 9 and len(items) > 8: items.clear()
    return seen

def walk_dict(d):
    seen = []
    for k in d:
        seen.append(k)
        if len(seen) == 2: d["new"] = 1
    return seen

def walk_items(d):
    for k, v in d.items():
        d[k] = v + 1
    return d

def walk_set(s):
    for i in s:
        s.discard(i)

def slice_while(items):
    total = 0
    for i in range(len(items)):
        total += items[i]
        if i == 1: items[:] = [1, 2, 3]
    return total

class Evil:
    def __init__(self, items): self.items = items
    def __eq__(self, other):
        self.items.clear()
        return False
    def __index__(self):
        self.items.clear()
        return 1
    __hash__ = None

def contains(items):
    return 5 in items

def subscript(items):
    return items[Evil(items)]

def sort(items):
    return sorted(items, key=lambda x: items.append(1) or x)

def attempt(f, *args):
    for _ in range(8):
        made = [arg() for arg in args]
        try:
            result = f(*made)
        except Exception as error:
            result = f"{type(error).__name__}: {error}"
    print(f.__name__, result, *made)

attempt(walk_list, lambda: [1, 2, 3, 4, 5])
attempt(walk_list, lambda: list(range(12)))
attempt(walk_dict, lambda: {1: 2, 3: 4, 5: 6})
attempt(walk_items, lambda: {1: 2, 3: 4})
attempt(walk_set, lambda: {1, 2, 3})
attempt(slice_while, lambda: [5, 6, 7])
attempt(slice_while, lambda: [5, 6, 7, 8, 9])
def evil_list():
    items = [1, 2, 3]
    items.insert(0, Evil(items))
    return items
attempt(contains, evil_list)
attempt(subscript, lambda: [1, 2, 3])
attempt(sort, lambda: [3, 1, 2])
