/* Generators and coroutines that run compiled.
 *
 * A compiled generator function has two kinds of entry: the start, whose activation ends with the new generator object
 * (`make_generator.c`), and one behind each `yield`. A suspended generator is nothing but its frame, true in every slot,
 * with strong references only: who resumes it next, compiled code or the interpreter, is decided anew each time.
 *
 * One that waits for another in `yield from` or `await` is not entered for what that one yields, only linked and unlinked
 * (`resume_waiting`).
 *
 * Resuming comes through compiled code, or through the types' own slots `tp_iternext` and `am_send` and methods `__next__`
 * and `send`, which are ours while Pyston is on. They look for an artifact of the frame's code with an entry where the
 * frame stands; else they go on to CPython's. So do what an asynchronous generator gives for each item, the awaitable that
 * runs it to its next `yield`. All else resumes in the interpreter, which is right as well: `for` and `await` in
 * interpreted code, `throw`, `close`, and what finishes an asynchronous generator.
 *
 * The slots belong to the process, not to an interpreter: another interpreter's generators go straight on to CPython's.
 *
 * Ownership: the generator is lent by whoever resumes it, as in CPython. */
#include "generators.h"

#include "count.h"
#include "enter.h"
#include "generator_pool.h"
#include "helpers.h"
#include "release.h"
#include "replace.h"
#include "tools.h"

#include "internal/pycore_genobject.h"
#include "internal/pycore_pyerrors.h"

#include "opcode.h"
#include "internal/pycore_opcode_metadata.h"

static_assert(FRAME_SUSPENDED_YIELD_FROM == FRAME_SUSPENDED + 1, "YIELD_VALUE's argument is added");
static_assert(PYGEN_NEXT == 1 && PYGEN_RETURN == 0 && PYGEN_ERROR == -1, "SEND's status is a PySendResult");
static_assert(FRAME_CREATED < FRAME_EXECUTING && FRAME_SUSPENDED_YIELD_FROM < FRAME_EXECUTING, "may be resumed");

/* A generator that is not compiled counts as called once in so many times that it is resumed. */
#define RESUMPTIONS_OF_A_CALL 16

#define LAST_BIT 63

/* Added to PySendResult: nothing has happened, the generator is for CPython's own function. */
#define PYGEN_NOT_OURS (-2)

/* CPython's. Set when ours have first taken their places. */
static iternextfunc stock_next, stock_async_next;
static sendfunc stock_generator_send, stock_coroutine_send;
static PyCFunction stock_generator_method, stock_coroutine_method, stock_async_method;

/* --- linking ------------------------------------------------------------------------------------------------- */

/* Links the suspended frame in as the one that runs. */
static inline void
link_generator(PyThreadState *tstate, PyGenObject *generator)
{
    _PyInterpreterFrame *frame = &generator->gi_iframe;
    generator->gi_exc_state.previous_item = tstate->exc_info;
    tstate->exc_info = &generator->gi_exc_state;
    generator->gi_frame_state = FRAME_EXECUTING;
    frame->previous = tstate->current_frame;
    tstate->current_frame = frame;
    tstate->py_recursion_remaining--;
}

static inline void
unlink_generator(PyThreadState *tstate, PyGenObject *generator, int state)
{
    _PyInterpreterFrame *frame = &generator->gi_iframe;
    generator->gi_frame_state = (int8_t)state;
    tstate->exc_info = generator->gi_exc_state.previous_item;
    generator->gi_exc_state.previous_item = NULL;
    unlink_frame(tstate, frame);
    frame->previous = NULL;
}

/* --- suspending and ending --------------------------------------------------------------------------------- */

/* What YIELD_VALUE does but for `instr_ptr`, which stands behind it already, and for the frame's first `slots`, which are true:
 * locals and operand stack. Bit i of `untagged` is set where slot i may hold an immortal object without a tag; the last bit
 * stands for all slots from there on. `state` is FRAME_SUSPENDED or FRAME_SUSPENDED_YIELD_FROM. Steals the value and
 * returns it. */
