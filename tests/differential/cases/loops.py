from prelude import case, look, see


@case("3, 4", "0, 1", "4, 0", skip="big float nan minus_big")
def nested(n, m):
    out = []
    for i in range(n):
        for j in range(m):
            if j == 2:
                continue
            if i == 3:
                break
            out.append(i * 10 + j)
        else:
            out.append("else")
    else:
        out.append("done")
    return out


@case("10", "0", "1", "27", skip="big float nan str bytes list dict set range tuple")
def while_else(n):
    steps = 0
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
        if steps > 100:
            break
    else:
        return "else", steps, n
    return steps


@case(
    "[1, 2, 3]",
    "(1, 2, 3)",
    "{1: 2}",
    "'abc'",
    "range(4)",
    "range(10, 0, -3)",
    "iter([1, 2])",
    "b'ab'",
    "[]",
    "()",
    "''",
)
def over_anything(things):
    out = []
    for thing in things:
        out.append(thing)
    else:
        out.append("end")
    return out


@case("[3, 4]")
def over_dict(keys):
    d = dict.fromkeys(keys, 1)
    out = []
    for k in d:
        out.append(k)
    for k, v in d.items():
        out.append((k, v))
    for v in d.values():
        out.append(v)
    return out


@case("[1, 2, 3]")
def changes_list(items):
    seen = []
    for item in items:
        seen.append(item)
        if len(items) < 8:
            items.append(item * 2)
    return seen


@case("[1, 2, 3, 4]")
def shrinks_list(items):
    seen = []
    for item in items:
        seen.append(item)
        items.pop()
    return seen


@case("{1: 1, 2: 2}")
def changes_dict(d):
    for k in d:
        d[k + 10] = 1
    return d


@case("5", "0", skip="big float nan minus_big")
def leaves_variable(n):
    for i in range(n):
        pass
    return i


@case("5", skip="big float nan minus_big")
def rebinds_variable(n):
    out = []
    for i in range(n):
        out.append(i)
        i = i * 100
        out.append(i)
    return out


@case("3", "0", skip="big float nan minus_big")
def generator_argument(n):
    return (
        sum(i * i for i in range(n)),
        list(i + 1 for i in range(n)),
        max((i for i in range(n)), default=None),
    )


@case("[(1, 2), (3, 4)]", "[(1, 'x')]", "[[1, 2]]", "[]", "[(1, 2), (1, 2, 3)]")
def pairs(items):
    out = []
    for a, b in items:
        out.append(a)
        out.append(b)
    return out


@case("['a', 'b']")
def enumerated(items):
    out = {}
    for i, item in enumerate(items, 3):
        out[item] = i
    for a, b in zip(items, reversed(items)):
        out[a + b] = 1
    return out


@case("7", skip="big float nan minus_big")
def many_variables(n):
    a = b = c = d = e = f = g = h = 1
    x = 0.5
    for i in range(n):
        a, b, c, d = b, c, d, a + e
        e = f + 1
        f = g ^ h
        g += i
        h = h * 3 % 101
        x = x * 1.5 - a
    return a, b, c, d, e, f, g, h, x


@case("4", "0", skip="big float nan minus_big")
def with_looks(n):
    total = 0
    part = 0.0
    for i in range(n):
        total += i
        part += 0.25
        look()
        last = i
    look()
    return total, part


@case("5", skip="big float nan minus_big")
def looks_rarely(n):
    total = 0
    for i in range(n):
        total += i
        square = total * total
        if i == 3:
            look()
    return total


@case("4", skip="big float nan minus_big")
def state_at_error(n):
    total = 0
    for i in range(n):
        total += i
        x = 10 / (2 - i)
    return total, x


@case("'abc', 3", "'', 0", skip="big float nan minus_big")
def appends_text(piece, n):
    s = ""
    for i in range(n):
        s += piece
        s = s + "-"
    return s


@case("2000", odd=False)
def linear_text(n):
    s = ""
    for i in range(n):
        s += "piece"
    return len(s), s[-7:]


@case("'x', 3", skip="big float nan minus_big")
def shared_text(s, n):
    keep = []
    for i in range(n):
        keep.append(s)
        s += "!"
    return s, keep


@case("5", skip="big float nan minus_big")
def nested_while(n):
    i = 0
    out = []
    while True:
        i += 1
        if i > n:
            break
        j = 0
        while j < i:
            j += 1
            if j == 3:
                break
        else:
            out.append(i)
            continue
        out.append(-j)
    return out


@case("range(3)", "range(5, 1, -2)", "range(0)", "range(2**62, 2**62 + 2)", "range(2**70, 2**70 + 2)")
def over_range(r):
    out = []
    for x in r:
        out.append(x + 1)
    return out


@case("2, 9, 3", "9, 2, -3", "0, 5, 0", "2**62, 2**62 + 3, 1", "0, 3, True")
def range_of_three(a, b, c):
    out = []
    for x in range(a, b, c):
        out.append(x)
        if len(out) > 9:
            break
    return out


@case("[1, 2]")
def same_iterator(items):
    it = iter(items)
    out = []
    for x in it:
        out.append(x)
        for y in it:
            out.append(-y)
    see(next(it, "over"))
    return out


@case("[5, 6]", "(5, 6)")
def iterator_stays_exhausted(items):
    it = iter(items)
    for x in it:
        pass
    if isinstance(items, list):
        items.append(7)
    return list(it)


@case("[3, 1, 2]")
def insertion_sort(items):
    items = list(items)
    for i in range(1, len(items)):
        x = items[i]
        j = i - 1
        while j >= 0 and items[j] > x:
            items[j + 1] = items[j]
            j -= 1
        items[j + 1] = x
    return items


@case("30", skip="big float nan minus_big")
def sieve(n):
    flags = [True] * (n + 1)
    primes = []
    for i in range(2, n + 1):
        if flags[i]:
            primes.append(i)
            for j in range(i * i, n + 1, i):
                flags[j] = False
    return primes


@case("10, 3")
def early_return(a, b):
    for i in range(100):
        for j in range(100):
            if i * j > a:
                return i, j, b
    return None


@case("[1, [2, [3]]]")
def recursive_sum(x):
    if isinstance(x, list):
        total = 0
        for y in x:
            total += recursive_sum(y)
        return total
    return x


@case(
    "0, 5, 1",
    "5, 0, -2",
    "0, 2**31, 2**30",
    "2**70, 2**70 + 3, 1",
    "True, 4, 1",
    "0, 3, 0",
    "3, 3, 1",
    "-3, 3, 2",
    odd=False,
)
def ranges(start, stop, step):
    out = []
    try:
        for i in range(start, stop, step):
            out.append(i)
        for i in range(stop - start):
            out.append(i)
            if i > 4:
                break
        for i in range(start, stop):
            out.append(i)
            if len(out) > 20:
                break
        out.extend([i for i in range(start, stop, step)])
        out.extend(x + y for x in range(3) for y in range(x, 3))
    except ValueError as error:
        out.append(str(error))
    return out


@case("3", skip="big float nan minus_big")
def rebound_range(n):
    out = []
    range_ = range
    for i in range_(n):
        out.append(i)
    for i in range(n):
        for j in range(i):
            out.append((i, j))
            look()
    return out
