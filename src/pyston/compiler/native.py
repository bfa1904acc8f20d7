"""Machine integers for hot passes: mypyc's `i64` where it compiles, plain `int` where the compiler is interpreted."""

try:
    from mypy_extensions import i64
except ImportError:
    i64 = int  # type: ignore[misc,assignment]

__all__ = ["i64"]
