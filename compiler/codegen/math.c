/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Transcendental functions on vectors of floats.
 *
 * Two ideas serve them all. Smooth functions with tails that die out (GELU, erf) are cut into as many segments as
 * a permutation's table has floats; it then holds a coefficient for every segment, and one permutation by the
 * segment's number looks it up for all elements at once (vpermps, pshufb, NEON's tbl of two registers). Functions
 * with a scale (exp, log) split off the power of two and are a polynomial in the rest.
 *
 *     gelu(x) = max(x, 0) - a g(a),  a = min(|x|, 5.8),  g(t) = erfc(t / sqrt 2) / 2     no exp, no division
 *
 * Largest errors against libm in double (tests/codegen/test_math.c sweeps the floats and checks):
 *   gelu       6.2e-8 of max(1, |x|), 1.4e-7 relative above -0.5        exp        8.4e-8 relative
 *   gelu, for what becomes one of 256 steps or bf16  1e-5 of max(1, |x|)
 *   gelu tanh  1.4e-7 of max(1, |x|), 1.8e-7 relative above -0.5        sigmoid    1.4e-7 relative
 *   erf        1.3e-7 absolute, 1.7e-7 relative below 0.5               tanh       1.4e-7 relative
 *   mish       2.1e-7 relative above -0.5      elu  1.4e-7 relative     log, pow, sin, cos, cosh  6.0e-8 relative (double inside)
 *   tan, sinh, their inverses, and those of sin, cos and cosh: 2.5e-7 relative */
#include "compiler/codegen/isa.h"

#include <math.h>

/* Adding 1.5 * 2^23 rounds a small float to an integer, which then is the low bits of the sum. */
#define ROUND_F32 12582912.0
#define ROUND_F64 6755399441055744.0

/* ── Polynomials ─────────────────────────────────────────────────────────────────────────────────────── */

/* c0 + c1 x + … in x's type, by Horner's rule. */
static IrValue polynomial(Emit *e, IrValue x, const double *c, int degree)
{
    IrType type = LLVMTypeOf(x);
    IrValue sum = emit_const_of(type, c[degree]);
    for (int i = degree - 1; i >= 0; i--)
        sum = emit_fma(e, sum, x, emit_const_of(type, c[i]));
    return sum;
}

/* f fitted on [low, high], at x. */
static IrValue fitted(Emit *e, IrValue x, FitFunction *f, double low, double high, int degree)
{
    double c[32];
    fit_polynomial(f, low, high, degree, c);
    double middle = (low + high) / 2;
    IrValue distance = middle == 0 ? x : LLVMBuildFSub(e->ir, x, emit_const_of(LLVMTypeOf(x), middle), "");
    return polynomial(e, distance, c, degree);
}

/* A function on [0, (segments - 1/2) * step): segment i is centred on i * step. */
typedef struct Segments {
    const char *name;   /* of the tables */
    FitFunction *f;
    double step16;      /* of 16 segments; 8 segments are twice as long and need a higher degree */
    int degree16, degree8;
    double step4;       /* of 4 segments: in all as long as 16, but few bits, too */
    int degree4;
} Segments;

static int64_t segment_count(const Emit *e) { return e->isa->table_floats; }

static double segment_step(const Emit *e, const Segments *s)
{
    int64_t count = segment_count(e);
    return count == 16 ? s->step16 : count == 8 ? 2 * s->step16 : s->step4;
}

static int segment_degree(const Emit *e, const Segments *s)
{
    int64_t count = segment_count(e);
    return count == 16 ? s->degree16 : count == 8 ? s->degree8 : s->degree4;
}

/* The largest argument that still falls into the last segment. */
static double segments_end(const Emit *e, const Segments *s)
{
    return ((double)segment_count(e) - 0.5) * segment_step(e, s) * (1 - 1e-6);
}

/* The address of coefficient `power` of every segment. */
static IrValue segment_table(Emit *e, const Segments *s, int degree, int power)
{
    float values[16];
    double step = segment_step(e, s);
    for (int64_t i = 0; i < segment_count(e); i++) {
        double c[32];
        fit_polynomial(s->f, ((double)i - 0.5) * step, ((double)i + 0.5) * step, degree, c);
        values[i] = (float)c[power];
    }
    return emit_float_table(e, arena_printf(e->arena, "%s_%d", s->name, power), values, segment_count(e));
}

