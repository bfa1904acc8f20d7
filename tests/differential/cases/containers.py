from prelude import case, see


@case(
    "[1, 2, 3], 1",
    "(1, 2, 3), -1",
    "'abc', 0",
    "{1: 'x'}, 1",
    "b'ab', 1",
    "[1], 5",
    "[1], -2",
    "(1,), 2**70",
    "[1, 2], True",
)
def get(c, i):
    return c[i]


@case("[1, 2, 3]", "(1, 2, 3)", "'abc'", "[]")
def constant_index(c):
    return c[0], c[-1], c[1], c[-2]


@case(
    "[1, 2, 3], 1, 5",
    "[1], -1, 5",
    "[], 0, 5",
    "{}, 'k', 5",
    "(1,), 0, 5",
    "bytearray(b'ab'), 0, 5",
    "bytearray(b'ab'), 0, 500",
)
def set_item(c, i, v):
    c[i] = v
    return c


@case("[1, 2, 3], 1", "{1: 2}, 1", "{1: 2}, 3", "[1], -1", "(1,), 0")
def delete_item(c, i):
    del c[i]
    return c


@case("[1, 2, 3, 4], 1, 3", "'abcdef', 1, -1", "(1, 2), None, None", "[1], 5, 9", "b'abc', -2, None")
def slices(c, a, b):
    return c[a:b], c[:b], c[a:], c[:], c[a:b:1], c[::-1], c[1:3]


@case("[1, 2, 3, 4]")
def set_slices(c):
    c[1:3] = ["a", "b", "c"]
    c[:0] = (0,)
    c[::2] = range(len(c[::2]))
    del c[1:2]
    del c[::3]
    c[len(c) :] = "xy"
    return c


@case("1, 2", "'a', []")
def build(a, b):
    return (a, b), [a, b], {"a": a, "b": b}, {1: a, "z": b}, [*(a, b), a], (*[a], b), {a: 1} if a == 1 else 0


@case("1, 2", "'a', 'b'", "1, 1")
def build_sets(a, b):
    return {a, b}, {*[a], b}, {a: b, b: a}


@case(
    "(1, 2, 3)",
    "[1, 2, 3]",
    "'abc'",
    "(1, 2)",
    "(1, 2, 3, 4)",
    "iter([1, 2, 3])",
    "{1: 1, 2: 2, 3: 3}",
    "range(3)",
)
def unpack(x):
    a, b, c = x
    return c, b, a


@case("(1, 2, 3, 4)", "[1, 2]", "'a'", "iter(range(5))")
def star_unpack(x):
    a, *b, c = x
    return a, b, c


@case("[1, 2, 3]", "()")
def star_unpack_ends(x):
    *a, b = x
    c, *d = x
    return a, b, c, d


@case("((1, 2), [3, (4, 5)])")
def nested_unpack(x):
    (a, b), [c, (d, e)] = x
    return e, d, c, b, a


@case("1, 2, 3")
def swaps(a, b, c):
    a, b = b, a
    a, b, c = c, a, b
    a = b = c
    return a, b, c


@case("3", "0", skip="big float nan minus_big")
def comprehensions(n):
    x = "outer"
    a = [x for x in range(n)]
    b = {x: x * x for x in range(n)}
    c = {x % 2 for x in range(n)}
    d = [(x, y) for x in range(n) for y in range(x) if (x + y) % 2]
    e = [[x for x in range(y)] for y in range(n)]
    f = [n for n in a if n]
    return a, b, c, d, e, f, x, n


@case("[1, 2, 0, 4]", "[]", "[1, 'a']")
def failing_comprehension(items):
    x = "kept"
    try:
        r = [10 // x for x in items]
    except Exception as error:
        return x, type(error).__name__
    return r, x


@case("[1, 2, 3]")
def unbound_in_comprehension(items):
    r = [y for y in items]
    see(r)
    return y  # noqa: F821


@case("[1, 2, 3]")
def closure_in_comprehension(items):
    fs = [lambda: x for x in items]
    return [f() for f in fs]


@case("1, 2.5", "'x', None", "[1], {}", "2**70, -1")
def format_strings(a, b):
    return f"{a} and {b!r} {a!s:>5} {b!a} {a}{b} {{}}", f"{a:}", "", "x", f"{a=}"


@case("3, 8", "3.14159, 10", "-1, 4")
def format_spec(a, w):
    return f"{a:{w}} {a:<{w}.2f} {a:+}"


@case("['a', 'b']")
def joins(items):
    return (
        ",".join(items),
        "-".join([x.upper() for x in items]),
        "".join(items) + "x",
        " ".join(x for x in items),
    )


@case("[1, 2], 1", "(1, 2), 3", "{1: 1}, 1", "'abc', 'b'", "{1, 2}, 2", "range(5), 3", "'abc', 1")
def contains(c, x):
    if x in c:
        r = "in"
    else:
        r = "out"
    return r, x not in c, x in (1, 2, 3), x in {1, "b"}


@case("[1, 2, 3]", "{1: 2}", "'abc'", "()", "{1, 2}")
def lengths(c):
    if len(c) > 2:
        return len(c)
    return len(c) + 1


@case("{'a': 1}", "{}")
def dict_methods(d):
    d.setdefault("k", []).append(1)
    d["n"] = d.get("n", 0) + 1
    d.update(z=1)
    return d.pop("a", None), sorted(d), d | {"y": 2}, list(d.items())


@case("[3, 1, 2]")
def list_methods(c):
    c.append(5)
    c.extend([1, 2])
    c.insert(0, 9)
    c.sort()
    c.reverse()
    return c.pop(), c.index(1), c.count(1), c, c.copy(), c * 2, c + [1]


@case("'a,b', ','", "' x ', 'x'")
def str_methods(s, sep):
    return s.split(sep), s.strip(), s.upper(), s.replace("a", "b"), s.startswith("a"), s.find(sep), s.encode()


@case("[1, 2]")
def append_result(c):
    r = c.append(3)
    return r, c


@case("[1, 2, 3, 4]", "[]")
def sums(c):
    return sum(c), sum(c, 10), sorted(c, reverse=True), list(map(str, c)), [*filter(None, c)], any(c), all(c)


@case("{'x': 1}", "{}", "{1: 2}")
def keywords(d):
    return dict(**d), dict(a=1, **d)


@case("[1, 2], [3]")
def in_place_lists(a, b):
    c = a
    c += b
    c *= 2
    return a, c, a is c


@case("[[1, 2], [3, 4]]")
def matrix(m):
    t = [[row[i] for row in m] for i in range(len(m))]
    t[0][1], t[1][0] = t[1][0], t[0][1]
    t[0][0] += 5
    t[-1][-1] *= 2
    return t


@case("{}, 'k'")
def nested_dict(d, k):
    d[k] = {}
    d[k]["a"] = [1]
    d[k]["a"][0] += 1
    d[k]["a"] += [3]
    return d


@case("slice(1, 3)", "1", "0.5")
def slice_objects(s):
    return [1, 2, 3, 4][s]


@case("(1, 2)")
def tuple_identity(t):
    a, b = t
    return t is t[:], t is tuple(t), (a, b) == t, t + (), () == ()
