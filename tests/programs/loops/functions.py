# ways: usual loops loops-exits loops-evict
"""Functions that are called once and loop: entered in the middle, left exactly."""

import asyncio
import sys
import threading
import traceback
import weakref

ROUNDS = 30_000


def main():
    found = None
    for i in range(ROUNDS):
        if i == 25_000:
            found = i
            return found, i
    return None


print(main())


def fails_behind_a_comprehension(n):
    """Its loop alone is handled, by code that puts `i` back: what is raised behind that leaves the function."""
    for k in range(3):
        [i + k for i in range(n)]
        if k == 1:
            1 // 0


def fails_behind_a_handler(n):
    for k in range(3):
        try:
            for i in range(n):
                pass
        except ValueError as error:
            print(error)
        if k == 1:
            1 // 0


for fails in (fails_behind_a_comprehension, fails_behind_a_handler):
    try:
        fails(ROUNDS)
    except ZeroDivisionError as error:
        trace = error.__traceback__.tb_next
        frame = trace.tb_frame
        print(trace.tb_lineno == frame.f_lineno, frame.f_lineno - fails.__code__.co_firstlineno)


def finds_itself(number, n):
    seen = [number]
    for i in range(n):
        if number not in seen:
            return i
        if i == n - 5:
            number = 0.5
    return None


print(finds_itself(float("nan"), ROUNDS))


def nested(n):
    total = 0
    for i in range(n):
        for j in range(n):
            if (i + j) % 97 == 0:
                continue
            total += i * j
        if i == n - 5:
            break
    else:
        return "not reached"
    return total, i, j


print(nested(200))


def types_change(n):
    value = 0
    out = []
    for i in range(n):
        if i == n // 3:
            value = 0.5
        elif i == n // 2:
            value = [value]
        elif i == n - 10:
            value = 1 << 100
        if i % (n // 7) == 0:
            out.append(value)
        value = value + value if type(value) is float and value < 1e9 else value
    return out


print(types_change(ROUNDS))


def unbound(n):
    for i in range(n):
        if i < 0:
            late = 1
        if i == n - 1:
            return late
    return None


try:
    unbound(ROUNDS)
except UnboundLocalError:
    traceback.print_exc(file=sys.stdout)


def handlers(n):
    events = []
    for i in range(n):
        try:
            try:
                if i % 9_000 == 1:
                    raise KeyError(i)
                if i % 9_000 == 2:
                    raise ValueError(i)
            except KeyError as error:
                events.append(repr(error))
                raise TypeError("from it") from error
            finally:
                if i % 9_000 == 3:
                    events.append("finally")
        except (TypeError, ValueError) as error:
            events.append((repr(error), repr(error.__cause__), error.__traceback__.tb_lineno))
    return events


print(handlers(ROUNDS))


def escapes(n):
    with open("/dev/null", "w") as file:
        try:
            for i in range(n):
                file.write("x")
                if i == n - 5:
                    raise RuntimeError("in the loop")
        finally:
            print("closed?", file.closed)


try:
    escapes(ROUNDS)
except RuntimeError:
    traceback.print_exc(file=sys.stdout)


def handler_around(n, fail):
    i = 0
    try:
        while True:
            i += 1
            if i == n:
                fail(n)
    except ValueError as error:
        return i, error.__traceback__.tb_lineno


def cleanup_around(n, fail):
    i = 0
    try:
        while i < 2 * n:
            i += 1
            if i == n:
                fail(n)
    finally:
        print("cleaned up at", i)


print(handler_around(ROUNDS, ().index))
try:
    cleanup_around(ROUNDS, ().index)
except ValueError:
    traceback.print_exc(file=sys.stdout)


def behind_the_loop(n):
    total = 0
    try:
        for i in range(n):
            total += i
    except ValueError:
        print("not this one")
    return total // (i - i)


try:
    behind_the_loop(ROUNDS)
except ZeroDivisionError:
    traceback.print_exc(file=sys.stdout)


def in_handler(n):
    try:
        raise KeyError("first")
    except KeyError as error:
        for i in range(n):
            if i == n - 3:
                raise ValueError("second") from None
    finally:
        for i in range(n):
            pass
        print("finally", i)


try:
    in_handler(ROUNDS)
except ValueError as error:
    print(repr(error), repr(error.__context__))


def closure(n):
    total = 0

    def add(value):
        nonlocal total
        total += value

    for i in range(n):
        add(i)
        total += 1
    return total


print(closure(ROUNDS))


def generate(n):
    """Sums between its yields, in a loop that does not suspend."""
    total = 0
    for _ in range(3):
        for i in range(n):
            total += i
        received = yield total
        if received:
            total = received
    return total


generator = generate(ROUNDS)
print(next(generator), generator.send(5), list(generator))


async def work(n):
    total = 0
    for i in range(n):
        total += i & 3
    await asyncio.sleep(0)
    for i in range(n):
        total -= 1
        if i == n - 2:
            raise ValueError(total)


try:
    asyncio.run(work(ROUNDS))
except ValueError as error:
    print(error)


class Thing:
    pass


def deaths(n):
    """Objects die where they would."""
    log = []
    for i in range(n):
        thing = Thing()
        if i % 10_000 == 0:
            weakref.finalize(thing, log.append, i)
        if i % 10_000 == 1:
            log.append("next")
    return log


print(deaths(ROUNDS))


def frames(n):
    for i in range(n):
        if i == n - 7:
            frame = sys._getframe()
            before = dict(frame.f_locals)
            frame.f_locals["n"] = "changed"
            return before["i"], n, frame.f_lineno - frame.f_code.co_firstlineno
    return None


print(frames(ROUNDS))


def recursive(depth, n):
    total = 0
    for i in range(n):
        total += i
        if i == n - 1 and depth:
            total += recursive(depth - 1, n)
    return total


print(recursive(20, ROUNDS // 10))


def in_threads():
    results = []

    def run(n):
        total = 0
        for i in range(n):
            total += i % 5
        results.append(total)

    threads = [threading.Thread(target=run, args=(ROUNDS * 3,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


print(in_threads())

counter = 0


def counts_globally(n):
    global counter
    for i in range(n):
        counter += 1
        if i == n // 2:
            counter = float(counter)
    return counter


print(counts_globally(ROUNDS), counter)


def replaced_while_running(n):
    total = 0
    for i in range(n):
        total += i
        if i == n // 2:
            replaced_while_running.__code__ = (lambda n: "new").__code__
    return total


print(replaced_while_running(ROUNDS), replaced_while_running(1))


def star(n):
    total = 0
    for i in range(n):
        a, *b = (i, 1, 2)
        extra = {"k": i}
        total += a + sum(b) + len([*b, *b]) + len({**extra})
    return total


print(star(ROUNDS))


def keeps_failing(n):
    """Leaves at nearly every round, and is entered again, or not."""
    values = [1, 2.5, "a", None, (1,), [2], 1 << 70, True]
    out = 0
    for i in range(n):
        value = values[i % 8]
        out += len(str(value)) if value else 1
    return out


print(keeps_failing(ROUNDS))
