/* What the runtime keeps of compiled code: records of code objects, artifacts, callees.
 *
 * A CodeRecord stands for one code object: how often it was called, what became of it, its current artifact. It dies
 * with the code object. An Artifact is one compilation of it. A retired artifact is
 * entered no more, but stays in memory until nothing can return into it (see the graveyard in artifact.c). */
#ifndef PYSTON_ARTIFACT_H
#define PYSTON_ARTIFACT_H

#include "host.h"
#include "code_memory.h"
#include "thunks.h"

typedef PyObject *(*BodyFunction)(PyThreadState *tstate, _PyInterpreterFrame *frame);
typedef PyObject *(*ResumeFunction)(PyThreadState *tstate, _PyInterpreterFrame *frame, const char *address);

/* The numbers of compiler/artifact.py. */
enum { RELOC_HELPER_REL32, RELOC_PRESERVING_REL32, RELOC_CONST_ABS64, RELOC_CONST_ABS32, RELOC_CELL_REL32,
       RELOC_CODE_LO32, RELOC_ARTIFACT_ABS64, RELOC_VERSION_REL32, RELOC_CHECKED_REL32, RELOC_CODE_LO8 };
enum { EXIT_GUARD, EXIT_ERROR, EXIT_SYNC, EXIT_LEAVE, EXIT_RERAISE, EXIT_RAISED };
enum { REPR_OWNED, REPR_BORROWED, REPR_I64, REPR_F64, REPR_BOOL, REPR_NULL, REPR_RAW, REPR_LOCAL_INT };
enum { WHERE_GPR, WHERE_XMM, WHERE_SPILL, WHERE_CONST, WHERE_SLOT, WHERE_IMM };
#define DEST_GLOBAL 0x8000 /* from here on: one of the artifact's global slots */
#define DEST_DROP 0xFFFF
#define IN_SLOT (-0x80000000LL) /* of a REPR_LOCAL_INT: the local stays as it is */

#define OFFSET_BITS 20
#define RECIPE_BITS 21
#define REASON_BITS 12
/* There are more of these than of anything else: some twenty for each function. */
typedef struct {
    uint64_t offset : OFFSET_BITS; /* code unit where the interpreter goes on */
    uint64_t recipe : RECIPE_BITS; /* where it begins in the artifact's `recipes` */
    uint64_t kind : 3;
    int64_t lasti_delta : 8; /* lasti - offset: EXTENDED_ARG prefixes; negative behind a call, which is still what raises */
    uint64_t reason : REASON_BITS; /* index into the reasons known so far (statistics.c) */
} ExitPoint;
_Static_assert(sizeof(ExitPoint) == 8, "packed");

/* A place other than the start where compiled code may be entered (docs/abi.md). */
typedef struct {
    const char *address;
    uint32_t offset;      /* the code unit it stands for */
    uint32_t stack_depth; /* how much of the operand stack it reads from the frame */
} EntryPoint;

/* A global that a loop keeps in registers (compiler/world.py, GlobalSlots). */
typedef struct {
    PyObject **place;    /* of the value in the dict's entries, while the keys have the artifact's version */
    PyObject *name;      /* owned str */
    PyTypeObject *class; /* which the value must have when the loop is entered; of a builtin type; NULL: any */
} GlobalSlot;

struct Artifact;
struct Callee;

typedef enum {
    STATE_COUNTING,  /* interpreted; calls are counted */
    STATE_COMPILING, /* the compiler is at it; interpreted meanwhile */
    STATE_COMPILED,
    STATE_RESTING,  /* interpreted; for a while nothing is counted (rest.c) */
    STATE_GIVEN_UP, /* interpreted for good; its functions lose our entry at their next call */
} CodeState;

/* What a call of a function comes to that only makes a generator of its arguments and free variables. */
typedef enum { NO_GENERATOR, A_GENERATOR, A_COROUTINE } GeneratorKind;

#define WEIGHT_WATCHED UINT8_MAX /* so often that its calls are counted though the process is young */
#define MANY_SLOTS UINT16_MAX /* more than a record can say: such frames are built by CPython */

