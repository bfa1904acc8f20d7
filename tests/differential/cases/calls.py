import functools

from prelude import case, look, see


def target(a, b=2, *args, c=3, **kw):
    return a, b, args, c, kw


def simple(a, b):
    return a - b


def defaults(a, b=10, c=[]):
    return a, b, c


def positional_only(a, b, /, c, *, d=4):
    return a, b, c, d


def looks(x):
    y = x
    look()
    look(2)
    return y


def raises(x):
    raise ValueError("from callee", x)


@case("1, 2", "1.5, 2", "'a', 'b'")
def positional(a, b):
    return (
        simple(a, b) if not isinstance(a, str) else target(a, b),
        defaults(a),
        defaults(a, b),
        defaults(a, b, 3),
    )


@case("1, 2")
def by_keyword(a, b):
    return (
        simple(b=a, a=b),
        simple(a, b=b),
        defaults(a, c=b),
        positional_only(a, b, c=1),
        positional_only(1, 2, 3, d=a),
    )


@case("1, 2")
def stars(a, b):
    args = (a, b)
    kw = {"c": 5, "z": 6}
    return target(*args), target(a, *args, **kw), target(a=1), target(*[a], b, *args, c=1), simple(*args)


def collecting(a, *args, **kwargs):
    kwargs["args"] = (a, *args)
    return [a, *args], {**kwargs}, target(*args, **kwargs), target(a, *args), target(a, *args, c=1, **kwargs)


@case("1, 2", "(), []")
def collected(a, b):
    return collecting(a), collecting(a, b), collecting(a, b, d=a), collecting(a, **{"b": b} if a else {})


@case("1")
def collected_in_operators(a):
    def plus(*args):
        return +[a, *args]

    def unknown(*args, **kwargs):
        args = kwargs = 5
        return target(a, *args, **kwargs)

    def deleted(*args, **kwargs):
        del kwargs
        return target(*args, **kwargs)

    results = []
    for function in (plus, unknown, deleted):
        try:
            function(a)
        except Exception as error:
            results.append((type(error), str(error)))
    return results


@case("0", "1", "2", "3", "4", "5", "6", odd=False)
def wrong_calls(which):
    if which == 0:
        return simple(1)
    if which == 1:
        return simple(1, 2, 3)
    if which == 2:
        return simple(1, b=2, a=3)
    if which == 3:
        return simple(1, 2, q=3)
    if which == 4:
        return positional_only(a=1, b=2, c=3)
    if which == 5:
        return simple(*5)
    return target(**{"a": 1}, **{"a": 2})


@case("5")
def looked_at(x):
    a = x
    b = looks(a)
    c = looks(b) or looks(a)
    return a, b, c


@case("5")
def callee_raises(x):
    see("before")
    raises(x)


@case("5")
def callee_raises_caught(x):
    try:
        return raises(x)
    except ValueError as error:
        see(error.args)
        look()
    return "after"


@case("10", "0", skip="big float nan")
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@case("20, 4", skip="big float nan sub_int", odd=False)
def ackermann_like(m, n):
    if m <= 0:
        return n
    return ackermann_like(m - 1, n + 1)


def deep(n):
    return 1 + deep(n + 1)


@case("0", odd=False)
def recursion_error(n):
    try:
        deep(n)
    except RecursionError as error:
        return error.args
    return None


@case("0", odd=False)
def recursion_error_twice(n):
    out = []
    for _ in range(2):
        try:
            deep(n)
        except RecursionError:
            out.append("caught")
    return out


@case("1, 2", "'a', 'b'")
def closures(a, b):
    def inner(c):
        nonlocal a
        a = a + c
        return a, b

    def reader():
        return a

    r = [inner(b), reader()]
    a = b
    r.append(reader())
    return r


@case("3", skip="big float nan minus_big")
def makes_counters(n):
    def make(start):
        count = start

        def bump():
            nonlocal count
            count += 1
            return count

        return bump

    fs = [make(i) for i in range(n)]
    return [f() for f in fs], [f() + f() for f in fs]


@case("1")
def unbound_cell(x):
    def inner():
        return y

    try:
        inner()
    except NameError as error:
        see(error.args)
    y = x
    see(inner())
    del y
    return inner()


@case("5")
def lambdas(x):
    f = lambda a, b=x: (a, b)
    return f(1), f(1, 2), (lambda: x)(), list(map(lambda v: v, [x]))


@case("[3, 1, 2]")
def key_function(items):
    return sorted(items, key=lambda v: -v), max(items, key=str)


counter = 0


@case("1", "2.5")
def globals_(x):
    global counter
    old = counter
    counter = x
    counter += x
    new = counter
    counter = old
    return new


lazy = None


@case("1")
def lazy_global(x):
    global lazy
    if lazy is None:
        lazy = [x]
    r = lazy
    lazy.append(2)
    lazy = None
    return r, lazy