static IrValue segments_at(Emit *e, const Segments *s, IrValue a)
{
    double step = segment_step(e, s);
    int degree = segment_degree(e, s);
    IrValue magic = emit_splat_const(e, ROUND_F32);
    IrValue rounded = emit_fma(e, a, emit_splat_const(e, 1 / step), magic);
    IrValue index = LLVMBuildBitCast(e->ir, rounded, e->vi, "");
    IrValue number = LLVMBuildFSub(e->ir, rounded, magic, "");
    IrValue distance = emit_fma(e, number, emit_splat_const(e, -step), a); /* exact: step has few bits */
    IrValue sum = e->isa->permute(e, segment_table(e, s, degree, degree), index);
    for (int i = degree - 1; i >= 0; i--)
        sum = emit_fma(e, sum, distance, e->isa->permute(e, segment_table(e, s, degree, i), index));
    return sum;
}

/* ── GELU, erf ───────────────────────────────────────────────────────────────────────────────────────── */

static double normal_tail(double t) { return 0.5 * erfc(t * 0.70710678118654752440); }
static double erf_slope(double t) { return t == 0 ? 1.12837916709551257390 : erf(t) / t; }

static const Segments gelu_segments = {"gelu", normal_tail, 0.375, 5, 7, 1.6875, 12};
static const Segments gelu_coarse_segments = {"gelu_coarse", normal_tail, 0.375, 3, 4, 1.6875, 6};
static const Segments erf_segments = {"erf", erf_slope, 0.265625, 5, 7, 1.125, 11};

static IrValue absolute(Emit *e, IrValue x) { return emit_unary(e, "llvm.fabs", x); }

/* The tail is multiplied by a rather than tabulated times it: so small results are as precise as large ones. */
static IrValue gelu_by(Emit *e, const Segments *segments, IrValue x)
{
    IrValue positive, a;
    if (e->cpu->n_vectors == 16) { /* registers are short: |x| without a mask, and x is needed no more */
        positive = emit_max(e, x, emit_splat_const(e, 0));
        a = emit_max(e, positive, LLVMBuildFSub(e->ir, positive, x, ""));
    } else { /* as integers: units that multiply and permute have enough to do */
        IrValue args[] = {LLVMBuildBitCast(e->ir, x, e->vi, ""), LLVMConstNull(e->vi)};
        positive = LLVMBuildBitCast(e->ir, emit_intrinsic(e, "llvm.smax", e->vi, args, 2), e->vf, "");
        a = absolute(e, x);
    }
    a = emit_min(e, a, emit_splat_const(e, segments_end(e, segments)));
    IrValue tail = LLVMBuildFNeg(e->ir, segments_at(e, segments, a), "");
    return emit_fma(e, a, tail, positive);
}

IrValue math_gelu(Emit *e, IrValue x) { return gelu_by(e, &gelu_segments, x); }
IrValue math_gelu_coarse(Emit *e, IrValue x) { return gelu_by(e, &gelu_coarse_segments, x); }

IrValue math_Erf(Emit *e, IrValue x)
{
    double end = segments_end(e, &erf_segments);
    x = emit_max(e, emit_min(e, x, emit_splat_const(e, end)), emit_splat_const(e, -end));
    return LLVMBuildFMul(e->ir, x, segments_at(e, &erf_segments, absolute(e, x)), "");
}

/* ── exp and what follows from it ────────────────────────────────────────────────────────────────────── */

/* (e^r - 1 - r) / r^2, as its series: no cancellation. */
static double exp_rest(double r)
{
    double sum = 0, term = 0.5;
    for (int k = 3; k < 24; k++, term *= r / (k - 1))
        sum += term;
    return sum;
}

/* e^x = (1 + rest) * 2^n with |rest| < 0.42. x must be in [-104, 89]. */
typedef struct ExpParts {
    IrValue rest, power, bits;
} ExpParts;

static ExpParts exp_parts(Emit *e, IrValue x)
{
    IrValue magic = emit_splat_const(e, ROUND_F32);
    IrValue sum = emit_fma(e, x, emit_splat_const(e, 1.44269504088896340736), magic);
    IrValue n = LLVMBuildFSub(e->ir, sum, magic, "");
    IrValue r = emit_fma(e, n, emit_splat_const(e, -0.693145751953125), x); /* ln 2 in two parts */
    r = emit_fma(e, n, emit_splat_const(e, -1.42860682030941723212e-6), r);
    IrValue square = LLVMBuildFMul(e->ir, r, r, "");
    IrValue rest = emit_fma(e, square, fitted(e, r, exp_rest, -0.35, 0.35, 4), r);
    return (ExpParts){rest, n, LLVMBuildBitCast(e->ir, sum, e->vi, "")};
}