typedef struct CodeRecord {
    /* What a call touches, in one cache line: a web request calls each of some hundred functions a few times only, so that
     * what counts is how many lines of memory a call needs. Neither the code object nor the artifact is among them. */
    BodyFunction body;  /* of the current artifact, or NULL */
    PyCodeObject *code; /* borrowed: the record dies first */
    PyObject *globals, *builtins; /* borrowed, for identity: of the functions that its artifacts are made for */
    PyObject **names;   /* of the slots, borrowed from the code object */
    uint32_t frame_words; /* co_framesize */
    uint16_t slots;     /* co_nlocalsplus, or MANY_SLOTS */
    int16_t arguments;  /* co_argcount where there are positional parameters only, else -1, as where `makes` */
    uint16_t positional, positional_only, keyword_only; /* how many parameters: co_argcount, … */
    uint8_t collects_positional : 1, collects_keywords : 1; /* *args, **kwargs */
    uint8_t makes : 2;  /* what a call does nothing but make, a GeneratorKind; */
    uint8_t cells;      /* with so many variables in cells */
    struct Keywords *keywords; /* owned: those it was called with (binding.c) */
    uint32_t count;
    uint32_t limit;     /* calls that make it hot in a young process (count_limit) */
    uint32_t since_ms;  /* CPU time when half of this stretch of counting began (rest.c) */
    uint32_t stretch;   /* calls in it */
    uint32_t rested_ms; /* the rest before it, if `count` does not cover that yet */
    uint8_t state;      /* CodeState */
    uint8_t compiles;   /* how often it was compiled */
    uint8_t evictions;  /* by stress.c */
    uint8_t weight;     /* how often it was seen running, or WEIGHT_WATCHED (sample.c) */
    uint8_t resumptions; /* of its generators while it was interpreted; wraps (generators.c) */
    struct Artifact *artifact; /* the current one, or NULL */
    CodeBlock stub;     /* the vectorcall entry of its functions, once it was compiled */
    const char *reason; /* why it was given up; constant text, or NULL */
    struct Callee *callees; /* borrowed list of the callees of its functions */
    struct Rest *rest;  /* owned by rest.c, or NULL */
    struct LoopState *loops; /* owned by loops.c: what is known of its loops, or NULL */
    PyObject *exit_history; /* owned; dict (offset, reason) -> count of what compiled code failed at, or NULL */
    struct CodeRecord *next, **link; /* all records */
} __attribute__((aligned(64))) CodeRecord;

/* Is the record's compiled code made for this function of its code? Other functions of the code, with other globals,
 * are interpreted. (An artifact that relies on a dict which has died was retired, so an address in use again is right.) */
static inline bool
record_serves(const CodeRecord *record, const PyFunctionObject *function)
{
    return function->func_globals == record->globals && function->func_builtins == record->builtins;
}

#define ENTRY_RECORD 2 /* where in a stub the record stands */

/* The record whose stub the vectorcall function is, or NULL where that cannot be told. Spares the way through the stub, and so
 * a jump that is rarely foreseen. */
static inline CodeRecord *
record_entered_by(vectorcallfunc function)
{
    const char *entry = (const char *)function;
    CodeRecord *record = NULL;
    if ((size_t)(entry - code_entries) < ENTRIES_BYTES) {
        memcpy(&record, entry + ENTRY_RECORD, sizeof(record));
    }
    return record;
}

/* The target of a direct call, docs/abi.md. A Python object, so that it can be a constant of the caller; who has it keeps its
 * function as well. */
typedef struct Callee {
    PyObject_HEAD
    BodyFunction body;
    uint32_t frame_bytes; /* UINT32_MAX: the function has changed; push_frame refuses */
    uint32_t null_slots;
    uint32_t first_null;
    uint32_t padding;
    char template[offsetof(_PyInterpreterFrame, localsplus)];
    PyFunctionObject *function; /* borrowed; NULL once it got other code, or died */
    CodeRecord *record;         /* of the function's code, or NULL as well */
    struct Callee *next;        /* with the same record */
} Callee;

typedef struct Artifact {
    char *epilogue;      /* executable address where exits return through; first, the thunks read it */
    BodyFunction body;
    uintptr_t *version;  /* cell: the eval breaker value under which the code may run */
    CodeRecord *record;  /* NULL once the code object has died */
    PyCodeObject *code;  /* borrowed; kept alive by every activation's function, or pinned (watch.c) */
    CodeBlock block;
    char *cells;         /* the artifact's cells; *version lies right before them */
    uint32_t cells_size; /* with the version cell */
    uint32_t exit_count;
    ExitPoint *exits;
    uint32_t *exits_taken; /* how often each was; NULL while none was */
    unsigned char *recipes;
    EntryPoint *entries;
    uint32_t entry_count;
    ResumeFunction resume; /* the way in for all of them */
    PyObject *constants; /* owned tuple; heap types in it are replaced by weak references. At its end the functions of callees */
    uint64_t containers; /* which of the first 64 constants the collector may care for; of the others, all */
    struct DependencyLink *dependencies; /* an array, owned by watch.c */
    uint32_t dependency_count, dependency_room;
    uint32_t instructions;
    uint32_t hot_bytes;
    uint32_t callees; /* how many functions stand at the end of the constants */
    bool retired;
    bool loop; /* compiled for on-stack replacement (loops.c): it has one entry, and is never called */
    PyTypeObject **entry_classes; /* of a loop: owned array, what the frame's slots and stack must hold (NULL: anything).
                                   * NULL until its compilation has ended, in which other threads may run: nothing fits */
    struct Artifact *loop_next;   /* of a loop: the record's other ones */
    bool module;                  /* of a loop: for frames whose locals are their globals */
    GlobalSlot *global_slots;     /* of a loop */
    uint32_t global_count, keys_version;
    struct Artifact *next, **link; /* all live artifacts, or the graveyard */
} Artifact;

