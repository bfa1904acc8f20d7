"""`python -m pyston`: see pyston.cli."""

from __future__ import annotations

import sys

from pyston.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
