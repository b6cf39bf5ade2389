/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Expressions on vectors: what happens to each element in an epilogue or an elementwise kernel.
 *
 * An Expr is a short list of operators on values. Each value becomes one vector with `lanes` elements of its type;
 * floats are the fast case, other types work because LLVM splits their longer vectors.
 *
 *     Add(0, 1), Relu(2)   on vf   →   vaddps, vmaxps                                                        */
#include "compiler/codegen/isa.h"

#include <assert.h>
#include <math.h>

/* ── Types ───────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Typed {
    IrValue value;
    DType dtype;
} Typed;

static bool is_float(DType d) { return d == DT_FLOAT || d == DT_DOUBLE || d == DT_FLOAT16 || d == DT_BFLOAT16; }
static bool is_unsigned(DType d) { return d == DT_UINT8 || d == DT_UINT16 || d == DT_UINT32 || d == DT_UINT64 || d == DT_BOOL; }

/* The type of a value in registers. Short floats are floats there, rounded after each step. */
static IrType vector_type(const Emit *e, DType dtype)
{
    if (dtype == DT_FLOAT16 || dtype == DT_BFLOAT16)
        return e->vf;
    return emit_vector_of(e, dtype == DT_BOOL ? e->i1 : emit_memory_type(e, dtype));
}

static DType step_type(const ExprStep *step) { return step->dtype ? step->dtype : DT_FLOAT; }

/* Of operand 0. */
static DType first_type(const Kernel *kernel)
{
    switch (kernel->kind) {
    case KERNEL_MAP: return kernel->operands[0].dtype;
    case KERNEL_GEMM:
    case KERNEL_TILES: return kernel->gemm.product.sum;
    default: return DT_FLOAT;
    }
}

DType expr_result_type(const Kernel *kernel)
{
    const Expr *expr = &kernel->expr;
    return expr->n_steps ? step_type(&expr->steps[expr->n_steps - 1]) : first_type(kernel);
}

static IrValue constant(const Emit *e, DType dtype, double value) { return emit_const_of(vector_type(e, dtype), value); }

/* ── Short floats ────────────────────────────────────────────────────────────────────────────────────── */

static IrType half_type(const Emit *e) { return emit_vector_of(e, LLVMHalfTypeInContext(e->context)); }

/* To the nearest value with an upper half of bits alone, ties to even; NaN stays one. */
static IrValue round_bfloat16(Emit *e, IrValue x)
{
    IrValue bits = LLVMBuildBitCast(e->ir, x, e->vi, "");
    IrValue odd = LLVMBuildAnd(e->ir, LLVMBuildLShr(e->ir, bits, emit_splat_i32(e, 16), ""), emit_splat_i32(e, 1), "");
    IrValue rounded = LLVMBuildAdd(e->ir, bits, LLVMBuildAdd(e->ir, odd, emit_splat_i32(e, 0x7fff), ""), "");
    IrValue is_nan = LLVMBuildFCmp(e->ir, LLVMRealUNO, x, x, "");
    rounded = emit_select(e, is_nan, LLVMBuildOr(e->ir, bits, emit_splat_i32(e, 0x400000), ""), rounded);
    return LLVMBuildBitCast(e->ir, LLVMBuildAnd(e->ir, rounded, emit_splat_i32(e, -65536), ""), e->vf, "");
}

static IrValue round_to(Emit *e, IrValue x, DType dtype)
{
    if (dtype == DT_BFLOAT16)
        return round_bfloat16(e, x);
    if (dtype == DT_FLOAT16)
        return LLVMBuildFPExt(e->ir, LLVMBuildFPTrunc(e->ir, x, half_type(e), ""), e->vf, "");
    return x;
}

/* Elements as they lie in memory → a value in registers, and back. */
static IrValue widen(Emit *e, IrValue x, DType dtype)
{
    if (dtype == DT_BOOL)
        return LLVMBuildICmp(e->ir, LLVMIntNE, x, LLVMConstNull(LLVMTypeOf(x)), "");
    if (dtype == DT_FLOAT16)
        return LLVMBuildFPExt(e->ir, x, e->vf, "");
    if (dtype != DT_BFLOAT16)
        return x;
    x = LLVMBuildShl(e->ir, LLVMBuildZExt(e->ir, x, e->vi, ""), emit_splat_i32(e, 16), "");
    return LLVMBuildBitCast(e->ir, x, e->vf, "");
}

