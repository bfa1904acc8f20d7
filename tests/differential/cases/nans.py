"""A NaN that a loop computes is one object: containers find it by its identity."""

from prelude import case, see

INFINITY = float("inf")


@case("0.5, 6", "INFINITY, 6", "float('nan'), 6", skip="big float nan minus_big")
def carried_and_boxed(number, n):
    """The number goes round unboxed, and is an object in each round."""
    found = []
    kept = []
    x = number
    for i in range(n):
        found.append(x in kept)
        kept.append(x)
        found.append(x in kept)
        if i == 2:
            x = x - number
            kept.append(x)
    return found, x in kept


@case("0.5, 6", "INFINITY, 6", skip="big float nan minus_big")
def boxed_behind_the_loop(number, n):
    x = 0.0
    for i in range(n):
        x = x * 0.5 + number - number
    if n > 3:
        kept = [x]
    else:
        kept = [0.0, x]
    see()
    return x in kept, kept.index(x) if x in kept else None


@case("0.5, 6", "INFINITY, 6", skip="big float nan minus_big")
def two_names(number, n):
    a = b = 0.0
    for i in range(n):
        a = b = number - number + a
        see()
    return [a] == [b], a in (b,)


@case("0.5, 5", "INFINITY, 5", skip="big float nan minus_big")
def boxed_in_an_inner_loop(number, n):
    results = []
    for i in range(n):
        x = number * 2.0 - number
        kept = set()
        for j in range(3):
            kept.add(x)
        results.append(len(kept))
    return results


@case("0.5, 5", "INFINITY, 5", skip="big float nan minus_big")
def chosen_by_a_branch(number, n):
    kept = []
    x = y = 1.0
    for i in range(n):
        if i % 2:
            x = -y
            kept.append(x)
        else:
            y = x / 3.0 + number - number
            kept.append(y)
        kept.append(x in kept)
        kept.append(y in kept)
    return [value for value in kept if value is True or value is False]


@case("0.5, 5, 1", "INFINITY, 5, 1", "INFINITY, 5, 's'", skip="big float nan minus_big")
def left_by_an_exit(number, n, odd):
    """What the frame gets at the exit is one object, on the stack and in its slots."""
    x = y = 0.0
    found = []
    for i in range(n):
        x = y = number - number + x
        if i == n - 1:
            found.append([x, i + odd if odd == 1 else odd, y])
    return [[a, c] == [c, a] for a, _, c in found]


@case("1.0, 0.5, 6", "INFINITY, 0.5, 6", "-1.0, 0.5, 6", skip="big float nan minus_big")
def powers(number, exponent, n):
    kept = []
    x = 1.0
    for i in range(n):
        kept.append(x in kept)
        x = x * (number**exponent) - number
        kept.append(x)
        kept.append(x in kept)
    return [value for value in kept if value is True or value is False]


@case("200", skip="big float nan minus_big")
def often(n):
    """Code that often leaves for a NaN is compiled anew, with objects."""
    found = 0
    x = INFINITY
    for i in range(n):
        x = x - INFINITY
        kept = [x]
        see()
        found += x in kept
        y = x
        found += y in kept
        x = INFINITY if i % 3 else x
    return found


@case("6", skip="big float nan minus_big")
def constant(n):
    """The compiler of the interpreter makes the NaN."""
    kept = []
    x = 1e400 - 1e400
    for i in range(n):
        kept.append(x in kept)
        kept.append(x)
        if i == 3:
            x = x * 2.0
    return [value for value in kept if value is True or value is False]
