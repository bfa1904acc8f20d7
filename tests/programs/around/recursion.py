"""Deep recursion of every kind ends in RecursionError or works, whatever the limit."""
import sys
import threading

def down(n):
    return n if n == 0 else down(n - 1)

def mutual_a(n):
    if n == 0: return "a"
    return mutual_b(n - 1)
def mutual_b(n):
    if n == 0: return "b"
    return mutual_a(n - 1)

class Node:
    def __init__(self, n):
        self.next = Node(n - 1) if n else None
    def depth(self):
        return 1 + self.next.depth() if self.next else 1
    def __getattr__(self, name):
        return getattr(self, name + "x")
    def __eq__(self, other):
        return self.next == other.next
    __hash__ = None
    @property
    def p(self):
        return self.next.p + 1 if self.next else 0
    def __len__(self):
        return len(self.next) + 1 if self.next else 0
    def __repr__(self):
        return f"<{self.next!r}>"

def caught(n):
    try:
        return caught(n + 1)
    except RecursionError:
        return "caught"

def with_finally(n, log):
    try:
        return with_finally(n + 1, log)
    finally:
        log.append(1)

def generator(n):
    if n:
        yield from generator(n - 1)
    yield n

def through_sort(n):
    return sorted([1], key=lambda x: through_sort(n + 1))

def through_map(n):
    return list(map(through_map, [n + 1]))

def attempt(text, call):
    for _ in range(3):
        try:
            result = call()
        except RecursionError as error:
            result = "RecursionError " + str(error)[:14]
    print(text, result)

for _ in range(10):
    down(5), mutual_a(4), Node(3).depth(), Node(3).p, len(Node(3)), repr(Node(3)), Node(2) == Node(2), list(generator(3))
sys.setrecursionlimit(300)
attempt("down", lambda: down(10_000))
attempt("mutual", lambda: mutual_a(10_000))
attempt("init", lambda: Node(10_000))
node = Node(120)
attempt("depth", node.depth)
attempt("getattr", lambda: node.missing)
sys.setrecursionlimit(1000)
attempt("eq", lambda: node == Node(120))
attempt("property", lambda: node.p)
attempt("len", lambda: len(node))
attempt("repr", lambda: len(repr(node)))
attempt("caught", lambda: caught(0))
log = []
attempt("finally", lambda: with_finally(0, log))
print(len(log) > 900)
attempt("generator", lambda: sum(generator(100)))
attempt("endless generator", lambda: sum(generator(100_000)))
attempt("sort", lambda: through_sort(0))
attempt("map", lambda: through_map(0))
sys.setrecursionlimit(60_000)
attempt("deep", lambda: down(50_000))
attempt("deep mutual", lambda: mutual_a(50_000))
attempt("too deep", lambda: down(10_000_000))
sys.setrecursionlimit(10**6)
attempt("very deep", lambda: down(250_000))
attempt("endless map", lambda: through_map(0))
attempt("endless sort", lambda: through_sort(0))
sys.setrecursionlimit(1000)
threading.stack_size(256 * 1024)
def in_thread():
    attempt("thread", lambda: down(900))
    attempt("thread, too deep", lambda: down(5000))
t = threading.Thread(target=in_thread)
t.start()
t.join()
print(down(500))
