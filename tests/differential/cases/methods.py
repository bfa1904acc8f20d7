"""A method's load and its call at once: what is found where, who keeps what alive, and where errors are."""

import sys

from prelude import Loud, case, look, see


class Base:
    def plain(self, *args):
        return "plain", type(self).__name__, args

    @classmethod
    def of_class(cls, *args):
        return "class", cls.__name__, args

    @staticmethod
    def of_none(*args):
        return "static", args

    @property
    def computed(self):
        look(2)
        return lambda *args: ("computed", args)

    @property
    def failing(self):
        raise KeyError("in the property")

    def looks(self, value):
        look()
        look(2)
        return value

    def raises(self, *args):
        raise ValueError("in the method", args)

    def rebinds(self, value):
        type(self).rebinds = lambda self, value: ("rebound", value)
        return value

    size = len


class Slotted:
    __slots__ = ("callback",)

    def __init__(self, callback):
        self.callback = callback

    def plain(self, *args):
        return "slotted", args


class Asked:
    def __getattr__(self, name):
        if name == "plain":
            return lambda *args: ("asked", args)
        raise AttributeError(f"no {name}")


class Shadowed(Base):
    def __init__(self):
        self.plain = lambda *args: ("own", args)


class Grown(Base):
    """Its dict has taken the place of inline values."""

    def __init__(self, name):
        for i in range(40):
            setattr(self, f"a{i}", i)
        self.__dict__.update(name=name)
        self.__dict__.pop("a3")


def receivers():
    return [Base(), Shadowed(), Slotted(print), Asked(), Base, Grown("x"), Shadowed(), sys, 5]


@case("0", "1", "2", "3", "4", "5", "6", "7", "8", odd=False)
def found_where(which):
    receiver = receivers()[which]
    try:
        return receiver.plain(which, "x")
    except (AttributeError, TypeError) as error:
        return type(error), str(error)


@case("Base()", "Shadowed()", "Asked()", "Slotted(len)", "5", "None")
def not_caught(receiver):
    return receiver.plain(receiver, 1, None)


@case("Base()", odd=False)
def kinds(receiver):
    return (
        receiver.of_class(1),
        receiver.of_none(2, 3),
        receiver.computed(4),
        Base.of_class(5),
        Base.plain(receiver, 6),
        receiver.looks(7),
    )


@case("Base()", odd=False)
def of_a_builtin(receiver):
    receiver.size(receiver)


@case("Base()", odd=False)
def error_at_the_load(receiver):
    value = 1
    return receiver.nothing(
        value,
        2,
    )


@case("Base()", odd=False)
def error_in_the_property(receiver):
    return receiver.failing(1)


@case("Base()", odd=False)
def error_in_the_call(receiver):
    return (
        receiver.plain().raises(1)
        if receiver is None
        else receiver.raises(
            receiver,
        )
    )


@case("Base()", "Asked()", "3", odd=False)
def error_with_handler(receiver):
    result = []
    for _ in range(2):
        try:
            result.append(receiver.missing(1, 2))
        except AttributeError as error:
            result.append((str(error), error.__traceback__.tb_lasti, error.__traceback__.tb_lineno))
        finally:
            result.append("finally")
    return result


@case("1", odd=False)
def rebound_meanwhile(value):
    class Fresh(Base):
        pass

    receiver = Fresh()
    return receiver.rebinds(value), receiver.rebinds(value)


class Holder:
    def __init__(self, name):
        self.loud = Loud(name)
        self.callback = lambda *args: see("called", args)

    def method(self, *args):
        see("in the method", args)
        return None

    def drops_self(self, other):
        del self
        see("dropped")
        return other


@case("1", odd=False, calls=False)
def receiver_dies_before_its_callback_runs(value):
    Holder("receiver").callback(value)
    see("behind")


@case("1", odd=False, calls=False)
def receiver_dies_behind_its_method(value):
    Holder("receiver").method(value)
    see("behind")


@case("1", odd=False, calls=False)
def receiver_let_go_inside(value):
    Holder("receiver").drops_self(value)
    see("behind")


@case("1", odd=False, calls=False)
def operands_die_in_order(value):
    def make(name):
        return Loud(name)

    def function(*args):
        see("in the function")

    pair = [make, function]
    (lambda *args: see("called"))(make("a"), make("b"))
    pair[1](make(1), make(2), make(3))
    print(make("p"), make("q"), sep="", file=Sink())
    pair[1](make("same"), value)
    see("end")


