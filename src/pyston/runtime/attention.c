/* May the code go on behind a helper's call?
 *
 * An artifact's own version cell answers that (tools.c), but a helper's checked entry serves all artifacts, and does not know whose
 * cell to read. It compares the eval breaker with one value for all, `calm_version`. Where the two are equal nothing is pending,
 * no tool watches, and no retired artifact is on any stack. Else it goes on to `attend_thunk`, with the return address on top.
 *
 * A retired artifact may stay on a stack for long, below a server's main loop, say. Nobody else should pay for that: a map
 * says which pieces of the address space may hold code of such, and the thunk lets all other code go on as long as the eval breaker
 * is `admitted_version`. Only what is left takes the way through C, where the artifact is looked up by the return address, and its
 * own cell decides.
 *
 * The map counts, by pieces of 256 bytes, for addresses modulo a megabyte. A count that is full stays. */
#include "attention.h"

#include "leave.h"
#include "tools.h"

#define PIECE_BITS 8
#define PIECES 4096 /* both as attend_thunk has them */

uintptr_t calm_version = VERSION_NEVER;
uintptr_t admitted_version = VERSION_NEVER;
HIDDEN uint8_t attention_map[PIECES];

static unsigned retired_on_stacks;

static void
update(void)
{
    calm_version = retired_on_stacks == 0 ? admitted_version : VERSION_NEVER;
}

void
attention_admit(uintptr_t version)
{
    admitted_version = version;
    update();
}

static void
count(const Artifact *artifact, int change)
{
    uintptr_t first = (uintptr_t)artifact->block.address >> PIECE_BITS;
    uintptr_t last = ((uintptr_t)artifact->block.address + artifact->block.size) >> PIECE_BITS;
    for (uintptr_t piece = first; piece <= last && piece - first < PIECES; piece++) {
        uint8_t *counter = &attention_map[piece % PIECES];
        if (*counter != UINT8_MAX) {
            *counter = (uint8_t)(*counter + change);
        }
    }
}

void
attention_begin(const Artifact *artifact)
{
    count(artifact, 1);
    retired_on_stacks++;
    update();
}

void
attention_end(const Artifact *artifact)
{
    count(artifact, -1);
    retired_on_stacks--;
    update();
}

Verdict
attend(PyThreadState *tstate, _PyInterpreterFrame *frame, const unsigned char *address, Registers *registers)
{
    uint64_t number;
    Artifact *artifact = exit_behind(address, &number);
    if (tstate->eval_breaker == *artifact->version) {
        return (Verdict){-1, artifact};
    }
    /* That of the helper's failure may come first: the check's follows. */
    uint32_t exit = (uint32_t)number + (artifact->exits[number].kind != EXIT_SYNC);
    return (Verdict){sync_frame(tstate, frame, artifact, exit, registers, NULL), artifact};
}
