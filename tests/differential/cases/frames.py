import sys

from prelude import case, see


@case("1, 2")
def own_locals(a, b):
    c = a
    r = dict(locals())
    d = b
    return r, sorted(locals())


def locals_of_caller():
    f = sys._getframe(1)
    see(dict(f.f_locals), f.f_lineno, f.f_lasti)
    return f


@case("1, 2.5", "'a', None")
def seen_by_callee(a, b):
    x = a
    y = [b]
    locals_of_caller()
    x = y
    z = (locals_of_caller(), x)[1]
    del y
    locals_of_caller()
    return z


@case("3", skip="big float nan minus_big")
def keeps_frames(n):
    frames = []
    for i in range(n):
        x = i * 2
        frames.append(locals_of_caller())
    return [f is frames[0] for f in frames], frames[0].f_locals["x"]


def frame_of_me(a):
    b = a
    return sys._getframe()


@case("[5]")
def frame_outlives(a):
    f = frame_of_me(a)
    return f.f_locals["b"], f.f_back is None, f.f_lineno


def write_caller(name, value):
    sys._getframe(1).f_locals[name] = value


@case("1", "2.5")
def locals_written(x):
    y = x
    write_caller("x", 10)
    r = x
    write_caller("y", "new")
    return r, x, y


@case("3", skip="big float nan minus_big")
def locals_written_in_loop(n):
    total = 0
    for i in range(n):
        total += i
        if i == 1:
            write_caller("total", 100)
    return total


@case("1")
def locals_updated(x):
    y = 5
    sys._getframe().f_locals.update(x=7, y=8)
    sys._getframe().f_locals.setdefault("z", 1)
    return x, y


@case("1")
def locals_merged(x):
    y = 5
    proxy = sys._getframe().f_locals
    proxy |= {"x": 9, "y": 3}
    return x, y


@case("1")
def cell_written(x):
    def inner():
        return x

    write_caller("x", 33)
    return inner(), x


@case("1")
def globals_seen(x):
    return (
        sys._getframe().f_globals is globals(),
        sys._getframe().f_code.co_name,
        sys._getframe().f_builtins["len"],
    )


def walk():
    names = []
    f = sys._getframe(1)
    while f is not None and f.f_code.co_filename.startswith("<diff"):
        names.append((f.f_code.co_name, f.f_lineno, f.f_lasti))
        f = f.f_back
    return names


def middle(n):
    if n:
        return middle(n - 1)
    return walk()


@case("3", odd=False)
def backtrace(n):
    return middle(n) + walk()


class Watcher:
    def __init__(self):
        self.seen = []

    def __add__(self, other):
        see(walk())
        return self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        see(walk())
        return 1

    def __iter__(self):
        see(walk())
        return iter((1, 2))

    def __bool__(self):
        see(walk())
        return True

    def __eq__(self, other):
        see(walk())
        return True

    def __getitem__(self, i):
        see(walk())
        return i

    def __setitem__(self, i, v):
        see(walk())

    def __hash__(self):
        see(walk())
        return 3

    def __format__(self, spec):
        see(walk())
        return spec

    def __len__(self):
        see(walk())
        return 2

    def __enter__(self):
        see(walk())

    def __exit__(self, *args):
        see(walk())

    def __call__(self):
        see(walk())


@case("Watcher()")
def positions(w):
    a = w + 1
    b = w.name
    for c in w:
        d = (
            c,
            w[c],
        )
    if w:
        w[1] = 2
    e = w == 3
    f = {w: 1}
    g = f"{w:x} {w}"
    h = len(w)
    with w:
        i = w in [1]
    w()
    x, y = w
    [z, *zz] = w
    return sorted(locals())


@case("[2, 1]")
def traceback_kept(items):
    try:
        items[5]
    except IndexError as error:
        tb = error.__traceback__
        see(tb.tb_lineno, tb.tb_lasti, tb.tb_frame is sys._getframe(), dict(tb.tb_frame.f_locals).keys())
    return 1


@case("3")
def trace_set_inside(x):
    events = []

    def tracer(frame, event, arg):
        if frame.f_code.co_filename.startswith("<diff"):
            events.append((event, frame.f_lineno))
        return tracer

    sys.settrace(tracer)
    y = x
    z = traced(y)
    sys.settrace(None)
    return z, events


def traced(a):
    b = a
    return b


@case("3")
def profile_set_inside(x):
    events = []

    def profiler(frame, event, arg):
        if frame.f_code.co_filename.startswith("<diff"):
            events.append((event, frame.f_code.co_name, frame.f_lineno, getattr(arg, "__name__", None)))

    sys.setprofile(profiler)
    y = traced(x)
    z = len([y])
    sys.setprofile(None)
    return z, events


@case("4", skip="big float nan minus_big")
def trace_set_in_loop(n):
    events = []

    def tracer(frame, event, arg):
        if frame.f_code.co_filename.startswith("<diff"):
            events.append((event, frame.f_lineno))
        return tracer

    def switch_on():
        sys.settrace(tracer)
        sys._getframe(1).f_trace = tracer

    total = 0
    for i in range(n):
        total += i
        if i == 1:
            switch_on()
        total += 1
    sys.settrace(None)
    return total, events


@case("1")
def locals_set_by_name(x):
    sys._getframe().f_locals.__setitem__("x", 20)
    r = x
    sys._getframe().f_locals.__ior__({"x": 21})
    return r, x


