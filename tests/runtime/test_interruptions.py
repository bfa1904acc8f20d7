"""Signals and asynchronous exceptions that arrive while the compiler runs are the program's, not the compiler's."""

import ctypes
import os
import signal
import threading

import pytest

CALLS = 3


@pytest.fixture
def compile_with(runtime):
    """A function that makes another one hot, with a compiler that does `work` and then gives it up."""

    def call(function, work):
        def compiler(asked):
            if asked is function:
                work()
            runtime.give_up(asked, "pytest's own")

        runtime.set_threshold(CALLS)
        runtime.set_compiler(compiler)
        try:
            return [function(i) for i in range(CALLS)]
        finally:
            runtime.set_compiler(None)

    return call


def python_code():
    for _ in range(1000):
        abs(len("looks for signals now and then"))


@pytest.fixture
def on_alarm():
    """Handlers of SIGALRM for the test alone."""
    before = signal.getsignal(signal.SIGALRM)
    yield lambda handler: signal.signal(signal.SIGALRM, handler)
    signal.signal(signal.SIGALRM, before)


def test_handlers_see_the_program(compile_with, on_alarm):
    seen = []
    on_alarm(lambda number, frame: seen.append((during[0], frame.f_code.co_name)))
    during = ["before"]

    def work():
        during[0] = "in the compiler"
        os.kill(os.getpid(), signal.SIGALRM)
        python_code()
        during[0] = "behind it"

    def f(x):
        return x

    assert compile_with(f, work) == [0, 1, 2]
    assert len(seen) == 1
    assert seen[0][0] == "behind it" and seen[0][1] not in ("work", "python_code")


def test_what_a_handler_raises_reaches_the_program(compile_with, on_alarm):
    class Stop(Exception):
        pass

    def handler(number, frame):
        raise Stop

    on_alarm(handler)

    def work():
        os.kill(os.getpid(), signal.SIGALRM)
        python_code()
        os.read(os.open(os.devnull, os.O_RDONLY), 1)  # would run handlers, too

    def f(x):
        return x

    with pytest.raises(Stop):
        compile_with(f, work)
    assert f(1) == 1


def raise_in(thread, exception):
    assert (
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(exception)) == 1
    )


class Custom(Exception):
    pass


def test_an_asynchronous_exception_in_the_compiler(runtime, compile_with):
    main = threading.get_ident()

    def work():
        assert not runtime.is_interrupted()
        raise_in(main, Custom)
        try:
            python_code()
        finally:
            assert runtime.is_interrupted()

    def f(x):
        return x

    with pytest.raises(Custom):
        compile_with(f, work)
    assert runtime.state(f)[0] == "counting"
    assert compile_with(f, lambda: None) == [0, 1, 2]


def test_one_that_the_compiler_never_sees(compile_with):
    """It is sent from C, by an audit hook say, right before the compiler ends: then the program has to see it."""
    main = threading.get_ident()

    def f(x):
        return x

    with pytest.raises(Custom):
        compile_with(f, lambda: raise_in(main, Custom))
        python_code()


def test_the_engine_lets_it_through(runtime, monkeypatch):
    from pyston import engine

    def install(function, artifact):
        raise_in(threading.get_ident(), Custom)
        python_code()

    def f(x):
        return x

    monkeypatch.setattr(runtime, "install", install)
    runtime.set_compiler(engine.compile_hot)
    try:
        with pytest.raises(Custom):
            runtime.compile_now(f)
    finally:
        runtime.set_compiler(None)


def test_a_failure_of_the_compiler_stays_its_own(runtime, compile_with):
    def work():
        raise Custom

    def f(x):
        return x

    assert compile_with(f, work) == [0, 1, 2]
    assert runtime.state(f)[0] == "given up"