PyObject *
suspend_frame(PyThreadState *tstate, _PyInterpreterFrame *frame, PyObject *value, int slots, uint64_t untagged, int state)
{
    PyGenObject *generator = _PyGen_GetGeneratorFromFrame(frame);
    CHECK(generator->gi_frame_state == FRAME_EXECUTING && tstate->exc_info == &generator->gi_exc_state);
    frame->stackpointer = frame->localsplus + slots;
    for (; untagged != 0; untagged &= untagged - 1) {
        int slot = __builtin_ctzll(untagged);
        tag_immortal(&frame->localsplus[slot]);
        if (UNLIKELY(slot == LAST_BIT)) {
            for (int i = slot; i < slots; i++) {
                tag_immortal(&frame->localsplus[i]);
            }
        }
    }
    unlink_generator(tstate, generator, state);
    return value;
}

/* What a return does with the frame, whose memory is true. */
void
return_generator(PyThreadState *tstate, _PyInterpreterFrame *frame)
{
    if (UNLIKELY(frame->frame_obj != NULL)) {
        clear_frame(tstate, frame); /* somebody may keep the frame object: it takes over what is in the frame */
        return;
    }
    PyGenObject *generator = _PyGen_GetGeneratorFromFrame(frame);
    CHECK(generator->gi_frame_state == FRAME_EXECUTING && tstate->exc_info == &generator->gi_exc_state);
    unlink_generator(tstate, generator, FRAME_CLEARED);
    _PyStackRef *at = frame->stackpointer;
    frame->stackpointer = frame->localsplus;
    while (at > frame->localsplus) {
        if (PyStackRef_RefcountOnObject(*--at)) {
            release(tstate, PyStackRef_AsPyObjectBorrow(*at));
        }
    }
    Py_CLEAR(frame->f_locals);
    _PyStackRef function = frame->f_funcobj;
    frame->f_funcobj = PyStackRef_NULL;
    if (PyStackRef_RefcountOnObject(function)) {
        Py_DECREF(PyStackRef_AsPyObjectBorrow(function));
    }
    _PyErr_ClearExcState(&generator->gi_exc_state);
}

/* GET_AWAITABLE. Borrows; returns new. A coroutine that nobody has awaited yet is one at once. */
PyObject *
get_awaitable(PyObject *object, int operand)
{
    if (PyCoro_CheckExact(object) && ((PyGenObject *)object)->gi_frame_state == FRAME_CREATED) {
        return Py_NewRef(object);
    }
    return _PyEval_GetAwaitable(object, operand);
}

/* --- resuming ---------------------------------------------------------------------------------------------- */

/* Generators that are resumed often deserve to be compiled as much as functions that are called often. False: an exception is
 * set that has nothing to do with the generator. */
static bool
count_resumption(PyThreadState *tstate, CodeRecord *record, _PyInterpreterFrame *frame)
{
    if (record->state != STATE_COUNTING || ++record->resumptions % RESUMPTIONS_OF_A_CALL != 0) {
        return true;
    }
    PyFunctionObject *function = (PyFunctionObject *)PyStackRef_AsPyObjectBorrow(frame->f_funcobj);
    return function->func_code != (PyObject *)record->code || count_call(tstate, record, function) == 0;
}

/* Where frames have gone on lately: by their code and position, with all that is needed of the artifact. One that retires
 * takes its own away, and all go when tools may watch single code objects (generators_forget): so what was in the artifact's
 * version cell need not be read there. A line of the cache. */
typedef struct {
    PyCodeObject *code;           /* NULL: free */
    PyObject *globals, *builtins; /* of the functions that the artifact is made for */
    Artifact *artifact;
    uintptr_t version;            /* under which the artifact may run, as when it was last asked */
    ResumeFunction enter;
    const char *address;          /* of the entry */
    uint32_t position;
    uint16_t slots;               /* below the operand stack */
    uint16_t send;                /* in `yield from` and `await`: so many units back to SEND; else 0 */
} Resumption;

static_assert(sizeof(Resumption) == 64, "a line of the cache");

#define RESUMPTIONS 1024
static _Alignas(64) Resumption resumptions[RESUMPTIONS];

/* The lower half of `instr_ptr`, which tells positions in one code object apart. Compiled code has just written that half: a
 * load of the whole would have to wait until the processor has put the halves together. */
