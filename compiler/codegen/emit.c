/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The layer over LLVM's C API: functions, constants, vectors with tails, loops.
 *
 * LLVM's C API is verbose and untyped where it matters here (intrinsics, masks, phis). These helpers say once how
 * that is done, so that a kernel reads as its algorithm:
 *
 *     Loop loop = emit_loop_begin(e, 8, &sum, 1);
 *     sum = emit_fma(e, emit_load(e, emit_index(e, in, loop.index, 64)), weight, sum);
 *     emit_loop_end(e, &loop, &sum);                                                                        */
#include "compiler/codegen/emit.h"

#include "compiler/codegen/isa.h"

#include <assert.h>
#include <string.h>

enum { MAX_STRAIGHT = 12 }; /* vectors of a row that become straight code */

/* ── Functions ───────────────────────────────────────────────────────────────────────────────────────── */

IrValue emit_function_begin(Emit *e, const char *name, IrType type)
{
    emit_set_lanes(e, cpu_lanes(e->cpu));
    e->function = LLVMAddFunction(e->module, name, type);
    LLVMSetLinkage(e->function, LLVMInternalLinkage);
    for (int i = 0; i < e->n_attrs; i++)
        LLVMAddAttributeAtIndex(e->function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, e->attrs[i]);
    LLVMPositionBuilderAtEnd(e->ir, LLVMAppendBasicBlockInContext(e->context, e->function, "entry"));
    return e->function;
}

IrValue emit_kernel_begin(Emit *e, const char *name, int n_params)
{
    IrType params[MAX_ARGS + MAX_OPERANDS];
    assert(n_params <= countof(params));
    for (int i = 0; i < n_params; i++)
        params[i] = e->ptr;
    return emit_function_begin(e, name, LLVMFunctionType(e->none, params, (unsigned)n_params, 0));
}

void emit_function_end(Emit *e)
{
    LLVMBuildRetVoid(e->ir);
    e->function = NULL;
}

IrValue emit_arg(const Emit *e, int index) { return LLVMGetParam(e->function, (unsigned)index); }

/* ── Constants and types ─────────────────────────────────────────────────────────────────────────────── */

IrValue emit_i64(const Emit *e, int64_t value) { return LLVMConstInt(e->i64, (unsigned long long)value, 1); }

void emit_set_lanes(Emit *e, int64_t lanes)
{
    if (e->lanes == lanes)
        return;
    e->lanes = lanes;
    e->vf = emit_vector_of(e, e->f32);
    e->vd = emit_vector_of(e, e->f64);
    e->vi = emit_vector_of(e, e->i32);
}

int64_t emit_narrow(Emit *e, int64_t active)
{
    int64_t before = e->lanes, lanes = cpu_columns(e->cpu, active);
    if (lanes < before)
        emit_set_lanes(e, lanes);
    return before;
}

IrType emit_vector_of(const Emit *e, IrType element) { return LLVMVectorType(element, (unsigned)e->lanes); }

IrValue emit_const_of(IrType type, double value)
{
    IrType element = LLVMGetTypeKind(type) == LLVMVectorTypeKind ? LLVMGetElementType(type) : type;
    bool integer = LLVMGetTypeKind(element) == LLVMIntegerTypeKind;
    IrValue scalar = integer ? LLVMConstInt(element, (unsigned long long)(int64_t)value, 1) : LLVMConstReal(element, value);
    if (element == type)
        return scalar;
    IrValue all[16];
    unsigned lanes = LLVMGetVectorSize(type);
    for (unsigned i = 0; i < lanes; i++)
        all[i] = scalar;
    return LLVMConstVector(all, lanes);
}

IrValue emit_splat_const(const Emit *e, double value) { return emit_const_of(e->vf, value); }
IrValue emit_splat_i32(const Emit *e, int64_t value) { return emit_const_of(e->vi, (double)value); }

