/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Reference functions of the elementwise operators. Floats are computed in double and rounded once; integers in
 * int64, so that shapes stay exact, and wrap. */
#include "ir/interp_util.h"

#include <math.h>
#include <string.h>

#define REF(name) bool ref_##name(const Node *node, Tensor *const *inputs, Tensor **outputs, Diag *diag)
#define UNUSED (void)node, (void)inputs, (void)outputs, (void)diag

/* ── One input ───────────────────────────────────────────────────────────────────────────────────────── */

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static double mish(double x) { return x * tanh(softplus(x)); }
static double relu(double x) { return x < 0 ? 0 : x; }
static double negate(double x) { return -x; }
static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static double reciprocal(double x) { return 1 / x; }
static double hard_swish(double x) { return x * fmax(0, fmin(1, x / 6 + 0.5)); }
static double softsign(double x) { return x / (1 + fabs(x)); }
static double gelu(double x) { return 0.5 * x * (1 + erf(x * 0.70710678118654752440)); }

static double gelu_tanh(double x) { return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x))); }

static bool map(Tensor *const *inputs, Tensor **outputs, double (*f)(double))
{
    for (int64_t i = 0; i < outputs[0]->count; i++)
        tensor_set(outputs[0], i, f(tensor_get(inputs[0], i)));
    return true;
}

static int64_t int_abs(int64_t x) { return x < 0 ? (int64_t)(0 - (uint64_t)x) : x; }
static int64_t int_negate(int64_t x) { return (int64_t)(0 - (uint64_t)x); }
static int64_t int_sign(int64_t x) { return (x > 0) - (x < 0); }
static int64_t int_relu(int64_t x) { return x < 0 ? 0 : x; }

/* Exact for integers. A uint64 is never negative, whatever its highest bit. */
static bool map_number(Tensor *const *inputs, Tensor **outputs, double (*f)(double), int64_t (*g)(int64_t))
{
    if (!tensor_is_integer(inputs[0]))
        return map(inputs, outputs, f);
    for (int64_t i = 0; i < outputs[0]->count; i++) {
        int64_t x = tensor_get_int(inputs[0], i);
        bool high = inputs[0]->dtype == DT_UINT64 && x < 0 && g != int_negate;
        tensor_set_int(outputs[0], i, !high ? g(x) : g == int_sign ? 1 : x);
    }
    return true;
}

#define MAP(name, f)                    \
    REF(name)                           \
    {                                   \
        UNUSED;                         \
        return map(inputs, outputs, f); \
    }
#define MAP_NUMBER(name, f, g)                    \
    REF(name)                                     \
    {                                             \
        UNUSED;                                   \
        return map_number(inputs, outputs, f, g); \
    }

MAP(Acos, acos)
MAP(Acosh, acosh)
MAP(Asin, asin)
MAP(Asinh, asinh)
MAP(Atan, atan)
MAP(Atanh, atanh)
MAP(Ceil, ceil)
MAP(Cos, cos)
MAP(Cosh, cosh)
MAP(Erf, erf)
MAP(Exp, exp)
MAP(Floor, floor)
MAP(HardSwish, hard_swish)
MAP(Log, log)
MAP(Mish, mish)
MAP(Reciprocal, reciprocal)
MAP(Round, nearbyint)
MAP(Sigmoid, sigmoid)
MAP(Sin, sin)
MAP(Sinh, sinh)
MAP(Softplus, softplus)
MAP(Softsign, softsign)
MAP(Sqrt, sqrt)
MAP(Tan, tan)
MAP(Tanh, tanh)
MAP_NUMBER(Abs, fabs, int_abs)
MAP_NUMBER(Neg, negate, int_negate)
MAP_NUMBER(Relu, relu, int_relu)
MAP_NUMBER(Sign, sign, int_sign)

REF(Gelu)
{
    (void)diag;
    return map(inputs, outputs, strcmp(node_attr_string(node, "approximate"), "tanh") == 0 ? gelu_tanh : gelu);
}

REF(BitwiseNot)
{
    UNUSED;
    for (int64_t i = 0; i < outputs[0]->count; i++)
        tensor_set_int(outputs[0], i, ~tensor_get_int(inputs[0], i));
    return true;
}

REF(Not)
{
    UNUSED;
    for (int64_t i = 0; i < outputs[0]->count; i++)
        tensor_set_int(outputs[0], i, !tensor_get_int(inputs[0], i));
    return true;
}