static inline uint32_t
position_of(const _PyInterpreterFrame *frame)
{
    uint32_t position;
    memcpy(&position, &frame->instr_ptr, sizeof(position)); /* little endian */
    return position;
}

/* The two places where the position may be; the first has the later one. */
static inline Resumption *
resumptions_at(uint32_t position)
{
    uint32_t bits = position >> 1;
    return &resumptions[(bits ^ bits >> 10) % (RESUMPTIONS / 2) * 2];
}

void
generators_forget(const Artifact *artifact)
{
    for (int i = 0; i < RESUMPTIONS && (artifact == NULL || artifact->entry_count != 0); i++) {
        if (artifact == NULL || resumptions[i].artifact == artifact) {
            resumptions[i] = (Resumption){0};
        }
    }
}

/* Behind the `yield` of `yield from` and `await` RESUME and a jump lead back to SEND. How far that is from where the frame
 * stands, or 0: it is not as it should be, or somewhere else. */
static uint16_t
units_to_send(const PyGenObject *generator)
{
    const _Py_CODEUNIT *at = generator->gi_iframe.instr_ptr;
    if (generator->gi_frame_state != FRAME_SUSPENDED_YIELD_FROM || at[1].op.code != JUMP_BACKWARD_NO_INTERRUPT
        || (at[0].op.code != RESUME && at[0].op.code != RESUME_CHECK) || at[1].op.arg <= 2) {
        return 0;
    }
    const _Py_CODEUNIT *send = at + 2 - at[1].op.arg;
    return send->op.code == SEND || send->op.code == SEND_GEN ? at[1].op.arg - 2 : 0;
}

/* The frame's position is not among the latest. Takes it up and returns it, or NULL: the frame is for the interpreter, or an
 * exception is set. */
__attribute__((noinline)) static Resumption *
find_resumption(PyThreadState *tstate, PyGenObject *generator)
{
    _PyInterpreterFrame *frame = &generator->gi_iframe;
    if (generator->gi_frame_state >= FRAME_EXECUTING || tstate->interp != host_interpreter) {
        return NULL;
    }
    CodeRecord *record = record_if_called((PyCodeObject *)PyStackRef_AsPyObjectBorrow(frame->f_executable));
    if (record == NULL || (record->artifact == NULL && !count_resumption(tstate, record, frame))) {
        return NULL;
    }
    /* Compiling may have let anything run. */
    Artifact *artifact = record->artifact;
    if (artifact == NULL || generator->gi_frame_state >= FRAME_EXECUTING) {
        return NULL;
    }
    const EntryPoint *entry = artifact_entry(artifact, (uint32_t)(frame->instr_ptr - FIRST_UNIT(record->code)));
    if (entry == NULL || frame->f_globals != record->globals || frame->f_builtins != record->builtins) {
        return NULL;
    }
    Resumption *resumption = resumptions_at(position_of(frame));
    resumption[1] = resumption[0];
    *resumption = (Resumption){record->code, record->globals, record->builtins, artifact, *artifact->version,
                               artifact->resume, entry->address, position_of(frame), record->slots,
                               units_to_send(generator)};
    return resumption;
}

/* The version under which the artifact may run has changed, or it is to be watched each time. What is pending is left to
 * the code itself: behind `await` nothing is handled, so that the innermost coroutine gets the exception of a signal.
 * Bytecode that is still instrumented for a tool gone by goes once through the interpreter, whose RESUME mends it: compiled
 * code could leave behind that. */
__attribute__((noinline)) static bool
may_run(PyThreadState *tstate, Resumption *resumption, uintptr_t version)
{
    Artifact *artifact = resumption->artifact;
    if (*artifact->version != version) {
        if (tools_watch(tstate) || artifact->code->_co_instrumentation_version != version) {
            return false;
        }
        tools_admit(tstate, artifact);
    }
    resumption->version = *artifact->version;
    return true;
}

