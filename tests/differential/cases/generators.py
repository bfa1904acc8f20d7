"""Generators, coroutines, and asynchronous generators, in every form."""

import contextlib
import inspect
import sys
import types

from prelude import Loud, case, look, see


def count_up(n):
    i = 0
    while i < n:
        yield i
        i += 1


def odd_ones(things):
    for thing in things:
        if thing % 2:
            yield thing + 0.5


def pairs(left, right):
    for a in left:
        for b in right:
            if b:
                yield a, b


def averager():
    total = 0
    count = 0
    while True:
        value = yield total / count if count else None
        if value is None:
            return total
        total += value
        count += 1


def looking(n):
    look()
    yield 1
    before = n
    look()
    got = yield before
    see(got)
    look()
    return got


def failing(n):
    yield n
    yield 1 / n
    yield "not reached" if n == 0 else n


def guarded(things):
    try:
        for thing in things:
            try:
                yield thing
            except ValueError as error:
                yield "caught", str(error)
    finally:
        see("finally")


def closes_over(n):
    m = n

    def add(k):
        nonlocal m
        m += k
        return m

    for i in range(3):
        yield add(i)
        m += 1
    yield m


def keeps(n):
    held = Loud("held")
    yield n
    del held
    see("deleted")
    other = Loud("other", True)
    yield other.name


def delegates(things):
    result = yield from odd_ones(things)
    see(result)
    result = yield from averager()
    see(result)
    yield from [1, 2]
    return "end"


def unbound(flag):
    if flag:
        x = 1
    yield "first"
    try:
        see(x)
    except UnboundLocalError as error:
        see(str(error))
    x = 2
    yield x
    del x
    yield "deleted"
    return x


def stack_kept(n):
    return_value = max(n, (yield "a"), len([1, 2, (yield "b")]))
    see(f"{return_value} {(yield 'c')!r}")
    d = {"x": (yield 1), "y": (yield 2)}
    see(d)
    return n + (yield 3) * (yield 4)


def many_locals(n):
    a = n
    b = c = a
    d = (a, b)
    e = [d]
    f = {c: e}
    g = str(f)
    h = g.strip
    yield a
    i = h()
    j = i[0]
    yield b, j
    yield c, d, e, f, g, i


def with_inside(n):
    with contextlib.nullcontext(n) as value:
        yield value
        see("inside")
    yield "outside"


def stops(things):
    it = iter(things)
    yield next(it)
    yield next(it)


@contextlib.contextmanager
def managed(n):
    see("enter")
    try:
        yield n + 1
    except KeyError as error:
        see("handled", str(error))
    finally:
        see("leave")


@case("5", "0", "2.5", "True", skip="big")
def plain(n):
    return list(count_up(n)), sum(count_up(n)), max(count_up(n), default=None), tuple(x for x in count_up(n))


@case("[1, 2, 3]", "(4, 5)", "[1, 'x']", "range(6)", "[]")
def filtered(things):
    out = []
    for one in odd_ones(things):
        out.append(one)
    return out, list(odd_ones(things))


@case("[1, 2], [0, 1, 2]", "'ab', range(3)", "[], 5")
def nested(left, right):
    return list(pairs(left, right)), [x for x in pairs(left, right)], dict(pairs(left, right))


@case("3, 4.5", "1, 2")
def sends(a, b):
    g = averager()
    out = [next(g), g.send(a), g.send(b)]
    try:
        g.send(None)
    except StopIteration as stop:
        out.append(stop.value)
    try:
        next(g)
    except StopIteration as stop:
        out.append(stop.value)
    out.append(inspect.getgeneratorstate(g))
    return out


@case("3", "'s'", "None", odd=False)
def what_frames_show(n):
    g = looking(n)
    see(inspect.getgeneratorstate(g), g.gi_frame.f_lineno, dict(g.gi_frame.f_locals))
    for _ in range(2):
        see(
            next(g),
            inspect.getgeneratorstate(g),
            g.gi_frame.f_lineno,
            g.gi_frame.f_lasti,
            dict(g.gi_frame.f_locals),
        )
        see(g.gi_frame.f_back, g.gi_yieldfrom, g.gi_running, g.gi_suspended)
    try:
        g.send(n)
    except StopIteration as stop:
        see(stop.value)
    see(g.gi_frame, inspect.getgeneratorstate(g))


