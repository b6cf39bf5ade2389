/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Products on AMX tiles, bit for bit against tdpbf16ps as the Intel SDM defines it, written out in C.
 *
 * Where the processor has no AMX its instructions are emulated (amx.c); that emulation is another one than the model
 * here: it lets the processor round and flush, the model does both itself. Rows of A behind the last hold NaNs, and
 * buffers end at unmapped pages. */
#include "tests/codegen/amx.c"
#include "tests/codegen/harness.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ── The model ───────────────────────────────────────────────────────────────────────────────────────── */

static float flush(float x) { return fabsf(x) < FLT_MIN ? copysignf(0, x) : x; }

static float from_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, 4);
    return flush(x);
}

/* The sum of two doubles, its last bit set where it is not exact: another rounding then is as if of the exact sum. */
static double add_to_odd(double a, double b)
{
    double s = a + b, t = s - a, rest = (a - (s - t)) + (b - t);
    int64_t bits;
    memcpy(&bits, &s, 8);
    if (rest != 0 && bits % 2 == 0)
        bits += (rest > 0) == (s > 0) ? 1 : -1;
    memcpy(&s, &bits, 8);
    return s;
}

/* a * b + c rounded once, to nearest even; the product of two bf16 is exact in double. A result is subnormal if it is
 * so with 24 bits and any exponent. */
static float fused(float a, float b, float c)
{
    int exponent;
    double s = add_to_odd((double)a * b, flush(c)), fraction = frexp(s, &exponent);
    double unbounded = ldexp(rint(ldexp(fraction, 24)), exponent - 24);
    return fabs(unbounded) < FLT_MIN ? (float)copysign(0, s) : (float)s;
}

/* Σ from zero over k pairs, 16 to an instruction. */
static float tile_sum(const uint16_t *a, const uint16_t *b, int64_t b_row, int64_t k)
{
    float sum = 0;
    for (int64_t first = 0; first < k; first += 16) {
        float even = 0, odd = 0;
        for (int64_t p = first; p < first + 16; p++) {
            even = fused(from_bf16(a[2 * p]), from_bf16(b[p * b_row]), even);
            odd = fused(from_bf16(a[2 * p + 1]), from_bf16(b[p * b_row + 1]), odd);
        }
        sum = fused(fused(even, 1, odd), 1, sum);
    }
    return sum;
}

/* ── Cases ───────────────────────────────────────────────────────────────────────────────────────────── */

enum { NONE, RELU, RESIDUAL, BF16, N_EPILOGUES };

typedef struct Form {
    int64_t m, n, k;
    int init, epilogue;
    bool prefetch, stream;
    double spread, a, b;
} Form;

/* Of magnitudes up to 2^exponent and `spread` powers of two below. */
static uint16_t *halves(Suite *s, int64_t rows, int64_t row, int64_t pitch, double spread, double exponent)
{
    uint16_t *all = test_buffer(s, rows * pitch * 2);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < row; j++) {
            double scale = exponent - spread * test_random(s, 0, 1);
            float x = (float)(test_random(s, -1, 1) * exp2(scale));
            uint32_t bits;
            memcpy(&bits, &x, 4);
            all[i * pitch + j] = (uint16_t)(bits >> 16);
        }
    return all;
}

static void epilogue(Suite *s, Case *c, const Form *form, int64_t pitch)
{
    if (form->epilogue == NONE)
        return;
    expr_begin(c, form->epilogue == RESIDUAL ? 2 : 1);
    if (form->epilogue == RESIDUAL) {
        expr_step(c, OP_Add, 0, 1, 0, 0);
        case_operand(c, 1, DT_FLOAT, pitch * 4, 4);
        case_arg(c, test_floats(s, (form->m - 1) * pitch + form->n, -1, 1));
    } else {
        expr_step(c, form->epilogue == RELU ? OP_Relu : OP_Cast, 0, 0, form->epilogue == BF16, 0);
        c->kernel.expr.steps[0].dtype = form->epilogue == RELU ? DT_FLOAT : DT_BFLOAT16;
    }
}

static double expectation(const Case *c, const Form *form, int64_t i, int64_t j, int64_t pitch, float init)
{
    const uint16_t *a = c->args[0], *b = c->args[1];
    float y = tile_sum(a + i * c->kernel.gemm.a_row / 2, b + 2 * j, 2 * c->kernel.gemm.nr, form->k);
    y = form->init == GEMM_INIT_ZERO ? y : init + y;
    if (form->epilogue == RESIDUAL)
        y += ((const float *)c->args[6])[i * pitch + j];
    if (form->epilogue == BF16) {
        Tensor half = {.dtype = DT_BFLOAT16, .rank = 1, .count = 1, .data = (uint16_t[]){0}};
        tensor_set(&half, 0, flush(y));
        return tensor_get(&half, 0);
    }
    return form->epilogue == RELU && y <= 0 ? 0 : y;
}