@case("1")
def locals_written_wrongly(x):
    proxy = sys._getframe().f_locals
    try:
        proxy[5] = 1
    except Exception as error:
        see(error)
    try:
        proxy.update(5)
    except Exception as error:
        see(error)
    return proxy.setdefault("x", 3), proxy.setdefault("new", x), proxy["new"], len(proxy)


def ends_here(f, x):
    f()
    if x:
        pass
    else:
        x = 5


def ends_with_many(f, a):
    b = [a]
    c = [b]
    d = [c]
    e = [d]
    g = [e]
    f()
    return (
        b,
        g,
    )


@case("True", "False")
def position_of_the_end(x):
    frames = []
    ends_here(lambda: frames.append(sys._getframe(1)), x)
    ends_with_many(lambda: frames.append(sys._getframe(1)), x)
    return [(f.f_lineno, f.f_lasti, f.f_locals.get("x")) for f in frames]


class Last:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        see(self.name)


@case("1", "'x'")
def locals_die_in_order(a):
    def two():
        x, y = Last("x"), Last("y")
        return a

    def many():
        x, y, z, u, v, w = (Last(name) for name in "xyzuvw")
        return a

    return two(), many()


class LooksUp:
    """The look-up of its method writes into the caller's locals."""

    def __init__(self, **changes):
        self.changes = changes

    def __getattr__(self, name):
        sys._getframe(1).f_locals.update(self.changes)
        return lambda *args: (name, *args)


@case("1, 2, 3", "'a', [], 2.5", "None, 1 << 70, {}")
def arguments_written_by_the_look_up(a, b, c):
    x = [a]
    y = (b, c)
    receiver = LooksUp(x="new", y=[1], a=None)
    return receiver.join(a, 5, x, y, "text", b), a, b, c, x, y


@case("1, 2", "[], {}")
def more_than_a_byte_of_arguments_written(a, b):
    c = d = e = f = g = h = i = j = k = l = m = n = o = p = q = r = 0  # noqa: E741
    s = [a]
    receiver = LooksUp(s="new", b="B")
    return receiver.call(s, b, s, a), c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r


@case("1", "'a'")
def argument_written_that_died(a):
    x = [a]
    receiver = LooksUp(x="new")
    return receiver.join(x)


@case("1", "[]")
def argument_written_in_a_loop(a):
    out = []
    for i in range(3):
        x = [i, a]
        out.append(LooksUp(x=i).join(x, i))
    return out


@case("1", "[]")
def one_of_many_arguments_written(a):
    """More than a call's word has bits for; none of these is handed over."""
    s = [a]
    receiver = LooksUp(s="new", a="A")
    # fmt: off
    return receiver.call(
        s, a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, s, 13, a, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30,
        s, 31, a, s, a, s,
    ), s, a
    # fmt: on


def asks(n, when):
    """Looks at its caller, and raises at one of its calls."""
    f = sys._getframe(1)
    see(n, f.f_lineno, f.f_lasti)
    if n == when:
        raise ValueError(n)
    return n


@case(*map(str, range(-1, 20)), odd=False)
def positions_far_apart(when):
    """Several times 256 bytes of bytecode, with ways from part to part: into handlers, out of loops, back."""
    out = []
    for i in range(3):
        try:
            out.append((asks(0, when), [i, i + 1, i + 2], {"a": i, "b": i + 1, "c": i + 2}))
            if i == 1:
                out.append((asks(1, when), [i, i, i, i], {"a": i, "b": i, "c": i, "d": out[0]}))
                x = [out[0], out[-1], out[0], out[-1], len(out), len(out) + 1, str(i), str(i + 1)]
                out.append((x, asks(2, when), x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]))
            else:
                x = [str(i), str(i + 1), str(i + 2), str(i + 3), len(out), len(out) + 1]
                out.append((asks(3, when), x[0], x[1], x[2], x[3], x[4]))
                if i == 2:
                    asks(4, when)
                    continue
                out.append((asks(5, when), "a" + str(i), "b" + str(i), "c" + str(i), "d" + str(i)))
            asks(6, when)
        except ValueError as e:
            see(e.__traceback__.tb_lineno, e.__traceback__.tb_lasti)
            out.append((asks(7, when), [str(e), str(e), str(e), str(e)], {"a": i, "b": i, "c": i}))
            try:
                raise KeyError(asks(8, when)) from e
            except KeyError as k:
                out.append((asks(9, when), str(k), [str(k), str(k), str(k), str(k)], len(out)))
        finally:
            out.append((asks(10, when), [i, i, i], {"a": i, "b": i, "c": i}, len(out), str(i)))
            asks(11, when)
    see([str(o) for o in out], len(out), len(out) + 1, len(out) + 2, len(out) + 3)
    return asks(12, when), out, asks(13, when)


class Died:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        f = sys._getframe(1)
        see(self.name, f.f_code.co_name)


def ends_with_one(a):
    return a.name


def ends_with_nine(a, b, c):
    d, e, f = Died("d"), a, Died("f")
    g, h, i = d, Died("h"), Died("i")
    del e
    return a.name + i.name


def ends_seen(a, keep):
    b = Died("b")
    keep.append(sys._getframe())
    c = Died("c")
    return c.name + a.name


@case("1", "'x'")
def locals_die_at_the_end(x):
    keep = []
    r = ends_with_one(Died("one")), ends_with_nine(Died("a"), Died("b"), x), ends_seen(Died("a"), keep)
    see(keep[0].f_lineno, keep[0].f_lasti, sorted(keep[0].f_locals))
    keep.clear()
    return r