/* 2^n from an integer vector, -126 <= n <= 127. */
static IrValue power_of_two(Emit *e, IrValue n)
{
    IrValue biased = LLVMBuildAdd(e->ir, n, emit_splat_i32(e, 127), "");
    return LLVMBuildBitCast(e->ir, LLVMBuildShl(e->ir, biased, emit_splat_i32(e, 23), ""), e->vf, "");
}

/* value * 2^n, right down to denormals and up to infinity. */
static IrValue scale(Emit *e, IrValue value, const ExpParts *parts)
{
    if (e->isa->scale)
        return e->isa->scale(e, value, parts->power);
    IrValue n = LLVMBuildSub(e->ir, parts->bits, emit_splat_i32(e, 0x4b400000), "");
    IrValue half = LLVMBuildAShr(e->ir, n, emit_splat_i32(e, 1), "");
    value = LLVMBuildFMul(e->ir, value, power_of_two(e, half), "");
    return LLVMBuildFMul(e->ir, value, power_of_two(e, LLVMBuildSub(e->ir, n, half, "")), "");
}

static IrValue clamp_exp(Emit *e, IrValue x)
{
    return emit_max(e, emit_min(e, x, emit_splat_const(e, 89)), emit_splat_const(e, -104.5));
}

IrValue math_Exp(Emit *e, IrValue x)
{
    ExpParts parts = exp_parts(e, clamp_exp(e, x));
    return scale(e, LLVMBuildFAdd(e->ir, parts.rest, emit_splat_const(e, 1), ""), &parts);
}

/* e^x - 1: where no power of two comes off, the rest itself, which keeps small arguments precise. */
IrValue math_expm1(Emit *e, IrValue x)
{
    IrValue one = emit_splat_const(e, 1);
    ExpParts parts = exp_parts(e, clamp_exp(e, x));
    IrValue whole = LLVMBuildFSub(e->ir, scale(e, LLVMBuildFAdd(e->ir, parts.rest, one, ""), &parts), one, "");
    IrValue small = LLVMBuildFCmp(e->ir, LLVMRealOEQ, parts.power, emit_splat_const(e, 0), "");
    return emit_select(e, small, parts.rest, whole);
}

/* 1 / (1 + e^x) */
static IrValue falling_sigmoid(Emit *e, IrValue x)
{
    IrValue one = emit_splat_const(e, 1);
    return LLVMBuildFDiv(e->ir, one, LLVMBuildFAdd(e->ir, one, math_Exp(e, x), ""), "");
}

IrValue math_Sigmoid(Emit *e, IrValue x) { return falling_sigmoid(e, LLVMBuildFNeg(e->ir, x, "")); }

/* (tanh(s) / s - 1) / s^2 with s^2 = u */
static double tanh_rest(double u)
{
    double s = sqrt(u);
    return (tanh(s) / s - 1) / u;
}

/* x + x^3 rest(x^2), where x^2 is at most high: an odd function that is x near 0. */
static IrValue odd(Emit *e, IrValue x, FitFunction *rest, double high, int degree)
{
    IrValue square = LLVMBuildFMul(e->ir, x, x, ""), cube = LLVMBuildFMul(e->ir, square, x, "");
    return emit_fma(e, cube, fitted(e, square, rest, 0, high, degree), x);
}

static IrValue with_sign(Emit *e, IrValue magnitude, IrValue x)
{
    return emit_intrinsic(e, "llvm.copysign", e->vf, (IrValue[]){magnitude, x}, 2);
}

/* near where a is below the limit. */
static IrValue below(Emit *e, IrValue a, double limit, IrValue near, IrValue far)
{
    return emit_select(e, LLVMBuildFCmp(e->ir, LLVMRealOLT, a, emit_splat_const(e, limit), ""), near, far);
}

/* Near 0 an odd polynomial, elsewhere 1 - 2 / (1 + e^2|x|) with x's sign. */
IrValue math_Tanh(Emit *e, IrValue x)
{
    IrValue a = absolute(e, x), near = odd(e, x, tanh_rest, 0.4, 6);
    IrValue tail = falling_sigmoid(e, LLVMBuildFAdd(e->ir, a, a, ""));
    IrValue far = emit_fma(e, tail, emit_splat_const(e, -2), emit_splat_const(e, 1));
    return below(e, a, 0.625, near, with_sign(e, far, x));
}

