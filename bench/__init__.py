"""Measurements: Pyston beside the same interpreter with Pyston off."""