IrValue emit_float_table(Emit *e, const char *name, const float *values, int64_t count)
{
    IrValue table = LLVMGetNamedGlobal(e->module, name);
    if (table)
        return table;
    IrValue *elements = NEW_ARRAY(e->arena, IrValue, count);
    for (int64_t i = 0; i < count; i++)
        elements[i] = LLVMConstReal(e->f32, values[i]);
    table = LLVMAddGlobal(e->module, LLVMArrayType2(e->f32, (uint64_t)count), name);
    LLVMSetInitializer(table, LLVMConstArray2(e->f32, elements, (uint64_t)count));
    LLVMSetGlobalConstant(table, 1);
    LLVMSetLinkage(table, LLVMPrivateLinkage);
    LLVMSetAlignment(table, 64);
    return table;
}

IrType emit_memory_type(const Emit *e, DType dtype)
{
    switch (dtype) {
    case DT_FLOAT: return e->f32;
    case DT_DOUBLE: return e->f64;
    case DT_FLOAT16: return LLVMHalfTypeInContext(e->context);
    case DT_BOOL:
    case DT_INT8:
    case DT_UINT8: return e->i8;
    case DT_INT16:
    case DT_UINT16:
    case DT_BFLOAT16: return LLVMInt16TypeInContext(e->context);
    case DT_INT32:
    case DT_UINT32: return e->i32;
    case DT_INT64:
    case DT_UINT64: return e->i64;
    default: return NULL;
    }
}

/* ── Arithmetic ──────────────────────────────────────────────────────────────────────────────────────── */

IrValue emit_intrinsic_of(Emit *e, const char *name, IrType *overloads, int n_overloads, IrValue *args, int n_args)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    assert(id);
    IrValue callee = LLVMGetIntrinsicDeclaration(e->module, id, overloads, (size_t)n_overloads);
    IrType type = LLVMIntrinsicGetType(e->context, id, overloads, (size_t)n_overloads);
    return LLVMBuildCall2(e->ir, type, callee, args, (unsigned)n_args, "");
}

IrValue emit_intrinsic(Emit *e, const char *intrinsic, IrType overload, IrValue *args, int n_args)
{
    return emit_intrinsic_of(e, intrinsic, &overload, 1, args, n_args);
}

IrValue emit_intrinsic_fixed(Emit *e, const char *intrinsic, IrValue *args, int n_args)
{
    return emit_intrinsic_of(e, intrinsic, NULL, 0, args, n_args);
}

IrValue emit_fma(Emit *e, IrValue a, IrValue b, IrValue c)
{
    if (!cpu_has_fma(e->cpu)) /* LLVM would call libm's, which takes a hundred times as long */
        return LLVMBuildFAdd(e->ir, LLVMBuildFMul(e->ir, a, b, ""), c, "");
    return emit_intrinsic(e, "llvm.fma", LLVMTypeOf(a), (IrValue[]){a, b, c}, 3);
}

IrValue emit_unary(Emit *e, const char *intrinsic, IrValue a) { return emit_intrinsic(e, intrinsic, LLVMTypeOf(a), &a, 1); }

IrValue emit_select(Emit *e, IrValue condition, IrValue yes, IrValue no)
{
    return LLVMBuildSelect(e->ir, condition, yes, no, "");
}

IrValue emit_max(Emit *e, IrValue a, IrValue b) { return e->isa->max(e, a, b); }
IrValue emit_min(Emit *e, IrValue a, IrValue b) { return e->isa->min(e, a, b); }

IrValue emit_splat(Emit *e, IrValue scalar)
{
    IrType type = emit_vector_of(e, LLVMTypeOf(scalar));
    IrValue first = LLVMBuildInsertElement(e->ir, LLVMGetPoison(type), scalar, emit_i64(e, 0), "");
    return LLVMBuildShuffleVector(e->ir, first, LLVMGetPoison(type), LLVMConstNull(e->vi), "");
}

IrValue emit_combine_add(Emit *e, IrValue a, IrValue b) { return LLVMBuildFAdd(e->ir, a, b, ""); }
IrValue emit_maximum(Emit *e, IrValue a, IrValue b)
{
    return emit_intrinsic(e, "llvm.maximum", LLVMTypeOf(a), (IrValue[]){a, b}, 2);
}

IrValue emit_minimum(Emit *e, IrValue a, IrValue b)
{
    return emit_intrinsic(e, "llvm.minimum", LLVMTypeOf(a), (IrValue[]){a, b}, 2);
}