/* x tanh(log(1 + e^x)) = x w / (w + 2), w = e^x (e^x + 2); from 20 on it is x. */
IrValue math_Mish(Emit *e, IrValue x)
{
    IrValue two = emit_splat_const(e, 2), n = math_Exp(e, emit_min(e, x, emit_splat_const(e, 20)));
    IrValue w = LLVMBuildFMul(e->ir, n, LLVMBuildFAdd(e->ir, n, two, ""), "");
    return LLVMBuildFMul(e->ir, x, LLVMBuildFDiv(e->ir, w, LLVMBuildFAdd(e->ir, w, two, ""), ""), "");
}

IrValue math_HardSwish(Emit *e, IrValue x)
{
    IrValue line = emit_fma(e, x, emit_splat_const(e, 1.0 / 6), emit_splat_const(e, 0.5));
    IrValue part = emit_min(e, emit_max(e, line, emit_splat_const(e, 0)), emit_splat_const(e, 1));
    return LLVMBuildFMul(e->ir, x, part, "");
}

IrValue math_Softsign(Emit *e, IrValue x)
{
    return LLVMBuildFDiv(e->ir, x, LLVMBuildFAdd(e->ir, absolute(e, x), emit_splat_const(e, 1), ""), "");
}

/* x/2 (1 + tanh u) = x / (1 + e^-2u), u = sqrt(2/pi) (x + 0.044715 x^3) */
IrValue math_gelu_tanh(Emit *e, IrValue x)
{
    const double c = -2 * 0.79788456080286535588;
    IrValue square = LLVMBuildFMul(e->ir, x, x, "");
    IrValue factor = emit_fma(e, square, emit_splat_const(e, c * 0.044715), emit_splat_const(e, c));
    return LLVMBuildFMul(e->ir, x, falling_sigmoid(e, LLVMBuildFMul(e->ir, x, factor, "")), "");
}

/* ── log, pow: in double, for they are rare ──────────────────────────────────────────────────────────── */

static double log_slope(double f) { return f == 0 ? 1 : log1p(f) / f; }

static IrValue select_equal(Emit *e, IrValue x, double value, double result, IrValue otherwise)
{
    IrValue equal = LLVMBuildFCmp(e->ir, LLVMRealOEQ, x, emit_const_of(LLVMTypeOf(x), value), "");
    return emit_select(e, equal, emit_const_of(LLVMTypeOf(otherwise), result), otherwise);
}

/* The exponent and the fraction, in [sqrt 1/2, sqrt 2), of a normal positive float. */
static void split_exponent(Emit *e, IrValue x, IrValue *exponent, IrValue *fraction)
{
    IrValue bits = LLVMBuildBitCast(e->ir, x, e->vi, "");
    IrValue above = LLVMBuildSub(e->ir, bits, emit_splat_i32(e, 0x3f3504f3), ""); /* sqrt 1/2 */
    *exponent = LLVMBuildAShr(e->ir, above, emit_splat_i32(e, 23), "");
    IrValue whole = LLVMBuildShl(e->ir, *exponent, emit_splat_i32(e, 23), "");
    *fraction = LLVMBuildBitCast(e->ir, LLVMBuildSub(e->ir, bits, whole, ""), e->vf, "");
}

/* ln x as doubles, of floats. */
static IrValue log_double(Emit *e, IrValue x)
{
    IrValue tiny = LLVMBuildFCmp(e->ir, LLVMRealOLT, x, emit_splat_const(e, 0x1p-126), ""), exponent, fraction;
    IrValue scaled = emit_select(e, tiny, LLVMBuildFMul(e->ir, x, emit_splat_const(e, 0x1p24), ""), x);
    split_exponent(e, scaled, &exponent, &fraction);
    exponent = LLVMBuildSub(e->ir, exponent, emit_select(e, tiny, emit_splat_i32(e, 24), emit_splat_i32(e, 0)), "");
    IrValue f = LLVMBuildFPExt(e->ir, LLVMBuildFSub(e->ir, fraction, emit_splat_const(e, 1), ""), e->vd, "");
    IrValue ln = LLVMBuildFMul(e->ir, f, fitted(e, f, log_slope, -0.2929, 0.4143, 14), "");
    IrValue n = LLVMBuildSIToFP(e->ir, exponent, e->vd, "");
    ln = emit_fma(e, n, emit_const_of(e->vd, 0.69314718055994530942), ln);
    ln = select_equal(e, x, 0, -INFINITY, ln);
    ln = select_equal(e, x, INFINITY, INFINITY, ln);
    IrValue valid = LLVMBuildFCmp(e->ir, LLVMRealOGE, x, emit_splat_const(e, 0), "");
    return emit_select(e, valid, ln, emit_const_of(e->vd, NAN));
}