static void tile_case(Suite *s, Form form)
{
    Case *c = suite_case(s, KERNEL_TILES, "tiles m %d n %d k %d init %d epilogue %d spread %g at %g, %g", (int)form.m,
                         (int)form.n, (int)form.k, form.init, form.epilogue, form.spread, form.a, form.b);
    int64_t nr = form.n > 16 ? 32 : 16, whole = (form.m + 15) / 16 * 16, a_pitch = 2 * form.k + 8, pitch = form.n + 5;
    uint16_t *a = halves(s, whole, 2 * form.k, a_pitch, form.spread, form.a);
    uint16_t *b = halves(s, form.k, 2 * nr, 2 * nr, form.spread, form.b);
    memset(a + form.m * a_pitch, 0xff, (size_t)((whole - form.m) * a_pitch) * 2);
    DType dtype = form.epilogue == BF16 ? DT_BFLOAT16 : DT_FLOAT;
    int64_t count = (form.m - 1) * pitch + form.n, element = dtype_size(dtype);
    float *bias = test_floats(s, nr, -1, 1);
    void *out = dtype == DT_FLOAT ? (void *)test_floats(s, count, -1, 1) : test_buffer(s, count * 2);
    c->kernel.gemm.m = form.m, c->kernel.gemm.n = form.n, c->kernel.gemm.k = form.k, c->kernel.gemm.nr = nr;
    c->kernel.gemm.a_row = a_pitch * 2, c->kernel.gemm.a_k = 4, c->kernel.gemm.c_row = pitch * element;
    c->kernel.gemm.init = form.init, c->kernel.gemm.prefetch = form.prefetch, c->kernel.gemm.stream = form.stream;
    c->kernel.gemm.product = product_of(s->cpu, DT_BFLOAT16);
    case_arg(c, a), case_arg(c, b), case_arg(c, out);
    case_arg(c, form.init == GEMM_INIT_BIAS ? bias : NULL);
    case_arg(c, form.prefetch ? b : NULL);
    case_arg(c, test_buffer(s, whole * nr * 4));
    epilogue(s, c, &form, pitch);
    case_expect(s, c, 2, dtype, count, 0);
    for (int64_t i = 0; i < form.m; i++)
        for (int64_t j = 0; j < form.n; j++) {
            int64_t at = i * pitch + j;
            float init = form.init == GEMM_INIT_BIAS ? bias[j] : dtype == DT_FLOAT ? ((float *)out)[at] : 0;
            c->expected[at] = expectation(c, &form, i, j, pitch, init);
        }
}

static void tile_cases(Suite *s)
{
    static const int64_t ms[] = {1, 2, 15, 16, 17, 31, 32}, ns[] = {1, 8, 15, 16, 17, 24, 31, 32}, ks[] = {16, 32, 48, 192};
    static const struct {
        double spread, a, b;
    } ranges[] = { /* the last ones meet subnormal sums, A and B */
                  {2, 0, 0}, {8, 3, 3}, {60, 0, 0}, {4, -62, -62}, {20, -55, -55}, {4, -124, 5}, {4, 5, -124}};
    int turn = 0;
    for (int64_t i = 0; i < countof(ms); i++)
        for (int64_t j = 0; j < countof(ns); j++, turn++) {
            int which = turn % N_EPILOGUES, init = turn / 3 % 3;
            if (which == BF16 && init == GEMM_INIT_C)
                init = GEMM_INIT_BIAS;
            tile_case(s, (Form){ms[i], ns[j], ks[turn % countof(ks)], init, which, turn % 2, turn % 5 == 0,
                                ranges[turn % countof(ranges)].spread, ranges[turn % countof(ranges)].a,
                                ranges[turn % countof(ranges)].b});
        }
}

static void bits_as_defined(void **state)
{
    (void)state;
    Suite *suite = suite_emulated("sapphirerapids", CNXRT_CPU_AMX_BF16);
    if (!suite)
        skip();
    amx_install();
    tile_cases(suite);
    assert_true(suite_build(suite));
    assert_int_equal(suite_check(suite), 0);
    suite_free(suite);
}

static void kernels_keep_registers(void **state)
{
    (void)state;
    Suite *suite = suite_emulated("sapphirerapids", -1);
    assert_non_null(suite);
    tile_cases(suite);
    for (int64_t i = 0; i < suite->cases.len; i += 5) {
        Program program = {.arena = suite->arena, .cpu = suite->cpu};
        const Kernel *kernel = kernel_intern(&program, &suite->cases.at[i]->kernel);
        assert_int_equal(codegen_kernel_spills(kernel, suite->cpu), 0);
    }
    suite_free(suite);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bits_as_defined), cmocka_unit_test(kernels_keep_registers)};
    return cmocka_run_group_tests_name("tiles", tests, NULL, NULL);
}
