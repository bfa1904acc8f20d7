"""isinstance() where ABCMeta is not as the checks expect. (tests/programs/live/class_checks.py has all else.)"""

from __future__ import annotations

import pytest
from whole_programs import MODES, output

PROGRAM = """
import site, sys
sys.modules["_abc"] = None
site.main()
import abc, enum

class Color(enum.Enum):
    RED = 1

class Meta(type):
    pass

class Plain(metaclass=Meta):
    pass

class Abstract(abc.ABC):
    pass

def check(thing):
    kinds = Color, Plain, Abstract
    return [(isinstance(thing, kind), issubclass(type(thing), kind)) for kind in kinds]

print([check(thing) for thing in (1, Plain(), Color.RED) for _ in range(50)])
"""


@pytest.mark.parametrize("mode", MODES)
def test_without_the_c_module(mode: str) -> None:
    flags = ("-S",)
    expected = output(PROGRAM, *flags, PYSTON="0")
    assert expected[0] == 0, expected[2]
    assert output(PROGRAM, *flags, **MODES[mode]) == expected