/* e^t, of doubles. */
static IrValue exp_double(Emit *e, IrValue t)
{
    IrType v64 = emit_vector_of(e, e->i64);
    IrValue magic = emit_const_of(e->vd, ROUND_F64);
    t = emit_max(e, emit_min(e, t, emit_const_of(e->vd, 110)), emit_const_of(e->vd, -110));
    IrValue sum = emit_fma(e, t, emit_const_of(e->vd, 1.44269504088896340736), magic);
    IrValue n = LLVMBuildFSub(e->ir, sum, magic, "");
    IrValue r = emit_fma(e, n, emit_const_of(e->vd, -0.69314718055994530942), t);
    IrValue value = fitted(e, r, exp, -0.35, 0.35, 9);
    IrValue biased = LLVMBuildAdd(e->ir, LLVMBuildBitCast(e->ir, sum, v64, ""), emit_const_of(v64, 1023), "");
    IrValue power = LLVMBuildBitCast(e->ir, LLVMBuildShl(e->ir, biased, emit_const_of(v64, 52), ""), e->vd, "");
    return LLVMBuildFMul(e->ir, value, power, "");
}

static IrValue to_float(Emit *e, IrValue x) { return LLVMBuildFPTrunc(e->ir, x, e->vf, ""); }

IrValue math_Log(Emit *e, IrValue x) { return LLVMBuildFPTrunc(e->ir, log_double(e, x), e->vf, ""); }

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) */
IrValue math_Softplus(Emit *e, IrValue x)
{
    IrValue small = math_Exp(e, LLVMBuildFNeg(e->ir, absolute(e, x), ""));
    IrValue tail = math_Log(e, LLVMBuildFAdd(e->ir, small, emit_splat_const(e, 1), ""));
    return LLVMBuildFAdd(e->ir, emit_max(e, x, emit_splat_const(e, 0)), tail, "");
}

static IrValue is_whole(Emit *e, IrValue x) { return LLVMBuildFCmp(e->ir, LLVMRealOEQ, emit_unary(e, "llvm.floor", x), x, ""); }

/* C's pow: a negative x needs a whole y, whose oddness decides the sign. */
IrValue math_pow(Emit *e, IrValue x, IrValue y)
{
    IrValue logarithm = log_double(e, absolute(e, x));
    IrValue value = to_float(e, exp_double(e, LLVMBuildFMul(e->ir, logarithm, LLVMBuildFPExt(e->ir, y, e->vd, ""), "")));
    IrValue bits = LLVMBuildBitCast(e->ir, x, e->vi, "");
    IrValue negative = LLVMBuildICmp(e->ir, LLVMIntSLT, bits, LLVMConstNull(e->vi), "");
    IrValue below_zero = LLVMBuildFCmp(e->ir, LLVMRealOLT, x, emit_splat_const(e, 0), "");
    IrValue odd = LLVMBuildNot(e->ir, is_whole(e, LLVMBuildFMul(e->ir, y, emit_splat_const(e, 0.5), "")), "");
    IrValue whole = is_whole(e, y);
    IrValue flip = LLVMBuildAnd(e->ir, negative, LLVMBuildAnd(e->ir, whole, odd, ""), "");
    value = emit_select(e, flip, LLVMBuildFNeg(e->ir, value, ""), value);
    IrValue undefined = LLVMBuildAnd(e->ir, below_zero, LLVMBuildNot(e->ir, whole, ""), "");
    value = emit_select(e, undefined, emit_splat_const(e, NAN), value);
    value = select_equal(e, y, 0, 1, value);
    return select_equal(e, x, 1, 1, value);
}

/* What is left of x in whole multiples of y, but for its sign where it is 0. Each step takes off a multiple by 29 bits of the
 * quotient, so that it is exact; the quotient of two floats is less than 2^277. One that was rounded up leaves less than nothing. */
