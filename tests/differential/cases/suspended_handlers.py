"""Handlers in generators, coroutines and asynchronous generators: `try` and `with` around `yield` and `await`.

They are entered by what the body raises itself and by what is thrown in, at each place where it can be suspended.
"""

import sys

from prelude import Loud, case, look, see


def handling():
    """What is being handled now, and what came before it."""
    error = sys.exception()
    chain = []
    while error is not None:
        chain.append((type(error).__name__, str(error)))
        error = error.__context__
    return chain


def places(where):
    """Functions and lines of a traceback."""
    out = []
    while where is not None:
        out.append((where.tb_frame.f_code.co_name, where.tb_lineno))
        where = where.tb_next
    return out


class Manager:
    def __init__(self, name, swallow=()):
        self.name = name
        self.swallow = swallow

    def __enter__(self):
        see("enter", self.name)
        return self

    def __exit__(self, kind, error, where):
        see("exit", self.name, kind, error, handling(), places(where))
        return kind is not None and issubclass(kind, self.swallow)


class Pause:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        try:
            return (yield self.value)
        except KeyError as error:
            see("inside await", error)
            return "handled inside"


class AsyncManager(Manager):
    async def __aenter__(self):
        await Pause("entering")
        return self.__enter__()

    async def __aexit__(self, *what):
        await Pause("leaving")
        result = self.__exit__(*what)
        if self.name == "bad":
            raise LookupError("in __aexit__")
        return result


def guarded(things):
    try:
        for thing in things:
            try:
                got = yield 10 // thing
                if got:
                    raise got
            except ZeroDivisionError as error:
                look()
                got = yield ("zero", str(error), handling())
                see(got, handling())
            except KeyError:
                yield ("key", handling())
                raise
            else:
                yield "else"
            finally:
                yield ("inner", handling())
    except LookupError as error:
        yield ("outer", repr(error), handling())
        return "handled"
    finally:
        see("finally", handling())
    return "end"


def nested(n):
    held = Loud("held")
    try:
        try:
            yield n + 1
        finally:
            del held
            try:
                yield ("cleaning", handling())
            except KeyError:
                see("swallowed", handling())
                yield "swallowed"
    except (TypeError, ValueError) as error:
        try:
            yield repr(error)
            raise RuntimeError("second")
        except RuntimeError:
            yield handling()
        yield handling()
    yield handling()


def binds(flag):
    """What is bound at a handler depends on where the exception came from."""
    try:
        yield "before"
        x = 1
        yield "between"
        y = 1 / flag
    except KeyError, ZeroDivisionError, TypeError:
        yield "handling"
        try:
            see(x)
        except UnboundLocalError as error:
            see(str(error))
        x = 2
    yield x
    try:
        yield y
    except UnboundLocalError:
        yield "unbound"


def manages(n):
    with Manager("outer", KeyError) as outer, Manager("inner", ValueError):
        got = yield outer.name
        see(got)
        if n == 0:
            raise ValueError("own")
        if n == 1:
            return "early"
        for i in range(n):
            if i == 2:
                break
            with Manager(i):
                yield i
    yield handling()
    return "end"


def groups(n):
    try:
        got = yield n
        raise ExceptionGroup("group", [ValueError(1), KeyError(2), TypeError(3)])
    except* ValueError as group:
        got = yield ("values", [str(e) for e in group.exceptions])
        see(got)
    except* KeyError:
        yield handling()
    yield "not reached, for a TypeError is left"


def loops(things):
    """A handler that goes back to the loop, numbers that stay unboxed, and a value on the stack over each yield."""
    total = 0
    count = 0
    while True:
        try:
            thing = yield total + ((yield "first") or 0) if count else total
            total += things[count]
            count += 1
        except IndexError:
            return total, count
        except KeyError:
            count += 1
            continue
        except (TypeError, ValueError) as error:
            see(repr(error), thing)
            count += 1


def refuses(n):
    for _ in range(5):
        try:
            yield n
        except GeneratorExit:
            yield "ignored"
            return


def stops(n):
    try:
        yield n
        raise StopIteration(n)
    except KeyError:
        raise StopIteration("from handler") from None
    finally:
        see(handling())