IrValue emit_combine_mul(Emit *e, IrValue a, IrValue b) { return LLVMBuildFMul(e->ir, a, b, ""); }

/* Lanes first … first+count-1 of a vector. */
static IrValue lanes_from(Emit *e, IrValue vector, int64_t first, int64_t count)
{
    IrValue mask[16];
    for (int64_t i = 0; i < count; i++)
        mask[i] = LLVMConstInt(e->i32, (unsigned long long)(first + i), 0);
    IrValue none = LLVMGetPoison(LLVMTypeOf(vector));
    return LLVMBuildShuffleVector(e->ir, vector, none, LLVMConstVector(mask, (unsigned)count), "");
}

IrValue emit_low(Emit *e, IrValue vector)
{
    return LLVMGetVectorSize(LLVMTypeOf(vector)) == (unsigned)e->lanes ? vector : lanes_from(e, vector, 0, e->lanes);
}

/* Of `groups` groups of `width` lanes in one vector, or in two with half of them each, the lower halves, or the upper ones. */
static IrValue half_of_groups(Emit *e, const IrValue *vectors, int64_t n, int64_t groups, int64_t width, bool upper)
{
    IrValue mask[16];
    int64_t half = width / 2;
    for (int64_t i = 0; i < groups * half; i++)
        mask[i] = LLVMConstInt(e->i32, (unsigned long long)(i / half * width + i % half + upper * half), 0);
    IrValue other = n > 1 ? vectors[1] : LLVMGetPoison(LLVMTypeOf(vectors[0]));
    return LLVMBuildShuffleVector(e->ir, vectors[0], other, LLVMConstVector(mask, (unsigned)(groups * half)), "");
}

IrValue emit_across_each(Emit *e, IrValue *vectors, int64_t count, EmitCombine *combine)
{
    int64_t groups = 1; /* in each of the vectors that are left */
    for (int64_t width = e->lanes; width > 1; width /= 2) {
        int64_t n = count > groups ? 2 : 1;
        for (int64_t i = 0; i < count / groups; i += n)
            vectors[i / n] = combine(e, half_of_groups(e, &vectors[i], n, n * groups, width, false),
                                     half_of_groups(e, &vectors[i], n, n * groups, width, true));
        groups *= n;
    }
    return vectors[0];
}

IrValue emit_across(Emit *e, IrValue vector, EmitCombine *combine)
{
    return LLVMBuildExtractElement(e->ir, emit_across_each(e, &vector, 1, combine), emit_i64(e, 0), "");
}

IrValue emit_splat_lane(Emit *e, IrValue vector, int64_t lane)
{
    IrValue all[16];
    for (int64_t i = 0; i < e->lanes; i++)
        all[i] = LLVMConstInt(e->i32, (unsigned long long)lane, 0);
    IrValue none = LLVMGetPoison(LLVMTypeOf(vector));
    return LLVMBuildShuffleVector(e->ir, vector, none, LLVMConstVector(all, (unsigned)e->lanes), "");
}

/* A constant vector of i1: the first `active` lanes. */
static IrValue lane_mask(const Emit *e, int64_t active)
{
    IrValue bits[16];
    for (int64_t i = 0; i < e->lanes; i++)
        bits[i] = LLVMConstInt(e->i1, i < active, 0);
    return LLVMConstVector(bits, (unsigned)e->lanes);
}

IrValue emit_keep_lanes(Emit *e, IrValue vector, int64_t active, double rest)
{
    if (active >= e->lanes)
        return vector;
    return emit_select(e, lane_mask(e, active), vector, emit_const_of(LLVMTypeOf(vector), rest));
}

/* ── Memory ──────────────────────────────────────────────────────────────────────────────────────────── */

IrValue emit_offset(Emit *e, IrValue address, int64_t bytes)
{
    IrValue index = emit_i64(e, bytes);
    return bytes ? LLVMBuildInBoundsGEP2(e->ir, e->i8, address, &index, 1, "") : address;
}

IrValue emit_index(Emit *e, IrValue address, IrValue index, int64_t stride)
{
    if (!stride)
        return address;
    IrValue bytes = LLVMBuildNSWMul(e->ir, index, emit_i64(e, stride), "");
    return LLVMBuildInBoundsGEP2(e->ir, e->i8, address, &bytes, 1, "");
}

