"""The loads, by group, and how each is run.

| group | what it holds |
| --- | --- |
| web | web applications called in the process (`web` proper) and over a socket (also chosen by `socket`) |
| apps | command-line programs at real work, one process an iteration |
| startup | processes that do next to nothing |
| pure | pyperformance's benchmarks that need nothing but the standard library |
| libs | pyperformance's benchmarks of third-party libraries |
| variants | pyperformance's dozen variants of `async_tree`; only run when named |
| small | one idea each, for counting instructions; only run when named |
"""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

LOADS = Path(__file__).resolve().parent / "loads"

GROUPS = ("web", "socket", "apps", "startup", "pure", "libs", "variants", "small")
BY_DEFAULT = ("web", "socket", "apps", "startup", "pure", "libs")


@dataclass(frozen=True)
class Timing:
    """One process of one round: its seconds of warm-up and of measuring, the number and length of its values.

    `besides` is what it takes beyond that, roughly, for telling beforehand how long a run takes;
    `peer_rounds` is the number of rounds that peers take part in. What is to be measured in its `steady` state
    has warmed up for longer than large applications need, however short the time is.
    """

    warmup: float
    measure: float
    fewest_values: int = 3
    shortest_value: float = 0.1
    besides: float = 1.0
    peer_rounds: int = 1
    steady: bool = False


TIMINGS = {
    "web": Timing(14.0, 3.0, 8, besides=2.0, steady=True),
    "socket": Timing(5.0, 4.0, 3, besides=2.0, peer_rounds=2),
    "apps": Timing(0.0, 0.0, 2, 0.0, besides=12.0),
    "startup": Timing(0.2, 1.0, 8, 0.0),
    "pure": Timing(1.5, 1.0, 5),
    "libs": Timing(3.0, 1.5, 5, besides=2.0),
    "variants": Timing(1.5, 1.0, 5),
    "small": Timing(1.0, 1.0, 5),
}


@dataclass(frozen=True)
class Load:
    name: str
    group: str
    kind: str  # "module", "script" or "socket"
    target: str  # module name or path of the script
    arguments: tuple[str, ...] = ()
    server: tuple[str, ...] = ()  # for sockets: gunicorn's options
    paths: tuple[str, ...] = ()  # for sockets: what wrk asks for
    timing: Timing = field(default=Timing(1.0, 1.0))

    @property
    def has_curve(self) -> bool:
        return self.group == "web"


WEB = {
    "flask_shop": "flask_shop",
    "django_shop": "django_shop",
    "fastapi_orders": "fastapi_orders",
    "drf_shop": "drf_shop",
    "starlette_notes": "starlette_notes",
    "aiohttp_relay": "aiohttp_relay",
    "marshmallow_api": "marshmallow_api",
    "templates_jinja": "templates_jinja",
    "templates_django": "templates_django",
}

# name: (application, gunicorn's worker class, paths)
SOCKETS = {
    "flask_socket": ("flask_shop:app", "sync", ("/", "/books?page=3", "/book/17", "/authors")),
    "django_socket": ("django_shop:app", "sync", ("/", "/?page=3", "/book/17/", "/authors/")),
    "fastapi_socket": (
        "fastapi_orders:app",
        "uvicorn_worker.UvicornWorker",
        ("/hello?name=you", "/orders/42"),
    ),
}

STARTUP = (
    "startup_empty",
    "startup_no_site",
    "startup_stdlib",
    "startup_django",
    "startup_fastapi",
    "startup_sqlalchemy",
)
APPS = ("black", "pylint", "mypy", "docutils", "sphinx", "pip_resolver")

# Measured by our own loads instead, or not able to run: another program is needed, or an old release.
LEFT_OUT = {
    "mako",
    "sqlalchemy_imperative",
    "python_startup",
    "python_startup_no_site",
    "hg_startup",
    "sphinx",
    "docutils",
    "dask",
}

VARIANT = re.compile("_(eager|tg)(_|$)")


def our_loads() -> list[Load]:
    loads = [Load(name, "web", "module", module, timing=TIMINGS["web"]) for name, module in WEB.items()]
    if (LOADS.parent / "demo" / "shop").is_dir():
        loads.append(Load("demo_shop", "web", "module", "demo_shop", timing=TIMINGS["web"]))
    for name, (target, worker, paths) in SOCKETS.items():
        loads.append(Load(name, "socket", "socket", target, (), ("-k", worker), paths, TIMINGS["socket"]))
    commands = str(LOADS / "commands.py")
    loads += [Load(name, "apps", "script", commands, (name,), timing=TIMINGS["apps"]) for name in APPS]
    loads += [
        Load(name, "startup", "script", commands, (name,), timing=TIMINGS["startup"]) for name in STARTUP
    ]
    return loads


def small_loads() -> list[Load]:
    spec = importlib.util.spec_from_file_location("bench_small", LOADS / "small.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(LOADS))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(LOADS))
    return [
        Load(f"small_{name}", "small", "module", "small", (name,), timing=TIMINGS["small"])
        for name in module.NAMES
    ]


def pyperformance_loads() -> list[Load]:
    """Every benchmark of pyperformance's manifest, as its own metadata describes it."""
    from pyperformance._benchmark import Benchmark
    from pyperformance._manifest import load_manifest

    loads = []
    manifest = load_manifest(None)
    for benchmark in manifest.benchmarks:
        assert isinstance(benchmark, Benchmark)
        name = benchmark.name
        if name in LEFT_OUT:
            continue
        lockfile = Path(benchmark.requirements_lockfile)
        lines = lockfile.read_text().splitlines() if lockfile.exists() else []
        needs_packages = any(line.strip() and not line.lstrip().startswith("#") for line in lines)
        group = "libs" if needs_packages else "variants" if VARIANT.search(name) else "pure"
        arguments = tuple(str(option) for option in benchmark.extra_opts)
        loads.append(Load(name, group, "script", str(benchmark.runscript), arguments, timing=TIMINGS[group]))
    return loads


class NoSuchLoad(Exception):
    """Says which name of ONLY is neither a group nor a load."""


def choose(loads: list[Load], only: str) -> list[Load]:
    """The loads that ONLY names: groups and names, separated by commas; `web` includes the sockets."""
    if not only or only == "all":
        return [load for load in loads if load.group in BY_DEFAULT]
    chosen: dict[str, Load] = {}
    for item in [part.strip() for part in only.split(",") if part.strip()]:
        # A group goes before a load of the same name.
        groups = ("web", "socket") if item == "web" else (item,)
        found = [load for load in loads if load.group in groups] or [
            load for load in loads if load.name == item
        ]
        if not found:
            names = ", ".join(sorted(load.name for load in loads))
            raise NoSuchLoad(f"no group or load {item!r}; groups: {', '.join(GROUPS)}; loads: {names}")
        chosen.update({load.name: load for load in found})
    return list(chosen.values())


def all_loads() -> list[Load]:
    return [*our_loads(), *pyperformance_loads(), *small_loads()]
