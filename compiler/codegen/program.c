/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Programs: each phase becomes a function that runs a range of its chunks.
 *
 *   phase: parallel i0 in 56: A, parallel i0 in 4: B
 *   →  void phase(frame, begin, end) {
 *        for (i0 = max(begin - 0, 0); i0 < min(end - 0, 56); i0++) A;
 *        for (i0 = max(begin - 56, 0); i0 < min(end - 56, 4); i0++) B;
 *      }
 *
 * Addresses are a base from the frame plus constants plus loop variables times constants. */
#include "compiler/codegen/isa.h"

#include "runtime/model.h"

#include <assert.h>
#include <string.h>

enum { MAX_DEPTH = 16, PARAM_FRAME = 0, PARAM_BEGIN, PARAM_END };

typedef struct PhaseEmit {
    Emit *e;
    IrValue weights, arena, scratch, tensors; /* the frame's fields */
    int depth;
    struct {
        const Stmt *loop;
        IrValue index;
    } loops[MAX_DEPTH]; /* open ones */
} PhaseEmit;

static IrValue frame_field(Emit *e, int64_t offset)
{
    return emit_load_scalar(e, e->ptr, emit_offset(e, emit_arg(e, PARAM_FRAME), offset));
}

static IrValue space_base(PhaseEmit *p, const Buffer *buffer)
{
    Emit *e = p->e;
    switch (buffer->space) {
    case SPACE_ARENA: return p->arena;
    case SPACE_SCRATCH: return p->scratch;
    case SPACE_WEIGHTS: return p->weights;
    case SPACE_TENSOR: break;
    }
    return emit_load_scalar(e, e->ptr, emit_offset(e, p->tensors, buffer->index * (int64_t)sizeof(void *)));
}

static IrValue loop_index(const PhaseEmit *p, const Stmt *loop)
{
    for (int i = p->depth - 1; i >= 0; i--)
        if (p->loops[i].loop == loop)
            return p->loops[i].index;
    unreachable();
}

static IrValue ref_address(PhaseEmit *p, const Ref *ref)
{
    Emit *e = p->e;
    if (!ref->buffer)
        return e->zeros;
    int64_t offset = ref->buffer->space == SPACE_TENSOR ? 0 : ref->buffer->offset;
    IrValue address = emit_offset(e, space_base(p, ref->buffer), offset + ref->offset);
    for (int i = 0; i < ref->n_terms; i++)
        address = emit_index(e, address, loop_index(p, ref->terms[i].loop), ref->terms[i].stride);
    return address;
}

static void emit_kernel_call(PhaseEmit *p, const Stmt *call)
{
    Emit *e = p->e;
    IrValue args[MAX_ARGS + MAX_OPERANDS], callee = LLVMGetNamedFunction(e->module, call->kernel->name);
    int n = kernel_n_args(call->kernel);
    assert(callee && call->n_args == n);
    for (int i = 0; i < n; i++)
        args[i] = ref_address(p, &call->args[i]);
    LLVMBuildCall2(e->ir, LLVMGlobalGetValueType(callee), callee, args, (unsigned)n, "");
}

static void emit_body(PhaseEmit *p, const Stmt *loop, IrValue index);

static void emit_stmt(PhaseEmit *p, const Stmt *stmt)
{
    if (stmt->kind == STMT_CALL) {
        emit_kernel_call(p, stmt);
        return;
    }
    Loop loop = emit_loop_begin(p->e, stmt->extent, NULL, 0);
    emit_body(p, stmt, loop.index);
    emit_loop_end(p->e, &loop, NULL);
}

static void emit_body(PhaseEmit *p, const Stmt *loop, IrValue index)
{
    assert(p->depth < MAX_DEPTH);
    p->loops[p->depth].loop = loop;
    p->loops[p->depth++].index = index;
    for (int64_t i = 0; i < loop->body.len; i++)
        emit_stmt(p, loop->body.at[i]);
    p->depth--;
}

/* The part of [begin, end) that falls to a section whose first chunk is `first`: a loop that may run zero times. */
static void emit_section(PhaseEmit *p, const Stmt *section, int64_t first)
{
    Emit *e = p->e;
    IrValue begin = LLVMBuildSub(e->ir, emit_arg(e, PARAM_BEGIN), emit_i64(e, first), "");
    IrValue end = LLVMBuildSub(e->ir, emit_arg(e, PARAM_END), emit_i64(e, first), "");
    begin = emit_intrinsic(e, "llvm.smax", e->i64, (IrValue[]){begin, emit_i64(e, 0)}, 2);
    end = emit_intrinsic(e, "llvm.smin", e->i64, (IrValue[]){end, emit_i64(e, section->extent)}, 2);
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->ir);
    LLVMBasicBlockRef body = LLVMAppendBasicBlockInContext(e->context, e->function, "section");
    LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(e->context, e->function, "done");
    LLVMBuildCondBr(e->ir, LLVMBuildICmp(e->ir, LLVMIntSLT, begin, end, ""), body, done);
    LLVMPositionBuilderAtEnd(e->ir, body);
    IrValue index = LLVMBuildPhi(e->ir, e->i64, "");
    emit_body(p, section, index);
    IrValue next = LLVMBuildNSWAdd(e->ir, index, emit_i64(e, 1), "");
    LLVMBasicBlockRef last = LLVMGetInsertBlock(e->ir);
    LLVMBuildCondBr(e->ir, LLVMBuildICmp(e->ir, LLVMIntSLT, next, end, ""), body, done);
    LLVMAddIncoming(index, (IrValue[]){begin, next}, (LLVMBasicBlockRef[]){before, last}, 2);
    LLVMPositionBuilderAtEnd(e->ir, done);
}

static IrValue emit_phase(Emit *e, const Phase *phase, int64_t number)
{
    IrType type = LLVMFunctionType(e->none, (IrType[]){e->ptr, e->i64, e->i64}, 3, 0);
    IrValue function = emit_function_begin(e, arena_printf(e->arena, "cnx_phase_%lld", (long long)number), type);
    PhaseEmit p = {.e = e};
    p.weights = frame_field(e, offsetof(CnxrtFrame, weights));
    p.arena = frame_field(e, offsetof(CnxrtFrame, arena));
    p.scratch = frame_field(e, offsetof(CnxrtFrame, scratch));
    p.tensors = frame_field(e, offsetof(CnxrtFrame, tensors));
    int64_t first = 0;
    bool tiles = phase_uses_tiles(phase);
    if (tiles)
        e->isa->tiles->begin(e);
    for (int64_t i = 0; i < phase->sections.len; i++) {
        emit_section(&p, phase->sections.at[i], first);
        first += phase->sections.at[i]->extent;
    }
    if (tiles)
        e->isa->tiles->end(e);
    emit_function_end(e);
    return function;
}

IrValue *program_emit(Emit *e, const Program *program)
{
    PhaseList phases = program_phases(program, e->arena);
    IrValue *functions = NEW_ARRAY(e->arena, IrValue, phases.len + 1);
    for (int64_t i = 0; i < program->kernels.len; i++)
        kernel_emit(e, program->kernels.at[i]);
    for (int64_t i = 0; i < phases.len; i++)
        functions[i] = emit_phase(e, phases.at[i], i);
    return functions;
}