static unsigned alignment_of(IrType type)
{
    IrType element = LLVMGetTypeKind(type) == LLVMVectorTypeKind ? LLVMGetElementType(type) : type;
    switch (LLVMGetTypeKind(element)) {
    case LLVMFloatTypeKind: return 4;
    case LLVMDoubleTypeKind:
    case LLVMPointerTypeKind: return 8;
    case LLVMHalfTypeKind: return 2;
    default: return LLVMGetIntTypeWidth(element) / 8;
    }
}

IrValue emit_load_scalar(Emit *e, IrType type, IrValue address)
{
    IrValue load = LLVMBuildLoad2(e->ir, type, address, "");
    LLVMSetAlignment(load, alignment_of(type));
    return load;
}

void emit_store_scalar(Emit *e, IrValue value, IrValue address)
{
    LLVMSetAlignment(LLVMBuildStore(e->ir, value, address), alignment_of(LLVMTypeOf(value)));
}

IrValue emit_load(Emit *e, IrValue address) { return emit_load_scalar(e, e->vf, address); }

IrValue emit_load_lanes(Emit *e, IrType element, IrValue address, int64_t active)
{
    IrType type = emit_vector_of(e, element);
    if (active >= e->lanes)
        return emit_load_scalar(e, type, address);
    IrValue align = LLVMConstInt(e->i32, alignment_of(type), 0);
    IrValue args[] = {address, align, lane_mask(e, active), LLVMConstNull(type)};
    return emit_intrinsic_of(e, "llvm.masked.load", (IrType[]){type, e->ptr}, 2, args, 4);
}

void emit_store_lanes(Emit *e, IrValue value, IrValue address, int64_t active)
{
    if (active >= e->lanes) {
        emit_store_scalar(e, value, address);
        return;
    }
    IrType type = LLVMTypeOf(value);
    IrValue align = LLVMConstInt(e->i32, alignment_of(type), 0);
    IrValue args[] = {value, address, align, lane_mask(e, active)};
    emit_intrinsic_of(e, "llvm.masked.store", (IrType[]){type, e->ptr}, 2, args, 4);
}

void emit_prefetch_l2(Emit *e, IrValue address)
{
    enum { READ = 0, LOCALITY_L2 = 2, DATA = 1 };
    IrValue args[] = {address, LLVMConstInt(e->i32, READ, 0), LLVMConstInt(e->i32, LOCALITY_L2, 0),
                      LLVMConstInt(e->i32, DATA, 0)};
    emit_intrinsic(e, "llvm.prefetch", e->ptr, args, 4);
}

void emit_hold(Emit *e, IrValue *vectors, int count)
{
    StrBuf constraints = {.arena = e->arena};
    IrType types[MAX_CARRIED];
    assert(count >= 1 && count <= MAX_CARRIED);
    for (int i = 0; i < count; i++) {
        sb_printf(&constraints, "=%c,", e->isa->hold);
        types[i] = LLVMTypeOf(vectors[i]);
    }
    for (int i = 0; i < count; i++)
        sb_printf(&constraints, "%d,", i);
    sb_put(&constraints, "~{memory}");
    IrType result = count > 1 ? LLVMStructTypeInContext(e->context, types, (unsigned)count, 0) : types[0];
    IrType type = LLVMFunctionType(result, types, (unsigned)count, 0);
    IrValue nothing = LLVMGetInlineAsm(type, "", 0, constraints.text, (size_t)constraints.len, 1, 0, LLVMInlineAsmDialectATT, 0);
    IrValue held = LLVMBuildCall2(e->ir, type, nothing, vectors, (unsigned)count, "");
    for (int i = 0; i < count; i++)
        vectors[i] = count > 1 ? LLVMBuildExtractValue(e->ir, held, (unsigned)i, "") : held;
}

/* ── Loops ───────────────────────────────────────────────────────────────────────────────────────────── */