/* With two numbers from attributes. */
static double elu(double x, double alpha, double unused)
{
    (void)unused;
    return x < 0 ? alpha * expm1(x) : x;
}
static double leaky(double x, double alpha, double unused)
{
    (void)unused;
    return x < 0 ? alpha * x : x;
}
static double selu(double x, double alpha, double gamma) { return gamma * (x > 0 ? x : alpha * expm1(x)); }
/* Not by fmax and fmin, which drop a NaN. */
static double hard_sigmoid(double x, double alpha, double beta)
{
    double y = alpha * x + beta;
    return y < 0 ? 0 : y > 1 ? 1 : y;
}

static bool map_with(Tensor *const *inputs, Tensor **outputs, double (*f)(double, double, double), double a, double b)
{
    for (int64_t i = 0; i < outputs[0]->count; i++)
        tensor_set(outputs[0], i, f(tensor_get(inputs[0], i), a, b));
    return true;
}

/* Attributes are floats in ONNX: alpha = 0.01 means the float next to it. */
static double attr_f32(const Node *node, const char *name) { return (double)(float)node_attr_float(node, name); }

REF(Elu)
{
    UNUSED;
    return map_with(inputs, outputs, elu, attr_f32(node, "alpha"), 0);
}
REF(LeakyRelu)
{
    UNUSED;
    return map_with(inputs, outputs, leaky, attr_f32(node, "alpha"), 0);
}
REF(Selu)
{
    UNUSED;
    return map_with(inputs, outputs, selu, attr_f32(node, "alpha"), attr_f32(node, "gamma"));
}
REF(HardSigmoid)
{
    UNUSED;
    return map_with(inputs, outputs, hard_sigmoid, attr_f32(node, "alpha"), attr_f32(node, "beta"));
}

REF(Cast)
{
    UNUSED;
    bool integers = tensor_is_integer(inputs[0]) && tensor_is_integer(outputs[0]);
    for (int64_t i = 0; i < outputs[0]->count; i++)
        if (integers)
            tensor_set_int(outputs[0], i, tensor_get_int(inputs[0], i));
        else
            tensor_set(outputs[0], i, tensor_get(inputs[0], i));
    return true;
}

REF(CastLike) { return ref_Cast(node, inputs, outputs, diag); }

/* ── Two inputs ──────────────────────────────────────────────────────────────────────────────────────── */

typedef __int128 Wide; /* holds both int64 and uint64 */

static Wide get_wide(const Tensor *tensor, int64_t i)
{
    int64_t value = tensor_get_int(tensor, i);
    return tensor->dtype == DT_UINT64 ? (Wide)(uint64_t)value : (Wide)value;
}

static double add(double a, double b) { return a + b; }
static double subtract(double a, double b) { return a - b; }
static double multiply(double a, double b) { return a * b; }
static double divide(double a, double b) { return a / b; }
static double greatest(double a, double b) { return isnan(a) ? a : isnan(b) || b > a ? b : a; }
static double least(double a, double b) { return isnan(a) ? a : isnan(b) || b < a ? b : a; }
static double equal(double a, double b) { return a == b; }
static double greater(double a, double b) { return a > b; }
static double greater_equal(double a, double b) { return a >= b; }
static double less(double a, double b) { return a < b; }
static double less_equal(double a, double b) { return a <= b; }
/* With the sign of b, also of 0. */
static double floor_mod(double a, double b)
{
    double rest = fmod(a, b);
    return copysign(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest, b);
}
static double prelu(double x, double slope) { return x < 0 ? slope * x : x; }

static Wide wide_add(Wide a, Wide b) { return a + b; }
static Wide wide_subtract(Wide a, Wide b) { return a - b; }
static Wide wide_multiply(Wide a, Wide b) { return (Wide)((uint64_t)a * (uint64_t)b); }
static Wide wide_divide(Wide a, Wide b) { return a / b; }
static Wide wide_greatest(Wide a, Wide b) { return b > a ? b : a; }
static Wide wide_least(Wide a, Wide b) { return b < a ? b : a; }
static Wide wide_equal(Wide a, Wide b) { return a == b; }
static Wide wide_greater(Wide a, Wide b) { return a > b; }
static Wide wide_greater_equal(Wide a, Wide b) { return a >= b; }
static Wide wide_less(Wide a, Wide b) { return a < b; }
static Wide wide_less_equal(Wide a, Wide b) { return a <= b; }
static Wide wide_mod(Wide a, Wide b) { return a % b; }
static Wide wide_floor_mod(Wide a, Wide b) { return a % b && (a < 0) != (b < 0) ? a % b + b : a % b; }
static Wide wide_bits_and(Wide a, Wide b) { return a & b; }
static Wide wide_bits_or(Wide a, Wide b) { return a | b; }
static Wide wide_bits_xor(Wide a, Wide b) { return a ^ b; }
static Wide wide_left(Wide a, Wide b) { return b >= 0 && b < 64 ? (Wide)((uint64_t)a << (int)b) : 0; }
static Wide wide_right(Wide a, Wide b) { return b >= 0 && b < 64 ? a >> (int)b : a < 0 ? -1 : 0; }
static Wide wide_and(Wide a, Wide b) { return a && b; }
static Wide wide_or(Wide a, Wide b) { return a || b; }
static Wide wide_prelu(Wide x, Wide slope) { return x < 0 ? wide_multiply(x, slope) : x; }

