/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Inside the code generator: a thin layer over LLVM's C API, and what its files offer one another.
 *
 * Everything is generated for vectors of `lanes` floats: those of the CPU, or half as many for a tail that they hold, where that
 * costs half. A value of another element type has as many lanes, so that one expression may mix types; bools are vectors of i1
 * in registers and bytes in memory. Only the first `active` lanes of a tail are loaded (the rest is zero) or stored; active is
 * known at compile time. */
#ifndef CNXC_CODEGEN_EMIT_H
#define CNXC_CODEGEN_EMIT_H

#include "compiler/codegen/codegen.h"
#include "compiler/target/system.h"

#include <llvm-c/Core.h>

typedef LLVMValueRef IrValue;
typedef LLVMTypeRef IrType;
typedef struct Isa Isa; /* isa.h */

typedef struct Emit {
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef ir;
    const CpuProfile *cpu;
    const System *system;        /* that of the CPU */
    const Isa *isa;              /* the CPU's */
    Arena *arena;
    int64_t lanes;               /* floats in a vector: emit_set_lanes */
    IrValue function;            /* being built */
    IrType none, i1, i8, i32, i64, f32, f64, ptr;
    IrType vf, vd, vi;           /* `lanes` of f32, f64, i32 */
    IrValue saved_mode;          /* the rounding mode to return to, between bf16_begin and bf16_end */
    IrValue zeros;               /* 64 zero bytes in memory: stands for arguments left out */
    LLVMAttributeRef attrs[8];   /* of every function */
    int n_attrs;
} Emit;

/* Opens an internal function and positions the builder; _kernel: with n_params pointers. */
IrValue emit_function_begin(Emit *e, const char *name, IrType type);
IrValue emit_kernel_begin(Emit *e, const char *name, int n_params);
void emit_function_end(Emit *e); /* returns void */
IrValue emit_arg(const Emit *e, int index);

/* Constants. */
IrValue emit_i64(const Emit *e, int64_t value);
IrValue emit_splat_const(const Emit *e, double value);  /* vf */
IrValue emit_splat_i32(const Emit *e, int64_t value);   /* vi */
IrValue emit_const_of(IrType type, double value); /* scalar or vector, float or integer */
/* The address of a constant table, shared by all that ask for its name. */
IrValue emit_float_table(Emit *e, const char *name, const float *values, int64_t count);

/* Vectors of so many lanes from here on, up to the end of the function. narrow: as few as cost least for the `active` ones
 * (cpu_columns); returns how many there were. low: the first lanes of a vector that may have more. */
void emit_set_lanes(Emit *e, int64_t lanes);
int64_t emit_narrow(Emit *e, int64_t active);
IrValue emit_low(Emit *e, IrValue vector);

/* Types. */
IrType emit_vector_of(const Emit *e, IrType element);
IrType emit_memory_type(const Emit *e, DType dtype);    /* NULL: not computed with; bf16: its bits */

/* Arithmetic. */
IrValue emit_intrinsic(Emit *e, const char *intrinsic, IrType overload, IrValue *args, int n_args);
IrValue emit_intrinsic_fixed(Emit *e, const char *intrinsic, IrValue *args, int n_args); /* not overloaded */
IrValue emit_intrinsic_of(Emit *e, const char *name, IrType *overloads, int n_overloads, IrValue *args, int n_args);
IrValue emit_fma(Emit *e, IrValue a, IrValue b, IrValue c); /* a * b + c, rounded once where the CPU has FMA */
IrValue emit_unary(Emit *e, const char *intrinsic, IrValue a);
IrValue emit_select(Emit *e, IrValue condition, IrValue yes, IrValue no);
IrValue emit_max(Emit *e, IrValue a, IrValue b); /* a < b ? b : a: one instruction; NaN in a stays, one in b may */
IrValue emit_min(Emit *e, IrValue a, IrValue b); /* b < a ? b : a */
IrValue emit_splat(Emit *e, IrValue scalar);

