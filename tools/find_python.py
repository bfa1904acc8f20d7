"""Finds the CPython 3.14 that Pyston is built for, and writes its path into a file for make.

Order: $PYTHON, then python3.14 on PATH, then a private one (see private_python.py). A Python named with
$PYTHON is used or refused, never passed over.

Use: python3 tools/find_python.py OUTPUT PRIVATE_FOLDER. Runs under the host's Python 3.11 or later.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import private_python

PROBE = """
import importlib.util, json, os, sys, sysconfig
include = sysconfig.get_path("include")
print(json.dumps({
    "name": sys.implementation.name,
    "version": list(sys.version_info[:2]),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "debug": bool(sysconfig.get_config_var("Py_DEBUG")),
    "platform": sysconfig.get_platform(),
    "include": include,
    "headers": os.path.exists(os.path.join(include, "internal", "pycore_frame.h")),
    "pip": importlib.util.find_spec("ensurepip") is not None,
    "executable": sys.executable,
}))
"""


class Unusable(Exception):
    """Says in one sentence why a Python cannot be used."""


def check(python: str) -> str:
    """Returns the real path of a usable Python, or raises Unusable."""
    try:
        output = subprocess.run([python, "-I", "-c", PROBE], capture_output=True, check=True).stdout
        found = json.loads(output)
    except (OSError, subprocess.CalledProcessError, ValueError):
        raise Unusable(f"{python} does not run") from None
    if found["name"] != "cpython" or found["version"] != [3, 14]:
        version = ".".join(map(str, found["version"]))
        raise Unusable(f"{python} is {found['name']} {version}, not CPython 3.14")
    if found["free_threaded"] or found["debug"]:
        raise Unusable(f"{python} is a free-threaded or debug build, Pyston needs the ordinary one")
    if found["platform"] != "linux-x86_64":
        raise Unusable(f"{python} is built for {found['platform']}, Pyston needs linux-x86_64")
    if not found["headers"]:
        raise Unusable(f"{python} has no headers in {found['include']} (on Debian: package python3.14-dev)")
    if not found["pip"]:
        raise Unusable(f"{python} has no ensurepip (on Debian: package python3.14-venv)")
    return str(found["executable"])


def find(private_folder: Path) -> str:
    """Returns the path of the Python to use, or raises SystemExit with a sentence."""
    if asked := os.environ.get("PYTHON"):
        try:
            return check(asked)
        except Unusable as reason:
            raise SystemExit(f"pyston: PYTHON cannot be used: {reason}.") from None
    if on_path := shutil.which("python3.14"):
        try:
            return check(on_path)
        except Unusable as reason:
            print(f"pyston: {reason}; making a private Python", file=sys.stderr)
    try:
        return check(str(private_python.assemble(private_folder.resolve())))
    except (private_python.CannotAssemble, Unusable) as reason:
        raise SystemExit(
            f"pyston: no CPython 3.14 was found and none could be made: {reason}."
            " Name one with make PYTHON=/path/to/python3.14."
        ) from None


def main() -> None:
    output, private_folder = map(Path, sys.argv[1:])
    # The folder is written too: virtual environments do not survive a move, so make has to remake them.
    found = f"{find(private_folder)}\n{Path.cwd()}\n"
    if not output.exists() or output.read_text() != found:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(found)


if __name__ == "__main__":
    main()
