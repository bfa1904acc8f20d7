"""Command-line programs at real work, each iteration a process of its own, timed by pyperf's bench_command.

    commands.py NAME FOLDER

FOLDER is scratch space; what a program works on is made there or is an installed package's source. The
program runs in the interpreter that runs this script. `check_output` is what the harness compares.
"""
# ruff: noqa: E501

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyperf

Command = list[str]


def source_of(package: str, folder: Path, *names: str) -> list[str]:
    """Copies files of an installed package into the folder and returns their names there."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed")
    origin = Path(spec.origin).parent
    for name in names:
        shutil.copyfile(origin / name, folder / f"{package}_{name}")
    return [f"{package}_{name}" for name in names]


def python(*arguments: str) -> Command:
    return [sys.executable, *arguments]


def startup_empty(folder: Path) -> Command:
    return python("-c", "pass")


def startup_no_site(folder: Path) -> Command:
    return python("-S", "-E", "-c", "pass")


def startup_stdlib(folder: Path) -> Command:
    return python(
        "-c", "import argparse, asyncio, dataclasses, http.client, json, logging, sqlite3, typing, unittest"
    )


def startup_django(folder: Path) -> Command:
    return python("-c", "import django.contrib.admin, django.db.models, django.forms, django.views.generic")


def startup_fastapi(folder: Path) -> Command:
    return python("-c", "import fastapi; app = fastapi.FastAPI(); app.get('/')(lambda: {})")


def startup_sqlalchemy(folder: Path) -> Command:
    return python("-c", "import flask, sqlalchemy.orm")


def black(folder: Path) -> Command:
    names = source_of("flask", folder, "app.py", "blueprints.py", "cli.py")
    # One file: for several, black starts processes of its own.
    (folder / "sources.py").write_text("".join((folder / name).read_text() for name in names))
    return python("-m", "black", "--diff", "--quiet", "--line-length", "70", "--no-cache", "sources.py")


def pylint(folder: Path) -> Command:
    names = source_of("itsdangerous", folder, "signer.py", "timed.py", "serializer.py")
    quiet = [
        "--rcfile",
        os.devnull,
        "--exit-zero",
        "--disable",
        "import-error,relative-beyond-top-level",
        "-s",
        "n",
    ]
    return python("-m", "pylint", *quiet, *names)


def mypy(folder: Path) -> Command:
    (folder / "checked.py").write_text(CHECKED)
    options = [
        "--python-version",
        "3.12",
        "--no-incremental",
        "--cache-dir",
        os.devnull,
        "--no-error-summary",
    ]
    # mypy's exit status is 1 where it finds mistakes, which would count as a failure.
    (folder / "check.py").write_text(
        "import sys\nfrom mypy.main import main\n"
        f"sys.argv[1:] = {[*options, 'checked.py']!r}\n"
        "try:\n    main(clean_exit=True)\nexcept SystemExit as end:\n    sys.exit(end.code not in (0, 1))\n"
    )
    return python("check.py")


def docutils(folder: Path) -> Command:
    (folder / "text.rst").write_text(document(120))
    return python("-m", "docutils", "text.rst", "text.html")


def sphinx(folder: Path) -> Command:
    (folder / "conf.py").write_text("project = 'bench'\nextensions = ['sphinx.ext.autosectionlabel']\n")
    pages = [f"page{n}" for n in range(6)]
    for page in pages:
        (folder / f"{page}.rst").write_text(document(12, page))
    index = "Index\n=====\n\n.. toctree::\n\n" + "".join(f"   {page}\n" for page in pages)
    (folder / "index.rst").write_text(index)
    return python("-m", "sphinx", "-E", "-q", "-b", "xml", ".", "out")


def pip_resolver(folder: Path) -> Command:
    """pip resolves a made-up index where the newest versions conflict, so that it has to backtrack."""
    wheels = folder / "wheels"
    wheels.mkdir(exist_ok=True)
    for project in range(14):
        for version in range(1, 9):
            needs = []
            if project < 13:
                needs.append(f"thing{project + 1}>={max(1, version - 3)},<={version}")
            if project < 11 and version > 5:
                needs.append(f"thing{project + 3}<{version - 2}")
            write_wheel(wheels, f"thing{project}", f"{version}.0", needs)
    options = [
        "--dry-run",
        "--no-index",
        "--find-links",
        str(wheels),
        "--disable-pip-version-check",
        "--no-cache-dir",
    ]
    return python(
        "-m",
        "pip",
        "install",
        "--quiet",
        *options,
        "--ignore-installed",
        "--report",
        "report.json",
        "thing0",
        "thing1",
    )


def write_wheel(folder: Path, name: str, version: str, needs: list[str]) -> None:
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {need}\n" for need in needs
    )
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{info}/RECORD", "")


def document(sections: int, name: str = "text") -> str:
    parts = [f"{name}\n{'=' * len(name)}\n"]
    for n in range(sections):
        title = f"Section {n} of {name}"
        parts.append(
            f"{title}\n{'-' * len(title)}\n\nSome *emphasised* and **strong** words with ``code`` and a `link {n} <x{n}>`_.\n\n"
            f"* one\n* two\n\n  1. nested\n  2. list\n\n.. note::\n\n   A note in section {n}.\n\n"
            f"=====  =====\nA      B\n=====  =====\n{n:5d}  x\ny      z\n=====  =====\n\nterm\n   its definition\n\n::\n\n    literal {n}\n"
        )
    return "\n".join(parts)


CHECKED = '''
"""Checked by mypy: generics, protocols, overloads, and four mistakes."""
from __future__ import annotations
import asyncio, collections, contextlib, dataclasses, functools, json, typing, re

T = typing.TypeVar("T")

class Shape(typing.Protocol):
    def area(self) -> float: ...

@dataclasses.dataclass
class Square:
    side: float
    def area(self) -> float:
        return self.side ** 2

class Stack(typing.Generic[T]):
    def __init__(self) -> None:
        self.items: list[T] = []
    def push(self, item: T) -> None:
        self.items.append(item)
    def pop(self) -> T:
        return self.items.pop()

def total(shapes: typing.Iterable[Shape]) -> float:
    return sum(shape.area() for shape in shapes)

@functools.lru_cache
def parse(text: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = collections.defaultdict(list)
    for match in re.finditer(r"(\\\\w+)=(\\\\d+)", text):
        found[match[1]].append(int(match[2]))
    return found

async def fetch(n: int) -> str:
    await asyncio.sleep(0)
    return json.dumps(n)

async def main() -> None:
    texts = await asyncio.gather(*(fetch(n) for n in range(3)))
    stack: Stack[int] = Stack()
    stack.push(texts[0])
    number: str = total([Square(1.0), 3])
    with contextlib.suppress(KeyError):
        parse("a=1")["a"].upper()
'''

COMMANDS: dict[str, Callable[[Path], Command]] = {
    function.__name__: function
    for function in (
        startup_empty, startup_no_site, startup_stdlib, startup_django, startup_fastapi, startup_sqlalchemy,
        black, pylint, mypy, docutils, sphinx, pip_resolver,
    )
}  # fmt: skip


def check_output() -> bytes:
    """What the program printed and wrote, without dates, versions and the names of our folders."""
    done = subprocess.run(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    text = done.stdout
    for file in sorted(Path().rglob("*")):
        if file.suffix in (".html", ".xml"):
            text += file.read_bytes()
        elif file.name == "report.json":
            text += b"\n".join(sorted(re.findall(rb"thing\d+-[\d.]+-py3", file.read_bytes())))
    text = text.replace(os.getcwd().encode(), b"").replace(sys.prefix.encode(), b"")
    return re.sub(rb"\d{4}-\d\d-\d\d[ \d:.+]*|Docutils [\d.]+|version=\"[^\"]*\"", b"", text)


if __name__ == "__main__":
    import argparse

    def add_arguments(command: list[str], args: argparse.Namespace) -> None:
        command.extend([args.name, args.folder])

    runner = pyperf.Runner(add_cmdline_args=add_arguments)
    runner.argparser.add_argument("name", choices=sorted(COMMANDS))
    runner.argparser.add_argument("folder")
    args = runner.parse_args()
    work = Path(args.folder) / hashlib.sha1(sys.executable.encode()).hexdigest()[:8] / args.name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    os.chdir(work)
    COMMAND = COMMANDS[args.name](work)
    runner.bench_command(args.name, COMMAND)