/* Over the lanes of a vector, in a fixed order (halves, quarters …). */
typedef IrValue EmitCombine(Emit *e, IrValue a, IrValue b);
IrValue emit_maximum(Emit *e, IrValue a, IrValue b); /* NaN if one is */
IrValue emit_minimum(Emit *e, IrValue a, IrValue b);
IrValue emit_combine_add(Emit *e, IrValue a, IrValue b);
IrValue emit_combine_mul(Emit *e, IrValue a, IrValue b);
IrValue emit_across(Emit *e, IrValue vector, EmitCombine *combine); /* scalar */
/* The same of each of `count` vectors, a power of two and no more than there are lanes: a vector of so many lanes. Together they
 * take little more than one does. The vectors are overwritten. */
IrValue emit_across_each(Emit *e, IrValue *vectors, int64_t count, EmitCombine *combine);
IrValue emit_splat_lane(Emit *e, IrValue vector, int64_t lane); /* of a vector of any length */
IrValue emit_keep_lanes(Emit *e, IrValue vector, int64_t active, double rest); /* other lanes become rest */

/* bf16 for CPUs without instructions for it (gemm_bf16.c). Pairs in the lanes of vf: c + a.high * b.high + a.low * b.low,
 * between begin and end, which pass the sums through. */
IrValue bf16_dot(Emit *e, IrValue a, IrValue b, IrValue c);
void bf16_begin(Emit *e, IrValue *sums, int count);
void bf16_end(Emit *e, IrValue *sums, int count);
IrValue bf16_round(Emit *e, IrValue x); /* as Isa.round_bf16 */

/* Addresses and memory. Nothing is assumed of alignment beyond the element's. */
IrValue emit_offset(Emit *e, IrValue address, int64_t bytes);
IrValue emit_index(Emit *e, IrValue address, IrValue index, int64_t stride);
IrValue emit_load_scalar(Emit *e, IrType type, IrValue address);
void emit_store_scalar(Emit *e, IrValue value, IrValue address);
IrValue emit_load(Emit *e, IrValue address);                 /* a full vf */
IrValue emit_load_lanes(Emit *e, IrType element, IrValue address, int64_t active);
void emit_store_lanes(Emit *e, IrValue value, IrValue address, int64_t active);
void emit_prefetch_l2(Emit *e, IrValue address);
/* A place in the code where all these vectors are in registers and which no load moves across: an empty asm. */
void emit_hold(Emit *e, IrValue *vectors, int count);

/* A loop of a constant number of iterations, which carries values. Before: carried[] are the initial values.
 * Inside: the present ones; the body replaces them. After emit_loop_end: the final ones. One iteration makes no loop. */
enum { MAX_CARRIED = 64 };
typedef struct Loop {
    IrValue index;               /* i64, 0 … extent-1 */
    int64_t extent;
    int n_carried;
    IrValue phis[MAX_CARRIED];
    LLVMBasicBlockRef body;
} Loop;
Loop emit_loop_begin(Emit *e, int64_t extent, IrValue *carried, int n_carried);
void emit_loop_end(Emit *e, Loop *loop, IrValue *carried);
/* body for each vector of a row of n elements: `first` is the index of its first element, `active` how many of its
 * lanes are in the row. Short rows become straight code; long ones a loop over four vectors. slot, 0 … 3, tells
 * neighbours apart, so that sums may be kept in four accumulators. */
typedef void VectorBody(Emit *e, void *context, IrValue first, int64_t active, int slot, IrValue *carried);
void emit_for_vectors(Emit *e, int64_t n, VectorBody *body, void *context, IrValue *carried, int n_carried);
/* Results side by side, `most` vectors of them at a time, the rest by straight code; the last vector has `active` lanes. */
typedef void GroupBody(Emit *e, const Kernel *kernel, IrValue first, int n, int64_t active);
void emit_for_groups(Emit *e, const Kernel *kernel, int64_t width, int most, GroupBody *body);
bool emit_is_straight(const Emit *e, int64_t n);
/* What body collects over the row into four slots from `start`, combined over slots, and over lanes: a scalar. */
IrValue emit_collect_lanes(Emit *e, int64_t n, VectorBody *body, void *context, double start, EmitCombine *combine);
IrValue emit_collect(Emit *e, int64_t n, VectorBody *body, void *context, double start, EmitCombine *combine);

