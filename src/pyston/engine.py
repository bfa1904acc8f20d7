"""Compiles hot functions: from the runtime's call to an installed artifact.

The runtime calls `compile_hot` with a function whose calls have reached the threshold. Nothing raised in here reaches
the program: a failure of the compiler is counted and shown under PYSTON_DEBUG=1, and the function stays interpreted.
Only what the program itself has sent to this thread (PyThreadState_SetAsyncExc) goes through.
"""

from __future__ import annotations

import gc
import os
import sys

from pyston import _runtime
from pyston.compiler.artifact import Artifact
from pyston.compiler.bytecode.cfg import Unsupported
from pyston.compiler.pipeline import SMALL_OBJECTS, Observer, compile_function
from pyston.compiler.snapshot import Loop, take_snapshot
from pyston.live_world import LiveWorld, proved_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FunctionType

    # What the runtime tells of a loop: the header's code unit, the classes of what slots and operand stack hold, and
    # where names are to be found (snapshot.NAMES_*).
    RunningLoop = tuple[int, tuple[type | None, ...], tuple[type | None, ...], int]

CHANGED = "changed while it was compiled"  # the one problem of the runtime's that passes
CALLS_BEFORE_RETRY = 32


_debug = not sys.flags.ignore_environment and os.environ.get("PYSTON_DEBUG") == "1"
_observer: Observer | None = None
if _debug:
    from pyston.compiler.hir.verifier import verify_after

    _observer = verify_after

for _class in SMALL_OBJECTS:
    _runtime.use_pool(_class)


def compile_artifact(function: FunctionType, loop: Loop | None = None) -> Artifact:
    """The artifact of a function, or of one loop in it, as the program stands now. Raises Unsupported with the
    reason."""
    world = LiveWorld(function)
    code, _defaults = _runtime.callee_facts(function)
    snapshot = take_snapshot(code)
    snapshot.first_unit = _runtime.first_unit(code)
    return compile_function(snapshot, world, _observer, loop=loop)


def compile_hot(function: FunctionType, loop: RunningLoop | None = None) -> str | None:
    """Installs compiled code for the function, or gives it up. With a loop, for that alone; then whoever asked has to
    decide what becomes of it. None, or why there is none."""
    if loop is None:
        return _compile(function)
    unit, slots, stack, names = loop
    return _build(function, Loop(unit, proved_types(slots), proved_types(stack), names))


def _compile(function: FunctionType) -> str | None:
    """None when the function now runs compiled, else why not."""
    problem = _build(function, None)
    if problem == CHANGED:
        _runtime.retry(function, CALLS_BEFORE_RETRY)
    elif problem is not None:
        _runtime.give_up(function, problem)
    return problem


def _build(function: FunctionType, loop: Loop | None) -> str | None:
    """Compiles and installs. None, or the problem."""
    _runtime.open_session()
    # The compiler makes many small objects and no garbage: collecting meanwhile would be the larger part of the work.
    collecting = gc.isenabled()
    gc.disable()
    try:
        artifact = compile_artifact(function, loop)
        problem: str | None = _runtime.install(function, artifact)
    except Unsupported as unsupported:
        problem = unsupported.reason
    except Exception as error:
        if _runtime.is_interrupted():
            raise
        if _debug:
            print(f"pyston: compiling {function.__qualname__} failed", file=sys.stderr)
            # Not at the top: the module is a large part of what the first compilation would cost.
            import traceback

            traceback.print_exc()
        problem = f"internal error: {type(error).__name__}"
    finally:
        if collecting:
            gc.enable()
    return problem


def compile_now(function: FunctionType) -> str | None:
    """Compiles at once, whatever the counters say. None when it runs compiled, else why not."""
    if not _runtime.is_enabled():
        return "switched off"
    _runtime.set_compiler(compile_hot)
    if _runtime.compile_now(function):
        return None
    reason: str | None = _runtime.why_not(function)
    return reason or "not now: the compiler is at work, or a tool is watching"
