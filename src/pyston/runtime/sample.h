/* Noticing functions that run long rather than often. See sample.c. */
#ifndef PYSTON_SAMPLE_H
#define PYSTON_SAMPLE_H

#include "artifact.h"

/* Starts and stops the timer. Failing to start is no failure: then only calls make functions hot. */
HIDDEN void sample_start(void);
HIDDEN void sample_stop(void);

/* Does it tick in this process? */
HIDDEN bool sample_running(void);

/* Looks whether the program has taken the signal for itself meanwhile. */
HIDDEN void sample_check(void);

/* In the child of a fork, where no timer ticks: starts it if somebody waits for it. */
HIDDEN void sample_after_fork(void);

/* Has the calling thread sampled too, if it is not yet. */
HIDDEN void sample_thread(void);

/* The process's CPU time when the timer last ticked, in milliseconds; wraps. Compare differences only. */
extern HIDDEN volatile uint32_t sample_ms;

/* The timer has ticked since; `sample_process` then makes what was running often hot. */
extern HIDDEN volatile bool samples_waiting;
HIDDEN void sample_process(void);

#endif
