"""Exception handlers: every form of them, entered from compiled code, left in every way."""

import contextlib
import sys

from prelude import Loud, case, look, see


def position(error):
    """Traceback entries with columns."""
    out = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename.startswith("<differential>"):
            columns = list(code.co_positions())[traceback.tb_lasti // 2]
            out.append((code.co_name, columns))
        traceback = traceback.tb_next
    return out


class Custom(LookupError):
    pass


def thrower(error):
    raise error


@case("KeyError(1)", "ValueError('v')", "Custom()", "OSError(2, 'x')", "None", "KeyboardInterrupt()")
def which_clause(error):
    try:
        thrower(error)
    except KeyError as e:
        return "key", position(e), sys.exception() is e
    except (ValueError, OSError) as e:
        see(e, position(e))
        look()
    except LookupError:
        return "lookup", position(sys.exception())
    else:
        return "nothing"
    return sys.exception()


@case("ValueError", "5", "(KeyError, ValueError)", "(KeyError, 'x')", "()", "None")
def matched_by_what(kind):
    try:
        raise ValueError("v")
    except kind as e:
        return position(e)


@case("KeyError(1)", "ValueError(2)")
def name_is_unbound_after(error):
    try:
        thrower(error)
    except KeyError as e:
        see(e.args)
    return e  # noqa: F821


@case("3")
def name_deleted_in_handler(x):
    try:
        x / 0
    except ZeroDivisionError as e:
        del e
    try:
        [][x]
    except IndexError as e:
        e = "other"
        see(e)
    return "e" in locals()


@case("0", "1", "'s'")
def three_deep(x):
    out = []
    try:
        try:
            try:
                out.append(1 / x)
            except TypeError:
                out.append("inner")
                raise
            finally:
                out.append("finally inner")
        except ZeroDivisionError as e:
            out.append(position(e))
            raise KeyError("new") from e
        else:
            out.append("else")
    except (KeyError, TypeError) as e:
        out.append((position(e), repr(e.__context__), repr(e.__cause__), e.__suppress_context__))
    return out


@case("0", "1")
def context_chain(x):
    try:
        try:
            1 / x
        except ZeroDivisionError:
            [][1]
    except IndexError:
        try:
            {}["k"]
        except KeyError as e:
            see(repr(e.__context__), repr(e.__context__.__context__))
            raise AttributeError("last") from None
    return x


@case("0", "1", "2", "3")
def finally_overrides(x):
    for i in range(3):
        try:
            if x == 0:
                raise ValueError(i)
            if x == 1:
                return "body"
            if x == 2:
                1 / 0
        finally:
            see(sys.exception())
            if i == 1:
                break
            if x == 3:
                return "finally"
            continue
    return i, sys.exception()


@case("0", "1")
def error_in_finally(x):
    try:
        try:
            1 / x
        finally:
            {}[x]
    except KeyError as e:
        return position(e), repr(e.__context__)


@case("0", "1", "[]")
def handler_raises(x):
    try:
        return 1 // x
    except ZeroDivisionError:
        return undefined_name  # noqa: F821
    except TypeError as e:
        raise RuntimeError(position(e))


@case("10", skip="big float nan minus_big")
def loop_with_try_inside(n):
    total = 0
    real = 0.5
    missed = []
    table = {1: 10, 4: 40}
    for i in range(n):
        try:
            total += table[i]
            real *= 1.5
        except KeyError:
            missed.append(i)
            total -= 1
        real += total
    return total, real, missed


@case("10", skip="big float nan minus_big")
def while_true_until_it_raises(n):
    it = iter(range(n))
    count = 0
    while True:
        try:
            value = next(it)
        except StopIteration:
            break
        if value % 3 == 0:
            continue
        count += value
    return count, value


@case("5", skip="big float nan minus_big")
def nested_loops(n):
    out = []
    for i in range(n):
        for j in range(n):
            try:
                if j > i:
                    raise Custom(i, j)
                out.append(i // j)
            except ZeroDivisionError:
                out.append("zero")
            except Custom as e:
                out.append(e.args)
                break
        else:
            out.append("full")
    return out


@case("'ab'", "['x', 'y']")
def over_an_iterator(items):
    out = []
    for item in items:
        try:
            out.append(int(item))
        except ValueError:
            out.append(item)
            if len(out) == 2:
                return out
    return out


@case("{'a': 1}, 'a'", "{'a': 1}, 'b'", "[], 'b'")
def locals_change_in_try(d, k):
    state = "before"
    number = 1
    try:
        state = "begun"
        number += 1
        value = d[k]
        state = "read"
        number += value
        thrower(Custom(number))
        state = "unreachable"
    except KeyError:
        state = state + " missing"
    except Custom:
        return state, number, value
    return state, number


@case("1")
def unbound_in_handler(x):
    try:
        y = [][x]
        z = y
    except IndexError:
        try:
            return y
        except UnboundLocalError as e:
            return e.args, z  # noqa: F821


class Manager:
    def __init__(self, swallow, error=None):
        self.swallow = swallow
        self.error = error

    def __enter__(self):
        if self.swallow is None:
            raise KeyError("enter")
        return self

    def __exit__(self, kind, value, traceback):
        see(kind, value, sys.exception(), traceback.tb_lasti if traceback else None)
        if self.error:
            raise self.error
        return self.swallow


@case("True, 0", "False, 0", "True, 1", "None, 1")
def with_manager(swallow, x):
    try:
        with Manager(swallow) as m:
            value = 1 // x
            return "returned", value
        return "swallowed", m.swallow
    except (ZeroDivisionError, KeyError) as e:
        return repr(e), position(e)


@case("True, 0", "False, 0", "False, 1")
def with_exit_raises(swallow, x):
    try:
        with Manager(swallow, ValueError("exit")):
            1 // x
    except ValueError as e:
        return repr(e.__context__), position(e)


@case("True, False", "False, True", "False, False")
def with_two(a, b):
    for _ in range(2):
        with Manager(a) as first, Manager(b) as second:
            thrower(Custom((first.swallow, second.swallow)))
    return sys.exception()


class NotAManager:
    pass


@case("NotAManager()", odd=False)
def with_what(x):
    with x as y:
        return y


@case("0", "1")
def suppressed(x):
    with contextlib.suppress(ZeroDivisionError):
        see(1 // x)
    return "after"


@case("[ValueError(1), TypeError(2)]", "[KeyError(1)]", "[ValueError(1), ValueError(2)]", odd=False)
def group_clauses(errors):
    out = []
    try:
        raise ExceptionGroup("g", errors)
    except* ValueError as e:
        out.append(("value", e.exceptions, position(e)))
    except* (TypeError, OSError) as e:
        out.append(("type", e.exceptions))
    finally:
        see(out)
    return out


@case("ValueError(1)", "TypeError(2)", odd=False)
def naked_in_group_clause(error):
    try:
        raise error
    except* ValueError as e:
        return_value = e
    return return_value.exceptions


@case("0", "1", "2", odd=False)
def group_clause_raises(x):
    try:
        raise ExceptionGroup("g", [ValueError(1), TypeError(2)])
    except* ValueError:
        if x == 0:
            raise KeyError("new")
        if x == 1:
            raise
    except* TypeError as e:
        if x == 2:
            raise OSError("os") from e
    return x


@case("ExceptionGroup", "ValueError", "5", odd=False)
def group_clause_of_what(kind):
    try:
        raise ExceptionGroup("g", [ValueError(1)])
    except* kind:
        return_value = "matched"
    return return_value


@case("3")
def raise_without_any(x):
    raise


@case("3")
def raise_of_the_caller(x):
    def inner():
        raise

    try:
        x / 0
    except ZeroDivisionError:
        try:
            inner()
        except ZeroDivisionError as e:
            return position(e)


@case("3", skip="big float nan minus_big")
def recursion(n):
    try:
        if n <= 0:
            raise Custom("bottom")
        return recursion(n - 1)
    except Custom as e:
        if n == 3:
            return position(e)
        raise


def deeper(n):
    try:
        return deeper(n + 1)
    except Custom:
        return "never"


@case("1", odd=False)
def recursion_error(x):
    try:
        return deeper(0)
    except RecursionError as e:
        return e.args


@case("1")
def deaths_in_handler(x):
    a = Loud("a")
    try:
        b = Loud("b")
        for c in [Loud("c"), Loud("d")]:
            see("loop")
            (Loud("temporary"), [][x])
    except IndexError as e:
        see("handler")
        b = None
        e.kept = Loud("kept by the exception")
    see("after")
    c = None
    return a is b


@case("1")
def deaths_when_it_propagates(x):
    def inner(y):
        here = Loud("inner")
        for item in [Loud("item")]:
            [Loud("on the stack"), y[x]]

    try:
        inner([])
    except IndexError as e:
        see("caught")
        e = None
    see("after")
    return 1


@case("1")
def frames_kept(x):
    def inner(y):
        local = [y]
        return local[3]

    try:
        inner(x)
    except IndexError as e:
        frame = e.__traceback__.tb_next.tb_frame
        see(frame.f_locals, frame.f_lineno, frame.f_lasti, e.__traceback__.tb_frame is sys._getframe())
    see(frame.f_locals)
    frame.clear()
    return 1


@case("{1: 2}, 1", "{1: 2}, 3", "[], 0")
def returns_from_try(d, k):
    try:
        return d[k]
    except KeyError, IndexError:
        return None
    finally:
        see("finally", sys.exception())


class Missing:
    def __getattr__(self, name):
        if name == "there":
            return 5
        raise AttributeError(name)

    @property
    def broken(self):
        raise AttributeError("inside")


@case("Missing()")
def attributes(x):
    out = [hasattr(x, "there"), hasattr(x, "gone"), getattr(x, "gone", 7)]
    try:
        x.gone
    except AttributeError as e:
        out.append((e.args, position(e)))
    try:
        x.broken
    except AttributeError as e:
        out.append(e.args)
    return out


@case("[3, 0, 'x', None]")
def comprehension_in_try(items):
    try:
        return [10 // item for item in items]
    except ZeroDivisionError as e:
        item = position(e)
    except TypeError:
        item = "type"
    return item


@case("0", "'x'")
def comprehension_restores(x):
    item = "outer"
    try:
        [1 // item for item in (1, x)]
    except ZeroDivisionError, TypeError:
        see(item)
    return item


@case("5")
def closure_in_try(x):
    n = 0

    def bump():
        nonlocal n
        n += 1
        if n > 2:
            raise Custom(n)

    try:
        while True:
            bump()
    except Custom as e:
        return n, e.args


def sets_local(name, value):
    sys._getframe(1).f_locals[name] = value
    raise Custom(name)


@case("5")
def local_written_from_outside(x):
    y = 1
    try:
        sets_local("y", x)
    except Custom:
        return y


def raises_global():
    global exchanged
    exchanged = KeyError if exchanged is Custom else Custom
    raise Custom("x")


exchanged = KeyError


@case("5")
def global_changes_while_raising(x):
    try:
        raises_global()
    except exchanged as e:
        return type(e)
    except Custom:
        return "custom"


@case("5")
def settrace_while_raising(x):
    events = []

    def trace(frame, event, arg):
        if frame.f_code.co_filename.startswith("<differential>"):
            events.append((frame.f_code.co_name, event, frame.f_lineno))
        return trace

    def starts():
        sys._getframe(1).f_trace = trace
        sys.settrace(trace)
        raise Custom("traced")

    try:
        starts()
    except Custom:
        events.append("handler")
    finally:
        sys.settrace(None)
    return events


@case("1000", odd=False)
def interrupted(n):
    import signal

    def handler(number, frame):
        raise Custom("signal")

    old = signal.signal(signal.SIGUSR1, handler)
    caught = 0
    try:
        for i in range(3):
            try:
                signal.raise_signal(signal.SIGUSR1)
                while True:
                    pass
            except Custom:
                caught += 1
    finally:
        signal.signal(signal.SIGUSR1, old)
    return caught


@case("3", skip="big float nan minus_big")
def many_raises(n):
    total = 0
    for i in range(n):
        for make in (dict, list, tuple, str):
            try:
                make()[i]
            except LookupError as e:
                total += len(e.args)
            except Exception:
                total += 1000
    return total


@case("int, 'x'", "int, '5'", "[].append, 5", "None, 1", "print, 2")
def many_raisers_one_handler(f, x):
    a = b = c = "unset"
    try:
        a = f(x)
        b = f(a)
        c = [a, b][a]
        d = a + b
        return a, b, c, d
    except Exception as e:
        see(type(e))
        return a, b, c


@case("2", "1")
def exception_in_exception_class(x):
    class Bad(Exception):
        def __init__(self):
            1 // (x - 1)

    try:
        raise Bad
    except ZeroDivisionError as e:
        return position(e)
    except Bad:
        return "bad"


@case("1")
def assertion(x):
    try:
        assert x == 2, ("message", x)
    except AssertionError as e:
        return e.args, position(e)


@case("1")
def handled_state_is_restored(x):
    def nothing():
        try:
            raise ValueError
        except ValueError:
            return sys.exception()

    try:
        raise KeyError(x)
    except KeyError as outer:
        see(nothing(), sys.exception() is outer)
        for _ in range(2):
            try:
                raise OSError
            except OSError:
                continue
        see(sys.exception() is outer)
    return sys.exception()


def raises_if(flag):
    if flag:
        raise Custom("early")


@case("5, False", "7, True", "2.5, True", "'s', True", "[1], True")
def proved_behind_what_raised(a, flag):
    total = 0
    try:
        raises_if(flag)
        total = a + 1
    except Custom:
        pass
    try:
        return a + 1, total
    except TypeError:
        return a, total


@case("3, False", "3, True", skip="big float nan minus_big")
def numbers_across_a_try_in_a_loop(n, flag):
    count = 0
    real = 0.0
    for i in range(n):
        before = count
        try:
            count += i
            raises_if(flag)
            real += 1.5
            count += 1
        except Custom:
            real -= 0.5
            count = before + 100
        look()
    return count, real, before


class Opens:
    def __enter__(self):
        return "first"

    def __exit__(self, *what):
        see(what[0])
        return True


def entered(manager):
    with manager as value:
        return value


@case("3", odd=False)
def managers_change(n):
    """What a class has for `with` changes, in every way in which it can be had."""

    class Changing(Opens):
        pass

    class Binds:
        def __get__(self, instance, owner):
            see(owner.__name__)
            return lambda: "bound by a descriptor"

    def other(self):
        return "other"

    one = Changing()
    out = [entered(one), entered(one)]
    static, of_class = staticmethod(lambda: "static"), classmethod(lambda cls: cls.__name__)
    for enter in (other, static, of_class, Binds(), len, 5, other):
        Changing.__enter__ = enter
        for _ in range(n):
            try:
                out.append(entered(one))
            except TypeError as error:
                out.append(str(error))
    del Changing.__enter__
    one.__enter__ = lambda: "not looked at"
    out.append(entered(one))
    Opens.__enter__, kept = other, Opens.__enter__
    out.append(entered(one))
    Opens.__enter__ = kept
    exits = Opens.__exit__
    del Opens.__exit__
    try:
        out.append(entered(one))
    except TypeError as error:
        out.append(str(error))
    Opens.__exit__ = exits
    one.__class__ = type("Another", (Opens,), {"__enter__": lambda self: "another"})
    out.append(entered(one))
    return out