@case("1")
def deleted_global(x):
    global passing
    passing = x
    r = passing
    del passing
    return r, passing


@case("1")
def missing_name(x):
    return x + nothing_of_this_name  # noqa: F821


def helper_one():
    return 1


@case("5", skip="big float nan minus_big")
def callee_replaced(n):
    global helper_one
    original = helper_one
    out = []
    try:
        for i in range(n):
            out.append(helper_one())
            if i == 2:
                helper_one = lambda: "replaced"
    finally:
        helper_one = original
    return out


@case("4", skip="big float nan minus_big")
def builtin_shadowed(n):
    out = []
    try:
        for i in range(n):
            out.append(len([1, 2]))
            if i == 1:
                globals()["len"] = lambda x: "shadow"
    finally:
        globals().pop("len", None)
    return out


@case("[1, 2]", "'abc'", "5", "None")
def c_functions(x):
    return (
        repr(x),
        str(x),
        type(x).__name__,
        isinstance(x, int),
        callable(x),
        id(x) == id(x),
        abs(-3),
        min(1, 2),
        max([1, 2]),
        divmod(7, 2),
        ord("a"),
        chr(98),
        bool(x),
    )


@case("'12'", "'x'", "12", "None")
def conversions(x):
    return int(x), float(x), str(x), list(str(x)), tuple([x]), dict([(1, x)]), set([1])


@case("1")
def classes(x):
    class A:
        y = x

        def m(self):
            return self.y, __class__.__name__

    class B(A):
        def m(self):
            return super().m() + ("B",)

    return A().m(), B().m(), A.__qualname__


@case("3", skip="big float nan minus_big")
def consumes_generator(n):
    def gen(k):
        for i in range(k):
            got = yield i
            see(got)
        return "end"

    g = gen(n)
    out = [next(g)]
    out.append(g.send("sent"))
    out.extend(g)
    return out, list(gen(2)), next(gen(0), "none")


@case("1, 2")
def keyword_only(a, b):
    def f(*, k, j=2):
        return k, j

    return f(k=a), f(j=a, k=b), f(b)


@case("1")
def prints(x):
    print("value", x)
    print(x, end="")
    print()
    return print


@case("[1, 2]")
def mutable_default(x):
    def f(a, seen=[]):
        seen.append(a)
        return list(seen)

    f(1)
    return f(x)


@case("1")
def default_changes(x):
    def f(a=1):
        return a

    r = [f()]
    f.__defaults__ = (x,)
    r.append(f())
    f.__code__ = (lambda a=5: ("new code", a)).__code__
    r.append(f())
    f.__defaults__ = None
    r.append(f())
    return r


@case("1, 2, 3, 4, 5, 6, 7, 8, 9, 10", odd=False)
def many_arguments(a, b, c, d, e, f, g, h, i, j):
    return (
        target(a, b, c, d, e, f, g, h, i, j),
        (j, i, h, g, f, e, d, c, b, a),
        many_helper(j, i, h, g, f, e, d, c, b, a),
    )


def many_helper(a, b, c, d, e, f, g, h, i, j):
    look()
    return a - b + c * d - e + f * g - h + i - j


@case("3")
def local_imports(x):
    import json as j
    from os import path, sep
    from os.path import join as jn

    return j.dumps([x]) if isinstance(x, int) else 0, path.basename("a/b"), sep, jn("a", "b")


@case("3")
def failing_import(x):
    try:
        import no_such_module_at_all
    except ImportError as error:
        see(error.name)


@case("'x'")
def method_of_result(s):
    return s.upper().lower().join(["a", "b"]).split(s)[0].encode().decode()


@case("3", "0", skip="big float nan minus_big")
def mutual(n):
    return even(n)


def even(n):
    return True if n == 0 else odd(n - 1) if n > 0 else None


def odd(n):
    return False if n == 0 else even(n - 1)


@case("[1, 2, 3]")
def star_into_builtin(x):
    print(*x, sep="-")
    return max(*x), "{} {} {}".format(*x), dict(zip(x, x))


def kw_swallow(**kw):
    return kw


@case("1")
def keyword_order(x):
    return kw_swallow(b=x, a=2), list(kw_swallow(z=1, y=2)), kw_swallow(q=x, r=1)


@case("1")
def annotated(x):
    def inner(a: int, b: "str" = x) -> x:
        return a

    return inner.__annotations__, inner.__annotate__.__qualname__, inner.__annotate__.__name__


def collects(x, /, y=2, *args, z=3, **kw):
    return x, y, args, z, kw


def only_args(*args):
    return args


def takes_context(a, /, callback, *rest, context=None, **more):
    return a, callback, rest, context, more


def takes_no_more(callback, *, context=None):
    return callback, context


