"""The passes, in order: from a snapshot to an artifact. The only file that knows the order."""

from __future__ import annotations

from pyston.compiler.artifact import Artifact, ExitEntry, ExitRecord, Relocation
from pyston.compiler.bytecode.decode import Instruction
from pyston.compiler.bytecode.exceptions import Handled
from pyston.compiler.hir.builder import NO_ENTRIES, Facts, Raise, build_function
from pyston.compiler.hir.dispatch import register_handlers
from pyston.compiler.hir.values import (
    NO_BLOCKS,
    NO_VALUES,
    FrameState,
    Function,
    HirBlock,
    Value,
    dissolve,
)
from pyston.compiler.lir.allocate import Shelf
from pyston.compiler.lir.instructions import NO_INSTRUCTIONS, Block, Code, Lir
from pyston.compiler.lir.liveness import Clobber
from pyston.compiler.lir.lower import lower_function
from pyston.compiler.lir.lower_table import register_lowerers
from pyston.compiler.lir.virtual_registers import Range, VirtualRegister
from pyston.compiler.native import Callable, Final
from pyston.compiler.passes.defer_stores import defer_stores
from pyston.compiler.passes.drop_trivial_phis import drop_trivial_phis
from pyston.compiler.passes.guard_nans import guard_nans
from pyston.compiler.passes.infer_types import infer_types
from pyston.compiler.passes.insert_reference_counts import insert_reference_counts
from pyston.compiler.passes.remove_dead import remove_dead
from pyston.compiler.passes.sink_boxes import sink_boxes
from pyston.compiler.passes.unbox_phis import unbox_phis
from pyston.compiler.snapshot import NAMES_MODULE, Loop, Snapshot
from pyston.compiler.world import Ref, World
from pyston.compiler.x86_64.emit import compile_lir
from pyston.compiler.x86_64.emitter import Label, Reference, Stub

register_handlers()
register_lowerers()

# What a compilation makes by the thousand, and nothing else does.
SMALL_OBJECTS: Final[tuple[type, ...]] = (
    *(Instruction, Handled, FrameState, Value, HirBlock, Facts, Raise, Ref),
    *(Lir, Block, VirtualRegister, Range, Clobber, Shelf),
    *(Label, Reference, Stub, Relocation, ExitEntry, ExitRecord),
)

# Called with the name of each finished stage and what it left: HIR as Function, LIR as Code.
Observer = Callable[[str, Function], None]
LirObserver = Callable[[Code], None]


def build_hir(
    snapshot: Snapshot,
    world: World,
    observe: Observer | None = None,
    loop_entries: frozenset[int] = NO_ENTRIES,
    loop: Loop | None = None,
) -> Function:
    """Optimised HIR with reference counts. `observe(pass name, function)` is called after each stage.

    `loop_entries`: code units of the loop headers that can be entered from outside as well. `loop`: this running loop
    alone. Raises bytecode.cfg.Unsupported when the function must stay in the interpreter.
    """
    function = build_function(snapshot, world, loop_entries, loop)
    optimised = False
    try:
        _optimise(function, observe)
        optimised = True
    finally:
        if not optimised:
            dissolve_hir(function)
    return function


def _optimise(function: Function, observe: Observer | None) -> None:
    _after("build", function, observe)
    drop_trivial_phis(function)
    _after("drop_trivial_phis", function, observe)
    infer_types(function)
    _after("infer_types", function, observe)
    unbox_phis(function)
    _after("unbox_phis", function, observe)
    sink_boxes(function)
    _after("sink_boxes", function, observe)
    defer_stores(function)
    _after("defer_stores", function, observe)
    remove_dead(function)
    _after("remove_dead", function, observe)
    guard_nans(function)
    _after("guard_nans", function, observe)
    insert_reference_counts(function)
    _after("insert_reference_counts", function, observe)


def _after(stage: str, function: Function, observe: Observer | None) -> None:
    if observe is not None:
        observe(stage, function)


def compile_function(
    snapshot: Snapshot,
    world: World,
    observe: Observer | None = None,
    observe_lir: LirObserver | None = None,
    loop_entries: frozenset[int] = NO_ENTRIES,
    loop: Loop | None = None,
) -> Artifact:
    """The whole way. Raises Unsupported when the function must stay in the interpreter."""
    function = build_hir(snapshot, world, observe, loop_entries, loop)
    try:
        code = lower_function(function, world)
    finally:
        dissolve_hir(function)  # the back end has its room
    try:
        code.first_unit = snapshot.first_unit
        if observe_lir is not None:
            observe_lir(code)
        artifact = compile_lir(code, observe_lir is not None)
    finally:
        dissolve_lir(code)
    artifact.cell_objects = code.cell_names
    artifact.dependencies = world.dependencies()
    artifact.instructions = function.instruction_count
    artifact.loop = loop is not None
    artifact.module = loop is not None and loop.names == NAMES_MODULE
    slots = function.globals
    if slots is not None:
        artifact.global_slots = list(zip(slots.places, slots.names, slots.classes))
        artifact.keys_version = slots.keys_version
    return artifact


def dissolve_hir(function: Function) -> None:
    """Cuts the cycles, so that all of it is freed at once: the collector does not know of it."""
    dissolve(function.blocks, function.phis)
    function.blocks = NO_BLOCKS
    function.phis = NO_VALUES


def dissolve_lir(code: Code) -> None:
    """The same for LIR."""
    for lir_block in code.blocks:
        lir_block.body = NO_INSTRUCTIONS
