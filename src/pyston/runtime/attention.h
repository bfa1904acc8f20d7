/* What code looks at behind a helper's call, with one comparison for all artifacts. See attention.c. */
#ifndef PYSTON_ATTENTION_H
#define PYSTON_ATTENTION_H

#include "artifact.h"

/* The eval breaker's value under which code that is not retired may run, or VERSION_NEVER. */
HIDDEN void attention_admit(uintptr_t version);

/* The artifact has been retired, and may be on a stack; nothing runs in it any more. */
HIDDEN void attention_begin(const Artifact *artifact);
HIDDEN void attention_end(const Artifact *artifact);

/* Read by the checked entries (code_memory.c). */
extern HIDDEN uintptr_t calm_version;
/* As last admitted: what the eval breaker must be where compiled code is entered. */
extern HIDDEN uintptr_t admitted_version;

/* For attend_thunk: what to leave through, -1 for going on, and whose it is. */
typedef struct {
    int64_t exit;
    Artifact *artifact;
} Verdict;
HIDDEN Verdict attend(PyThreadState *tstate, _PyInterpreterFrame *frame, const unsigned char *address,
                      Registers *registers);

#endif