@case("2", "0", "'x'")
def errors(n):
    return list(failing(n))


@case("0")
def error_then_finished(n):
    g = failing(n)
    out = [next(g)]
    try:
        next(g)
    except ZeroDivisionError:
        out.append(inspect.getgeneratorstate(g))
    out.append(list(g))
    return out


@case("[1, 2, 3]", "'ab'")
def throws(things):
    g = guarded(things)
    out = [next(g), g.throw(ValueError("v")), next(g)]
    try:
        g.throw(KeyError("k"))
    except KeyError as error:
        out.append(str(error))
    h = guarded(things)
    next(h)
    h.close()
    out.append(inspect.getgeneratorstate(h))
    for thing in guarded(things):
        break
    return out, thing


@case("3", "0.5")
def closures(n):
    return list(closes_over(n))


@case("1", odd=False)
def lives(n):
    g = keeps(n)
    see(next(g))
    see("between")
    see(next(g))
    see("end", next(g, None))
    g = keeps(n)
    next(g)
    del g
    see("gone")


@case("[1, 2, 3]")
def delegation(things):
    g = delegates(things)
    out = [next(g)]
    see(g.gi_yieldfrom.__name__)
    out.append(next(g))
    out.append(next(g))
    out.append(g.send(4))
    out.append(next(g))
    out.extend(g)
    h = delegates(things)
    next(h)
    try:
        h.throw(ValueError("through"))
    except ValueError as error:
        out.append(str(error))
    return out


@case("True", "False")
def bindings(flag):
    g = unbound(flag)
    out = []
    try:
        for one in g:
            out.append(one)
    except UnboundLocalError as error:
        out.append(str(error))
    return out


@case("1", "10", "2.5", odd=False)
def operands(n):
    g = stack_kept(n)
    out = [next(g)]
    try:
        for value in (5, 6, "seven", 8, 9, 3, 4):
            out.append(g.send(value))
    except StopIteration as stop:
        out.append(stop.value)
    return out


@case("1", "'x'")
def locals_kept(n):
    return list(many_locals(n))


@case("1")
def with_blocks(n):
    return list(with_inside(n))


@case("[1, 2]", "[1]", "[]")
def stop_iteration_inside(things):
    return list(stops(things))


@case("1", "'x'")
def context_managers(n):
    with managed(n) as value:
        see(value)
    with managed(n):
        raise KeyError(n)


@case("3", odd=False)
def written_from_outside(n):
    def gen(x):
        y = x
        while x:
            yield x, y
            x -= 1

    g = gen(n)
    out = [next(g)]
    g.gi_frame.f_locals["y"] = "new"
    out.append(next(g))
    g.gi_frame.f_locals["x"] = 1
    out.extend(g)
    return out


@case("3")
def written_while_running(n):
    def gen(x):
        y = x
        sys._getframe().f_locals["y"] = "own"
        yield y
        change(inspect.currentframe())
        yield y

    def change(frame):
        frame.f_locals["y"] = "changed"

    return list(gen(n))


@case("2", odd=False)
def executing(n):
    def gen():
        try:
            next(me)
        except ValueError as error:
            yield str(error)
        yield n

    me = gen()
    return list(me)


@case("40", odd=False)
def recursive(n):
    def tree(depth):
        if depth:
            yield depth
            yield from tree(depth - 1)
            for x in tree(0):
                yield x

    return list(tree(n))