/* How the generator went on lately where it stands now, or NULL: that is not known. */
static inline Resumption *
known_resumption(const PyGenObject *generator)
{
    const _PyInterpreterFrame *frame = &generator->gi_iframe;
    const uint32_t position = position_of(frame);
    Resumption *resumption = resumptions_at(position);
    resumption += resumption->position != position;
    return LIKELY(resumption->position == position
                  && (PyObject *)resumption->code == PyStackRef_AsPyObjectBorrow(frame->f_executable)
                  && resumption->globals == frame->f_globals && resumption->builtins == frame->f_builtins
                  && generator->gi_frame_state < FRAME_EXECUTING)
               ? resumption
               : NULL;
}

/* What a version cell has where nothing is pending. */
static inline uintptr_t
version_without_events(const PyThreadState *tstate)
{
    return tstate->eval_breaker & ~(uintptr_t)_PY_EVAL_EVENTS_MASK;
}

/* How to resume the generator. NULL: CPython's slot shall do it, or an exception is set. */
static inline const Resumption *
how_to_resume(PyThreadState *tstate, PyGenObject *generator)
{
    Resumption *resumption = known_resumption(generator);
    if (UNLIKELY(resumption == NULL)) {
        resumption = find_resumption(tstate, generator);
        if (resumption == NULL) {
            return NULL;
        }
    }
    /* (The globals are of our interpreter.) */
    if (UNLIKELY(tstate->interp->eval_frame != usual_eval_frame || tstate->py_recursion_remaining <= 0
                 || stack_is_low(tstate) || tools_exist)) {
        return NULL;
    }
    uintptr_t version = version_without_events(tstate);
    return LIKELY(version == resumption->version) || may_run(tstate, resumption, version) ? resumption : NULL;
}

/* Enters the code of a linked generator with a value sent (borrowed). Returns new, or NULL: see the generator's state. */
static inline PyObject *
enter_code(PyThreadState *tstate, PyGenObject *generator, int slots, ResumeFunction enter, const char *address, PyObject *sent)
{
    _PyInterpreterFrame *frame = &generator->gi_iframe;
    _PyStackRef *base = frame->localsplus + slots;
    /* The code takes over what is above the base: what the interpreter has borrowed there from locals becomes a reference. */
    for (_PyStackRef *at = base; at < frame->stackpointer; at++) {
        if (!PyStackRef_IsNullOrInt(*at) && !PyStackRef_RefcountOnObject(*at)) {
            Py_INCREF(PyStackRef_AsPyObjectBorrow(*at));
        }
    }
    *frame->stackpointer = PyStackRef_FromPyObjectNew(sent);
    frame->stackpointer = base;
    PyObject *result = enter(tstate, frame, address);
    CHECK(result == NULL ? tstate->current_exception != NULL : tstate->current_exception == NULL);
    CHECK(generator->gi_frame_state != FRAME_EXECUTING && frame->previous == NULL);
    CHECK(tstate->exc_info != &generator->gi_exc_state);
    return result;
}

/* How the generator that another one waits for has ended, between resume_waiting and the SEND that the other one is entered
 * for: nothing stands between. */
static struct {
    PyObject *receiver; /* borrowed; NULL: nothing there */
    PyObject *value;    /* owned: returned, or */
    PyObject *error;    /* owned: raised */
} ended;

static int send_apart(PyThreadState *tstate, PyGenObject *generator, PyObject *sent, PyObject **result);
static PySendResult stock_send(PyObject *generator, PyObject *sent, PyObject **result);

/* Has the linked generator, which waits, yield the value (stolen) in the interpreter. Returns new, or NULL. */
static PyObject *
interpret_yield(PyThreadState *tstate, PyGenObject *generator, PyObject *value)
{
    _PyInterpreterFrame *frame = &generator->gi_iframe;
    frame->instr_ptr--; /* YIELD_VALUE stands before where it goes on */
    *frame->stackpointer++ = PyStackRef_FromPyObjectSteal(value);
    unlink_frame(tstate, frame);
    return _PyEval_EvalFrameDefault(tstate, frame, 0);
}

/* A generator that waits, linked. */
typedef struct {
    PyGenObject *generator; /* borrowed */
    ResumeFunction enter;
    const char *address;
    uint16_t slots, send; /* Resumption's */
} Waiting;