Loop emit_loop_begin(Emit *e, int64_t extent, IrValue *carried, int n_carried)
{
    Loop loop = {.extent = extent, .n_carried = n_carried};
    assert(extent >= 1 && n_carried <= MAX_CARRIED);
    if (extent == 1) {
        loop.index = emit_i64(e, 0);
        return loop;
    }
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->ir);
    loop.body = LLVMAppendBasicBlockInContext(e->context, e->function, "loop");
    LLVMBuildBr(e->ir, loop.body);
    LLVMPositionBuilderAtEnd(e->ir, loop.body);
    loop.index = LLVMBuildPhi(e->ir, e->i64, "");
    IrValue zero = emit_i64(e, 0);
    LLVMAddIncoming(loop.index, &zero, &before, 1);
    for (int i = 0; i < n_carried; i++) {
        loop.phis[i] = LLVMBuildPhi(e->ir, LLVMTypeOf(carried[i]), "");
        LLVMAddIncoming(loop.phis[i], &carried[i], &before, 1);
        carried[i] = loop.phis[i];
    }
    return loop;
}

void emit_loop_end(Emit *e, Loop *loop, IrValue *carried)
{
    if (!loop->body)
        return;
    IrValue next = LLVMBuildNUWAdd(e->ir, loop->index, emit_i64(e, 1), "");
    IrValue more = LLVMBuildICmp(e->ir, LLVMIntULT, next, emit_i64(e, loop->extent), "");
    LLVMBasicBlockRef from = LLVMGetInsertBlock(e->ir);
    LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(e->context, e->function, "done");
    LLVMBuildCondBr(e->ir, more, loop->body, done);
    LLVMAddIncoming(loop->index, &next, &from, 1);
    for (int i = 0; i < loop->n_carried; i++)
        LLVMAddIncoming(loop->phis[i], &carried[i], &from, 1);
    LLVMPositionBuilderAtEnd(e->ir, done);
}

void emit_for_groups(Emit *e, const Kernel *kernel, int64_t width, int most, GroupBody *body)
{
    int64_t span = most * e->lanes, whole = width / span, rest = width % span;
    if (whole) {
        Loop loop = emit_loop_begin(e, whole, NULL, 0);
        body(e, kernel, LLVMBuildNSWMul(e->ir, loop.index, emit_i64(e, span), ""), most, e->lanes);
        emit_loop_end(e, &loop, NULL);
    }
    if (rest) {
        int64_t n = (rest + e->lanes - 1) / e->lanes;
        body(e, kernel, emit_i64(e, whole * span), (int)n, rest - (n - 1) * e->lanes);
    }
}

bool emit_is_straight(const Emit *e, int64_t n) { return n <= MAX_STRAIGHT * e->lanes; }

void emit_for_vectors(Emit *e, int64_t n, VectorBody *body, void *context, IrValue *carried, int n_carried)
{
    enum { UNROLL = 4 };
    int64_t blocks = n / (UNROLL * e->lanes), done = 0;
    if (!emit_is_straight(e, n)) {
        Loop loop = emit_loop_begin(e, blocks, carried, n_carried);
        IrValue first = LLVMBuildNSWMul(e->ir, loop.index, emit_i64(e, UNROLL * e->lanes), "");
        for (int i = 0; i < UNROLL; i++)
            body(e, context, LLVMBuildNSWAdd(e->ir, first, emit_i64(e, i * e->lanes), ""), e->lanes, i, carried);
        emit_loop_end(e, &loop, carried);
        done = blocks * UNROLL * e->lanes;
    }
    for (int slot = 0; done < n; done += e->lanes, slot++) {
        int64_t active = n - done < e->lanes ? n - done : e->lanes;
        body(e, context, emit_i64(e, done), active, slot % UNROLL, carried);
    }
}

IrValue emit_collect_lanes(Emit *e, int64_t n, VectorBody *body, void *context, double start, EmitCombine *combine)
{
    IrValue slots[4];
    for (int i = 0; i < 4; i++)
        slots[i] = emit_splat_const(e, start);
    emit_for_vectors(e, n, body, context, slots, 4);
    return combine(e, combine(e, slots[0], slots[1]), combine(e, slots[2], slots[3]));
}

IrValue emit_collect(Emit *e, int64_t n, VectorBody *body, void *context, double start, EmitCombine *combine)
{
    return emit_across(e, emit_collect_lanes(e, n, body, context, start, combine), combine);
}
