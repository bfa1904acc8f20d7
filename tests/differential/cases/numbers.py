from prelude import case, see


@case("1, 2", "2.5, 1.5", "2**61, 2**61", "-5, 3")
def add(a, b):
    return a + b


@case(
    "7, 2",
    "7, 0",
    "-7, 2",
    "7, -2",
    "0, 0",
    "-(2**62), -1",
    "-(2**63), -1",
    "7.5, 2",
    "7.5, 0.0",
    "-7.5, 2.0",
)
def divisions(a, b):
    results = []
    try:
        results.append(a // b)
    except Exception as error:
        results.append(repr(error))
    try:
        results.append(a % b)
    except Exception as error:
        results.append(repr(error))
    results.append(a / b)
    return results


@case("7, 2", "-7, 2", "7, -2", "0, 5")
def floor_divide(a, b):
    return a // b


@case("7, 2", "-7, 2", "7, -2", "0, 5", "7, 0")
def remainder(a, b):
    return a % b


@case("7, 2", "0, 2", "0.0, -2.0", "1.0, 3.0")
def true_divide(a, b):
    return a / b


@case("3, 4", "2**40, 2**40", "-(2**31), 2**31", "1.5, 2.0", "-0.0, 3.0", skip="")
def multiply(a, b):
    return a * b


@case("3, 4", "-(2**61), 2**61", "-(2**62), 2**62", "1.5, 2.0")
def subtract(a, b):
    return a - b


@case("1, 3", "1, 62", "1, 63", "1, 64", "-1, 63", "0, 1000", "2**30, 31", "5, 0", skip="big")
def shift_left(a, b):
    return a << b


@case("100, 3", "-100, 3", "1, 64", "-1, 64", "-1, 1000", "100, 0", "100, -1")
def shift_right(a, b):
    return a >> b


@case("6, 3", "-6, 3", "True, False", "True, 2", "{1, 2}, {2}")
def bits(a, b):
    return a & b, a | b, a ^ b


@case("5", "-5", "0", "True", "2**62", "-(2**62)", "2**63", "1.5", "-0.0")
def unary(a):
    return -a, +a, ~a if not isinstance(a, float) else 0, not a


@case("2, 10", "2, -1", "2.0, 0.5", "-8.0, 0.5", "0.0, -1.0", "10, 30", "0, 0", skip="big minus_big")
def power(a, b):
    return a**b


@case("2, 10, 7", "2, -1, 7")
def power_three(a, b, c):
    return pow(a, b, c)


@case("5", "2**61", "-(2**62)")
def in_place(n):
    n += 1
    n -= 3
    n *= 2
    n //= 3
    n %= 1000
    n <<= 2
    n >>= 1
    n |= 5
    n &= 0xFFFF
    n ^= 3
    n **= 2
    return n


@case("10", "100", skip="big float nan")
def sum_of_squares(n):
    total = 0
    for i in range(n):
        total += i * i
    return total


@case("50", "70", skip="big float nan")
def grows_big(n):
    x = 1
    for i in range(n):
        x = x * 3 + i
    return x


@case("30, 0.5", "10, 1", skip="big float nan")
def float_loop(n, step):
    x = 0.0
    for i in range(n):
        x = x + step * i
        if x > 20.0:
            x = -x / 3
    return x


@case("10", "0", skip="big float nan minus_big")
def turns_float(n):
    x = 1
    for i in range(n):
        if i == 5:
            x = x + 0.5
        x = x * 2
    return x


@case("10", skip="big float nan minus_big")
def bool_arithmetic(n):
    count = 0
    for i in range(n):
        count += i % 2 == 0
        count = count + (i > 5)
    return count, True + True, True * 3, -True


@case("1, 2, 3", "3, 2, 1", "1, 1, 1", "1.5, 2, float('nan')", "float('nan'), 1.0, 2.0")
def chained(a, b, c):
    return a < b < c, a <= b <= c, a == b == c, a > b > c, a != b != c


@case(
    "1.0, 2.0", "2.0, 1.0", "1.0, 1.0", "float('nan'), 1.0", "1.0, float('nan')", "float('nan'), float('nan')"
)
def float_compare(a, b):
    result = []
    if a < b:
        result.append("lt")
    if a <= b:
        result.append("le")
    if a > b:
        result.append("gt")
    if a >= b:
        result.append("ge")
    if a == b:
        result.append("eq")
    if a != b:
        result.append("ne")
    if not a < b:
        result.append("not lt")
    if not a == b:
        result.append("not eq")
    return result, a < b, a <= b, a > b, a >= b, a == b, a != b


@case("1, 2", "2, 1", "1, 1", "2**70, 2**70", "True, 1", "-1, 0")
def int_compare(a, b):
    if a < b:
        r = "lt"
    elif a > b:
        r = "gt"
    elif a == b:
        r = "eq"
    else:
        r = "odd"
    return r, a < b, a <= b, a > b, a >= b, a == b, a != b


@case("2**53 + 1", "2**53", "1")
def int_with_float_constant(n):
    return n == 9007199254740992.0, n < 9007199254740992.0, n > 9007199254740992.0, n + 0.5, 0.5 * n


@case("'a', 'b'", "'a', 'a'", "'', 'x'", "'ä', 'ä'", "'a' * 300, 'a' * 300")
def str_compare(a, b):
    return a == b, a != b, a < b, a >= b


@case("None", "3", "''", "'x'", "[]", "[0]", "0.0", "1.5", "{}", "()")
def truth(x):
    if x:
        r = 1
    else:
        r = 2
    if not x:
        r += 10
    while x:
        r += 100
        break
    return r, bool(x), not x, x or "or", x and "and", x is None, x is not None


@case("0, 0", "0, 1", "1, 0", "1, 1", "'', 'x'", "[], {}")
def logic(a, b):
    return a and b, a or b, not (a and b), (a or b) and (b or a), 1 if a else (2 if b else 3)


@case("5, int", "5, str", "True, int", "None, (int, type(None))", "[], 7")
def instance(x, cls):
    if isinstance(x, cls):
        return "yes"
    return isinstance(x, int), isinstance(x, (str, list))


@case("3", "2**62 - 1", "2**62", "-(2**62)", "2**63", "2**64")
def around_the_edge(n):
    a = n + 1
    b = n - 1
    c = n * 2
    d = -n
    e = a + b
    return a, b, c, d, e, a == n + 1, a > b


_AROUND_DIGITS = [
    sign * (power + more)
    for power in (0, 2**29, 2**30, 2**31, 2**45, 2**53, 2**59, 2**60, 2**61, 2**62, 2**63, 2**90)
    for more in (-1, 0, 1, 3)
    for sign in (1, -1)
]


@case("_AROUND_DIGITS[:48]", "_AROUND_DIGITS[40:]", "[5, 7]", skip="")
def digits(numbers):
    # Ints of one digit, of two, which are unboxed as well, and of more.
    total = 0
    for a in numbers:
        total += a
        for b in (3, -(2**31), 2**35 + 1, 2**59 - 1):
            try:
                see(a + b, a - b, a & b, a | b, a ^ b, a < b, a == b, -a, ~a)
                see(a * b, a >> 7, a << 3, a // b, a % b, a + 0.5, a * 0.5, a / b)
            except ZeroDivisionError as error:
                see(str(error))
        total ^= a
    return total


@case("10", "2**31", "2**59")
def sum_from(start):
    total = start
    for i in range(20):
        total += i * start
        total %= 2**58
    return total


@case("10.0", "0.0", "-0.0", "float('inf')", "float('nan')", "1e308")
def floats(x):
    y = x * 10.0
    z = y - x
    w = -z
    return x + y, y, z, w, x * 0.0, x - x, abs(x), round(x, 1)


@case("'%s and %d'", "'%r'")
def percent(form):
    return form % ("x", 3)


@case("3", "-3", "2.0")
def mixed_kinds(x):
    y = x
    for _ in range(3):
        y = y + 1
        y = y + 1.5
        y = y - 1
    z = 3
    z = z / 2
    z = z + x
    return y, z, 1 + x, x + 1.0, 2 * x, x * 2.0


@case("1, 1.0", "1.0, 1", "1.5, 2", "3, 2.5")
def int_and_float(a, b):
    return a + b, a - b, a * b, a < b, a == b, a / b


@case("97")
def constants(x):
    return 1 << 70, 2**200, -5 // 2, x + 2**80, x * 10**20, x - (1 << 62), x < 1 << 80


@case("(1, 2)", "(1.0, 2.0)", "('a', 'b')", "([], [1])")
def added_items(pair):
    a, b = pair
    c = a + b
    c += a
    return c, a, b


@case("5")
def zero_in_the_middle(n):
    total = 0
    for i in range(n):
        total += 10 // (i - 3)
    return total


@case("5.0", "3.0")
def zero_float(n):
    total = 0.0
    i = 0.0
    while i < n:
        total += 1.0 / (i - 3.0)
        i += 1.0
    return total


class Ranges:
    def __init__(self):
        self.end = 0


@case("10_000, 1", "10_000, 0", skip="big float nan minus_big")
def joined_number_kept_through_a_loop(position, far):
    """At the join the slot's memory holds one of two objects; the number that stands for both is a third."""
    ranges = [Ranges() for _ in range(6)]
    late = position + 1
    if far:
        late = position + 2
    for v in (0, 1, 2, 3, 4, 0):
        r = ranges[v]
        if r.end == 0:
            r.end = late if v != 3 else position + 1
        elif r.end < late and v != 3:
            r.end = late
    return [r.end for r in ranges], late


@case("10_000, 1", "10_000, 0", skip="big float nan minus_big")
def joined_numbers_kept_by_what_is_called(position, far):
    out = []
    late = position + 1
    other = late * 2
    if far:
        late = other + 2
        other = position - 1
    total = late + other
    for v in range(3):
        out.append(late)
        if v:
            out.append(other)
            total += late - other
        see(total)
    return out, total, late


@case("0, 0, 0", "1, 0, 0", "1, 1, 1", "0, 1, 0", skip="big float nan minus_big")
def joined_number_joins_another(a, b, c):
    """The second join's input from the way that stores nothing is in no slot."""
    flags = 1024
    if a > 0:
        flags |= 33792
    if b:
        flags |= 4096
    see(c)
    if c:
        flags ^= 512
    return [flags, flags, see(flags)]