/* So many that wait for each other are resumed at once. */
#define WAITING 16

/* The generator waits for another one, which may wait for a third, and the innermost gets the value (borrowed): as long as it
 * yields, there is nothing to be done in those between but to pass that on. They are linked as if they stood at SEND; the
 * code of one is entered once what it waits for has ended. Returns new, or NULL: see the generator's state. */
__attribute__((noinline)) static PyObject *
resume_waiting(PyThreadState *tstate, PyGenObject *generator, const Resumption *how, PyObject *sent)
{
    Waiting links[WAITING], *last = links;
    const uintptr_t version = version_without_events(tstate);
    PyObject *receiver = NULL, *value = NULL;
    int what = PYGEN_NOT_OURS;
    for (;; last++) {
        link_generator(tstate, generator);
        *last = (Waiting){generator, how->enter, how->address, how->slots, how->send};
        _PyInterpreterFrame *frame = &generator->gi_iframe;
        if (how->send == 0) {
            break;
        }
        receiver = PyStackRef_AsPyObjectBorrow(frame->stackpointer[-1]);
        if ((!Py_IS_TYPE(receiver, &PyGen_Type) && !Py_IS_TYPE(receiver, &PyCoro_Type))
            || ((PyGenObject *)receiver)->gi_frame_state == FRAME_CREATED) {
            break;
        }
        frame->instr_ptr -= last->send;
        if (last == &links[WAITING - 1]) {
            what = send_apart(tstate, (PyGenObject *)receiver, sent, &value);
        }
        else if ((how = how_to_resume(tstate, (PyGenObject *)receiver)) != NULL) {
            generator = (PyGenObject *)receiver;
            continue;
        }
        else if (tstate->current_exception != NULL) {
            what = PYGEN_ERROR;
        }
        if (what == PYGEN_NOT_OURS) {
            what = stock_send(receiver, sent, &value);
        }
        frame->instr_ptr += last->send;
        break;
    }
    for (;; last--) {
        generator = last->generator;
        if (what == PYGEN_NEXT && version == version_without_events(tstate)) {
            unlink_generator(tstate, generator, FRAME_SUSPENDED_YIELD_FROM);
        }
        else {
            if (what == PYGEN_NEXT) { /* a tool has been switched on meanwhile: it may want to see this one, too */
                value = interpret_yield(tstate, generator, value);
            }
            else {
                if (what != PYGEN_NOT_OURS) {
                    PyObject *error = what == PYGEN_ERROR ? PyErr_GetRaisedException() : NULL;
                    ended.receiver = receiver;
                    ended.value = value;
                    ended.error = error;
                }
                value = enter_code(tstate, generator, last->slots, last->enter, last->address, sent);
                CHECK(ended.receiver == NULL);
            }
            what = value == NULL                                        ? PYGEN_ERROR
                   : FRAME_STATE_SUSPENDED(generator->gi_frame_state) ? PYGEN_NEXT
                                                                        : PYGEN_RETURN;
        }
        if (last == links) {
            return value;
        }
        receiver = (PyObject *)generator;
        last[-1].generator->gi_iframe.instr_ptr += last[-1].send;
    }
}

/* Resumes the generator with a value sent (borrowed). Returns new, or NULL: see the generator's state. */
static inline PyObject *
resume(PyThreadState *tstate, PyGenObject *generator, const Resumption *how, PyObject *sent)
{
    PyObject *result;
    live_entries++; /* what retires meanwhile can still be entered: it leaves at once */
    if (how->send != 0) {
        result = resume_waiting(tstate, generator, how, sent);
    }
    else {
        link_generator(tstate, generator);
        result = enter_code(tstate, generator, how->slots, how->enter, how->address, sent);
    }
    live_entries--;
    return result;
}

/* What is to be done behind the outermost activation of compiled code. */
static inline void
clean_up(void)
{
    bury_in_passing();
}

