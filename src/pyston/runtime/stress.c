/* PYSTON_STRESS: words that make rare paths common.
 *
 * - exits: every third check of compiled code leaves;
 * - gc: every fifth check collects garbage;
 * - evict: every eleventh check retires the code that is running, to be compiled again soon; a few times each function;
 * - loops: every loop is entered at its first round;
 * - restless: every class counts as one that changes all the time.
 *
 * The numbers are primes to each other, so that combinations meet. */
#include "stress.h"

#include "count.h"
#include "loops.h"
#include "restless.h"
#include "tools.h"

#define MOST_EVICTIONS 12 /* compiling takes long */

unsigned stress;

int
stress_switch(const char *words)
{
    static const struct {
        const char *word;
        unsigned flag;
    } known[] = {{"exits", STRESS_EXITS}, {"gc", STRESS_GC}, {"evict", STRESS_EVICT},
               {"loops", STRESS_LOOPS}, {"restless", STRESS_RESTLESS}};
    unsigned flags = 0;
    while (*words != '\0') {
        size_t length = strcspn(words, ",");
        bool found = length == 0;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            if (strlen(known[i].word) == length && strncmp(words, known[i].word, length) == 0) {
                flags |= known[i].flag;
                found = true;
            }
        }
        if (!found) {
            PyErr_Format(PyExc_ValueError, "unknown kind of stress: %.50s", words);
            return -1;
        }
        words += length + (words[length] == ',');
    }
    if (loops_stress((flags & STRESS_LOOPS) != 0) < 0) {
        return -1;
    }
    restless_versions = flags & STRESS_RESTLESS ? 0 : RESTLESS_VERSIONS;
    stress = flags & ~(unsigned)(STRESS_LOOPS | STRESS_RESTLESS); /* the checks have no part in these */
    tools_suspect(); /* no cell matches; the next slow check sets them right when there is no stress */
    return 0;
}

bool
stress_check(Artifact *artifact)
{
    static unsigned checks;
    checks++;
    if ((stress & STRESS_GC) && checks % 5 == 0) {
        PyGC_Collect();
    }
    CodeRecord *record = artifact->record;
    if ((stress & STRESS_EVICT) && checks % 11 == 0 && record != NULL && !artifact->retired
        && record->evictions < MOST_EVICTIONS) {
        record->evictions++;
        artifact_retire(artifact, "stress");
        if (artifact->loop) {
            loops_header(artifact)->wait = 2;
            loops_header(artifact)->compiles = 1;
            return true;
        }
        count_again(record, 2);
        record->compiles = 1; /* not the program's fault */
    }
    return (stress & STRESS_EXITS) && checks % 3 == 0;
}
