/* Entry points written in assembly that compiled code calls or jumps to. See thunks.c and docs/abi.md. */
#ifndef PYSTON_THUNKS_H
#define PYSTON_THUNKS_H

#include "host.h"

/* The machine's registers at the point where compiled code was left, by hardware number. */
typedef struct {
    uint64_t gpr[16]; /* [4]: the body's stack pointer; [11] is never a program value */
    double xmm[16];   /* [15] is never a program value */
} Registers;

/* None of these has a C calling convention: they are declared for their addresses only. */
#define PYSTON_THUNKS(X) \
    X(exit_thunk) \
    X(exit_thunk_pushed) \
    X(exit_thunk_returned) \
    X(unwind_thunk) \
    X(attend_thunk) \
    X(object_thunk) \
    X(object_unwind_thunk) \
    X(status_thunk) \
    X(status_unwind_thunk) \
    X(next_thunk) \
    X(next_unwind_thunk) \
    X(sync_thunk) \
    X(push_frame) \
    X(push_frame_counting) \
    X(push_frame_or_leave) \
    X(push_frame_or_leave_counting) \
    X(give_back) \
    X(give_back_0) \
    X(give_back_1) \
    X(give_back_2) \
    X(give_back_3) \
    X(give_back_4) \
    X(give_back_5) \
    X(give_back_6) \
    X(give_back_7) \
    X(give_back_8) \
    X(box_int) \
    X(box_float) \
    X(decref_rax) \
    X(decref_rcx) \
    X(decref_rdx) \
    X(decref_rbp) \
    X(decref_rsi) \
    X(decref_rdi) \
    X(decref_r8) \
    X(decref_r9) \
    X(decref_r10) \
    X(decref_r11) \
    X(decref_r12) \
    X(decref_r13) \
    X(decref_r14) \
    X(decref_rax_gprs) \
    X(decref_rcx_gprs) \
    X(decref_rdx_gprs) \
    X(decref_rbp_gprs) \
    X(decref_rsi_gprs) \
    X(decref_rdi_gprs) \
    X(decref_r8_gprs) \
    X(decref_r9_gprs) \
    X(decref_r10_gprs) \
    X(decref_r11_gprs) \
    X(decref_r12_gprs) \
    X(decref_r13_gprs) \
    X(decref_r14_gprs)

#define X(name) HIDDEN extern const char name;
PYSTON_THUNKS(X)
#undef X

HIDDEN extern const char preserving_body;

#endif