@case("5", "0", odd=False)
def passes_on(n):
    # What is sent goes straight to the innermost one; everybody between must look as if it ran.
    gens = []

    def seen():
        generators = [
            (g.gi_running, g.gi_yieldfrom is None, g.gi_frame and (g.gi_frame.f_lasti, g.gi_frame.f_lineno))
            for g in gens
        ]
        frame, frames = sys._getframe(1), []
        while frame is not None and frame.f_code.co_name in ("inner", "middle", "outer"):
            frames.append((frame.f_code.co_name, frame.f_lasti, frame.f_lineno))
            frame = frame.f_back
        return generators, frames

    def walk(error):
        tb = error.__traceback__
        while tb is not None:
            see(tb.tb_frame.f_code.co_name, tb.tb_lineno, tb.tb_lasti)
            tb = tb.tb_next

    def inner(k):
        total = 0
        for i in range(k):
            try:
                total += yield i, seen()
            except KeyError as error:
                total += yield repr(error), repr(error.__context__)
        try:
            gens[0].send(None)
        except ValueError as error:
            see(str(error))
        if k % 3 == 2:
            raise IndexError(k)
        if k % 3 == 1:
            raise StopIteration(k)
        return total, k

    def middle(k):
        result = yield from inner(k)
        see(result)
        return result

    def outer(k):
        try:
            result = yield from middle(k)
        except (IndexError, RuntimeError) as error:
            walk(error)
            result = repr(error)
            yield result
        try:
            yield "last", result
        finally:
            see("closed", seen())

    out = []
    for k in range(n * 2):
        gens[:] = [outer(k)]
        out.append(next(gens[0]))
        gens.append(gens[0].gi_yieldfrom or outer(0))
        for sent in 1, 2, "text", 3.5, 4:
            try:
                out.append(gens[0].send(sent))
                if k == 4:
                    out.append(gens[0].throw(KeyError(sent)))
                out.append(seen())
            except (TypeError, KeyError, StopIteration) as error:
                walk(error)
                out.append(repr(error))
        gens[0].close()
    return out


@case("[1, 2, 15, 16, 17, 40]", odd=False)
def long_chains(depths):
    # Longer than what is resumed at once; generators and coroutines; each end goes up through all of them.
    def dig(depth, end):
        if depth:
            try:
                return (yield from dig(depth - 1, end)) + 1
            except KeyError as error:
                return (yield "caught", depth, str(error))
        sent = yield "first"
        sent = yield "second", sent
        if end == "raise":
            raise KeyError(sent)
        if end == "stop":
            raise StopIteration(sent)
        return 0

    @types.coroutine
    def trap(x):
        return (yield x)

    async def wait(depth, end):
        if depth:
            return await wait(depth - 1, end) + 1
        await trap("first")
        await trap("second")
        if end == "raise":
            raise KeyError(end)
        return 0

    out = []
    for depth in depths:
        for end in "return", "raise", "stop", "throw", "close", "again":
            g = dig(depth, end)
            w = wait(depth, end)
            for step in range(6):
                try:
                    out.append(w.send(None))
                except (StopIteration, KeyError, RuntimeError) as error:
                    out.append(repr(error))
                try:
                    if step == 2 and end == "throw":
                        out.append(g.throw(KeyError("thrown")))
                    elif step == 2 and end == "close":
                        out.append(g.close())
                    else:
                        out.append(g.send(step if step else None))
                    if end == "again":
                        innermost = g
                        while innermost.gi_yieldfrom is not None:
                            innermost = innermost.gi_yieldfrom
                        out.append(next(innermost))
                except (StopIteration, KeyError, RuntimeError) as error:
                    out.append(repr(error))
            w.close()
    return out


@case("1200", odd=False)
def too_deep(n):
    def dig(depth):
        if depth:
            yield from dig(depth - 1)
        yield depth

    try:
        return sum(dig(n))
    except RecursionError as error:
        return str(error)


@case("3", odd=False)
def threw_in_caller(n):
    g = count_up(n)
    try:
        for x in g:
            if x == 1:
                raise ValueError(x)
    except ValueError as error:
        see(str(error), error.__traceback__.tb_lineno)
    return list(g)


@case("[3, 1, 2]", "'cab'")
def consumers(things):
    return (
        sorted(x for x in things),
        any(x == 1 for x in things),
        all(x for x in things),
        dict((x, 1) for x in things),
        set(x for x in things),
        list(zip((x for x in things), (y for y in things))),
        [*(x for x in things)],
        "".join(str(x) for x in things),
        [a for (a, *_) in ((x, x) for x in things)],
    )


@case("3")
def handled_exception_is_own(n):
    def gen():
        see(sys.exception())
        try:
            raise KeyError(n)
        except KeyError:
            yield repr(sys.exception())
            see(repr(sys.exception()))
        yield repr(sys.exception())

    g = gen()
    out = []
    try:
        raise ValueError("outer")
    except ValueError:
        out.append(next(g))
        see(repr(sys.exception()))
        out.append(next(g))
    see(sys.exception())
    return out + list(g)


# --- coroutines ---------------------------------------------------------------------------------------------


class Pause:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        got = yield self.value
        see("resumed with", got)
        return got


async def ready(x):
    return x + 1


async def paused(x):
    look()
    y = await Pause(x)
    look()
    return y, await ready(x)