/* 8-bit integers with steps of their own (quantize.c). What a row spans is collected in slots that begin at zero, the greatest
 * elements, then the lowest; of it come scalars, and with them the bytes of x - low. */
enum { QUANTIZE_SLOTS = 4 };
typedef struct QuantizeStep {
    IrValue step, inverse, low;
} QuantizeStep;
void quantize_widen(Emit *e, IrValue *spans, int slot, IrValue x);
QuantizeStep quantize_step(Emit *e, const IrValue *spans);
IrValue quantize_bytes(Emit *e, IrValue x, IrValue inverse, DType dtype); /* x - low, inverse: vectors */

/* Softmax's first two passes over a row of n floats (softmax.c): its greatest element, and Σ exp(x - max), whose
 * terms are also stored at out unless it is NULL. Scalars. */
typedef struct SoftmaxSums {
    IrValue max, sum;
} SoftmaxSums;
SoftmaxSums softmax_sums(Emit *e, IrValue in, int64_t n, IrValue out);

/* Math on vf (math.c); accuracies stand there. */
#define OP(...)
#define FUNCTION(name, ...) IrValue math_##name(Emit *e, IrValue x);
#include "ir/ops.def"
#undef OP
IrValue math_expm1(Emit *e, IrValue x);
IrValue math_gelu(Emit *e, IrValue x);
IrValue math_gelu_coarse(Emit *e, IrValue x); /* only as precise as 8-bit integers or bf16 need it */
IrValue math_gelu_tanh(Emit *e, IrValue x);
IrValue math_pow(Emit *e, IrValue x, IrValue y);
IrValue math_fmod(Emit *e, IrValue x, IrValue y);

/* Polynomials near the best one, fitted when the compiler runs (fit.c): coefficients of (x - middle)^0 … ^degree
 * for f on [low, high]. */
typedef double FitFunction(double x);
void fit_polynomial(FitFunction *f, double low, double high, int degree, double *coefficients);

/* Expressions (expr.c). operands: one vector each, of the operands' types (operand 0 of non-MAP kernels: vf). */
IrValue expr_eval(Emit *e, const Kernel *kernel, const IrValue *operands);
DType expr_result_type(const Kernel *kernel);
/* The operand's `active` elements from address on. */
IrValue expr_load(Emit *e, const Operand *operand, IrValue address, int64_t active);
void expr_store(Emit *e, const Operand *out, IrValue value, IrValue address, int64_t active);
/* For kernels whose operand 0 is their own result: values[0] is that result, the rest is loaded. Evaluates and
 * stores contiguously. */
void expr_finish(Emit *e, const Kernel *kernel, const IrValue *values, IrValue out, int64_t active);

/* Kernels: the body of the function that is open. */
#define KERNEL(KIND, name, params, rows, n) void kernel_##name(Emit *e, const Kernel *kernel);
#include "compiler/schedule/kernels.def"
void kernel_emit(Emit *e, const Kernel *kernel); /* the whole function */

/* Program and descriptor. */
IrValue *program_emit(Emit *e, const Program *program); /* a function for each phase */
void variant_emit(Emit *e, const Program *program, int64_t variant, const IrValue *phases);
void descriptor_emit(Emit *e, const ArtifactInfo *info);

/* Modules and objects (object.c). */
void emit_open(Emit *e, const char *name, const CpuProfile *cpu, Arena *arena);
void emit_close(Emit *e);
/* Verifies (a violation is a bug of ours), optimises and generates; LLVMDisposeMemoryBuffer ends the result. */
LLVMMemoryBufferRef emit_generate(Emit *e, CodeKind kind, int opt_level);

/* spills.c: adds each kernel of an object to the report, with its stack references of vector registers. Takes the
 * buffer's contents, not the buffer. */
void spills_count(LLVMMemoryBufferRef object, const CpuProfile *cpu, CodeReport *report, Arena *arena);

#endif