IrValue math_fmod(Emit *e, IrValue x, IrValue y)
{
    enum { STEPS = 10, KEPT_BITS = 29 };
    IrType v64 = emit_vector_of(e, e->i64);
    IrValue kept = LLVMBuildNot(e->ir, emit_const_of(v64, (double)(1 << (53 - KEPT_BITS)) - 1), "");
    IrValue rest = LLVMBuildFPExt(e->ir, x, e->vd, ""), by = LLVMBuildFPExt(e->ir, y, e->vd, "");
    for (int i = 0; i < STEPS; i++) {
        IrValue whole = emit_unary(e, "llvm.trunc", LLVMBuildFDiv(e->ir, rest, by, ""));
        IrValue bits = LLVMBuildAnd(e->ir, LLVMBuildBitCast(e->ir, whole, v64, ""), kept, "");
        whole = LLVMBuildBitCast(e->ir, bits, e->vd, "");
        rest = LLVMBuildFSub(e->ir, rest, LLVMBuildFMul(e->ir, whole, by, ""), "");
    }
    IrValue zero = emit_const_of(e->vd, 0), a = emit_unary(e, "llvm.fabs", by);
    IrValue back =
        LLVMBuildFCmp(e->ir, LLVMRealOLT, LLVMBuildFMul(e->ir, rest, LLVMBuildFPExt(e->ir, x, e->vd, ""), ""), zero, "");
    IrValue sign[] = {a, LLVMBuildFPExt(e->ir, x, e->vd, "")};
    rest = emit_select(e, back, LLVMBuildFAdd(e->ir, rest, emit_intrinsic(e, "llvm.copysign", e->vd, sign, 2), ""), rest);
    IrValue smaller = LLVMBuildFCmp(e->ir, LLVMRealOLT, absolute(e, x), absolute(e, y), "");
    return emit_select(e, smaller, x, to_float(e, rest));
}

/* ── sinh, cosh and the inverses ─────────────────────────────────────────────────────────────────────── */

/* As tanh_rest. */
static double sinh_rest(double u) { return (sinh(sqrt(u)) / sqrt(u) - 1) / u; }
static double asinh_rest(double u) { return (asinh(sqrt(u)) / sqrt(u) - 1) / u; }
static double atanh_rest(double u) { return (atanh(sqrt(u)) / sqrt(u) - 1) / u; }

/* (e^|x| + sign e^-|x|) / 2, in double. */
static IrValue half_sum(Emit *e, IrValue x, double sign)
{
    IrValue grown = exp_double(e, LLVMBuildFPExt(e->ir, absolute(e, x), e->vd, ""));
    IrValue shrunk = LLVMBuildFDiv(e->ir, emit_const_of(e->vd, sign), grown, "");
    return to_float(e, LLVMBuildFMul(e->ir, LLVMBuildFAdd(e->ir, grown, shrunk, ""), emit_const_of(e->vd, 0.5), ""));
}

IrValue math_Cosh(Emit *e, IrValue x) { return half_sum(e, x, 1); }

IrValue math_Sinh(Emit *e, IrValue x)
{
    return below(e, absolute(e, x), 1, odd(e, x, sinh_rest, 1, 4), with_sign(e, half_sum(e, x, -1), x));
}

/* log(1 + w) for w up to sqrt 2. */
static IrValue log_above_one(Emit *e, IrValue w) { return LLVMBuildFMul(e->ir, w, fitted(e, w, log_slope, 0, 1.4143, 11), ""); }

/* log a + log(1 + sqrt(1 + 1/a^2)) */
IrValue math_Asinh(Emit *e, IrValue x)
{
    IrValue a = absolute(e, x), one = emit_splat_const(e, 1), inverse = LLVMBuildFDiv(e->ir, one, a, "");
    IrValue root = emit_unary(e, "llvm.sqrt", emit_fma(e, inverse, inverse, one));
    root = emit_min(e, root, emit_splat_const(e, 1.4143)); /* below 1 it is of no use */
    IrValue far = LLVMBuildFAdd(e->ir, math_Log(e, a), log_above_one(e, root), "");
    return below(e, a, 1, odd(e, x, asinh_rest, 1, 9), with_sign(e, far, x));
}

/* log x + log(1 + sqrt((x - 1) / x * (x + 1) / x)), where x - 1 is exact near 1. */
IrValue math_Acosh(Emit *e, IrValue x)
{
    IrValue one = emit_splat_const(e, 1), inverse = LLVMBuildFDiv(e->ir, one, x, "");
    IrValue less = LLVMBuildFMul(e->ir, LLVMBuildFSub(e->ir, x, one, ""), inverse, "");
    IrValue more = LLVMBuildFMul(e->ir, LLVMBuildFAdd(e->ir, x, one, ""), inverse, "");
    IrValue root = emit_unary(e, "llvm.sqrt", LLVMBuildFMul(e->ir, less, more, ""));
    return select_equal(e, x, INFINITY, INFINITY, LLVMBuildFAdd(e->ir, math_Log(e, x), log_above_one(e, root), ""));
}

/* log((1 + a) / (1 - a)) / 2 */
IrValue math_Atanh(Emit *e, IrValue x)
{
    IrValue a = absolute(e, x), one = emit_splat_const(e, 1);
    IrValue ratio = LLVMBuildFDiv(e->ir, LLVMBuildFAdd(e->ir, one, a, ""), LLVMBuildFSub(e->ir, one, a, ""), "");
    IrValue far = LLVMBuildFMul(e->ir, math_Log(e, ratio), emit_splat_const(e, 0.5), "");
    return below(e, a, 0.5, odd(e, x, atanh_rest, 0.25, 6), with_sign(e, far, x));
}