static IrValue narrow(Emit *e, IrValue x, DType dtype)
{
    IrType type = emit_vector_of(e, emit_memory_type(e, dtype));
    if (dtype == DT_BOOL)
        return LLVMBuildZExt(e->ir, x, type, "");
    if (dtype == DT_FLOAT16)
        return LLVMBuildFPTrunc(e->ir, x, type, "");
    if (dtype != DT_BFLOAT16)
        return x;
    IrValue bits = LLVMBuildBitCast(e->ir, x, e->vi, "");
    return LLVMBuildTrunc(e->ir, LLVMBuildLShr(e->ir, bits, emit_splat_i32(e, 16), ""), type, "");
}

/* ── Conversions ─────────────────────────────────────────────────────────────────────────────────────── */

static IrValue cast_float(Emit *e, IrValue x, DType from, DType to)
{
    if (from == DT_DOUBLE)
        x = LLVMBuildFPTrunc(e->ir, x, e->vf, "");
    return to == DT_DOUBLE ? LLVMBuildFPExt(e->ir, x, e->vd, "") : round_to(e, x, to);
}

/* To 8 or 16 bits by way of 32: LLVM takes the intrinsic for them apart, lane by lane. */
static IrValue float_to_short(Emit *e, IrValue x, DType to)
{
    IrValue is_nan = LLVMBuildFCmp(e->ir, LLVMRealUNO, x, x, "");
    x = emit_select(e, is_nan, constant(e, DT_FLOAT, 0), x);
    x = emit_min(e, emit_max(e, x, constant(e, DT_FLOAT, dtype_lowest(to))), constant(e, DT_FLOAT, dtype_highest(to)));
    return LLVMBuildTrunc(e->ir, LLVMBuildFPToSI(e->ir, x, e->vi, ""), vector_type(e, to), "");
}

/* Truncates towards zero; what does not fit becomes the nearest value that does. */
static IrValue float_to_int(Emit *e, IrValue x, DType to)
{
    if (dtype_size(to) < 4 && LLVMTypeOf(x) == e->vf)
        return float_to_short(e, x, to);
    IrType types[] = {vector_type(e, to), LLVMTypeOf(x)};
    return emit_intrinsic_of(e, is_unsigned(to) ? "llvm.fptoui.sat" : "llvm.fptosi.sat", types, 2, &x, 1);
}

static IrValue cast(Emit *e, IrValue x, DType from, DType to)
{
    IrType type = vector_type(e, to);
    if (from == to)
        return x;
    if (is_float(from) && is_float(to))
        return cast_float(e, x, from, to);
    if (to == DT_BOOL)
        return is_float(from) ? LLVMBuildFCmp(e->ir, LLVMRealUNE, x, constant(e, from, 0), "")
                              : LLVMBuildICmp(e->ir, LLVMIntNE, x, constant(e, from, 0), "");
    if (is_float(from))
        return float_to_int(e, x, to);
    if (is_float(to)) {
        x = is_unsigned(from) ? LLVMBuildUIToFP(e->ir, x, type, "") : LLVMBuildSIToFP(e->ir, x, type, "");
        return round_to(e, x, to);
    }
    return LLVMBuildIntCast2(e->ir, x, type, !is_unsigned(from), "");
}

/* ── Memory ──────────────────────────────────────────────────────────────────────────────────────────── */

IrValue expr_load(Emit *e, const Operand *operand, IrValue address, int64_t active)
{
    IrType element = emit_memory_type(e, operand->dtype);
    IrValue value;
    if (operand->step == dtype_size(operand->dtype)) {
        value = emit_load_lanes(e, element, address, active);
    } else if (!operand->step) {
        value = emit_splat(e, emit_load_scalar(e, element, address));
    } else {
        value = LLVMConstNull(emit_vector_of(e, element));
        for (int64_t i = 0; i < active && i < e->lanes; i++) {
            IrValue one = emit_load_scalar(e, element, emit_offset(e, address, i * operand->step));
            value = LLVMBuildInsertElement(e->ir, value, one, emit_i64(e, i), "");
        }
    }
    return widen(e, value, operand->dtype);
}

