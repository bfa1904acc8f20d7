"""Makes Pyston's wheel into a folder, as pip would, but quicker and with the compilers' output to be seen."""

import sys

from setuptools import build_meta

build_meta.build_wheel(sys.argv[1], config_settings={"--global-option": ["--quiet"]})
