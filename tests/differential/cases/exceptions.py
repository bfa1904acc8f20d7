import sys

from prelude import Loud, case, look, see


@case("1", "0", "'x'", "None")
def try_except(x):
    try:
        y = 10 // x
    except ZeroDivisionError as error:
        see(error.args)
        y = -1
    except TypeError:
        y = -2
    else:
        y += 100
    finally:
        see("finally")
    return y


@case("1", "0")
def raises_with_context(x):
    try:
        1 // x
    except ZeroDivisionError:
        raise ValueError("second")
    return x


@case("0")
def raises_from(x):
    try:
        1 // x
    except ZeroDivisionError as error:
        raise ValueError("second") from error


@case("0")
def raises_from_none(x):
    try:
        1 // x
    except ZeroDivisionError:
        raise KeyError("k") from None


@case("0", "1")
def reraises(x):
    try:
        return 1 // x
    except ZeroDivisionError:
        see("handler")
        raise


@case("ValueError", "ValueError('x')", "5", "KeyboardInterrupt", "None")
def raises_what(x):
    raise x


@case("True", "False", "0", "[]")
def asserts(x):
    assert x, f"no {x!r}"
    assert x is not None
    return x


@case("1", "0", "'s'")
def nested_finally(x):
    out = []
    try:
        try:
            out.append(1 / x)
        finally:
            out.append("inner")
            look()
    except ZeroDivisionError:
        out.append("outer")
    finally:
        out.append("last")
        see(out)
    return out


@case("1", "0")
def return_in_finally_loop(x):
    for i in range(3):
        try:
            if i == x:
                continue
            if i == 2:
                break
        finally:
            see(i)
    return i


@case("1")
def unbound(x):
    if x == 2:
        y = 1
    return y


@case("1", "2")
def maybe_unbound(x):
    if x == 2:
        y = 1
    for i in range(2):
        if i:
            see(y)
        y = i
    return y


@case("1")
def deleted(x):
    y = x
    del y
    try:
        return y
    except UnboundLocalError as error:
        see(error.args)
    del x
    return x


@case("1")
def deletes_twice(x):
    del x
    del x


@case("5", skip="big float nan minus_big")
def deletes_in_loop(n):
    out = []
    for i in range(n):
        y = [i]
        out.append(y)
        del y
    return out, y


@case("1")
def error_name_is_deleted(x):
    e = "before"
    try:
        raise ValueError(x)
    except ValueError as e:
        pass
    return e


