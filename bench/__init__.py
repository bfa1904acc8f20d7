"""Measures Pyston beside stock CPython and its peers; `python -m bench --help` says how."""
