"""Reductions of what once went wrong, where a case in cases/ cannot say it."""

from __future__ import annotations

import pyston


def test_explain_twice():
    """The function was once replaced by its module at the first call."""

    def f():
        return 1

    assert isinstance(pyston.explain(f), str)
    assert isinstance(pyston.explain(f), str)
