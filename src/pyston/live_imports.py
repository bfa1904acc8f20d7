"""What an import statement gives once all that it names has been imported, for `LiveWorld`.

A function that imports (to break a cycle, or to start faster) asks the import system on each call: for `__import__`,
for the module, whether that is still being imported, whether it is a package that has what is wanted of it. Each answer
lies in a dict that is watched, so that the module is a constant of the compiled code until one of them changes.
"""

from __future__ import annotations

import sys
import types

from pyston import _runtime
from pyston.compiler.native import Any, Callable, Final

_SPEC: Final = type(sys.__spec__)


def imported_module(
    namespace: dict[str, Any],
    builtins: object,
    name: str,
    wanted: object,
    level: object,
    watch: Callable[[dict[str, Any], str], bool],
) -> types.ModuleType | None:
    """The module that `IMPORT_NAME` pushes in a function with these globals and builtins; None where it has more to do
    than to look things up, or where one of them cannot be watched.

    `wanted` are the names behind `from … import`, or None; `level` the number of dots. `watch(dict, key)` is asked
    for each key that the answer hangs on, which may be absent.
    """
    if type(builtins) is not dict or builtins.get("__import__") is not _runtime.import_function():
        return None
    if not watch(builtins, "__import__"):
        return None
    if level != 0:
        package = _package(namespace, level, watch)
        if package is None:
            return None
        name = f"{package}.{name}" if name else package
    module = _loaded(name, watch)
    if module is None:
        return None
    if wanted:
        return module if type(wanted) is tuple and _has(module, wanted, watch) else None
    if level != 0:
        return None  # only __import__ called by hand
    top = name.partition(".")[0]
    return module if top == name else _loaded(top, watch)


def _package(
    namespace: dict[str, Any], level: object, watch: Callable[[dict[str, Any], str], bool]
) -> str | None:
    """What a relative import is relative to, where `__package__` and `__spec__` agree on it."""
    package = namespace.get("__package__")
    spec = namespace.get("__spec__")
    if type(package) is not str or type(level) is not int or type(spec) is not _SPEC or not package:
        return None
    parent = spec.name if spec.submodule_search_locations is not None else spec.name.rpartition(".")[0]
    if package != parent or not (watch(namespace, "__package__") and watch(namespace, "__spec__")):
        return None
    parts = package.split(".")
    return ".".join(parts[: len(parts) - level + 1]) if level <= len(parts) else None


def _loaded(name: str, watch: Callable[[dict[str, Any], str], bool]) -> types.ModuleType | None:
    """The module of the name, where it has been imported to its end."""
    modules = _runtime.modules()
    module = modules.get(name)
    if type(module) is not types.ModuleType:
        return None
    namespace = module.__dict__
    spec = namespace.get("__spec__")
    if type(spec) is not _SPEC or spec.__dict__.get("_initializing", True):
        return None
    return module if watch(modules, name) and watch(namespace, "__spec__") else None


def _has(
    module: types.ModuleType, wanted: tuple[object, ...], watch: Callable[[dict[str, Any], str], bool]
) -> bool:
    """Whether nothing is to be imported for `from module import …`: it is no package, or has all the names."""
    namespace = module.__dict__
    if not watch(namespace, "__path__"):
        return False
    if "__path__" not in namespace:
        # The module's own __getattr__ would be asked.
        return "__getattr__" not in namespace and watch(namespace, "__getattr__")
    return all(type(each) is str and each in namespace and watch(namespace, each) for each in wanted)
