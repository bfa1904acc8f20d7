/* The glue between compiled code and C, in assembly because it sees registers that C does not.
 *
 * All of it is reached from compiled bodies, so r15 is the thread state and rbx the frame. What each thunk preserves
 * is written above it; flags are never preserved. Offsets into CPython's structs are put into assembler symbols by
 * `define_offsets`, so that they come from the headers. Nothing here owns references: a thunk passes on what it got. */
#include "thunks.h"

#include "artifact.h"
#include "enter.h"

#include "internal/pycore_long.h"

static_assert(offsetof(Registers, xmm) == 128 && sizeof(Registers) == 256, "the thunks' save area");
static_assert(offsetof(Artifact, epilogue) == 0, "exit_thunk reads it");
static_assert(offsetof(Callee, body) == 16 && offsetof(Callee, frame_bytes) == 24 && offsetof(Callee, null_slots) == 28
                  && offsetof(Callee, first_null) == 32 && offsetof(Callee, template) == 40
                  && sizeof(((Callee *)NULL)->template) == 80,
              "docs/abi.md");
static_assert(sizeof(PyLongObject) == 32 && offsetof(PyLongObject, long_value.lv_tag) == 16
                  && offsetof(PyLongObject, long_value.ob_digit) == 24 && PyLong_SHIFT == 30,
              "box_int");
static_assert(offsetof(PyFloatObject, ob_fval) == 16, "box_float");
static_assert(_PY_NSMALLNEGINTS == 5 && _PY_NSMALLPOSINTS == 257, "box_int");
static_assert(Py_floats_MAXFREELIST == 100 && Py_ints_MAXFREELIST == 100, "decref_dead");

#define SET(name, value) __asm__(".set " name ", %c0" ::"i"(value))

/* Never called; gives the assembler the numbers. */
__attribute__((used, noinline, noclone)) static void
define_offsets(void)
{
    SET("TSTATE_INTERP", offsetof(PyThreadState, interp));
    SET("TSTATE_FRAME", offsetof(PyThreadState, current_frame));
    SET("TSTATE_REMAINING", offsetof(PyThreadState, py_recursion_remaining));
    SET("TSTATE_STACK_CHUNK", offsetof(PyThreadState, datastack_chunk));
    SET("TSTATE_STACK_TOP", offsetof(PyThreadState, datastack_top));
    SET("TSTATE_STACK_LIMIT", offsetof(PyThreadState, datastack_limit));
    SET("TSTATE_C_LIMIT", offsetof(_PyThreadStateImpl, c_stack_soft_limit));
    SET("CHUNK_DATA", offsetof(_PyStackChunk, data));
    SET("C_MARGIN", STACK_MARGIN);
    SET("C_BEYOND", STACK_BEYOND);
    SET("FRAME_PREVIOUS", offsetof(_PyInterpreterFrame, previous));
    SET("FRAME_FUNCTION", offsetof(_PyInterpreterFrame, f_funcobj));
    SET("FRAME_OBJECT", offsetof(_PyInterpreterFrame, frame_obj));
    SET("FRAME_STACKPOINTER", offsetof(_PyInterpreterFrame, stackpointer));
    SET("FRAME_LOCALS", offsetof(_PyInterpreterFrame, localsplus));
    SET("INTERP_FLOATS", offsetof(PyInterpreterState, object_state.freelists.floats.freelist));
    SET("INTERP_FLOATS_SIZE", offsetof(PyInterpreterState, object_state.freelists.floats.size));
    SET("INTERP_INTS", offsetof(PyInterpreterState, object_state.freelists.ints.freelist));
    SET("INTERP_INTS_SIZE", offsetof(PyInterpreterState, object_state.freelists.ints.size));
    SET("RUNTIME_TRACER", offsetof(_PyRuntimeState, ref_tracer.tracer_func));
    SET("RUNTIME_SMALL_INTS", offsetof(_PyRuntimeState, static_objects.singletons.small_ints));
    SET("CALLEE_FRAME_BYTES", offsetof(Callee, frame_bytes));
    SET("CALLEE_NULL_SLOTS", offsetof(Callee, null_slots));
    SET("CALLEE_FIRST_NULL", offsetof(Callee, first_null));
    SET("CALLEE_TEMPLATE", offsetof(Callee, template));
}