class Sink:
    def write(self, text):
        pass


@case("1", odd=False, calls=False)
def operands_die_when_it_raises(value):
    def make(name):
        return Loud(name)

    functions = [lambda *args: 1 / 0]
    try:
        functions[0](make("x"), make("y"))
    except ZeroDivisionError:
        see("handled")
    return Holder("z").nothing(value)


@case("['a', 'b']", "[]", "[1, 2]")
def many_arguments(values):
    out = []
    add = out.append
    for value in values:
        add(str(value))
        out.append(value)
    functions = [lambda *args: len(args)]
    return (
        out,
        functions[0](*values),
        functions[0](
            str(1),
            str(2),
            str(3),
            str(4),
            str(5),
            str(6),
            str(7),
            str(8),
            str(9),
            str(10),
            str(11),
            str(12),
            str(13),
            str(14),
            str(15),
            str(16),
            str(17),
            str(18),
        ),
    )


@case("'a b'", "'x'", "b'a b'", "None")
def chained(text):
    return text.strip().split().pop().upper().join(["1", "2"])


class Proxy:
    def __init__(self, of):
        self.of = of

    def __getattr__(self, name):
        see("asked for", name)
        return getattr(self.of, name)


class ClassProxy(Proxy):
    __class__ = property(lambda self: type(self.of))


class WholeProxy:
    def __init__(self, of):
        object.__setattr__(self, "of", of)

    def __getattribute__(self, name):
        see("asked for all", name)
        return getattr(object.__getattribute__(self, "of"), name)

    def __getattr__(self, name):
        return None


class Late(Proxy):
    pass


@case("1", "'a'", odd=False)
def instances_that_answer_for_others(of):
    result = []
    for value in (Proxy(of), ClassProxy(of), WholeProxy(of), Late(of)):
        result.append((isinstance(value, int), isinstance(value, (str, Base)), isinstance(value, Proxy)))
    Late.__class__ = property(lambda self: int)
    result.append(isinstance(value, int))
    del Late.__class__
    Late.__getattribute__ = lambda self, name: (
        int if name == "__class__" else object.__getattribute__(self, name)
    )
    result.append(isinstance(value, int))
    del Late.__getattribute__
    result.append(isinstance(value, int))
    return result


def counting(held, counts):
    def key(value):
        counts.append(sys.getrefcount(held[0]))
        return value

    return key


class Sortable(list):
    pass


@case("list, 3", "Sortable, 3", odd=False, narrow=False)
def references_that_a_c_method_sees(cls, n):
    """The interpreter lends self from the local over all that is between; NumPy counts them."""
    values = cls((n, 1, 2))
    held = [values]
    counts = []
    values.sort(key=counting(held, counts))
    more = cls((n, 4))
    values.sort(key=counting(held, counts)), more.sort(key=counting([more], counts))
    return counts


@case("1.5, 4", "2, 4", odd=False)
def method_of_a_number_kept_unboxed(number, n):
    results = []
    for i in range(n):
        number = number * 2 + i
        results.append(number.__add__(see("added") or i))
        other = number + 1
        results.append(other.__round__(*[]) if i % 2 else other.__sub__(see("sub") or number))
    return results


class Apart(Base):
    def __init__(self):
        self.__dict__ = {"other": 1}  # keys that no other instance has


class Hooked(Base):
    def __getattr__(self, name):
        return "hooked", name


@case("1", "'a'", odd=False)
def methods_bound_and_not_called(argument):
    class Small:
        __slots__ = ()

        def plain(self, *args):
            return "small", args

    class Own(Base):
        def __init__(self):
            self.plain = lambda *args: ("own", args)  # no method, and so not bound

    results = []
    receivers = [Base(), Small(), Own(), Apart(), Hooked(), Base()]
    for i in range(6):
        for receiver in receivers:
            first, second = receiver.plain, receiver.plain
            results.append((type(first).__name__, first == second, first is second))
            results.append(getattr(first, "__self__", None) is receiver)
            results.append(first(argument, *[i]))
        alone = Small().plain  # keeps its instance
        results.append(alone(i, **{}))
        if i == 2:
            receivers[0].plain = lambda *args: ("the instance's", args)
            receivers[3].plain = lambda *args: ("in a dict apart", args)
        if i == 3:
            Small.plain = lambda self, *args: ("another", args)
            receivers[0].__dict__ = {}
        if i == 4:
            Small.plain = repr  # a function in C, which is not bound
            del receivers[3].plain
            receivers.pop(1)
    return results
