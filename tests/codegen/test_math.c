/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The vector math functions against libm in double precision, over floats of every magnitude: the errors stated in
 * compiler/codegen/math.c. CNXC_MATH_STRIDE=1 tries every float there is. */
#include "tests/codegen/harness.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

typedef enum Measure { RELATIVE, ABSOLUTE, OF_INPUT } Measure; /* OF_INPUT: of max(1, |x|) */

typedef struct Tried {
    const char *name;
    OpKind op;
    double imm[2];
    float low, high;         /* tried between these */
    Measure measure;
    double bound;
} Tried;

static const Tried functions[] = {
    {"gelu", OP_Gelu, {0}, -1e30f, 1e30f, OF_INPUT, 8e-8},
    {"gelu", OP_Gelu, {0}, -0.5f, 1e30f, RELATIVE, 2.5e-7},
    {"gelu tanh", OP_Gelu, {1}, -0.5f, 1e30f, RELATIVE, 2.5e-7},
    {"mish", OP_Mish, {0}, -0.5f, 1e30f, RELATIVE, 4e-7},
    {"gelu tanh", OP_Gelu, {1}, -1e30f, 1e30f, OF_INPUT, 1.6e-7},
    {"erf", OP_Erf, {0}, -1e30f, 1e30f, ABSOLUTE, 1.6e-7},
    {"erf", OP_Erf, {0}, -0.5f, 0.5f, RELATIVE, 2.0e-7},
    {"tanh", OP_Tanh, {0}, -1e30f, 1e30f, RELATIVE, 2.0e-7},
    {"exp", OP_Exp, {0}, -87, 88.7f, RELATIVE, 1.5e-7},
    {"sigmoid", OP_Sigmoid, {0}, -87, 1e30f, RELATIVE, 2.5e-7},
    {"sin", OP_Sin, {0}, -3.4e38f, 3.4e38f, RELATIVE, 6.1e-8},
    {"cos", OP_Cos, {0}, -3.4e38f, 3.4e38f, RELATIVE, 6.1e-8},
    {"tan", OP_Tan, {0}, -3.4e38f, 3.4e38f, RELATIVE, 2.5e-7},
    {"asin", OP_Asin, {0}, -1.5f, 1.5f, RELATIVE, 2.5e-7},
    {"acos", OP_Acos, {0}, -1.5f, 1.5f, RELATIVE, 2.5e-7},
    {"atan", OP_Atan, {0}, -3.4e38f, 3.4e38f, RELATIVE, 2.5e-7},
    {"sinh", OP_Sinh, {0}, -89.4f, 89.4f, RELATIVE, 2.5e-7},
    {"cosh", OP_Cosh, {0}, -89.4f, 89.4f, RELATIVE, 6.1e-8},
    {"asinh", OP_Asinh, {0}, -3.4e38f, 3.4e38f, RELATIVE, 2.5e-7},
    {"acosh", OP_Acosh, {0}, -1, 3.4e38f, RELATIVE, 2.5e-7},
    {"atanh", OP_Atanh, {0}, -1.5f, 1.5f, RELATIVE, 2.5e-7},
    {"softsign", OP_Softsign, {0}, -3.4e38f, 3.4e38f, RELATIVE, 1.5e-7},
    {"elu", OP_Elu, {1}, -1e30f, 1e30f, RELATIVE, 2.0e-7},
    {"log", OP_Log, {0}, 1e-45f, 3e38f, RELATIVE, 6.0e-8},
    {"gelu, coarse", OP_Gelu, {0, 1}, -1e30f, 1e30f, OF_INPUT, 1e-5},
};

enum { BATCH = 1 << 16 };

typedef struct Sweep {
    Suite *suite;
    int64_t stride;
    double worst;
    float worst_at;
} Sweep;

static double error_of(const Tried *f, double x, double got, double want)
{
    double difference = fabs(got - want);
    if (isnan(got) != isnan(want))
        return INFINITY;
    if (f->measure == RELATIVE) /* denormal results have fewer digits */
        return difference == 0 ? 0 : difference / fmax(fabs(want), 0x1p-126);
    return difference / (f->measure == OF_INPUT ? fmax(1, fabs(x)) : 1);
}

static void compare_batch(Sweep *sweep, int64_t index, int64_t n)
{
    const Tried *f = &functions[index];
    Case *c = sweep->suite->cases.at[index];
    const float *x = c->args[1], *y = c->args[0];
    suite_run(sweep->suite, index, 1);
    for (int64_t i = 0; i < n; i++) {
        double error = error_of(f, x[i], y[i], expr_reference(&c->kernel.expr, (double[]){x[i]}));
        if (error > sweep->worst) {
            sweep->worst = error;
            sweep->worst_at = x[i];
        }
    }
}

static void sweep_function(Sweep *sweep, int64_t index)
{
    const Tried *f = &functions[index];
    float *x = sweep->suite->cases.at[index]->args[1];
    int64_t n = 0;
    sweep->worst = 0;
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += (uint64_t)sweep->stride) {
        uint32_t word = (uint32_t)bits;
        float value;
        memcpy(&value, &word, sizeof value);
        if (!(value >= f->low && value <= f->high))
            continue;
        x[n++] = value;
        if (n == BATCH) {
            compare_batch(sweep, index, n);
            n = 0;
        }
    }
    compare_batch(sweep, index, n);
}

static void add_case(Suite *s, const Tried *f)
{
    Case *c = suite_case(s, KERNEL_MAP, "%s", f->name);
    c->kernel.map.rows = 1, c->kernel.map.n = BATCH, c->kernel.map.out = (Operand){DT_FLOAT, 0, 4};
    expr_begin(c, 1), expr_step(c, f->op, 0, 0, f->op == OP_Elu ? 1 : f->imm[0], f->imm[1]), case_operand(c, 0, DT_FLOAT, 0, 4);
    case_arg(c, test_floats(s, BATCH, 0, 0)), case_arg(c, test_floats(s, BATCH, 0, 0));
}

static void check_math(const char *cpu)
{
    const char *stride = getenv("CNXC_MATH_STRIDE");
    Sweep sweep = {.suite = suite_new(cpu), .stride = stride && atoll(stride) > 0 ? atoll(stride) : 8191};
    int wrong = 0;
    if (!sweep.suite)
        skip();
    for (int64_t i = 0; i < countof(functions); i++)
        add_case(sweep.suite, &functions[i]);
    assert_true(suite_build(sweep.suite));
    for (int64_t i = 0; i < countof(functions); i++) {
        sweep_function(&sweep, i);
        printf("%s, %s: error %.3g at %.9g, bound %.3g\n", cpu, functions[i].name, sweep.worst, (double)sweep.worst_at,
               functions[i].bound);
        wrong += sweep.worst > functions[i].bound;
    }
    suite_free(sweep.suite);
    assert_int_equal(wrong, 0);
}

static void math_sse4(void **state) { (void)state, check_math("x86-64-v2"); }
static void math_avx2(void **state) { (void)state, check_math("x86-64-v3"); }
static void math_avx512(void **state) { (void)state, check_math("x86-64-v4"); }
static void math_neon(void **state) { (void)state, check_math("aarch64"); }

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(math_sse4), cmocka_unit_test(math_avx2), cmocka_unit_test(math_avx512),
                                       cmocka_unit_test(math_neon)};
    return cmocka_run_group_tests_name("math", tests, NULL, NULL);
}