async def chained(n, x):
    if n:
        return n, await chained(n - 1, x)
    return await paused(x)


def drive(coroutine, *values):
    """Sends the values; what was yielded, and the result or exception."""
    out = []
    try:
        for value in (None, *values):
            out.append(coroutine.send(value))
            see(inspect.getcoroutinestate(coroutine))
    except StopIteration as stop:
        out.append(("returned", stop.value))
    except Exception as error:
        out.append((type(error).__name__, str(error)))
    coroutine.close()
    return out


@case("1", "2.5", "'x'")
def awaits(x):
    return drive(ready(x)), drive(paused(x), 5), drive(chained(3, x), 6), drive(chained(2, x))


@case("1")
def coroutine_attributes(x):
    c = chained(1, x)
    see(c.cr_await, c.cr_running, c.cr_suspended, c.cr_origin)
    see(c.send(None), c.cr_await.__name__, c.cr_frame.f_lineno, dict(c.cr_frame.f_locals))
    see(c.cr_await.cr_await.cr_await is not None)
    try:
        c.throw(KeyError("thrown"))
    except KeyError as error:
        see(str(error))
        t = error.__traceback__
        while t is not None:
            see(t.tb_frame.f_code.co_name, t.tb_lineno)
            t = t.tb_next
    see(inspect.getcoroutinestate(c), c.cr_frame)
    try:
        c.send(None)
    except RuntimeError as error:
        see(str(error))


class Manager:
    def __init__(self, name, swallow):
        self.name = name
        self.swallow = swallow

    async def __aenter__(self):
        see("aenter", await Pause(self.name))
        return self.name

    async def __aexit__(self, kind, error, traceback):
        see("aexit", kind, await Pause("exit"))
        return self.swallow


async def managing(x, swallow):
    async with Manager(x, swallow) as name:
        see(name, 1 / x)
        await Pause("body")
    return "end"


@case("1, True", "0, True", "0, False")
def async_with(x, swallow):
    return drive(managing(x, swallow), 1, 2, 3)


class Steps:
    def __init__(self, n):
        self.n = n

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.n <= 0:
            raise StopAsyncIteration
        self.n -= 1
        return await Pause(self.n)


async def stepping(n):
    out = []
    async for x in Steps(n):
        out.append(x)
        if x == "stop":
            break
    else:
        out.append("else")
    return out, [y async for y in Steps(n) if y], {z: await ready(1) async for z in Steps(1)}


@case("2", "0", odd=False)
def async_for(n):
    return drive(stepping(n), 1, 2, 3, 4, 5), drive(stepping(n), "stop", 0, 1)


async def producing(n):
    try:
        for i in range(n):
            got = yield i
            see(got)
            await Pause(("in", i))
    finally:
        see("closing")


async def consuming(n):
    out = []
    async for x in producing(n):
        out.append(x)
    g = producing(n)
    out.append(await anext(g, "none"))
    await g.aclose()
    h = producing(n)
    try:
        out.append(await h.asend(None))
        out.append(await h.asend("sent"))
        out.append(await h.athrow(KeyError("into")))
    except (KeyError, StopAsyncIteration) as error:
        out.append(type(error).__name__)
    return out


@case("3", "1", "0", odd=False)
def async_generators(n):
    return drive(consuming(n), *range(12))


@case("3")
def wrong_things(n):
    async def bad(x):
        return await x

    async def bad_iteration(x):
        async for y in x:
            see(y)

    async def bad_with(x):
        async with x:
            pass

    out = [drive(bad(n)), drive(bad_iteration(n)), drive(bad_with(n)), drive(bad(count_up(n)))]
    c = ready(n)
    out.append(drive(bad(c)))
    out.append(drive(bad(c)))
    return out


@types.coroutine
def old_style(x):
    got = yield x
    return got, (yield "second")


@case("3")
def generator_based(n):
    async def uses():
        return await old_style(n)

    return drive(uses(), 1, 2)


@case("3", odd=False)
def comprehension_awaits(n):
    async def uses(things):
        x = "kept"
        a = [await ready(x) for x in things]
        b = [await Pause(y) for y in things if y]
        return a, b, x, {k: await ready(k) for k in things}, [(lambda: x, await ready(1))[1] for x in things]

    return drive(uses(range(n)), 1, 2, 3, 4)