/* Resumes the generator or coroutine with a value. Borrows; the result is new. A PySendResult or PYGEN_NOT_OURS. */
static inline __attribute__((always_inline)) int
send_to(PyThreadState *tstate, PyGenObject *generator, PyObject *sent, PyObject **result)
{
    *result = NULL;
    if (UNLIKELY(generator->gi_frame_state == FRAME_CREATED && sent != Py_None)) {
        return PYGEN_NOT_OURS;
    }
    const Resumption *how = how_to_resume(tstate, generator);
    if (UNLIKELY(how == NULL)) {
        return tstate->current_exception != NULL ? PYGEN_ERROR : PYGEN_NOT_OURS;
    }
    *result = resume(tstate, generator, how, sent);
    bool suspended = FRAME_STATE_SUSPENDED(generator->gi_frame_state);
    clean_up();
    return *result == NULL ? PYGEN_ERROR : suspended ? PYGEN_NEXT : PYGEN_RETURN;
}

/* The same, not inline. */
static int
send_apart(PyThreadState *tstate, PyGenObject *generator, PyObject *sent, PyObject **result)
{
    return send_to(tstate, generator, sent, result);
}

/* What an iterator gives for that: the value, or NULL with or without an exception. Steals the result. */
static inline PyObject *
as_next(int what, PyObject *result, bool stops)
{
    if (LIKELY(what != PYGEN_RETURN)) {
        return result;
    }
    if (result != Py_None) { /* None is immortal */
        _PyGen_SetStopIterationValue(result);
        Py_DECREF(result);
    }
    else if (stops) {
        PyErr_SetNone(PyExc_StopIteration);
    }
    return NULL;
}

/* tp_iternext of generators. Borrows; returns new. */
static PyObject *
generator_next(PyObject *self)
{
    PyObject *result;
    int what = send_to(PyThreadState_GetUnchecked(), (PyGenObject *)self, Py_None, &result);
    return UNLIKELY(what == PYGEN_NOT_OURS) ? stock_next(self) : as_next(what, result, false);
}

/* The next value of a generator, for compiled code. Borrows; the value is new. Status 0, or -1: an exception is set. */
ValueStatus
generator_step(PyThreadState *tstate, PyObject *self)
{
    PyObject *result;
    int what = send_to(tstate, (PyGenObject *)self, Py_None, &result);
    if (LIKELY(what == PYGEN_NEXT)) {
        return (ValueStatus){result, 0};
    }
    if (UNLIKELY(what == PYGEN_NOT_OURS)) {
        result = (stock_next != NULL ? stock_next : PyGen_Type.tp_iternext)(self);
        return (ValueStatus){result, result != NULL ? 0 : iteration_ended()};
    }
    Py_XDECREF(result); /* what it returns is nobody's */
    return (ValueStatus){NULL, what == PYGEN_RETURN ? 0 : iteration_ended()};
}

/* CPython's. Borrows; the result is new. */
static PySendResult
stock_send(PyObject *generator, PyObject *sent, PyObject **result)
{
    sendfunc stock = Py_IS_TYPE(generator, &PyGen_Type) ? stock_generator_send : stock_coroutine_send;
    return (stock != NULL ? stock : Py_TYPE(generator)->tp_as_async->am_send)(generator, sent, result);
}

/* am_send of generators and coroutines. Borrows; the result is new. */
static PySendResult
generator_send(PyObject *self, PyObject *sent, PyObject **result)
{
    int what = sent == NULL ? PYGEN_NOT_OURS
                            : send_to(PyThreadState_GetUnchecked(), (PyGenObject *)self, sent, result);
    if (UNLIKELY(what == PYGEN_NOT_OURS)) {
        return stock_send(self, sent, result);
    }
    return (PySendResult)what;
}

/* Their method `send`. Borrows; returns new. */
static PyObject *
generator_send_method(PyObject *self, PyObject *sent)
{
    PyObject *result;
    int what = send_apart(PyThreadState_GetUnchecked(), (PyGenObject *)self, sent, &result);
    if (UNLIKELY(what == PYGEN_NOT_OURS)) {
        return (Py_IS_TYPE(self, &PyGen_Type) ? stock_generator_method : stock_coroutine_method)(self, sent);
    }
    return as_next(what, result, true);
}

/* --- asynchronous generators ------------------------------------------------------------------------------- */

