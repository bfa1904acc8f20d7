"""Sets the peers up under build/peers: `python -m bench.peers [NAME…]`, all of them without a name.

| name | what |
| --- | --- |
| cinderx | CinderX from PyPI, in a virtual environment of the interpreter that Pyston is installed in |
| cpython3.13, cpython3.15 | optimised CPythons from Debian sid's packages |
| cpython3.15-jit | the same 3.15 with PYTHON_JIT=1, where its compiler was built in |
| pypy | PyPy from Debian sid's packages |

Each is a folder with a virtual environment and a `peer.json` that `bench.configs` reads; the packages of
requirements/bench-loads.txt are installed in each, in the same versions. A package that a peer cannot
have is named, and the loads that need it will be reported as failed under that peer. A peer that cannot
be had at all (another system than Debian, say) is reported and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench import debian
from bench.__main__ import PEERS, ROOT

REQUIREMENTS = ROOT / "requirements" / "bench-loads.txt"
NO_BINARY = ("mypy", "black")  # their wheels are compiled; what we want to run is Python


class CannotSetUp(Exception):
    """Says in one sentence why a peer is not to be had."""


@dataclass(frozen=True)
class Peer:
    name: str
    description: str
    interpreter: Callable[[Path], Path]  # finds or unpacks it, given the folder for all peers
    packages: tuple[str, ...] = ()
    startup: str = ""  # a line that the virtual environment runs at every start
    also: dict[str, dict[str, str]] = field(default_factory=dict)  # further configs: name to environment


def this_interpreter(_: Path) -> Path:
    """The interpreter behind the one that runs this, outside its virtual environment."""
    return Path(getattr(sys, "_base_executable", sys.executable))


def from_debian(program: str, *packages: str) -> Callable[[Path], Path]:
    def interpreter(base: Path) -> Path:
        try:
            return debian.unpack(base / "debian" / program, program, packages)
        except debian.CannotUnpack as error:
            raise CannotSetUp(str(error)) from error

    return interpreter


KNOWN = {
    peer.name: peer
    for peer in (
        Peer(
            "cinderx",
            "CinderX, Meta's method JIT, compiling on its own",
            this_interpreter,
            ("cinderx",),
            "import cinderx.jit; cinderx.jit.auto()",
        ),
        Peer(
            "cpython3.13", "CPython 3.13 of Debian", from_debian("python3.13", "python3.13", "python3.13-dev")
        ),
        Peer(
            "cpython3.15",
            "CPython 3.15 of Debian",
            from_debian("python3.15", "python3.15", "python3.15-dev"),
            also={"cpython3.15-jit": {"PYTHON_JIT": "1"}},
        ),
        Peer("pypy", "PyPy of Debian", from_debian("pypy3", "pypy3", "pypy3-dev")),
    )
}


def pip(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs this environment's pip for another interpreter."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "--disable-pip-version-check",
        *arguments,
    ]
    return subprocess.run(command, env={**os.environ, "PYSTON": "0"}, capture_output=True, text=True)


def requirements() -> list[str]:
    lines = (line.partition("#")[0].strip() for line in REQUIREMENTS.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def install(python: Path, wanted: list[str]) -> list[str]:
    """Installs all at once or, where that fails, one by one; returns what could not be installed."""
    options = [option for name in NO_BINARY for option in ("--no-binary", name)]
    if pip(python, "install", "--quiet", *options, *wanted).returncode == 0:
        return []
    missing = []
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        # A dependency may not bring another version of what could not be installed.
        constraints.write("\n".join(wanted))
        constraints.flush()
        for item in wanted:
            if pip(python, "install", "--quiet", *options, "--constraint", constraints.name, item).returncode:
                say(f"  cannot install {item}")
                missing.append(item)
    return missing


def make_environment(interpreter: Path, folder: Path) -> Path:
    done = subprocess.run(
        [str(interpreter), "-m", "venv", "--without-pip", "--clear", str(folder)],
        capture_output=True,
        text=True,
    )
    python = folder / "bin" / "python"
    if done.returncode or not python.exists():
        raise CannotSetUp(f"no virtual environment: {done.stderr.strip()[-300:]}")
    return python


def set_up(peer: Peer, base: Path) -> None:
    folder = base / peer.name
    say(f"{peer.name}: {peer.description}")
    interpreter = peer.interpreter(base)
    python = make_environment(interpreter, folder / "venv")
    for package in peer.packages:
        done = pip(python, "install", "--quiet", package)
        if done.returncode:
            raise CannotSetUp(f"pip cannot install {package}: {done.stderr.strip()[-300:]}")
    missing = install(python, requirements())
    if peer.startup:
        site = subprocess.run(
            [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        Path(site, "bench_peer.pth").write_text(peer.startup + "\n")
    write(folder, peer.name, peer.description, {}, missing, "venv/bin/python")
    for name, environment in peer.also.items():
        if "PYTHON_JIT" in environment and not has_jit(python):
            say(f"  {name}: this interpreter was built without its compiler")
            shutil.rmtree(base / name, ignore_errors=True)
            continue
        note = " with " + " ".join(f"{key}={value}" for key, value in environment.items())
        write(
            base / name,
            name,
            peer.description + note,
            environment,
            missing,
            f"../{peer.name}/venv/bin/python",
        )
    say(f"  ready: {python}")


def has_jit(python: Path) -> bool:
    code = "import sys; print(sys._jit.is_available())"
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True).stdout.strip() == "True"


def write(
    folder: Path, name: str, description: str, environment: dict[str, str], missing: list[str], python: str
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "name": name,
        "python": python,
        "environment": environment,
        "description": description,
        "missing": missing,
    }
    (folder / "peer.json").write_text(json.dumps(facts, indent=1))


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(KNOWN)}; default all")
    parser.add_argument("--into", type=Path, default=PEERS, help="default build/peers")
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in KNOWN]
    if unknown:
        parser.error(f"no peer {', '.join(unknown)}; there are {', '.join(KNOWN)}")
    failed = 0
    for name in args.names or KNOWN:
        try:
            set_up(KNOWN[name], args.into)
        except (CannotSetUp, OSError, subprocess.SubprocessError) as error:
            say(f"  {name} left out: {re.sub(chr(10) + '+', ' ', str(error))}")
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
