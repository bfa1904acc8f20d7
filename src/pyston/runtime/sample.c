/* Functions with long loops are called seldom and still deserve to be compiled: a timer notices them.
 *
 * A timer counts a thread's own CPU time, so it never fires while that thread waits, wakes nobody up, and interrupts no
 * blocking system call. Each thread that calls a function which is not compiled yet gets one; it ends with the thread. The signal is SIGURG, which is ignored by default: one that is still pending when
 * the process executes another program does no harm. (Go's scheduler uses it for the same reasons.) Each tick is
 * armed by the handler of the one before: once the program has a handler of its own for the signal, there are no more.
 *
 * The handler only notes which code objects the two topmost frames run, as addresses. They are looked up later, when
 * some function is called through the counting entry: an address that is no longer a code object's has no record. What
 * was seen often enough is compiled at its next call. The fewer functions that still wait to be compiled are seen, the
 * slower the timer ticks.
 *
 * A loop that calls nothing is not helped by a next call. So the handler also queues a pending call, which the interpreter
 * makes at its next check, between two instructions: there the frames can be looked at (loops.c). Py_AddPendingCall waits
 * for a lock, and a signal handler must not: it takes the lock if it is free, and else leaves it to the next tick. */
#define _GNU_SOURCE
#include "sample.h"

#include "arenas.h"
#include "count.h"
#include "loops.h"
#include "rest.h"
#include "statistics.h"
#include "youth.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RING 16
#define YOUNG_NS 2000000L /* in a young process, where nothing is counted (youth.c) */
#define FASTEST_NS 5000000L
#define SLOWEST_NS 40000000L
#define WEIGHT_TOP 2    /* of the frame that was running */
#define WEIGHT_CALLER 1 /* of its caller, which may be a loop around short calls */
#define HOT_WEIGHT 6
#define CALLS_WITH_LOOPS 16     /* that a young process makes of such a function before it is compiled */
#define CALLS_WITHOUT_LOOPS 500
#define FIRST_WEIGHT 24 /* of the first code to be compiled: for that the compiler has to be imported, which takes 10 ms and more */

volatile bool samples_waiting;
volatile uint32_t sample_ms;

static struct {
    volatile uintptr_t top, caller;
} ring[RING];
static volatile unsigned ticks; /* all the samples there ever were; a slot is ticks % RING */
static unsigned processed;

static bool running;
static uint32_t running_depth; /* timers do not survive a fork */
static pthread_key_t timer_key; /* its destructor ends a thread's timer */
static bool timer_key_made;

/* The thread's own timer. Touched first when the timer is made, never first by the signal handler: that may allocate. */
static __thread struct {
    timer_t timer;
    uint32_t depth; /* fork_depth, when it was made */
    bool made;
} mine;
static volatile long interval_ns;

static volatile bool look_queued;

/* The pending call. Returns 0. */
static int
look(void *unused)
{
    (void)unused;
    look_queued = false;
    sample_process();
    loops_look(PyThreadState_GetUnchecked());
    return 0;
}

/* Queues the pending call for the thread, which is interrupted at any instruction: what Py_AddPendingCall does, without
 * waiting. The lock is free for all but a few instructions. */
static void
queue_look(PyThreadState *tstate)
{
    struct _pending_calls *queue = &tstate->interp->ceval.pending;
    uint8_t state = 0; /* unlocked */
    if (look_queued || tstate->interp != host_interpreter
        || !_Py_atomic_compare_exchange_uint8(&queue->mutex._bits, &state, 1)) {
        return;
    }
    if (queue->npending < queue->max) {
        queue->calls[queue->next] = (struct _pending_call){.func = look};
        queue->next = (queue->next + 1) % PENDINGCALLSARRAYSIZE;
        _Py_atomic_add_int32(&queue->npending, 1);
        look_queued = true;
    }
    state = 1;
    if (!_Py_atomic_compare_exchange_uint8(&queue->mutex._bits, &state, 0)) {
        PyMutex_Unlock(&queue->mutex); /* another thread has begun to wait for it */
    }
    _Py_set_eval_breaker_bit(tstate, _PY_CALLS_TO_DO_BIT);
}

/* Has the thread's timer tick once. Safe in a signal handler. */
static void
arm(void)
{
    struct itimerspec spec = {{0, 0}, {0, interval_ns}};
    (void)timer_settime(mine.timer, 0, &spec, NULL);
}

static volatile uint32_t clock_ms; /* the process's clock when it was last read */

/* Safe in a signal handler; other threads' may run at the same time. */
static void
read_clock(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0) {
        uint32_t ms = (uint32_t)now.tv_sec * 1000u + (uint32_t)now.tv_nsec / 1000000u;
        int32_t passed = (int32_t)(ms - clock_ms);
        if (passed > 0) {
            sample_ms += (uint32_t)passed;
            clock_ms = ms;
        }
    }
}

