/* Making rare paths common, for tests. See stress.c. */
#ifndef PYSTON_STRESS_H
#define PYSTON_STRESS_H

#include "artifact.h"

enum { STRESS_EXITS = 1, STRESS_GC = 2, STRESS_EVICT = 4, STRESS_LOOPS = 8, STRESS_RESTLESS = 16 };

/* 0: no stress. While it is not, the version cells never match, so checks take the slow way. */
extern HIDDEN unsigned stress;

/* Switches by name; 0, or -1 with ValueError set. */
HIDDEN int stress_switch(const char *words);

/* At a check of running code: should it leave? May collect garbage and retire the artifact. */
HIDDEN bool stress_check(Artifact *artifact);

#endif
