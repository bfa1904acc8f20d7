/* Resting: functions are not counted all the time.
 *
 * A call through our entry costs more than one that the interpreter makes by itself (count.c): much more than the count is
 * worth, for code that needs many more calls until it is hot, or never gets there. So after some calls the code rests: its functions
 * have CPython's own entry, call sites specialise for them, and nothing is counted. How long follows from how often it was
 * called: until it would have been called often enough. Then it is counted for another stretch of calls; if these
 * come as often as expected the code is hot, else the calls of the rest are estimated by the slower rate, and it rests
 * again.
 *
 * Time is the process's CPU time as the sampler's ticks tell it (sample.c); without ticks nothing rests. What is called very
 * often does not rest: it is hot soon.
 *
 * A record knows its resting functions by borrowed pointers; the function watcher says when one of them dies. A function
 * made meanwhile gets our entry as ever, which it loses at its first call. */
#include "rest.h"

#include "count.h"
#include "sample.h"
#include "tools.h"

/* Calls after which a rest is considered, and again at twice as many. The later half of them gives the rate: the first may
 * have been made when the program was set up. */
#define STRETCH 16
/* A half that took less CPU time than that says little. */
#define SHORTEST_HALF_MS 20
/* Shorter rests do not pay: the entry has to be exchanged, and call sites to specialise anew. Longer ones could miss that the
 * program now does something else. */
#define SHORTEST_REST_MS 100
#define LONGEST_REST_MS 5000
/* More functions of one code object do not rest. */
#define MOST_FUNCTIONS 64

typedef struct Rest {
    CodeRecord *record;
    uint32_t until_ms;
    uint16_t count, room;
    PyFunctionObject **functions; /* owned array of borrowed functions */
    struct Rest *next;
} Rest;

static Rest *rests;
static uint32_t next_ms; /* none ends before */

void
rest_join(CodeRecord *record, PyFunctionObject *function)
{
    Rest *rest = record->rest;
    for (unsigned i = 0; i < rest->count; i++) {
        if (rest->functions[i] == function) {
            count_unhook(function);
            return;
        }
    }
    if (rest->count == rest->room) {
        unsigned room = rest->room == 0 ? 1 : rest->room * 2u;
        PyFunctionObject **bigger =
            room <= MOST_FUNCTIONS ? PyMem_RawRealloc(rest->functions, room * sizeof(PyFunctionObject *)) : NULL;
        if (bigger == NULL) {
            return; /* it keeps our entry, which counts nothing now */
        }
        rest->functions = bigger;
        rest->room = (uint16_t)room;
    }
    rest->functions[rest->count++] = function;
    count_unhook(function);
}

void
rest_consider(CodeRecord *record, PyFunctionObject *function)
{
    uint32_t calls = ++record->stretch;
    if (calls < STRETCH / 2 || (calls & (calls - 1)) != 0) {
        return;
    }
    uint32_t took_ms = sample_ms - record->since_ms;
    record->since_ms = sample_ms;
    if (calls < STRETCH || function->vectorcall != count_vectorcall) {
        return;
    }
    uint32_t limit = count_limit(record);
    calls /= 2;
    if (record->rested_ms != 0) {
        /* What was assumed when it went to rest, or less. */
        uint64_t estimate = (uint64_t)record->rested_ms * calls / (took_ms != 0 ? took_ms : 1);
        uint32_t missing = limit > record->count ? limit - record->count : 0;
        record->count += estimate < missing ? (uint32_t)estimate : missing;
        record->rested_ms = 0;
    }
    if (record->count >= limit || took_ms < SHORTEST_HALF_MS) {
        return;
    }
    uint64_t rest_ms = (uint64_t)took_ms * (limit - record->count) / calls;
    uint32_t age_ms = sample_ms > YOUNG_MS ? sample_ms : YOUNG_MS;
    if (count_threshold_falls && rest_ms > age_ms / 2) {
        rest_ms = age_ms / 2; /* the limit will have fallen by a third */
    }
    Rest *rest = rest_ms >= SHORTEST_REST_MS ? PyMem_RawCalloc(1, sizeof(Rest)) : NULL;
    if (rest == NULL) {
        return;
    }
    record->rested_ms = rest_ms < LONGEST_REST_MS ? (uint32_t)rest_ms : LONGEST_REST_MS;
    rest->record = record;
    rest->until_ms = sample_ms + record->rested_ms;
    if (rests == NULL || (int32_t)(rest->until_ms - next_ms) < 0) {
        next_ms = rest->until_ms;
    }
    rest->next = rests;
    rests = rest;
    record->rest = rest;
    record->state = STATE_RESTING;
    rest_join(record, function);
}

void
rest_end(CodeRecord *record)
{
    Rest *rest = record->rest;
    if (rest == NULL) {
        return;
    }
    Rest **link = &rests;
    while (*link != rest) {
        link = &(*link)->next;
    }
    *link = rest->next;
    record->rest = NULL;
    uint32_t left_ms = rest->until_ms - sample_ms;
    if ((int32_t)left_ms > 0) { /* it ends early */
        record->rested_ms -= left_ms < record->rested_ms ? left_ms : record->rested_ms;
    }
    if (record->state == STATE_RESTING) {
        record->state = STATE_COUNTING;
    }
    record->stretch = 0;
    count_renew_version(record->code);
    for (unsigned i = 0; i < rest->count && !host_finalizing(); i++) { /* then nobody says when one dies */
        count_hook(rest->functions[i]);
    }
    PyMem_RawFree(rest->functions);
    PyMem_RawFree(rest);
}

bool
rest_forget(PyFunctionObject *function)
{
    if (rests == NULL) {
        return false;
    }
    CodeRecord *record = record_if_any((PyCodeObject *)function->func_code);
    Rest *rest = record != NULL ? record->rest : NULL;
    for (unsigned i = 0; rest != NULL && i < rest->count; i++) {
        if (rest->functions[i] == function) {
            rest->functions[i] = rest->functions[--rest->count];
            return true;
        }
    }
    return false;
}

void
rest_look(void)
{
    if (rests == NULL || (int32_t)(sample_ms - next_ms) < 0 || host_finalizing()) {
        return;
    }
    next_ms = sample_ms + INT32_MAX;
    for (Rest *rest = rests, *next; rest != NULL; rest = next) {
        next = rest->next;
        if ((int32_t)(sample_ms - rest->until_ms) >= 0) {
            rest_end(rest->record);
        }
        else if ((int32_t)(rest->until_ms - next_ms) < 0) {
            next_ms = rest->until_ms;
        }
    }
}

void
rest_end_all(void)
{
    while (rests != NULL) {
        rest_end(rests->record);
    }
}

bool
rest_any(void)
{
    return rests != NULL;
}