/* What `__anext__` and `asend` return (genobject.c keeps the type to itself). It is good for one item: awaiting it runs the
 * generator to its next `yield`, which passes the item on in a wrapper, or through an `await`, which is passed on as it is. */
typedef struct {
    PyObject_HEAD
    PyGenObject *generator;
    PyObject *value; /* to send, or NULL */
    int state;
} AsyncSend;

enum { ASYNC_SEND_NEW, ASYNC_SEND_STARTED, ASYNC_SEND_DONE };

typedef struct {
    PyObject_HEAD
    PyObject *item;
} AsyncItem;

/* Goes on with an awaitable of an asynchronous generator. `sent` may be NULL. Borrows; the result is new. PYGEN_NEXT: what an
 * `await` inside passes on; PYGEN_RETURN: the item; PYGEN_ERROR or PYGEN_NOT_OURS. */
static int
async_send(PyThreadState *tstate, AsyncSend *self, PyObject *sent, PyObject **result)
{
    PyAsyncGenObject *async = (PyAsyncGenObject *)self->generator;
    PyGenObject *generator = self->generator; /* the same with other names */
    *result = NULL;
    if (UNLIKELY(self->state == ASYNC_SEND_DONE || (self->state == ASYNC_SEND_NEW && async->ag_running_async))) {
        return PYGEN_NOT_OURS; /* an error */
    }
    PyObject *value = sent != NULL ? sent : Py_None;
    if (self->state == ASYNC_SEND_NEW && value == Py_None && self->value != NULL) {
        value = self->value;
    }
    if (UNLIKELY(generator->gi_frame_state == FRAME_CREATED && value != Py_None)) {
        return PYGEN_NOT_OURS;
    }
    const Resumption *how = how_to_resume(tstate, generator);
    if (UNLIKELY(how == NULL)) {
        return tstate->current_exception != NULL ? PYGEN_ERROR : PYGEN_NOT_OURS;
    }
    self->state = ASYNC_SEND_STARTED;
    async->ag_running_async = 1;
    PyObject *given = resume(tstate, generator, how, value);
    int what = PYGEN_NEXT;
    if (given == NULL || !FRAME_STATE_SUSPENDED(generator->gi_frame_state)) {
        if (given != NULL) { /* it has returned, which gives None */
            PyErr_SetNone(PyExc_StopAsyncIteration);
            async->ag_closed = 1;
        }
        else if (PyErr_ExceptionMatches(PyExc_StopAsyncIteration) || PyErr_ExceptionMatches(PyExc_GeneratorExit)) {
            async->ag_closed = 1;
        }
        what = PYGEN_ERROR;
    }
    else if (generator->gi_frame_state == FRAME_SUSPENDED) {
        *result = Py_NewRef(((AsyncItem *)given)->item);
        Py_DECREF(given);
        what = PYGEN_RETURN;
    }
    else {
        *result = given;
    }
    if (what != PYGEN_NEXT) {
        async->ag_running_async = 0;
        self->state = ASYNC_SEND_DONE;
    }
    clean_up();
    return what;
}

/* Its tp_iternext and method `send`. Borrow; return new. */
static PyObject *
async_send_next(PyObject *self)
{
    PyObject *result;
    int what = async_send(PyThreadState_GetUnchecked(), (AsyncSend *)self, NULL, &result);
    return UNLIKELY(what == PYGEN_NOT_OURS) ? stock_async_next(self) : as_next(what, result, true);
}

static PyObject *
async_send_method(PyObject *self, PyObject *sent)
{
    PyObject *result;
    int what = async_send(PyThreadState_GetUnchecked(), (AsyncSend *)self, sent, &result);
    return UNLIKELY(what == PYGEN_NOT_OURS) ? stock_async_method(self, sent) : as_next(what, result, true);
}

/* --- `await` and `yield from` ------------------------------------------------------------------------------- */