void expr_store(Emit *e, const Operand *out, IrValue value, IrValue address, int64_t active)
{
    value = narrow(e, value, out->dtype);
    if (out->step == dtype_size(out->dtype)) {
        emit_store_lanes(e, value, address, active);
        return;
    }
    for (int64_t i = 0; i < active && i < e->lanes; i++) {
        IrValue one = LLVMBuildExtractElement(e->ir, value, emit_i64(e, i), "");
        emit_store_scalar(e, one, emit_offset(e, address, i * out->step));
    }
}

void expr_finish(Emit *e, const Kernel *kernel, const IrValue *values, IrValue out, int64_t active)
{
    DType dtype = expr_result_type(kernel);
    Operand to = {.dtype = dtype, .step = dtype_size(dtype)};
    expr_store(e, &to, expr_eval(e, kernel, values), out, active);
}

/* ── Operators ───────────────────────────────────────────────────────────────────────────────────────── */

/* Division that cannot trap: x / 0 is 0, and the least integer over -1 wraps. */
static IrValue divide_int(Emit *e, IrValue a, IrValue b, DType dtype)
{
    IrValue zero = constant(e, dtype, 0), one = constant(e, dtype, 1);
    IrValue by_zero = LLVMBuildICmp(e->ir, LLVMIntEQ, b, zero, "");
    if (is_unsigned(dtype))
        return emit_select(e, by_zero, zero, LLVMBuildUDiv(e->ir, a, emit_select(e, by_zero, one, b), ""));
    IrValue by_minus = LLVMBuildICmp(e->ir, LLVMIntEQ, b, constant(e, dtype, -1), "");
    IrValue safe = emit_select(e, LLVMBuildOr(e->ir, by_zero, by_minus, ""), one, b);
    IrValue quotient = LLVMBuildSDiv(e->ir, a, safe, "");
    quotient = emit_select(e, by_minus, LLVMBuildNeg(e->ir, a, ""), quotient);
    return emit_select(e, by_zero, zero, quotient);
}

static IrValue less(Emit *e, IrValue a, IrValue b, DType dtype, bool or_equal)
{
    if (is_float(dtype))
        return LLVMBuildFCmp(e->ir, or_equal ? LLVMRealOLE : LLVMRealOLT, a, b, "");
    if (is_unsigned(dtype))
        return LLVMBuildICmp(e->ir, or_equal ? LLVMIntULE : LLVMIntULT, a, b, "");
    return LLVMBuildICmp(e->ir, or_equal ? LLVMIntSLE : LLVMIntSLT, a, b, "");
}

static IrValue equal(Emit *e, IrValue a, IrValue b, DType dtype)
{
    return is_float(dtype) ? LLVMBuildFCmp(e->ir, LLVMRealOEQ, a, b, "") : LLVMBuildICmp(e->ir, LLVMIntEQ, a, b, "");
}

/* Max and Min of floats hand on a NaN from either side. */
static IrValue extreme(Emit *e, IrValue a, IrValue b, DType dtype, bool max)
{
    if (is_float(dtype))
        return max ? emit_maximum(e, a, b) : emit_minimum(e, a, b);
    return emit_select(e, less(e, a, b, dtype, false), max ? b : a, max ? a : b);
}

/* x to a power that needs no logarithm; NULL: it does. */
static IrValue simple_power(Emit *e, IrValue x, double power)
{
    IrValue square = LLVMBuildFMul(e->ir, x, x, ""), one = emit_const_of(LLVMTypeOf(x), 1);
    if (power == 1)
        return x;
    if (power == 2)
        return square;
    if (power == 3)
        return LLVMBuildFMul(e->ir, square, x, "");
    if (power == 0.5)
        return emit_unary(e, "llvm.sqrt", x);
    if (power == -1)
        return LLVMBuildFDiv(e->ir, one, x, "");
    return NULL;
}

static bool constant_value(const Expr *expr, int value, double *number)
{
    int step = value - expr->n_operands;
    if (step < 0 || expr->steps[step].op != OP_Constant)
        return false;
    *number = expr->steps[step].imm[0];
    return true;
}