/* ── Arcs ────────────────────────────────────────────────────────────────────────────────────────────── */

#define PI 3.14159265358979323846

static double asin_rest(double u) { return (asin(sqrt(u)) / sqrt(u) - 1) / u; }
static double atan_rest(double u) { return (atan(sqrt(u)) / sqrt(u) - 1) / u; }

/* The arc sine of a <= 1/2; above, of sqrt((1 - a) / 2), half of what a's is short of pi/2. */
static IrValue small_arc(Emit *e, IrValue a)
{
    IrValue half = emit_splat_const(e, 0.5), rest = emit_fma(e, a, emit_splat_const(e, -0.5), half);
    return odd(e, below(e, a, 0.5, a, emit_unary(e, "llvm.sqrt", rest)), asin_rest, 0.25, 5);
}

IrValue math_Asin(Emit *e, IrValue x)
{
    IrValue a = absolute(e, x), arc = small_arc(e, a);
    IrValue far = emit_fma(e, arc, emit_splat_const(e, -2), emit_splat_const(e, PI / 2));
    return with_sign(e, below(e, a, 0.5, arc, far), x);
}

IrValue math_Acos(Emit *e, IrValue x)
{
    IrValue a = absolute(e, x), arc = small_arc(e, a), twice = LLVMBuildFAdd(e->ir, arc, arc, "");
    IrValue near = LLVMBuildFSub(e->ir, emit_splat_const(e, PI / 2), with_sign(e, arc, x), "");
    IrValue far = below(e, x, 0, LLVMBuildFSub(e->ir, emit_splat_const(e, PI), twice, ""), twice);
    return below(e, a, 0.5, near, far);
}

/* Beyond 1, what that of 1/a is short of pi/2. */
IrValue math_Atan(Emit *e, IrValue x)
{
    IrValue a = absolute(e, x), inverse = LLVMBuildFDiv(e->ir, emit_splat_const(e, 1), a, "");
    IrValue arc = odd(e, below(e, a, 1, a, inverse), atan_rest, 1, 9);
    return with_sign(e, below(e, a, 1, arc, LLVMBuildFSub(e->ir, emit_splat_const(e, PI / 2), arc, "")), x);
}

/* ── sin and cos: in double, too ─────────────────────────────────────────────────────────────────────── */

/* Of x / pi only the rest beyond even numbers matters. A float whose exponent field is LAST_WHOLE + k is a multiple of 2^k, which
 * makes even numbers of the bits of 1/pi before place k; without them three doubles hold enough of what follows, and the products
 * with the first two are exact. Payne and Hanek, "Radian reduction for trigonometric functions" (1983). */
enum { EXACT_BITS = 28, REST_BITS = 53, LAST_WHOLE = 150, N_PARTS = 256 - LAST_WHOLE };