@case("[1, 0, 2]", "['a']")
def in_loop(items):
    out = []
    for item in items:
        try:
            out.append(10 // item)
        except ZeroDivisionError:
            out.append("zero")
            continue
        except TypeError:
            out.append("type")
            break
        else:
            out.append("fine")
        finally:
            out.append("finally")
    return out


@case("[1, 2]", "[]")
def stop_iteration(items):
    it = iter(items)
    out = []
    while True:
        try:
            out.append(next(it))
        except StopIteration:
            break
    return out


@case("{'a': 1}, 'a'", "{'a': 1}, 'b'")
def key_error(d, k):
    try:
        return d[k]
    except KeyError as error:
        return ("missing", error.args)


class Manager:
    def __init__(self, swallow):
        self.swallow = swallow

    def __enter__(self):
        look(2)
        return 5

    def __exit__(self, kind, value, traceback):
        look(2)
        see(kind, value)
        return self.swallow


@case("Manager(True), 0", "Manager(False), 0", "Manager(False), 1")
def managed(m, x):
    total = 7
    with m as five:
        total += five
        total += 1 // x
    return total


@case("Manager(True), 1", "Manager(False), 2")
def managed_returns(m, x):
    for i in range(3):
        with m as five:
            if i == x:
                return i, five
    return None


@case("3")
def multi_line(x):
    return x + 1 + (x / (x - x))


@case("3")
def error_in_arguments(x):
    return max(
        x,
        1,
        undefined_thing,  # noqa: F821
    )


@case("3")
def groups(x):
    try:
        raise ExceptionGroup("g", [ValueError(1), TypeError(2)])
    except* ValueError as group:
        see(len(group.exceptions))
    except* TypeError:
        see("type")
    return x


@case("1")
def deaths_in_order(x):
    a = Loud("a")
    b = Loud("b")
    a = b
    see("after a")
    c = [Loud("c1"), Loud("c2")]
    del c[0]
    see("after c1")
    c = None
    see("after c")
    Loud("temporary")
    see("after temporary")
    x = Loud("x")
    return a is b


@case("1")
def deaths_seen_with_locals(x):
    number = 1
    real = 2.5
    a = Loud("a", True)
    number += 1
    a = None
    number += 1
    (Loud("t", True), 5)
    real *= 2.0
    b = [Loud("b", True)]
    b.clear()
    return number, real


@case("3", skip="big float nan minus_big")
def deaths_in_loop(n):
    total = 0
    for i in range(n):
        x = Loud(i, True)
        total += i
    see("end")
    return total


@case("3")
def deaths_on_error(x):
    a = Loud("a")
    try:
        b = Loud("b")
        [Loud("on stack"), 1 // 0]
    except ZeroDivisionError:
        see("handler")
    return 1


def numbers_with_company(n):
    company = Loud("company", True)
    yield n
    yield n + 1


@case("3")
def deaths_of_iterators_left_early(n):
    for number in numbers_with_company(n):
        break
    first = number
    for other in numbers_with_company(first):
        last = other
        if last:
            extra = first
            break
    for third in [Loud("in a list", True), 2]:
        del number
        break
    return first, last, extra


@case("3")
def deaths_of_iterators_at_return(n):
    for number in numbers_with_company(n):
        for other in numbers_with_company(n):
            last = number
            return last


@case("3", "None")
def deaths_of_subjects(n):
    match [Loud("subject", True), n]:
        case [_, 3]:
            found = n
        case [_, other]:
            rest = other
    done = n
    return done


class Witness:
    """Notes the numbers among the locals of the frame in which it dies."""

    def __init__(self, name):
        self.name = name

    def __del__(self):
        frame = sys._getframe(1)
        numbers = {k: v for k, v in frame.f_locals.items() if type(v) in (int, float)}
        see(self.name, frame.f_lineno, sorted(numbers.items()))

    def __add__(self, other):
        return Witness("sum")

    def __eq__(self, other):
        return False

    __hash__ = None


class Holder:
    __slots__ = ("slot", "__dict__")


@case("3", skip="big float nan minus_big")
def deaths_between_unboxed_numbers(n):
    total = 0
    real = 0.5
    holder = Holder()
    items = [None]
    captured = None

    def sees():
        return captured

    for i in range(n):
        local = Witness("local")
        total += 1
        local = None
        holder.slot = Witness("slot")
        total += 1
        holder.slot = None
        holder.attribute = Witness("attribute")
        real += 1.5
        holder.attribute = None
        items[0] = Witness("item")
        total += 1
        items[0] = i
        captured = Witness("captured")
        total += 1
        captured = None
        for item in [Witness("of a list")]:
            item = 0
            total += 1
        number = Witness("in a number's place")
        total += 1
        number = total
        deleted = Witness("deleted")
        real += 0.5
        del deleted
        total += number
    return total, real, sees()


@case("1")
def deaths_of_operands(n):
    Witness("left") == Witness("right")
    Witness("left") is Witness("right")
    Witness("left") + Witness("right")
    Witness("left") in [Witness("in the right")]
    len((Witness("first"), Witness("second")))
    Witness("object").name = Witness("value")
    {}[Witness("key").name] = Witness("value")


def takes_loud(a):
    see("in")
    a = None
    see("out")
    return 5


@case("3", calls=False)
def deaths_of_arguments(x):
    r = takes_loud(Loud("temporary"))
    kept = Loud("kept")
    r += takes_loud(kept)
    see("returned")
    return r


def returns_one(a):
    b = Loud("local of callee")
    return 1


@case("3")
def deaths_at_return(x):
    v = Loud("first local")
    w = Loud("second local")
    return returns_one(x) + returns_one(x)


class Evil:
    def __init__(self, what):
        self.what = what

    def __eq__(self, other):
        if isinstance(self.what, list):
            self.what.clear()
        return False

    def __hash__(self):
        return 1


@case("[1, 2]")
def clears_while_comparing(items):
    e = Evil(items)
    items.append(e)
    out = []
    for item in items:
        out.append(e == item)
    return out, items


@case("3", skip="big float nan minus_big")
def recursion_in_handler(n):
    if n < 0:
        raise KeyError("bottom")
    try:
        return recursion_in_handler(n - 1)
    except KeyError:
        if n == 1:
            raise ValueError("changed")
        raise


@case("3")
def sees_exc_info(x):
    import sys

    see(sys.exc_info()[0])
    try:
        raise KeyError(x)
    except KeyError:
        see(sys.exc_info()[1])
        inner_exc_info()
    see(sys.exc_info()[0])
    return 1


def inner_exc_info():
    import sys

    see(sys.exc_info()[1])
    try:
        raise ValueError("inner")
    except ValueError:
        see(sys.exc_info()[1])
    see(sys.exc_info()[1])