/* Of integers, which wrap. */
static IrValue whole_power(Emit *e, IrValue x, DType dtype, int64_t power)
{
    IrValue result = constant(e, dtype, 1);
    for (; power; power >>= 1, x = LLVMBuildMul(e->ir, x, x, ""))
        if (power & 1)
            result = LLVMBuildMul(e->ir, result, x, "");
    return result;
}

static IrValue power(Emit *e, const Expr *expr, const ExprStep *step, const Typed *a, const Typed *b)
{
    double number;
    if (is_float(a->dtype) && constant_value(expr, step->in[1], &number)) {
        IrValue simple = simple_power(e, a->value, number);
        if (simple)
            return simple;
    }
    enum { MOST_WHOLE = 64 };
    if (!is_float(a->dtype) && constant_value(expr, step->in[1], &number) && number >= 0 && number <= MOST_WHOLE &&
        number == floor(number))
        return whole_power(e, a->value, a->dtype, (int64_t)number);
    IrValue x = cast(e, a->value, a->dtype, DT_FLOAT), y = cast(e, b->value, b->dtype, DT_FLOAT);
    return cast(e, math_pow(e, x, y), DT_FLOAT, a->dtype);
}

/* min(max(x, low), high); a NaN stays. */
static IrValue clip(Emit *e, IrValue x, double low, double high, DType dtype)
{
    IrValue l = constant(e, dtype, low), h = constant(e, dtype, high);
    if (is_float(dtype))
        return emit_min(e, emit_max(e, x, l), h);
    return extreme(e, extreme(e, x, l, dtype, true), h, dtype, false);
}

/* Integer bounds of a Clip may lie outside the type, where they mean no bound. */
static IrValue clip_step(Emit *e, IrValue x, const double *imm, DType dtype)
{
    if (is_float(dtype))
        return clip(e, x, imm[0], imm[1], dtype);
    int bits = (int)dtype_size(dtype) * 8 - !is_unsigned(dtype);
    double most = ldexp(1, bits), least = is_unsigned(dtype) ? 0 : -most;
    if (imm[0] > least && imm[0] < most)
        x = extreme(e, x, constant(e, dtype, ceil(imm[0])), dtype, true);
    if (imm[1] >= least && imm[1] < most)
        x = extreme(e, x, constant(e, dtype, floor(imm[1])), dtype, false);
    return x;
}

static IrValue add(Emit *e, IrValue a, IrValue b, DType d)
{
    return is_float(d) ? LLVMBuildFAdd(e->ir, a, b, "") : LLVMBuildAdd(e->ir, a, b, "");
}

static IrValue sub(Emit *e, IrValue a, IrValue b, DType d)
{
    return is_float(d) ? LLVMBuildFSub(e->ir, a, b, "") : LLVMBuildSub(e->ir, a, b, "");
}

static IrValue mul(Emit *e, IrValue a, IrValue b, DType d)
{
    return is_float(d) ? LLVMBuildFMul(e->ir, a, b, "") : LLVMBuildMul(e->ir, a, b, "");
}

static IrValue divide(Emit *e, IrValue a, IrValue b, DType d)
{
    return is_float(d) ? LLVMBuildFDiv(e->ir, a, b, "") : divide_int(e, a, b, d);
}

/* To the left or right; by a negative number, or all bits and more, nothing is left but the sign. */
static IrValue shift(Emit *e, IrValue x, IrValue by, DType dtype, bool left)
{
    double n = 8 * (double)dtype_size(dtype);
    IrValue fits = LLVMBuildICmp(e->ir, LLVMIntULT, by, constant(e, dtype, n), ""), zero = constant(e, dtype, 0);
    if (!left && !is_unsigned(dtype))
        return LLVMBuildAShr(e->ir, x, emit_select(e, fits, by, constant(e, dtype, n - 1)), "");
    IrValue safe = emit_select(e, fits, by, zero);
    return emit_select(e, fits, left ? LLVMBuildShl(e->ir, x, safe, "") : LLVMBuildLShr(e->ir, x, safe, ""), zero);
}

