"""Small loads, one idea each: cheap enough to count instructions under callgrind, and free of libraries.

make(NAME) returns the load with that name; NAMES lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from calling import Load


class Point:
    scale = 2

    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y

    def moved(self, by: int) -> Point:
        return Point(self.x + by, self.y * self.scale)

    @property
    def size(self) -> int:
        return self.x * self.x + self.y * self.y


def add(a: int, b: int, c: int = 1) -> int:
    return a + b + c


def calls() -> object:
    total = 0
    for n in range(2000):
        total = add(total, n) - add(n, b=total, c=3) % 7
    return total


def attributes() -> object:
    total = 0
    point = Point(1, 2)
    for n in range(1000):
        point.x = n
        total += point.x + point.y + point.scale + point.size
    return total


def objects() -> object:
    point = Point(1, 2)
    for n in range(600):
        point = point.moved(n & 3)
        if point.y > 1000:
            point = Point(n, 1)
    return point.x, point.y


def loops() -> object:
    total, n = 0, 0
    while n < 4000:
        total += n * 3 if n & 1 else -n
        n += 1
    return total


def floats() -> object:
    x = 0.5
    for n in range(3000):
        x = x * 3.7 * (1.0 - x) + n * 1e-9
        x -= int(x)
    return x


def containers() -> object:
    counts: dict[str, int] = {}
    words = ["alpha", "beta", "gamma", "delta", "beta"] * 60
    for index, word in enumerate(words):
        counts[word] = counts.get(word, 0) + index
    pairs = [(len(word), count) for word, count in counts.items()]
    pairs.sort()
    return pairs, [n for n, _ in pairs if n in (4, 5)], sorted({*words})


def text() -> object:
    parts = []
    for n in range(300):
        parts.append(f"{n:03d}:{'x' * (n % 5)}".replace("x", "yz").split(":")[1].upper())
    return "".join(parts)


def generators() -> object:
    def numbers(limit: int) -> Generator[int]:
        yield from range(limit // 2)
        for n in range(limit // 2, limit):
            yield n * 2

    return sum(n for n in numbers(1200) if n % 3)


def exceptions() -> object:
    caught = 0
    values = {"a": 1}
    for n in range(400):
        try:
            caught += values["a" if n % 3 else "b"]
        except KeyError as error:
            caught += len(error.args)
        finally:
            caught += 1
    return caught


def closures() -> object:
    def counter(step: int) -> Callable[[], int]:
        count = 0

        def increase() -> int:
            nonlocal count
            count += step
            return count

        return increase

    total = 0
    for step in range(30):
        increase = counter(step)
        for _ in range(20):
            total += increase()
    return total


LOADS: dict[str, Callable[[], object]] = {
    function.__name__: function
    for function in (
        calls,
        attributes,
        objects,
        loops,
        floats,
        containers,
        text,
        generators,
        exceptions,
        closures,
    )
}
NAMES = tuple(LOADS)


def make(name: str) -> Load:
    function = LOADS[name]

    def step() -> bytes:
        return repr(function()).encode()

    return Load([step])