typedef double Binary(double a, double b);
typedef Wide WideBinary(Wide a, Wide b);

static void combine(const Tensor *a, const Tensor *b, Tensor *out, Binary *f, WideBinary *g)
{
    Walk walk = walk_over(out->rank, out->dims);
    bool integers = tensor_is_integer(a);
    walk_broadcast(&walk, 0, a);
    walk_broadcast(&walk, 1, b);
    for (int64_t i = 0; i < out->count; i++, walk_next(&walk))
        if (integers)
            tensor_set_int(out, i, (int64_t)(uint64_t)g(get_wide(a, walk.offset[0]), get_wide(b, walk.offset[1])));
        else
            tensor_set(out, i, f(tensor_get(a, walk.offset[0]), tensor_get(b, walk.offset[1])));
}

#define COMBINE(name, f, g)                              \
    REF(name)                                            \
    {                                                    \
        UNUSED;                                          \
        combine(inputs[0], inputs[1], outputs[0], f, g); \
        return true;                                     \
    }

COMBINE(Add, add, wide_add)
COMBINE(And, NULL, wide_and)
COMBINE(BitwiseAnd, NULL, wide_bits_and)
COMBINE(BitwiseOr, NULL, wide_bits_or)
COMBINE(BitwiseXor, NULL, wide_bits_xor)
COMBINE(Equal, equal, wide_equal)
COMBINE(Greater, greater, wide_greater)
COMBINE(GreaterOrEqual, greater_equal, wide_greater_equal)
COMBINE(Less, less, wide_less)
COMBINE(LessOrEqual, less_equal, wide_less_equal)
COMBINE(Mul, multiply, wide_multiply)
COMBINE(Or, NULL, wide_or)
COMBINE(PRelu, prelu, wide_prelu)
COMBINE(Sub, subtract, wide_subtract)
COMBINE(Xor, NULL, wide_bits_xor)

REF(BitShift)
{
    (void)diag;
    bool left = strcmp(node_attr_string(node, "direction"), "LEFT") == 0;
    combine(inputs[0], inputs[1], outputs[0], NULL, left ? wide_left : wide_right);
    return true;
}

static bool divisible(const Node *node, const Tensor *by, Diag *diag)
{
    for (int64_t i = 0; tensor_is_integer(by) && i < by->count; i++)
        if (tensor_get_int(by, i) == 0) {
            diag_error(diag, node->span, "%s divides an integer by zero", node->op->name);
            return false;
        }
    return true;
}

REF(Div)
{
    if (!divisible(node, inputs[1], diag))
        return false;
    combine(inputs[0], inputs[1], outputs[0], divide, wide_divide);
    return true;
}

REF(Mod)
{
    bool of_c = node_attr_int(node, "fmod");
    if (!divisible(node, inputs[1], diag))
        return false;
    combine(inputs[0], inputs[1], outputs[0], of_c ? fmod : floor_mod, of_c ? wide_mod : wide_floor_mod);
    return true;
}

/* Any number of inputs, one after the other. Max and Min never round, so a step's result may go through the
 * output. The first input is taken twice: it need not have the output's shape. */
static bool fold(const Node *node, Tensor *const *inputs, Tensor **outputs, Binary *f, WideBinary *g)
{
    combine(inputs[0], inputs[0], outputs[0], f, g);
    for (int64_t i = 1; i < node->inputs.len; i++)
        combine(outputs[0], inputs[i], outputs[0], f, g);
    return true;
}

REF(Max)
{
    UNUSED;
    return fold(node, inputs, outputs, greatest, wide_greatest);
}
REF(Min)
{
    UNUSED;
    return fold(node, inputs, outputs, least, wide_least);
}