@case("'context'", "'callback'", "'other'", "'a'", "7")
def names_that_are_not_interned(name):
    """As C code has them."""
    fresh = "".join([str(name)[:3], str(name)[3:]])
    results = []
    for function, args in (
        (takes_context, (1, 2)),
        (takes_context, (1,)),
        (takes_no_more, (3,)),
        (takes_no_more, ()),
    ):
        for call in (
            lambda: function(*args, **{fresh: 5}),
            lambda: functools.partial(function, *args)(**{fresh: 6, "context": 7}),
            lambda: functools.partial(function, *args, **{fresh: 8})(),
        ):
            try:
                results.append(call())
            except TypeError as error:
                results.append(str(error))
    return results


def only_keywords(**kw):
    return kw


@case("1, 2", "[], 'k'")
def collecting_parameters(a, b):
    return (
        only_args(),
        only_args(a),
        only_args(a, b, 3),
        only_keywords(),
        only_keywords(p=a, q=b),
        collects(a, z=1),
        collects(a, b, 3, 4, z=5),
        collects(a, y=b, x=6, z=7, other=8),
        collects(a),
    )


@case("1", "'x'")
def collecting_errors(a):
    result = []
    for attempt in (
        lambda: collects(),
        lambda: collects(a, b=1, y=2) and collects(a, 2, y=3),
        lambda: only_args(a, key=1),
        lambda: only_keywords(a),
    ):
        try:
            result.append(attempt())
        except TypeError as error:
            result.append(str(error))
    return result


class Keeps:
    def __init__(self, *args, **kw):
        self.given = args, kw


@case("1", "'x'")
def collecting_initializer(a):
    return Keeps().given, Keeps(a, b=a).given


def forwards(function):
    def wrapper(*args, **kw):
        return function(*args, **kw)

    return wrapper


forwarded = forwards(collects)


@case("1, 2", "[], 'k'")
def forwarding(a, b):
    return forwarded(a), forwarded(a, b, 3, z=4), forwarded(a, x=1), forwarded(*[a, b], **{"u v": 1})


class Hooked:
    shared = 1

    def __init__(self):
        self.own = 2

    def __getattr__(self, name):
        if name == "made":
            return name
        see(name)
        raise AttributeError(name)


class Lower(Hooked):
    def get(self, name):
        return super().__getattribute__(name)


@case("Hooked()", "Lower()", "3", "None")
def asking(a):
    return (
        getattr(a, "own", None),
        getattr(a, "made", "default"),
        getattr(a, "missing", a is None),
        hasattr(a, "shared"),
        hasattr(a, "missing"),
        type(a) is Hooked,
        issubclass(type(a), Hooked),
        callable(a),
        callable(asking),
        bool(a),
        str(a)[:3],
        str("same"),
        next(iter((a,)), 1) is a,
        next(iter(()), 1),
        {"k": a}.get("k") is a,
        {"k": a}.get("other"),
        {"k": a}.get("other", 2),
        {}.get(a, 4),
    )


@case("Hooked(), 'missing'", "Lower(), 'own'")
def asking_in_vain(a, name):
    result = [getattr(a, name, 5)]
    try:
        result.append(getattr(a, "missing"))
    except AttributeError as error:
        result.append((error.name, error.obj is a))
    try:
        result.append({}.get([]))
    except TypeError as error:
        result.append(str(error))
    try:
        next(iter(()))
    except StopIteration as error:
        result.append(error.value)
    result.append(a.get("own") if isinstance(a, Lower) else hasattr(a, "get"))
    return result


class SaysOtherwise:
    @property
    def __class__(self):
        return int

    def __init__(self):
        self.own = 1


class Honest:
    own = 1


@case("SaysOtherwise()", "Honest()")
def instance_checks_of_a_known_class(a):
    a.own
    return isinstance(a, int), isinstance(a, str), isinstance(a, SaysOtherwise), isinstance(a, object)


class Meta(type):
    def __instancecheck__(cls, instance):
        return instance == 1

    def __subclasscheck__(cls, derived):
        return derived is int


class Odd(metaclass=Meta):
    pass


@case("1", "SaysOtherwise()", "'x'")
def instance_checks(a):
    return isinstance(a, int), isinstance(a, Odd), isinstance(a, (str, Odd)), issubclass(type(a), Odd)


def collecting_generator(a, *args, k=2, **kw):
    yield a, args
    yield k, kw


@case("1", "'x'")
def generators_that_collect(a):
    return (
        list(collecting_generator(a)),
        list(collecting_generator(a, 1, 2, k=3)),
        next(collecting_generator(a, other=a)),
    )


@case("1")
def dicts_that_are_passed_on_and_changed(a):
    known = {"a": a}
    made = functools.partial(collecting, **known)
    kept = dict(**known), made()
    known["a"] = 5
    made(**known)["b"] = 6
    return kept, made(), known


def collecting(**kw):
    return kw