/* Bits [at, at + n) after the point of 1/pi, as a number. */
static double inverse_pi(int at, int n)
{
    static const uint32_t two_over_pi[] = {0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
    double sum = 0;
    for (int i = at + n - 1; i >= at; i--)
        if (i > 1 && two_over_pi[(i - 2) / 32] >> (31 - (i - 2) % 32) & 1)
            sum += ldexp(1, -i);
    return sum;
}

/* Rows of three doubles, for the exponents from LAST_WHOLE on; that of infinity and NaN makes NaN. */
static IrValue pi_table(Emit *e)
{
    IrValue table = LLVMGetNamedGlobal(e->module, "inverse_pi"), rows[3 * N_PARTS];
    IrType f64 = LLVMDoubleTypeInContext(e->context);
    if (table)
        return table;
    for (int k = 0; k < N_PARTS; k++) {
        bool finite = k + 1 < N_PARTS;
        rows[3 * k] = LLVMConstReal(f64, finite ? inverse_pi(k, EXACT_BITS) : NAN);
        rows[3 * k + 1] = LLVMConstReal(f64, inverse_pi(k + EXACT_BITS, EXACT_BITS));
        rows[3 * k + 2] = LLVMConstReal(f64, inverse_pi(k + 2 * EXACT_BITS, REST_BITS));
    }
    table = LLVMAddGlobal(e->module, LLVMArrayType2(f64, countof(rows)), "inverse_pi");
    LLVMSetInitializer(table, LLVMConstArray2(f64, rows, countof(rows)));
    LLVMSetGlobalConstant(table, 1);
    LLVMSetLinkage(table, LLVMPrivateLinkage);
    return table;
}

/* The three doubles for each of the exponents. */
static void load_parts(Emit *e, IrValue exponent, IrValue parts[3])
{
    IrValue first = LLVMBuildSub(e->ir, exponent, emit_splat_i32(e, LAST_WHOLE), ""), table = pi_table(e);
    IrValue whole = LLVMBuildICmp(e->ir, LLVMIntSLT, first, LLVMConstNull(e->vi), "");
    IrType f64 = LLVMDoubleTypeInContext(e->context);
    first = emit_select(e, whole, LLVMConstNull(e->vi), first);
    for (int p = 0; p < 3; p++)
        parts[p] = LLVMGetPoison(e->vd);
    for (int64_t i = 0; i < e->lanes; i++) {
        IrValue index = LLVMBuildExtractElement(e->ir, first, emit_i64(e, i), "");
        IrValue row = emit_index(e, table, LLVMBuildZExt(e->ir, index, e->i64, ""), 24);
        for (int p = 0; p < 3; p++)
            parts[p] =
                LLVMBuildInsertElement(e->ir, parts[p], emit_load_scalar(e, f64, emit_offset(e, row, 8 * p)), emit_i64(e, i), "");
    }
}

/* sin(pi s) / s with s^2 = u */
static double sin_slope(double u) { return u == 0 ? PI : sin(PI * sqrt(u)) / sqrt(u); }

/* The bits of sin(pi (|x| / pi + turn)), exponent is x's. |x| / pi + turn = n + s with |s| < 0.63: that is sin(pi s), negative for
 * an odd n. */
static IrValue sine(Emit *e, IrValue x, IrValue exponent, double turn)
{
    IrType v64 = emit_vector_of(e, e->i64);
    IrValue parts[3], a = LLVMBuildFPExt(e->ir, absolute(e, x), e->vd, ""), magic = emit_const_of(e->vd, ROUND_F64);
    load_parts(e, exponent, parts);
    IrValue product = LLVMBuildFMul(e->ir, a, parts[0], "");
    product = turn == 0 ? product : LLVMBuildFAdd(e->ir, product, emit_const_of(e->vd, turn), ""); /* exact where s is small */
    IrValue sum = LLVMBuildFAdd(e->ir, product, magic, "");
    IrValue s = LLVMBuildFSub(e->ir, product, LLVMBuildFSub(e->ir, sum, magic, ""), "");
    s = LLVMBuildFAdd(e->ir, s, LLVMBuildFMul(e->ir, a, parts[1], ""), "");
    s = LLVMBuildFAdd(e->ir, s, LLVMBuildFMul(e->ir, a, parts[2], ""), "");
    IrValue square = LLVMBuildFMul(e->ir, s, s, "");
    IrValue value = LLVMBuildFMul(e->ir, s, fitted(e, square, sin_slope, 0, 0.4, 8), "");
    IrValue odd = LLVMBuildShl(e->ir, LLVMBuildBitCast(e->ir, sum, v64, ""), emit_const_of(v64, 63), "");
    value = LLVMBuildBitCast(e->ir, LLVMBuildXor(e->ir, LLVMBuildBitCast(e->ir, value, v64, ""), odd, ""), e->vd, "");
    return LLVMBuildBitCast(e->ir, to_float(e, value), e->vi, "");
}

IrValue math_Sin(Emit *e, IrValue x)
{
    IrValue bits = LLVMBuildBitCast(e->ir, x, e->vi, ""), sign = LLVMBuildAnd(e->ir, bits, emit_splat_i32(e, INT32_MIN), "");
    IrValue exponent = LLVMBuildLShr(e->ir, LLVMBuildXor(e->ir, bits, sign, ""), emit_splat_i32(e, 23), "");
    return LLVMBuildBitCast(e->ir, LLVMBuildXor(e->ir, sine(e, x, exponent, 0), sign, ""), e->vf, "");
}

IrValue math_Cos(Emit *e, IrValue x)
{
    IrValue bits = LLVMBuildBitCast(e->ir, absolute(e, x), e->vi, "");
    return LLVMBuildBitCast(e->ir, sine(e, x, LLVMBuildLShr(e->ir, bits, emit_splat_i32(e, 23), ""), 0.5), e->vf, "");
}

IrValue math_Tan(Emit *e, IrValue x) { return LLVMBuildFDiv(e->ir, math_Sin(e, x), math_Cos(e, x), ""); }
