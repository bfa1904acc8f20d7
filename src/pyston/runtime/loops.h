/* Entering compiled code in the middle of a loop, and going back from there to the interpreter. See loops.c. */
#ifndef PYSTON_LOOPS_H
#define PYSTON_LOOPS_H

#include "artifact.h"

#include <pthread.h>

/* One loop that the interpreter has reported. */
typedef struct {
    uint32_t unit;     /* of its header */
    uint16_t wait;     /* rounds until the compiler is asked */
    uint8_t compiles;  /* how often it was asked */
    bool reported;     /* since the last look */
    bool refused;      /* stays in the interpreter */
} LoopHeader;

/* The code units from a loop's header to a jump back to it. */
typedef struct {
    uint32_t first, last;
} LoopRange;

/* What is known of the loops of one code object. Made when one of them is noticed; belongs to the record. */
typedef struct LoopState {
    Artifact *artifacts;   /* the current ones, by `loop_next`; one for each header and types at it */
    LoopHeader *headers;   /* owned */
    LoopRange *ranges;     /* owned: one for each jump backwards */
    uint32_t range_count;
    uint32_t header_count;
    int32_t reraise;       /* a code unit with a RERAISE that no handler covers, or -1 */
    uint8_t armings;       /* in vain, since a loop was last entered; wraps */
    uint8_t looks;         /* that have found it topmost in a young process; wraps */
    bool armed;            /* its jumps are reported */
    bool entered;          /* since the last look */
} LoopState;

/* A frame of the interpreter's that runs compiled since some round of a loop. On the native stack of the callback that
 * has entered it. */
typedef struct LoopRun {
    _PyInterpreterFrame *frame;
    Artifact *artifact;
    pthread_t thread;
    uint32_t header; /* the code unit it was entered at */
    int32_t reraise; /* see LoopState */
    uint64_t changed_globals; /* bit i: other code has changed slot i since it was last read */
    bool left;    /* the frame is true: the interpreter goes on at its instr_ptr */
    bool stays;   /* in the loop, most likely: it is worth entering again */
    struct LoopRun *next;
} LoopRun;

extern HIDDEN LoopRun *loop_runs;

/* Where compiled code hands its frame, which is true, to the interpreter: for a frame that was entered in a loop this only
 * notes it, and the callback returns to the interpreter that runs the frame. False: it is another kind of frame. */
HIDDEN bool loops_hand_back(_PyInterpreterFrame *frame, bool stays);

/* The same where an exception leaves the function, the operand stack being empty: it is to be raised from that frame.
 * `traced`: the frame has its traceback entry already. Only for a frame that runs a loop. */
HIDDEN void loops_raise(PyThreadState *tstate, _PyInterpreterFrame *frame, bool traced);

/* Does the frame run a loop compiled? */
HIDDEN bool loops_run(const _PyInterpreterFrame *frame);

/* Does any frame run this loop's artifact? */
HIDDEN bool loops_run_artifact(const Artifact *artifact);

/* The artifact of the loop that it runs, or NULL. */
HIDDEN Artifact *loops_artifact(const _PyInterpreterFrame *frame);

/* Is the loop likely to go on behind this exit? */
HIDDEN bool loops_goes_on(const Artifact *artifact, const ExitPoint *point);

/* Has the record's code got loops? (Or there was no memory to find out.) */
HIDDEN bool loops_any(CodeRecord *record);

/* Has the interpreter report the next jumps of code that runs long. Called where Python code may run. */
HIDDEN void loops_look(PyThreadState *tstate);

/* In the child of a fork: forgets the runs of threads that do not exist there. */
HIDDEN void loops_after_fork(void);

/* What is known of the loop that the artifact is made for. */
HIDDEN LoopHeader *loops_header(const Artifact *artifact);

/* Publishes a loop's artifact, retires it, forgets the record's state. Run no Python code. */
HIDDEN void loops_publish(Artifact *artifact, CodeRecord *record);
HIDDEN void loops_unlink(Artifact *artifact, CodeRecord *record);
HIDDEN void loops_forget(CodeRecord *record);

/* Puts a value (steals; not NULL) into a global slot of the frame's artifact where an exit says so, and returns what it
 * replaces (steals). What a finalizer has put there meanwhile stays: then it is the value itself. Runs no Python code where
 * the dict is as it was. */
HIDDEN PyObject *loops_store_global(_PyInterpreterFrame *frame, const Artifact *artifact, uint32_t slot, PyObject *value);

/* Frees `dead`, whose finalizer may change globals that the frame's code has in registers. If it does, the code leaves at
 * its next check, and what it has borrowed from the globals lives on till then. */
HIDDEN void loops_free(_PyInterpreterFrame *frame, const Artifact *artifact, PyObject *dead);

/* For the compiler: docs in module.c. Borrows, returns new. */
HIDDEN PyObject *loops_claim_globals(PyObject *dict, PyObject *names);

/* Is this artifact, known by its version cell, one of the record's loops? */
HIDDEN Artifact *loops_find(CodeRecord *record, const uintptr_t *version);

/* Other tools are about to come: no code's jumps are reported any more, until it is noticed again. Or they have gone: where
 * stress wants all jumps, they are reported. */
HIDDEN void loops_make_way(bool others);

/* Every jump is reported from here on, or only those of code that runs long. 0, or -1 with an exception set. */
HIDDEN int loops_stress(bool on);

#endif