__asm__(
    ".text\n"
    ".intel_syntax noprefix\n"

    ".macro ENTRY name\n"
    "  .p2align 4\n"
    "  .globl \\name\n"
    "  .hidden \\name\n"
    "  .type \\name, @function\n"
    "\\name:\n"
    ".endm\n"

    ".macro XMM_STORE register, address\n"
    "  movsd [\\address], \\register\n"
    ".endm\n"
    ".macro XMM_LOAD register, address\n"
    "  movsd \\register, [\\address]\n"
    ".endm\n"
    ".macro XMMS what, base\n"
    "  \\what xmm0, \\base\n"
    "  \\what xmm1, \\base+8\n"
    "  \\what xmm2, \\base+16\n"
    "  \\what xmm3, \\base+24\n"
    "  \\what xmm4, \\base+32\n"
    "  \\what xmm5, \\base+40\n"
    "  \\what xmm6, \\base+48\n"
    "  \\what xmm7, \\base+56\n"
    "  \\what xmm8, \\base+64\n"
    "  \\what xmm9, \\base+72\n"
    "  \\what xmm10, \\base+80\n"
    "  \\what xmm11, \\base+88\n"
    "  \\what xmm12, \\base+96\n"
    "  \\what xmm13, \\base+104\n"
    "  \\what xmm14, \\base+112\n"
    ".endm\n"

    /* Everything caller-saved (but xmm15) around a call of C. 192 bytes, rax in the last word; rsp must be aligned. */
    ".macro SAVE_CALLER\n"
    "  push rax\n"
    "  push rcx\n"
    "  push rdx\n"
    "  push rsi\n"
    "  push rdi\n"
    "  push r8\n"
    "  push r9\n"
    "  push r10\n"
    "  push r11\n"
    "  sub rsp, 120\n"
    "  XMMS XMM_STORE, rsp\n"
    ".endm\n"
    ".macro RESTORE_CALLER\n"
    "  XMMS XMM_LOAD, rsp\n"
    "  add rsp, 120\n"
    "  pop r11\n"
    "  pop r10\n"
    "  pop r9\n"
    "  pop r8\n"
    "  pop rdi\n"
    "  pop rsi\n"
    "  pop rdx\n"
    "  pop rcx\n"
    "  pop rax\n"
    ".endm\n"

    /* Fills the Registers struct at rsp; the body's stack pointer is `above` bytes over its end. r12, once saved, becomes
     * the artifact. */
    ".macro SAVE_REGISTERS above\n"
    "  mov [rsp], rax\n"
    "  mov [rsp+8], rcx\n"
    "  mov [rsp+16], rdx\n"
    "  mov [rsp+24], rbx\n"
    "  mov [rsp+40], rbp\n"
    "  mov [rsp+48], rsi\n"
    "  mov [rsp+56], rdi\n"
    "  mov [rsp+64], r8\n"
    "  mov [rsp+72], r9\n"
    "  mov [rsp+80], r10\n"
    "  mov [rsp+88], r11\n"
    "  mov [rsp+96], r12\n"
    "  mov [rsp+104], r13\n"
    "  mov [rsp+112], r14\n"
    "  mov [rsp+120], r15\n"
    "  lea r12, [rsp+256+\\above]\n"
    "  mov [rsp+32], r12\n"
    "  mov r12, r11\n"
    "  XMMS XMM_STORE, rsp+128\n"
    ".endm\n"

    /* exit_thunk: jumped to with eax = exit, r11 = artifact, rsp = the body's. Ends in the artifact's epilogue with the
     * body's result in rax. rax and r11 are not program values. */
    "ENTRY exit_thunk\n"
    "  sub rsp, 256\n"
    "  SAVE_REGISTERS 0\n"
    "  mov ecx, eax\n"
    "leave_now:\n"
    "  mov rdi, r15\n"
    "  mov rsi, rbx\n"
    "  mov rdx, r12\n"
    "  mov r8, rsp\n"
    "  call leave_frame\n"
    "  mov r11, r12\n"
    "  mov r12, [rsp+96]\n" /* the body may not have saved it */
    "  mov rsp, [rsp+32]\n"
    "  jmp [r11]\n"

    /* exit_thunk_pushed: the same with the exit's number pushed on the body's stack (8 bytes): rax is a program value. */
    "ENTRY exit_thunk_pushed\n"
    "  sub rsp, 264\n"
    "  SAVE_REGISTERS 16\n"
    "  mov ecx, [rsp+264]\n"
    "  jmp leave_now\n"

    /* exit_thunk_returned: jumped to by a helper's checked entry, with the return address on top, where the exit's number
     * stands. */
    "ENTRY exit_thunk_returned\n"
    "  sub rsp, 264\n"
    "  SAVE_REGISTERS 16\n"
    "  mov rdi, [rsp+264]\n"
    "  lea rsi, [rsp+264]\n"
    "  call exit_behind\n"
    "  mov r12, rax\n"
    "  mov ecx, [rsp+264]\n"
    "  jmp leave_now\n"

    /* unwind_thunk: the same where the exception ends the activation: nothing is to be given up but the frame. */
    "ENTRY unwind_thunk\n"
    "  pop rdi\n"
    "  call artifact_at\n"
    "  push rax\n"
    "  sub rsp, 8\n"
    "  mov rdi, r15\n"
    "  mov rsi, rbx\n"
    "  call unwind_body\n"
    "  add rsp, 8\n"
    "  pop r11\n"
    "  jmp [r11]\n"

    /* sync_thunk: jumped to with r11 = artifact, [rsp] = return address, [rsp+8] = exit, [rsp+16] = object or 0. Returns
     * past both words with all registers but r11 and xmm15 as they were, or leaves as exit_thunk does. */
    "ENTRY sync_thunk\n"
    "  push rax\n"
    "  mov rax, [rsp+24]\n"
    "  test rax, rax\n"
    "  je 1f\n"
    "  mov rax, [rax+8]\n"
    "  cmp rax, [rip+PyFloat_Type@GOTPCREL]\n"
    "  je 2f\n"
    "  cmp rax, [rip+PyLong_Type@GOTPCREL]\n"
    "  je 2f\n"
    "1:\n"
    "  pop rax\n"
    "  jmp sync_fully\n"
    "2:\n" /* a number: nothing looks at the frame when it dies */
    "  pop rax\n"
    "  call 3f\n" /* each return belongs to a call, as the processor expects */
    "  ret 16\n"
    "3:\n"
    "  push qword ptr [rsp+24]\n"
    "  jmp decref_dead\n"
    "sync_fully:\n"
    "  sub rsp, 264\n"
    "  SAVE_REGISTERS 32\n"
    "  mov rdi, r15\n"
    "  mov rsi, rbx\n"
    "  mov rdx, r12\n"
    "  mov ecx, [rsp+264+8]\n"
    "  mov r8, rsp\n"
    "  mov r9, [rsp+264+16]\n"
    "  call sync_frame\n"
    "  mov ecx, eax\n"
    "  cmp eax, -1\n"
    "  jne leave_now\n"
    "  XMMS XMM_LOAD, rsp+128\n"
    "  mov rax, [rsp]\n"
    "  mov rcx, [rsp+8]\n"
    "  mov rdx, [rsp+16]\n"
    "  mov rsi, [rsp+48]\n"
    "  mov rdi, [rsp+56]\n"
    "  mov r8, [rsp+64]\n"
    "  mov r9, [rsp+72]\n"
    "  mov r10, [rsp+80]\n"
    "  mov r11, [rsp+88]\n"
    "  mov r12, [rsp+96]\n"
    "  add rsp, 264\n"
    "  ret 16\n"

    /* push_frame: rdi = Callee. rax = the new linked frame, or 0 and nothing has changed. Clobbers rcx, rdx, rdi, xmm15. */
    ".macro PUSH_FRAME counter\n"
    "  mov rax, [r15+TSTATE_STACK_TOP]\n"
    "  mov ecx, [rdi+CALLEE_FRAME_BYTES]\n"
    "  lea rdx, [rax+rcx]\n"
    "  cmp rdx, [r15+TSTATE_STACK_LIMIT]\n"
    "  jae 8f\n"
    "  cmp dword ptr [r15+TSTATE_REMAINING], 0\n"
    "  jle 8f\n"
    "  lea rcx, [rsp-C_MARGIN]\n"
    "  cmp rcx, [r15+TSTATE_C_LIMIT]\n"
    "  jb 9f\n"
    "5:\n"
    "  mov [r15+TSTATE_STACK_TOP], rdx\n"
    "  dec dword ptr [r15+TSTATE_REMAINING]\n"
    "  movups xmm15, [rdi+CALLEE_TEMPLATE]\n"
    "  movups [rax], xmm15\n"
    "  movups xmm15, [rdi+CALLEE_TEMPLATE+16]\n"
    "  movups [rax+16], xmm15\n"
    "  movups xmm15, [rdi+CALLEE_TEMPLATE+32]\n"
    "  movups [rax+32], xmm15\n"
    "  movups xmm15, [rdi+CALLEE_TEMPLATE+48]\n"
    "  movups [rax+48], xmm15\n"
    "  movups xmm15, [rdi+CALLEE_TEMPLATE+64]\n"
    "  movups [rax+64], xmm15\n"
    "  mov [rax+FRAME_PREVIOUS], rbx\n"
    "  add [rax+FRAME_STACKPOINTER], rax\n" /* the template holds it relative to the frame */
    "  mov ecx, [rdi+CALLEE_NULL_SLOTS]\n"
    "  mov edx, [rdi+CALLEE_FIRST_NULL]\n"
    "  lea rdx, [rax+rdx*8+FRAME_LOCALS]\n"
    "  jmp 7f\n"
    "6:\n"
    "  mov qword ptr [rdx+rcx*8], 1\n"
    "7:\n"
    "  dec ecx\n"
    "  jns 6b\n"
    "  \\counter\n"
    "  mov [r15+TSTATE_FRAME], rax\n"
    "  ret\n"
    "9:\n"
    "  lea rcx, [rsp+C_BEYOND]\n"
    "  cmp rcx, [r15+TSTATE_C_LIMIT]\n"
    "  jb 5b\n"
    "8:\n"
    "  xor eax, eax\n"
    "  ret\n"
    ".endm\n"

    "ENTRY push_frame\n"
    "  PUSH_FRAME\n"

    "ENTRY push_frame_counting\n"
    "  PUSH_FRAME \"inc qword ptr calls_compiled[rip]\"\n"

    /* pop_frame: gives back the frame rbx, its locals and stack already released. Clobbers rcx. */
    "ENTRY pop_frame\n"
    "  cmp qword ptr [rbx+FRAME_OBJECT], 0\n"
    "  jne 1f\n"
    "  mov rcx, [rbx]\n"
    "  and rcx, [rbx+FRAME_FUNCTION]\n"
    "  test cl, 1\n"
    "  je 1f\n" /* an owned function or code */
    "  mov rcx, [r15+TSTATE_STACK_CHUNK]\n"
    "  add rcx, OFFSET CHUNK_DATA\n"
    "  cmp rcx, rbx\n"
    "  je 1f\n" /* the first frame of its chunk */
    "  mov rcx, [rbx+FRAME_PREVIOUS]\n"
    "  mov [r15+TSTATE_STACK_TOP], rbx\n"
    "  inc dword ptr [r15+TSTATE_REMAINING]\n"
    "  mov [r15+TSTATE_FRAME], rcx\n"
    "  ret\n"
    "1:\n"
    "  sub rsp, 8\n"
    "  SAVE_CALLER\n"
    "  mov rdi, r15\n"
    "  mov rsi, rbx\n"
    "  call pop_emptied_frame\n"
    "  RESTORE_CALLER\n"
    "  add rsp, 8\n"
    "  ret\n"

    /* box_int: rax = a new int from rax; never 0 (boxes.c). Clobbers rcx, rdx, xmm15. */
    "ENTRY box_int\n"
    "  lea rcx, [rax+5]\n"
    "  cmp rcx, 262\n"
    "  jae 1f\n"
    "  shl rcx, 5\n"
    "  mov rax, [rip+_PyRuntime@GOTPCREL]\n"
    "  lea rax, [rax+rcx+RUNTIME_SMALL_INTS]\n"
    "  ret\n"
    "1:\n"
    "  mov rcx, rax\n"
    "  mov rdx, rax\n"
    "  sar rdx, 63\n"
    "  xor rcx, rdx\n"
    "  sub rcx, rdx\n" /* rcx: absolute value */
    "  cmp rcx, 0x40000000\n"
    "  jae 2f\n"
    "  and edx, 2\n"
    "  or edx, 8\n" /* rdx: one digit, and the sign */
    "  movq xmm15, rcx\n"
    "  mov rcx, [rip+_PyRuntime@GOTPCREL]\n"
    "  cmp qword ptr [rcx+RUNTIME_TRACER], 0\n"
    "  jne 2f\n"
    "  mov rcx, [r15+TSTATE_INTERP]\n"
    "  cmp qword ptr [rcx+INTERP_INTS], 0\n"
    "  je 2f\n"
    "  mov rax, [rcx+INTERP_INTS]\n"
    "  push [rax]\n"
    "  pop [rcx+INTERP_INTS]\n"
    "  dec qword ptr [rcx+INTERP_INTS_SIZE]\n"
    "  mov qword ptr [rax], 1\n"
    "  mov [rax+16], rdx\n"
    "  movq rcx, xmm15\n"
    "  mov [rax+24], ecx\n"
    "  ret\n"
    "2:\n"
    "  sub rsp, 8\n"
    "  SAVE_CALLER\n"
    "  mov rdi, rax\n"
    "  call box_int_surely\n"
    "  mov [rsp+184], rax\n"
    "  RESTORE_CALLER\n"
    "  add rsp, 8\n"
    "  ret\n"

    /* box_float: rax = a new float from xmm0; never 0 (boxes.c). Clobbers rcx, xmm0. */
    "ENTRY box_float\n"
    "  mov rcx, [rip+_PyRuntime@GOTPCREL]\n"
    "  cmp qword ptr [rcx+RUNTIME_TRACER], 0\n"
    "  jne 1f\n"
    "  mov rcx, [r15+TSTATE_INTERP]\n"
    "  mov rax, [rcx+INTERP_FLOATS]\n"
    "  test rax, rax\n"
    "  je 1f\n"
    "  push [rax]\n"
    "  pop [rcx+INTERP_FLOATS]\n"
    "  dec qword ptr [rcx+INTERP_FLOATS_SIZE]\n"
    "  mov qword ptr [rax], 1\n"
    "  movsd [rax+16], xmm0\n"
    "  ret\n"
    "1:\n"
    "  sub rsp, 8\n"
    "  SAVE_CALLER\n"
    "  call box_float_surely\n"
    "  mov [rsp+184], rax\n"
    "  RESTORE_CALLER\n"
    "  add rsp, 8\n"
    "  ret\n"

    /* decref_<register>: gives up a reference held in that register. Preserves all registers, the one named too (it
     * dangles if the object died). The object's end must not be able to look at the frame, or the frame is true. */
    ".macro DECREF register\n"
    "ENTRY decref_\\register\n"
    "  cmp dword ptr [\\register], 0\n"
    "  jl 1f\n" /* immortal */
    "  dec dword ptr [\\register]\n"
    "  je 2f\n"
    "1:\n"
    "  ret\n"
    "2:\n"
    "  push \\register\n"
    "  jmp decref_dead\n"
    ".endm\n"
    "DECREF rax\n"
    "DECREF rcx\n"
    "DECREF rdx\n"
    "DECREF rbp\n"
    "DECREF rsi\n"
    "DECREF rdi\n"
    "DECREF r8\n"
    "DECREF r9\n"
    "DECREF r10\n"
    "DECREF r11\n"
    "DECREF r12\n"
    "DECREF r13\n"
    "DECREF r14\n"

    /* decref_<register>_gprs: the same for code that keeps nothing in xmm registers: preserves the general ones only. */
    ".macro DECREF_GPRS register\n"
    "ENTRY decref_\\register\\()_gprs\n"
    "  cmp dword ptr [\\register], 0\n"
    "  jl 1f\n"
    "  dec dword ptr [\\register]\n"
    "  je 2f\n"
    "1:\n"
    "  ret\n"
    "2:\n"
    "  push \\register\n"
    "  jmp decref_dead_gprs\n"
    ".endm\n"
    "DECREF_GPRS rax\n"
    "DECREF_GPRS rcx\n"
    "DECREF_GPRS rdx\n"
    "DECREF_GPRS rbp\n"
    "DECREF_GPRS rsi\n"
    "DECREF_GPRS rdi\n"
    "DECREF_GPRS r8\n"
    "DECREF_GPRS r9\n"
    "DECREF_GPRS r10\n"
    "DECREF_GPRS r11\n"
    "DECREF_GPRS r12\n"
    "DECREF_GPRS r13\n"
    "DECREF_GPRS r14\n"

    /* The object on the stack, above rax, rcx and rdx, has died. A float or an int of one digit goes to its free list at
     * once, and the thunk returns; else falls through. */
    ".macro FREE_NUMBER\n"
    "  mov rcx, [rsp+24]\n"
    "  mov rax, [rcx+8]\n"
    "  mov rdx, [r15+TSTATE_INTERP]\n"
    "  cmp rax, [rip+PyLong_Type@GOTPCREL]\n"
    "  jne 1f\n"
    "  cmp qword ptr [rcx+16], 16\n"
    "  jae 3f\n"
    "  cmp qword ptr [rdx+INTERP_INTS_SIZE], 100\n"
    "  jae 3f\n"
    "  mov rax, [rip+_PyRuntime@GOTPCREL]\n"
    "  cmp qword ptr [rax+RUNTIME_TRACER], 0\n"
    "  jne 3f\n"
    "  inc qword ptr [rdx+INTERP_INTS_SIZE]\n"
    "  mov rax, [rdx+INTERP_INTS]\n"
    "  mov [rdx+INTERP_INTS], rcx\n"
    "  jmp 2f\n"
    "1:\n"
    "  cmp rax, [rip+PyFloat_Type@GOTPCREL]\n"
    "  jne 3f\n"
    "  cmp qword ptr [rdx+INTERP_FLOATS_SIZE], 100\n"
    "  jae 3f\n"
    "  mov rax, [rip+_PyRuntime@GOTPCREL]\n"
    "  cmp qword ptr [rax+RUNTIME_TRACER], 0\n"
    "  jne 3f\n"
    "  inc qword ptr [rdx+INTERP_FLOATS_SIZE]\n"
    "  mov rax, [rdx+INTERP_FLOATS]\n"
    "  mov [rdx+INTERP_FLOATS], rcx\n"
    "2:\n"
    "  mov [rcx], rax\n"
    "  pop rdx\n"
    "  pop rcx\n"
    "  pop rax\n"
    "  add rsp, 8\n"
    "  ret\n"
    "3:\n"
    ".endm\n"

    "  .p2align 4\n"
    "decref_dead_gprs:\n"
    "  push rax\n"
    "  push rcx\n"
    "  push rdx\n"
    "  FREE_NUMBER\n"
    "  push rsi\n"
    "  push rdi\n"
    "  push r8\n"
    "  push r9\n"
    "  push r10\n"
    "  push r11\n"
    "  mov rdi, rcx\n"
    "  sub rsp, 8\n"
    "  call [rip+_Py_Dealloc@GOTPCREL]\n"
    "  add rsp, 8\n"
    "  pop r11\n"
    "  pop r10\n"
    "  pop r9\n"
    "  pop r8\n"
    "  pop rdi\n"
    "  pop rsi\n"
    "  pop rdx\n"
    "  pop rcx\n"
    "  pop rax\n"
    "  add rsp, 8\n"
    "  ret\n"

    "  .p2align 4\n"
    "decref_dead:\n"
    "  push rax\n"
    "  push rcx\n"
    "  push rdx\n"
    "  FREE_NUMBER\n"
    "  pop rdx\n"
    "  pop rcx\n"
    "  pop rax\n"
    "  SAVE_CALLER\n"
    "  mov rdi, [rsp+192]\n"
    "  call [rip+_Py_Dealloc@GOTPCREL]\n"
    "  RESTORE_CALLER\n"
    "  add rsp, 8\n"
    "  ret\n"

    /* preserving_body: called by a helper's preserving entry, the helper's address behind that call; the body's arguments
     * lie above the body's return address, and the result replaces the first. */
    "ENTRY preserving_body\n"
    "  sub rsp, 8\n"
    "  push rbp\n"
    "  mov rbp, rsp\n" /* [rbp+16]: where the address is; [rbp+24]: return; [rbp+32]…: arguments */
    "  and rsp, -16\n"
    "  SAVE_CALLER\n"
    "  mov rdi, [rbp+32]\n"
    "  mov rsi, [rbp+40]\n"
    "  mov rdx, [rbp+48]\n"
    "  mov rax, [rbp+16]\n"
    "  call [rax]\n"
    "  mov [rbp+32], rax\n"
    "  RESTORE_CALLER\n"
    "  mov rsp, rbp\n"
    "  pop rbp\n"
    "  add rsp, 16\n"
    "  ret\n"

    ".att_syntax prefix\n");