/* Where a is not 0 and has not b's sign, plus b. */
static IrValue with_sign_of(Emit *e, IrValue a, IrValue b, DType dtype)
{
    IrValue zero = constant(e, dtype, 0);
    IrValue differs = LLVMBuildXor(e->ir, less(e, a, zero, dtype, false), less(e, b, zero, dtype, false), "");
    IrValue change = LLVMBuildAnd(e->ir, differs, LLVMBuildNot(e->ir, equal(e, a, zero, dtype), ""), "");
    return emit_select(e, change, add(e, a, b, dtype), a);
}

static IrValue modulo_int(Emit *e, IrValue a, IrValue b, DType dtype, bool of_c)
{
    IrValue rest = sub(e, a, mul(e, divide_int(e, a, b, dtype), b, dtype), dtype);
    return of_c ? rest : with_sign_of(e, rest, b, dtype);
}

static IrValue modulo(Emit *e, const Typed *a, const Typed *b, bool of_c)
{
    if (!is_float(a->dtype))
        return modulo_int(e, a->value, b->value, a->dtype, of_c);
    IrValue x = cast(e, a->value, a->dtype, DT_FLOAT), y = cast(e, b->value, b->dtype, DT_FLOAT), rest = math_fmod(e, x, y);
    IrValue signs[] = {of_c ? rest : with_sign_of(e, rest, y, DT_FLOAT), of_c ? x : y};
    return cast(e, emit_intrinsic(e, "llvm.copysign", e->vf, signs, 2), DT_FLOAT, a->dtype);
}

/* x where it is at least 0, otherwise below. */
static IrValue by_sign(Emit *e, IrValue x, IrValue below, DType dtype)
{
    return emit_select(e, less(e, x, constant(e, dtype, 0), dtype, false), below, x);
}

static IrValue absolute(Emit *e, IrValue x, DType dtype)
{
    if (is_float(dtype))
        return emit_unary(e, "llvm.fabs", x);
    return is_unsigned(dtype) ? x : by_sign(e, x, LLVMBuildNeg(e->ir, x, ""), dtype);
}

static IrValue hard_sigmoid(Emit *e, IrValue x, double alpha, double beta)
{
    return clip(e, emit_fma(e, x, emit_splat_const(e, alpha), emit_splat_const(e, beta)), 0, 1, DT_FLOAT);
}

/* A zero and a NaN stay. */
static IrValue sign(Emit *e, IrValue x, DType dtype)
{
    IrValue zero = constant(e, dtype, 0), above = less(e, zero, x, dtype, false), below = less(e, x, zero, dtype, false);
    x = emit_select(e, above, constant(e, dtype, 1), x);
    return emit_select(e, below, constant(e, dtype, -1), x);
}

/* scale * (x, or alpha * (e^x - 1) below 0) */
static IrValue elu(Emit *e, IrValue x, double alpha, double scale)
{
    IrValue below = LLVMBuildFMul(e->ir, math_expm1(e, x), emit_splat_const(e, alpha), "");
    IrValue value = by_sign(e, x, below, DT_FLOAT);
    return scale == 1 ? value : LLVMBuildFMul(e->ir, value, emit_splat_const(e, scale), "");
}

/* Operators of one float that are computed in single precision whatever the element type; NULL: not one. */
static IrValue float_function(Emit *e, const ExprStep *step, IrValue x)
{
    const double *imm = step->imm;
    switch (step->op) {
#define OP(...)
#define FUNCTION(name, ...) \
    case OP_##name: return math_##name(e, x);
#include "ir/ops.def"
#undef OP
    case OP_Elu: return elu(e, x, imm[0], 1);
    case OP_Gelu: return imm[0] != 0 ? math_gelu_tanh(e, x) : imm[1] != 0 ? math_gelu_coarse(e, x) : math_gelu(e, x);
    case OP_HardSigmoid: return hard_sigmoid(e, x, imm[0], imm[1]);
    case OP_LeakyRelu: return by_sign(e, x, LLVMBuildFMul(e->ir, x, emit_splat_const(e, imm[0]), ""), DT_FLOAT);
    case OP_Selu: return elu(e, x, imm[0], imm[1]);
    default: return NULL;
    }
}