def raises_bare(n):
    try:
        yield n
        raise KeyError(n)
    except KeyError, ValueError:
        yield "handling"
        raise


def delegates(things):
    try:
        result = yield from guarded(things)
        see(result)
    except KeyError as error:
        yield ("outside", repr(error), handling())
    yield from nested(3)


THROWN = (KeyError("thrown"), ValueError("thrown"), GeneratorExit("thrown"), StopIteration("thrown"))


def steps(g, how, at):
    """Runs it to its end; at one step something else is done than resuming it."""
    out = []
    try:
        for step in range(30):
            if step != at:
                out.append(g.send(None))
            elif how is None:
                out.append(g.close())
            elif how == "value":
                out.append(g.send("sent" if step else None))
            else:
                out.append(g.throw(how))
    except StopIteration as stop:
        out.append(("stopped", stop.value))
    except BaseException as error:
        out.append((type(error).__name__, str(error), places(error.__traceback__), repr(error.__cause__)))
        out.append(repr(error.__context__))
        error.__traceback__ = None
    out.append(sys.exception())
    return out


def in_every_way(make, *args, last=6):
    out = [list_of(make(*args))]
    for at in range(last):
        for how in (None, "value", *(type(error)(*error.args) for error in THROWN)):
            out.append(steps(make(*args), how, at))
    return out


def list_of(g):
    out = []
    try:
        for value in g:
            out.append(value)
            see(value)
    except BaseException as error:
        out.append(repr(error))
    return out


@case("[1, 0, 2]", "[0]", "[3, 0]", "[]", odd=False)
def all_of_guarded(things):
    return in_every_way(guarded, things)


@case("1", "'s'", odd=False)
def all_of_nested(n):
    return in_every_way(nested, n)


@case("1", "0", "None", odd=False)
def all_of_binds(flag):
    return in_every_way(binds, flag)


@case("0", "1", "4", odd=False)
def all_of_manages(n):
    return in_every_way(manages, n)


@case("1", odd=False)
def all_of_groups(n):
    return in_every_way(groups, n)


@case("[1, 2.5, 's', 3]", "[]", "[2**62, 2**62, 1]", odd=False)
def all_of_loops(things):
    return in_every_way(loops, things)


@case("1", odd=False)
def all_the_small_ones(n):
    return [in_every_way(make, n, last=3) for make in (refuses, stops, raises_bare)]


@case("[1, 0]", "[2]", odd=False)
def all_of_delegates(things):
    return in_every_way(delegates, things, last=8)


@case("[1, 0, 2]", odd=False)
def handled_outside(things):
    """The exception that the caller handles is not seen inside as soon as the generator handles one of its own."""
    out = []
    for error in (LookupError("outside"), OSError("outside")):
        g = guarded(things)
        try:
            out.append(next(g))
            raise error
        except LookupError, OSError:
            out.extend(g)
            out.append(handling())
        out.append(handling())
    return out


@case("[1, 0, 2]", odd=False)
def sent_exceptions(things):
    out = []
    for error in (KeyError("sent"), IndexError("sent"), OSError("sent")):
        g = guarded(things)
        out.append(next(g))
        try:
            out.append(g.send(error))
            out.extend(g)
        except BaseException as raised:
            out.append(raised)
    return out


# --- coroutines ---------------------------------------------------------------------------------------------


async def ready(x):
    return x


async def fails(x):
    await Pause("before failing")
    raise ValueError(x)


async def awaits(x):
    try:
        a = await ready(x)
        b = await Pause(a)
        c = 1 / b if b else await fails(a)
    except ValueError as error:
        look()
        c = (await Pause(("handling", handling())), str(error))
    except ZeroDivisionError:
        c = await ready(handling())
        raise
    finally:
        see(await Pause(("finally", handling())))
    return a, b, c


async def manages_asynchronously(name):
    async with AsyncManager(name, (KeyError, ValueError)) as manager:
        see(manager.name)
        await Pause("inside")
        if name == "raises":
            await fails("own")
        async with AsyncManager("second"):
            await Pause("deep")
    return handling()


async def retries(n):
    tries = 0
    while True:
        try:
            if tries < n:
                await fails(tries)
            return tries
        except ValueError:
            tries += 1
            continue
        finally:
            await Pause(tries)


