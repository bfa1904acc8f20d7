/* Counters, and the log. See statistics.c. */
#ifndef PYSTON_STATISTICS_H
#define PYSTON_STATISTICS_H

#include "artifact.h"

typedef struct {
    uint64_t functions_compiled, instructions_compiled;
    uint64_t loops_compiled, loops_entered;
    uint64_t compile_ns;
    uint64_t hot_bytes;
    uint64_t calls_interpreted; /* only while statistics are on */
} Statistics;

extern HIDDEN Statistics statistics;
extern HIDDEN uint64_t calls_compiled; /* compiled code increments it when statistics are on */
extern HIDDEN bool statistics_on;
extern HIDDEN bool log_on;

HIDDEN int statistics_init(void);

/* Counts one more of `reason`; runs no Python code that could look. */
HIDDEN void statistics_give_up(const char *reason);
HIDDEN void statistics_retire(const char *reason);
HIDDEN void statistics_refuse_loop(const char *reason);

/* Reasons of exits, interned to small numbers. These are known from the start (compiler/bytecode/cfg.py). */
enum { REASON_NEVER_RUN, REASON_LOOP_END };
HIDDEN int reason_number(PyObject *reason); /* borrows a str; -1 with an exception set */
HIDDEN PyObject *reason_text(int number);   /* borrowed */
/* The text of a str, kept for ever; NULL with an exception set. */
HIDDEN const char *reason_kept(PyObject *reason);

/* An artifact dies: its exit counts move to the totals. */
HIDDEN void statistics_keep_exits(Artifact *artifact);

/* A new dict, docs in interface.md. */
HIDDEN PyObject *statistics_dict(void);
/* A new list, of all code objects that were called: (qualname, file, line, state, why given up or None, calls counted,
 * times compiled, bytecode instructions, bytes, hot bytes). */
HIDDEN PyObject *statistics_functions(void);
/* A new list of (offset, reason, count) of the code's failed guards and of what had never run, most frequent first. */
HIDDEN PyObject *exit_history(PyCodeObject *code);

/* Exact counting of calls on or off. 0, or -1 with an exception set. */
HIDDEN int statistics_switch(bool on);

/* One line to standard error when the log is on. */
HIDDEN void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define LOG(...) (log_on ? log_line(__VA_ARGS__) : (void)0)
/* The code's qualified name for the log; static buffer. */
HIDDEN const char *log_name(PyCodeObject *code);

#endif