static IrValue unary(Emit *e, const ExprStep *step, IrValue x, DType dtype)
{
    switch (step->op) {
    case OP_Abs: return absolute(e, x, dtype);
    case OP_Cast:
        return step->imm[0] != CAST_OF_ONNX && step_type(step) == DT_BFLOAT16 ? e->isa->round_bf16(e, x)
                                                                              : cast(e, x, dtype, step_type(step));
    case OP_Ceil: return is_float(dtype) ? emit_unary(e, "llvm.ceil", x) : x;
    case OP_Clip: return clip_step(e, x, step->imm, dtype);
    case OP_Floor: return is_float(dtype) ? emit_unary(e, "llvm.floor", x) : x;
    case OP_Identity: return x;
    case OP_Neg: return is_float(dtype) ? LLVMBuildFNeg(e->ir, x, "") : LLVMBuildNeg(e->ir, x, "");
    case OP_BitwiseNot:
    case OP_Not: return LLVMBuildNot(e->ir, x, "");
    case OP_Reciprocal: return divide(e, constant(e, dtype, 1), x, dtype);
    case OP_Relu: return by_sign(e, x, constant(e, dtype, 0), dtype);
    case OP_Round: return is_float(dtype) ? emit_unary(e, "llvm.roundeven", x) : x;
    case OP_Sign: return sign(e, x, dtype);
    case OP_Sqrt: return emit_unary(e, "llvm.sqrt", x);
    default: break;
    }
    IrValue value = float_function(e, step, cast(e, x, dtype, DT_FLOAT));
    if (!value)
        unreachable();
    return cast(e, value, DT_FLOAT, dtype);
}

static IrValue step_value(Emit *e, const Expr *expr, const ExprStep *step, const Typed *values)
{
    const Typed *a = &values[step->in[0]], *b = &values[step->in[1]], *c = &values[step->in[2]];
    DType d = a->dtype;
    switch (step->op) {
    case OP_Constant: return constant(e, step_type(step), step->imm[0]);
    case OP_Add: return add(e, a->value, b->value, d);
    case OP_Sub: return sub(e, a->value, b->value, d);
    case OP_Mul: return mul(e, a->value, b->value, d);
    case OP_Div: return divide(e, a->value, b->value, d);
    case OP_BitShift: return shift(e, a->value, b->value, d, step->imm[0] != 0);
    case OP_Mod: return modulo(e, a, b, step->imm[0] != 0);
    case OP_BitwiseXor:
    case OP_Xor: return LLVMBuildXor(e->ir, a->value, b->value, "");
    case OP_BitwiseAnd:
    case OP_And: return LLVMBuildAnd(e->ir, a->value, b->value, "");
    case OP_BitwiseOr:
    case OP_Or: return LLVMBuildOr(e->ir, a->value, b->value, "");
    case OP_Max: return extreme(e, a->value, b->value, d, true);
    case OP_Min: return extreme(e, a->value, b->value, d, false);
    case OP_Equal: return equal(e, a->value, b->value, d);
    case OP_Less: return less(e, a->value, b->value, d, false);
    case OP_LessOrEqual: return less(e, a->value, b->value, d, true);
    case OP_Greater: return less(e, b->value, a->value, d, false);
    case OP_GreaterOrEqual: return less(e, b->value, a->value, d, true);
    case OP_PRelu: return by_sign(e, a->value, mul(e, a->value, b->value, d), d);
    case OP_Pow: return power(e, expr, step, a, b);
    case OP_MulAdd: return emit_fma(e, a->value, b->value, c->value);
    case OP_Where: return emit_select(e, a->value, b->value, c->value);
    default: return unary(e, step, a->value, d);
    }
}

IrValue expr_eval(Emit *e, const Kernel *kernel, const IrValue *operands)
{
    const Expr *expr = &kernel->expr;
    Typed values[MAX_OPERANDS + countof(expr->steps)] = {{0}};
    if (!expr->n_steps)
        return operands[0];
    for (int i = 0; i < expr->n_operands; i++)
        values[i] = (Typed){operands[i], i ? kernel->operands[i].dtype : first_type(kernel)};
    for (int i = 0; i < expr->n_steps; i++) {
        const ExprStep *step = &expr->steps[i];
        IrValue value = step_value(e, expr, step, values);
        if (step->op != OP_Cast) /* which has rounded */
            value = round_to(e, value, step_type(step));
        values[expr->n_operands + i] = (Typed){value, step_type(step)};
    }
    return values[expr->n_operands + expr->n_steps - 1].value;
}
