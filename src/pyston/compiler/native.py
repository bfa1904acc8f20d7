"""What the compiler takes from mypyc, with stand-ins for where it is interpreted.

`i64`: machine integers for hot passes. `mypyc_attr`: lets interpreted classes (tests' worlds) extend a compiled one,
and (`acyclic`) spares the collector objects of which there are many.
"""

try:
    from mypy_extensions import i64, mypyc_attr
except ImportError:
    i64 = int  # type: ignore[misc,assignment]

    def mypyc_attr(*attrs, **kwattrs):  # type: ignore[no-untyped-def,misc]
        return lambda cls: cls


__all__ = ["i64", "mypyc_attr"]