@case("1", "0", "'s'", "2.5", odd=False)
def all_of_awaits(x):
    return in_every_way(awaits_as_generator, x, last=5)


@case("'plain'", "'raises'", "'bad'", odd=False)
def all_of_async_with(name):
    return in_every_way(lambda: manages_asynchronously(name).__await__(), last=8)


@case("3", "0", odd=False)
def all_of_retries(n):
    return in_every_way(lambda: retries(n).__await__(), last=8)


def awaits_as_generator(x):
    return (yield from awaits(x).__await__())


# --- asynchronous generators ------------------------------------------------------------------------------------


async def produces(n):
    held = Loud("held")
    try:
        for i in range(n):
            try:
                got = yield i
                see(got, handling())
                await Pause(("between", got))
                if i == 2:
                    raise KeyError(i)
            except ValueError as error:
                got = yield ("handled", str(error), handling())
                see(got)
    except KeyError:
        await Pause("handling")
        yield handling()
    finally:
        del held
        await Pause(("finally", handling()))


async def fails_to_stop(n):
    yield n
    if n == 1:
        raise StopAsyncIteration(n)
    if n == 2:
        raise StopIteration(n)
    try:
        yield "last"
    except GeneratorExit:
        yield "ignored"


async def consumes(n, action):
    out = []
    g = produces(n)
    try:
        async for item in g:
            out.append(item)
            if item == 1 and action is not None:
                await action(g, out)
        else:
            out.append("else")
    except (ValueError, KeyError, RuntimeError) as error:
        out.append(repr(error))
    out.append(handling())
    return out


async def consumes_stoppers(n):
    out = []
    try:
        async for item in fails_to_stop(n):
            out.append(item)
    except RuntimeError as error:
        out.append((str(error), repr(error.__cause__)))
    g = fails_to_stop(n)
    out.append(await g.asend(None))
    try:
        out.append(await g.__anext__())
        await g.aclose()
    except (RuntimeError, StopAsyncIteration) as error:
        out.append(repr(error))
    return out


async def sends(g, out):
    out.append(("sent", await g.asend("value")))


async def throws(g, out):
    out.append(("thrown", await g.athrow(ValueError("into"))))


async def closes(g, out):
    out.append(("closed", await g.aclose()))


async def twice(g, out):
    awaitable = g.asend(None)
    out.append(await awaitable)
    try:
        await awaitable
    except RuntimeError as error:
        out.append(str(error))


async def at_once(g, out):
    """Two at the same time."""
    first = g.asend(None)
    out.append(first.send(None))
    try:
        g.asend(None).send(None)
    except RuntimeError as error:
        out.append(str(error))
    try:
        first.send("on")
    except StopIteration as stop:
        out.append(("item", stop.value))


async def to_a_new_one(g, out):
    try:
        await produces(1).asend("too early")
    except TypeError as error:
        out.append(str(error))


async def by_hand(g, out):
    awaitable = g.__anext__()
    try:
        while True:
            out.append(next(awaitable))
    except StopIteration as stop:
        out.append(("by hand", stop.value))


ACTIONS = (None, sends, throws, closes, twice, at_once, to_a_new_one, by_hand)


@case("0", "2", "4", odd=False)
def all_of_async_for(n):
    out = []
    for action in ACTIONS:
        out.append(in_every_way(lambda action=action: consumes(n, action).__await__(), last=4))
    return out


@case("0", "1", "2", odd=False)
def stopping_asynchronously(n):
    return list_of(consumes_stoppers(n).__await__())


@case("3", odd=False)
def iterated_by_hand(n):
    """The methods of the types, looked up in every way."""
    g = guarded([1, n])
    out = [g.__next__(), type(g).__next__(g), next(g), g.send(None), type(g).send(g, None)]
    c = awaits(n)
    out += [c.send(None), type(c).send(c, 0)]
    for wrong in (
        lambda: g.send(),
        lambda: type(g).send(c, None),
        lambda: type(c).send(g, None),
        lambda: c.send(1, 2),
    ):
        try:
            wrong()
        except TypeError as error:
            out.append(str(error))
    c.close()
    try:
        awaits(n).send("too early")
    except TypeError as error:
        out.append(str(error))
    return out
