"""Digests of what a load computed, so that a config's answers can be compared with stock's.

Our own loads hand over the bytes they produced. Benchmarks of pyperformance mostly throw their results
away, so for one more iteration, after the timing and in the same process (what was compiled stays
compiled), every plain function at the top of the script is replaced by one that also notes its result;
the digest is over those notes, the benchmark function's own result and everything printed. Only plain
data is looked into: other objects count by the name of their type. Random numbers start from one seed,
and the script's globals and the plain containers in them hold again what they held before the first
iteration: how many there were is chance. The notes are sorted, since threads take them in any order.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import io
import random
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

MOST_NOTES = 20_000
MOST_ITEMS = 5_000
MOST_REMEMBERED = 200_000  # items in containers


def digest_of(chunks: list[bytes]) -> str:
    hasher = hashlib.sha256()
    for chunk in chunks:
        hasher.update(len(chunk).to_bytes(8, "little"))
        hasher.update(chunk)
    return hasher.hexdigest()[:32]


def plain(value: object) -> str:
    """A text that is equal where plain data is equal; sets and dicts are sorted by it.

    Data that refers to itself many times over would be endless, so only so many items are looked at.
    """
    return _plain(value, 4, [MOST_ITEMS])


def _plain(value: Any, depth: int, left: list[int]) -> str:
    left[0] -= 1
    kind = type(value)
    if value is None or kind in (bool, int, str, bytes, complex):
        return repr(value)[:10_000] if kind is not int else f"{value:x}"[:10_000]
    if kind is float:
        return float.hex(value)
    if not depth or left[0] <= 0 or kind not in (list, tuple, set, frozenset, dict):
        return f"<{kind.__name__}>"
    texts: list[str] = []
    for item in value.items() if kind is dict else value:
        if left[0] <= 0:
            # Which items come first is chance in a set, so a cut one counts by its size alone.
            if kind in (set, frozenset):
                texts = []
            break
        texts.append(_plain(item, depth - (kind is not dict), left))
    if kind in (set, frozenset, dict):
        texts.sort()
    return f"{kind.__name__}[{len(value)}]({','.join(texts)})"


def _noting(function: types.FunctionType, note: Callable[[str], None]) -> Callable[..., Any]:
    @functools.wraps(function)
    def noting(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        note(f"{function.__name__}={plain(result)}")
        return result

    return noting


def _is_plain_function(value: object, module: str) -> bool:
    return (
        isinstance(value, types.FunctionType)
        and value.__module__ == module
        and not inspect.isgeneratorfunction(value)
        and not inspect.iscoroutinefunction(value)
        and not inspect.isasyncgenfunction(value)
        and not hasattr(value, "__wrapped__")
    )


@contextlib.contextmanager
def _noting_functions(namespace: dict[str, Any], note: Callable[[str], None]) -> Iterator[None]:
    module = str(namespace.get("__name__", ""))
    saved = {name: value for name, value in namespace.items() if _is_plain_function(value, module)}
    namespace.update({name: _noting(value, note) for name, value in saved.items()})
    try:
        yield
    finally:
        namespace.update(saved)


def remember(namespace: dict[str, Any]) -> Callable[[], None]:
    """Notes what a module's globals and the plain containers in them hold; what it returns puts that back.

    The containers stay the same objects, and what has not changed is not touched: compiled code may depend on it.
    """
    globals_before = {name: value for name, value in namespace.items() if not name.startswith("__")}
    noted: dict[int, tuple[Any, Any]] = {}
    queue = list(globals_before.values())
    left = MOST_REMEMBERED
    while queue:
        value = queue.pop()
        kind = type(value)
        if kind not in (list, dict, set, tuple) or id(value) in noted:
            continue
        left -= len(value)
        if left < 0:
            break
        noted[id(value)] = (value, value if kind is tuple else value.copy())
        queue += value.values() if kind is dict else value

    def put_back() -> None:
        for name, value in globals_before.items():
            if namespace.get(name) is not value:
                namespace[name] = value
        for container, before in noted.values():
            if container is before or _holds_the_same(container, before):
                continue
            if type(container) is list:
                container[:] = before
            else:
                container.clear()
                container.update(before)

    return put_back


def _holds_the_same(container: Any, before: Any) -> bool:
    """Whether the very same objects are in both; equal ones could be other objects."""
    if len(container) != len(before):
        return False
    if type(container) is set:
        return {id(item) for item in container} == {id(item) for item in before}
    if type(container) is list:
        return all(one is other for one, other in zip(container, before))
    pairs = zip(container.items(), before.items())
    return all(key is old_key and value is old for (key, value), (old_key, old) in pairs)


def digest_of_script(once: Callable[[], object]) -> str:
    """Runs `once` with the functions of the main script noted and returns the digest, or what went wrong.

    A script that defines `check_output()` is asked for its bytes instead.
    """
    notes: list[str] = []

    def note(text: str) -> None:
        if len(notes) < MOST_NOTES:
            notes.append(text)

    random.seed(20_14)
    printed = io.StringIO()
    own = vars(sys.modules["__main__"]).get("check_output")
    try:
        if own is not None:
            return digest_of([own()])
        with contextlib.redirect_stdout(printed), _noting_functions(vars(sys.modules["__main__"]), note):
            note(f"result={plain(once())}")
    except Exception as error:
        return f"error: {type(error).__name__}: {error}"[:200]
    return digest_of([text.encode("utf-8", "surrogatepass") for text in [*sorted(notes), printed.getvalue()]])