/* SEND. Borrows all; the value is new. Status 1: the receiver has yielded it; 0: returned it; -1: an exception is set. */
ValueStatus
send_value(PyThreadState *tstate, _PyInterpreterFrame *frame, PyObject *receiver, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(receiver);
    PyObject *result;
    if (LIKELY(type == &PyGen_Type || type == &PyCoro_Type)) {
        if (ended.receiver == receiver) {
            ended.receiver = NULL;
            if (UNLIKELY(ended.error != NULL)) {
                PyErr_SetRaisedException(ended.error);
                return (ValueStatus){NULL, PYGEN_ERROR};
            }
            return (ValueStatus){ended.value, PYGEN_RETURN};
        }
        int what = send_to(tstate, (PyGenObject *)receiver, value, &result);
        if (UNLIKELY(what == PYGEN_NOT_OURS)) {
            what = stock_send(receiver, value, &result);
        }
        return (ValueStatus){result, what}; /* an error is never a StopIteration */
    }
    else {
        if (type == &_PyAsyncGenASend_Type) {
            int what = async_send(tstate, (AsyncSend *)receiver, value, &result);
            if (what != PYGEN_NOT_OURS) {
                return (ValueStatus){result, what};
            }
        }
        if (value == Py_None && PyIter_Check(receiver)) {
            result = type->tp_iternext(receiver);
        }
        else {
            result = PyObject_CallMethodOneArg(receiver, helper_names.send, value);
        }
        if (result != NULL) {
            return (ValueStatus){result, 1};
        }
    }
    if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
        _PyEval_MonitorRaise(tstate, frame, frame->instr_ptr);
    }
    if (_PyGen_FetchStopIterationValue(&result) == 0) {
        return (ValueStatus){result, 0};
    }
    return (ValueStatus){NULL, -1};
}

/* --- the slots --------------------------------------------------------------------------------------------- */

int
generators_hook(void)
{
    if (PyGen_Type.tp_iternext == generator_next) {
        return 0;
    }
    if (_PyAsyncGenASend_Type.tp_basicsize != sizeof(AsyncSend)) {
        PyErr_SetString(PyExc_RuntimeError, "asynchronous generators are not as expected");
        return -1;
    }
    PyTypeObject *async = &_PyAsyncGenASend_Type;
    stock_next = PyGen_Type.tp_iternext;
    stock_async_next = async->tp_iternext;
    stock_generator_send = PyGen_Type.tp_as_async->am_send;
    stock_coroutine_send = PyCoro_Type.tp_as_async->am_send;
    if (replace_method((PyObject *)&PyGen_Type, "send", METH_O, generator_send_method, &stock_generator_method) < 0
        || replace_method((PyObject *)&PyCoro_Type, "send", METH_O, generator_send_method, &stock_coroutine_method) < 0
        || replace_method((PyObject *)async, "send", METH_O, async_send_method, &stock_async_method) < 0
        || replace_wrapped(&PyGen_Type, "__next__", (void *)stock_next, (void *)generator_next) < 0
        || replace_wrapped(async, "__next__", (void *)stock_async_next, (void *)async_send_next) < 0) {
        return -1;
    }
    PyGen_Type.tp_iternext = generator_next;
    async->tp_iternext = async_send_next;
    PyGen_Type.tp_as_async->am_send = generator_send;
    PyCoro_Type.tp_as_async->am_send = generator_send;
    generator_pool_on();
    return 0;
}

void
generators_unhook(void)
{
    if (PyGen_Type.tp_iternext != generator_next) {
        return;
    }
    PyTypeObject *async = &_PyAsyncGenASend_Type;
    PyCFunction ours;
    PyGen_Type.tp_iternext = stock_next;
    async->tp_iternext = stock_async_next;
    PyGen_Type.tp_as_async->am_send = stock_generator_send;
    PyCoro_Type.tp_as_async->am_send = stock_coroutine_send;
    generator_pool_off();
    if (replace_method((PyObject *)&PyGen_Type, "send", METH_O, stock_generator_method, &ours) < 0
        || replace_method((PyObject *)&PyCoro_Type, "send", METH_O, stock_coroutine_method, &ours) < 0
        || replace_method((PyObject *)async, "send", METH_O, stock_async_method, &ours) < 0
        || replace_wrapped(&PyGen_Type, "__next__", (void *)generator_next, (void *)stock_next) < 0
        || replace_wrapped(async, "__next__", (void *)async_send_next, (void *)stock_async_next) < 0) {
        PyErr_Clear();
    }
}
