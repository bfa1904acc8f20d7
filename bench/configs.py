"""The configs that are compared: an interpreter and the environment that it runs in.

`stock` and `pyston` are one interpreter with the same packages: only PYSTON differs, so nothing else can.
`jit` is CPython's own compiler in that same interpreter, where it was built in. Every other peer is a
folder under `build/peers` with a `peer.json` (see `bench.peers`), or an interpreter given by its path.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

BASELINE = "stock"
SUBJECT = "pyston"

# What a measured process may inherit; everything else could change a result without being seen.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "USER", "TERM", "SYSTEMROOT")

PROBE = """
import json, os, platform, sys
facts = {"implementation": platform.python_implementation(), "version": sys.version, "prefix": sys.prefix,
         "executable": sys.executable, "jit": False, "pyston": None}
try:
    facts["jit"] = sys._jit.is_available()
except AttributeError:
    pass
import importlib.util
spec = importlib.util.find_spec("pyston")
if spec is not None and spec.origin:
    folder, files = os.path.dirname(spec.origin), []
    for base, _, names in os.walk(folder):
        for name in names:
            if name.endswith((".py", ".so")):
                path = os.path.join(base, name)
                status = os.stat(path)
                files.append((os.path.relpath(path, folder), status.st_size, int(status.st_mtime)))
    facts["pyston"] = sorted(files)
print(json.dumps(facts))
"""


@dataclass(frozen=True)
class Config:
    name: str
    python: str
    environment: dict[str, str] = field(default_factory=dict)
    description: str = ""
    facts: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def environ(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        """The whole environment of a measured process."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {**kept, **self.environment, **(extra or {})}


class NoSuchConfig(Exception):
    """Says which peer was asked for and is not there."""


def probe(config: Config) -> Config:
    """The config with what its interpreter says about itself; raises OSError where it does not run."""
    try:
        done = subprocess.run(
            [config.python, "-c", PROBE], env=config.environ(), capture_output=True, text=True, timeout=120
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{config.name}: {config.python} does not answer") from error
    if done.returncode:
        raise OSError(f"{config.name}: {config.python} does not run: {done.stderr.strip()[-300:]}")
    facts = json.loads(done.stdout.splitlines()[-1])
    return Config(config.name, config.python, config.environment, config.description, facts)


def own_configs(python: str) -> list[Config]:
    """Stock, Pyston and, where it was built in, CPython's own JIT: all three the same interpreter."""
    stock = probe(Config(BASELINE, python, {"PYSTON": "0"}, "stock CPython"))
    found = [stock, probe(Config(SUBJECT, python, {}, "Pyston"))]
    if stock.facts["jit"]:
        found.append(probe(Config("jit", python, {"PYSTON": "0", "PYTHON_JIT": "1"}, "CPython's own JIT")))
    return found


def installed_peers(folder: Path) -> list[Config]:
    """The peers that `bench.peers` has set up."""
    found = []
    for file in sorted(folder.glob("*/peer.json")):
        peer = json.loads(file.read_text())
        # A relative path is relative to the peer's folder, so that a moved tree still works.
        python = str((file.parent / peer["python"]).absolute())
        found.append(Config(peer["name"], python, peer.get("environment", {}), peer.get("description", "")))
    return found


def choose(own: list[Config], peers: list[Config], wanted: str) -> list[Config]:
    """The configs to run: `wanted` is the value of PEERS.

    Empty or `all`: every peer found. `none`: stock and Pyston only. Otherwise names, or NAME=PATH for an
    interpreter by its path, separated by commas. Stock always runs: it is what the others are compared with.
    """
    by_name = {config.name: config for config in [*own, *peers]}
    if wanted in ("", "all"):
        return [*own, *(probe(peer) for peer in peers)]
    chosen = own[:2]
    for item in [] if wanted == "none" else [part.strip() for part in wanted.split(",") if part.strip()]:
        name, is_path, path = item.partition("=")
        if not is_path and "/" in item:
            name, path = re.sub(r"[^\w.-]", "-", Path(item).name), item
        if path:
            chosen.append(probe(Config(name, os.path.abspath(path), {}, f"interpreter at {path}")))
        elif name not in by_name:
            raise NoSuchConfig(
                f"no peer {name!r}; found: {', '.join(by_name)} (`python -m bench.peers` sets peers up)"
            )
        elif name not in (BASELINE, SUBJECT):
            config = by_name[name]
            chosen.append(config if config.facts else probe(config))
    return chosen
