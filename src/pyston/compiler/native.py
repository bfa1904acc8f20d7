"""What the compiler takes from typing and mypyc, without importing either: that would be most of what its own import
costs, for which the first hot function of a program waits.

Checking and mypyc see the real ones; what runs gets stand-ins, since mypyc has put their meaning into the machine code
already, and interpreted code needs none. So this module is not compiled.

`i64`: machine integers for hot passes. `mypyc_attr`: lets interpreted classes (tests' worlds) extend a compiled one,
and (`acyclic`) spares the collector objects of which there are many.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, final

    from mypy_extensions import i64, mypyc_attr
else:
    Any = Final = object
    i64 = int

    class Callable:
        def __class_getitem__(cls, signature):
            return cls

    def final(cls):
        return cls

    def mypyc_attr(*attrs, **kwattrs):
        return final


__all__ = ["Any", "Callable", "Final", "final", "i64", "mypyc_attr"]