/* Runs at any instruction of a thread with a timer; reads memory that is always mapped, and judges nothing. */
static void
tick(int signal_number)
{
    (void)signal_number;
    int saved_errno = errno;
    arm();
    read_clock();
    errno = saved_errno;
    PyThreadState *tstate = PyThreadState_GetUnchecked();
    if (tstate == NULL) {
        return; /* the thread does not hold the GIL */
    }
    _PyInterpreterFrame *frame = tstate->current_frame;
    if (frame != NULL && frame->owner == FRAME_OWNED_BY_INTERPRETER) {
        frame = frame->previous;
    }
    if (frame == NULL) {
        return;
    }
    unsigned slot = ticks % RING;
    ring[slot].top = frame->f_executable.bits & ~(uintptr_t)Py_TAG_REFCNT;
    frame = frame->previous;
    if (frame != NULL && frame->owner == FRAME_OWNED_BY_INTERPRETER) {
        frame = frame->previous;
    }
    ring[slot].caller = frame != NULL ? frame->f_executable.bits & ~(uintptr_t)Py_TAG_REFCNT : 0;
    ticks++;
    samples_waiting = true;
    queue_look(tstate);
}

static void
delete_timer(void *unused)
{
    (void)unused;
    if (mine.made && mine.depth == fork_depth) {
        timer_delete(mine.timer);
    }
    mine.made = false;
}

void
sample_thread(void)
{
    if (!running || running_depth != fork_depth || (mine.made && mine.depth == fork_depth)) {
        return;
    }
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG};
    event._sigev_un._tid = (int)syscall(SYS_gettid);
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &mine.timer) < 0) {
        return;
    }
    mine.made = true;
    mine.depth = fork_depth;
    pthread_setspecific(timer_key, &mine); /* else the destructor is not called */
    arm();
}

void
sample_start(void)
{
    if (running && running_depth == fork_depth) {
        sample_thread();
        return;
    }
    running = false;
    if (!timer_key_made && pthread_key_create(&timer_key, delete_timer) != 0) {
        return;
    }
    timer_key_made = true;
    struct sigaction action;
    if (sigaction(SIGURG, NULL, &action) < 0 || (action.sa_handler != SIG_DFL && action.sa_handler != tick)) {
        return;
    }
    memset(&action, 0, sizeof(action));
    action.sa_handler = tick;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    sigfillset(&action.sa_mask);
    if (sigaction(SIGURG, &action, NULL) < 0) {
        return;
    }
    running = true;
    running_depth = fork_depth;
    look_queued = false; /* after a fork it may have been lost */
    interval_ns = YOUNG_NS;
    sample_thread();
}

bool
sample_running(void)
{
    return running && running_depth == fork_depth;
}

void
sample_check(void)
{
    struct sigaction action;
    running = running && sigaction(SIGURG, NULL, &action) == 0 && action.sa_handler == tick;
}

void
sample_after_fork(void)
{
    clock_ms = 0; /* it begins anew there */
    if (rest_any() || youth_passed_any()) {
        sample_start();
    }
}

/* Other threads' timers tick once more at most: it is the handler that arms them. */
void
sample_stop(void)
{
    delete_timer(NULL);
    running = false;
    struct sigaction action;
    if (sigaction(SIGURG, NULL, &action) == 0 && action.sa_handler == tick) {
        signal(SIGURG, SIG_DFL);
    }
}

/* Adds to the weight of the code at an address, if it is one that waits to be compiled. */
static bool
weigh(PyThreadState *tstate, uintptr_t address, unsigned weight)
{
    CodeRecord *record = address != 0 ? record_if_called((PyCodeObject *)address) : NULL;
    if (record == NULL || (record->state != STATE_COUNTING && record->state != STATE_RESTING)
        || record->count >= record->limit) {
        return false;
    }
    bool young = youth_lasts();
    unsigned hot = count_has_compiled() ? HOT_WEIGHT : FIRST_WEIGHT;
    if (record->weight < hot) {
        record->weight = (uint8_t)(record->weight + weight);
    }
    if (record->weight == WEIGHT_WATCHED) {
        record->weight = young ? WEIGHT_WATCHED : 0;
    }
    else if (record->weight >= hot && youth_hook_running(tstate, record)) {
        LOG("%s runs long", log_name(record->code));
        /* The next call compiles it. But what takes the time may be a function in C, where compiling gains nothing: calls tell. */
        record->weight = young ? WEIGHT_WATCHED : 0;
        record->limit = record->count + (!young ? 0 : loops_any(record) ? CALLS_WITH_LOOPS : CALLS_WITHOUT_LOOPS);
        rest_end(record);
    }
    return true;
}

void
sample_process(void)
{
    samples_waiting = false;
    if (!running || running_depth != fork_depth) {
        return;
    }
    unsigned now = ticks;
    if (now - processed > RING) {
        processed = now - RING;
    }
    youth_look();
    arenas_look();
    rest_look();
    PyThreadState *tstate = PyThreadState_GetUnchecked();
    bool useful = false;
    for (; processed != now; processed++) {
        useful |= weigh(tstate, ring[processed % RING].top, WEIGHT_TOP);
        useful |= weigh(tstate, ring[processed % RING].caller, WEIGHT_CALLER);
    }
    interval_ns = youth_lasts() ? YOUNG_NS : useful ? FASTEST_NS : interval_ns < SLOWEST_NS ? interval_ns * 2 : SLOWEST_NS;
}