/* By squaring, wrapping; a negative exponent leaves 1 and -1 alone and makes the rest 0. */
static int64_t int_power(int64_t base, int64_t exponent)
{
    uint64_t result = 1, square = (uint64_t)base;
    if (exponent < 0)
        return base == 1 ? 1 : base == -1 ? (exponent & 1 ? -1 : 1) : 0;
    for (; exponent; exponent >>= 1, square *= square)
        if (exponent & 1)
            result *= square;
    return (int64_t)result;
}

REF(Pow)
{
    UNUSED;
    const Tensor *x = inputs[0], *y = inputs[1];
    bool integers = tensor_is_integer(x) && tensor_is_integer(y);
    Walk walk = walk_over(outputs[0]->rank, outputs[0]->dims);
    walk_broadcast(&walk, 0, x);
    walk_broadcast(&walk, 1, y);
    for (int64_t i = 0; i < outputs[0]->count; i++, walk_next(&walk)) {
        if (integers)
            tensor_set_int(outputs[0], i, int_power(tensor_get_int(x, walk.offset[0]), tensor_get_int(y, walk.offset[1])));
        else
            tensor_set(outputs[0], i, pow(tensor_get(x, walk.offset[0]), tensor_get(y, walk.offset[1])));
    }
    return true;
}

/* In double the product of floats is exact, and its sum nearly always. */
REF(MulAdd)
{
    UNUSED;
    Walk walk = walk_over(outputs[0]->rank, outputs[0]->dims);
    for (int i = 0; i < 3; i++)
        walk_broadcast(&walk, i, inputs[i]);
    for (int64_t i = 0; i < outputs[0]->count; i++, walk_next(&walk)) {
        double product = tensor_get(inputs[0], walk.offset[0]) * tensor_get(inputs[1], walk.offset[1]);
        tensor_set(outputs[0], i, product + tensor_get(inputs[2], walk.offset[2]));
    }
    return true;
}

REF(Where)
{
    UNUSED;
    Walk walk = walk_over(outputs[0]->rank, outputs[0]->dims);
    for (int i = 0; i < 3; i++)
        walk_broadcast(&walk, i, inputs[i]);
    for (int64_t i = 0; i < outputs[0]->count; i++, walk_next(&walk)) {
        int from = tensor_get_int(inputs[0], walk.offset[0]) ? 1 : 2;
        tensor_copy_element(outputs[0], i, inputs[from], walk.offset[from]);
    }
    return true;
}

/* ── Clip ────────────────────────────────────────────────────────────────────────────────────────────── */

static bool clip_integers(const Tensor *in, const Tensor *min, const Tensor *max, Tensor *out)
{
    for (int64_t i = 0; i < out->count; i++) {
        Wide x = get_wide(in, i);
        x = min ? wide_greatest(x, get_wide(min, 0)) : x;
        x = max ? wide_least(x, get_wide(max, 0)) : x;
        tensor_set_int(out, i, (int64_t)(uint64_t)x);
    }
    return true;
}

REF(Clip)
{
    UNUSED;
    const Tensor *min = interp_input(node, inputs, 1), *max = interp_input(node, inputs, 2);
    if (tensor_is_integer(inputs[0]))
        return clip_integers(inputs[0], min, max, outputs[0]);
    double low = min ? tensor_get(min, 0) : node_attr(node, "min") ? attr_f32(node, "min") : -INFINITY;
    double high = max ? tensor_get(max, 0) : node_attr(node, "max") ? attr_f32(node, "max") : INFINITY;
    for (int64_t i = 0; i < outputs[0]->count; i++)
        tensor_set(outputs[0], i, least(greatest(tensor_get(inputs[0], i), low), high));
    return true;
}

REF(BatchNormalization)
{
    UNUSED;
    const Tensor *x = inputs[0];
    double epsilon = attr_f32(node, "epsilon");
    int64_t plane = 1;
    for (int i = 2; i < x->rank; i++)
        plane *= x->dims[i];
    for (int64_t i = 0; i < x->count; i++) {
        int64_t c = i / plane % x->dims[1];
        double norm = (tensor_get(x, i) - tensor_get(inputs[3], c)) / sqrt(tensor_get(inputs[4], c) + epsilon);
        tensor_set(outputs[0], i, norm * tensor_get(inputs[1], c) + tensor_get(inputs[2], c));
    }
    return true;
}