/* Does code in `artifact` run on some thread's stack? Counts entries from C; guarded by the GIL. */
extern HIDDEN size_t live_entries;
extern HIDDEN Artifact *all_artifacts;
extern HIDDEN CodeRecord *all_records;
extern HIDDEN PyTypeObject Callee_Type;

/* 0, or -1 with an exception set. Called once. */
HIDDEN int records_init(void);
HIDDEN int install_init(void);

/* The record of a code object (borrows it), made if need be. NULL: no memory, no exception. */
HIDDEN CodeRecord *record_of(PyCodeObject *code);
/* The same, NULL if there is none. */
HIDDEN CodeRecord *record_if_any(PyCodeObject *code);
/* The code is called through the counting entry: its record; NULL: this was one of the first calls, and is counted. (Or no
 * memory.) */
HIDDEN CodeRecord *record_called(PyCodeObject *code);
/* The record, NULL if there is none. `*called`: there is one, or the code was called so. */
HIDDEN CodeRecord *record_if_any_or_called(PyCodeObject *code, bool *called);
/* The record, made if need be, of code that was called so; NULL: it is not known, and may be no code. */
HIDDEN CodeRecord *record_if_called(PyCodeObject *code);
/* Fills in what a call asks of the code object. */
HIDDEN void record_describe(CodeRecord *record, PyCodeObject *code);

/* Gives the record the piece of code that is its functions' entry. 0, or -1: no code memory; no exception. */
HIDDEN int record_make_stub(CodeRecord *record);

/* Installs `artifact` (borrowed, a compiler.artifact.Artifact) for the code of `function` (borrowed). 1: installed;
 * 0: not possible, with the reason in `*problem` (constant text); -1: an exception is set. */
HIDDEN int artifact_install(PyFunctionObject *function, PyObject *artifact, const char **problem);

/* No new entry from here on; running activations leave at their next check. Safe at any time, runs no Python code. */
HIDDEN void artifact_retire(Artifact *artifact, const char *reason);

/* Write an entry of the perf map for each installed artifact. */
extern HIDDEN bool perf_map_on;

/* Makes the built artifact the current one of its record. */
HIDDEN void artifact_publish(Artifact *artifact, CodeRecord *record);
/* The artifact whose code holds the address, retired ones included; NULL: none. */
HIDDEN Artifact *artifact_at(const void *address);
/* From when its code has a place until artifact_free, the artifact can be found there. -1: no memory; no exception. */
HIDDEN int artifact_note_place(Artifact *artifact);
/* Frees an artifact that nothing can run in. May run finalizers. */
HIDDEN void artifact_free(Artifact *artifact);
/* The record is about to go. Runs no Python code. */
HIDDEN void artifact_code_died(CodeRecord *record);

/* Keeps `object` (steals) until no compiled code is running anywhere. Runs no Python code. */
HIDDEN void keep_until_safe(PyObject *object);

/* Frees what was retired: what it holds, once nothing runs in it; all of it, when nothing runs compiled. May run finalizers. */
HIDDEN void bury(void);
extern HIDDEN bool graveyard_occupied;
extern HIDDEN uint32_t burial_pause; /* so often there is nothing to bury, unless nothing runs any more */

/* The same where there are many such places. */
static inline void
bury_in_passing(void)
{
    if (UNLIKELY(graveyard_occupied)) {
        if (live_entries == 0 || burial_pause == 0) {
            bury();
        }
        else {
            burial_pause--;
        }
    }
}

/* The callee of a function (borrowed): a new reference, or NULL with an exception set. */
HIDDEN PyObject *callee_of(PyFunctionObject *function);
/* The record's artifact has changed. */
HIDDEN void callees_update(CodeRecord *record);
/* The function's code is about to change (or the function dies): direct calls through its callee no longer work. */
HIDDEN void callee_detach(PyFunctionObject *function);

/* The address of a helper or thunk by name, NULL if there is none. */
HIDDEN void *helper_address(const char *name);
/* A new list of all names. */
HIDDEN PyObject *helper_names_list(void);

/* How often the exit was taken. */
static inline uint32_t
exit_taken(const Artifact *artifact, const ExitPoint *point)
{
    return artifact->exits_taken != NULL ? artifact->exits_taken[point - artifact->exits] : 0;
}

/* A recipe begins with the depth of the operand stack behind it: returns the position of its entries. */
HIDDEN const unsigned char *recipe_begin(const unsigned char *at, uint32_t *stack_depth);
/* Decodes one entry of a recipe: returns the position behind it. The list ends with a zero byte. */
typedef struct {
    uint16_t dest;
    uint8_t repr, where;
    int32_t index;
} RecipeEntry;
HIDDEN const unsigned char *recipe_next(const unsigned char *at, RecipeEntry *entry);

#endif
