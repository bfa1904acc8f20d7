"""Puts the quick build into its virtual environment by links: an edited Python file counts at once.

Use: link_sources.py BUILD_FOLDER VENV, in the repository's folder. Only an edit of the C runtime needs
another `make unopt`. The package folder is real and its entries are links, so that the extension module can
stand in it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def main() -> None:
    build, venv = map(Path, sys.argv[1:])
    (site_packages,) = venv.glob("lib/python3.*/site-packages")
    sources = Path("src").resolve()
    package = site_packages / "pyston"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir()
    for entry in (sources / "pyston").iterdir():
        if entry.name not in ("runtime", "__pycache__"):
            (package / entry.name).symlink_to(entry)
    for name in ("pyston_start.py", "pyston.pth"):
        link = site_packages / name
        link.unlink(missing_ok=True)
        link.symlink_to(sources / name)
    (extension,) = build.glob("lib.*/pyston/_runtime.*.so")
    # Moved into place as a new file: overwriting one that a running Python has mapped would crash it.
    shutil.copy2(extension, package / extension.name)


if __name__ == "__main__":
    main()
