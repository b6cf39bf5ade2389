/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* How near the generated kernels come to this machine's arithmetic: GFLOP/s beside the peak of a loop that only
 * multiplies and adds in registers, measured in the same run.
 *
 *   bench_kernels [CPU…]      default: x86-64-v4 and x86-64-v3, those that run here */
#include "tests/codegen/harness.c"

#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ── The peak ────────────────────────────────────────────────────────────────────────────────────────── */

enum { PEAK_LOOPS = 200000 };

/* Twelve independent sums: more than latency × units on any of these machines. The registers hold whatever they
 * hold; zeros are as fast as anything. */
#define TWELVE(r)                                                                               \
    "vfmadd213ps %%" r "13, %%" r "12, %%" r "0\n vfmadd213ps %%" r "13, %%" r "12, %%" r "1\n" \
    "vfmadd213ps %%" r "13, %%" r "12, %%" r "2\n vfmadd213ps %%" r "13, %%" r "12, %%" r "3\n" \
    "vfmadd213ps %%" r "13, %%" r "12, %%" r "4\n vfmadd213ps %%" r "13, %%" r "12, %%" r "5\n" \
    "vfmadd213ps %%" r "13, %%" r "12, %%" r "6\n vfmadd213ps %%" r "13, %%" r "12, %%" r "7\n" \
    "vfmadd213ps %%" r "13, %%" r "12, %%" r "8\n vfmadd213ps %%" r "13, %%" r "12, %%" r "9\n" \
    "vfmadd213ps %%" r "13, %%" r "12, %%" r "10\n vfmadd213ps %%" r "13, %%" r "12, %%" r "11\n"
#define PEAK_LOOP(r)                                                                                                     \
    long n = PEAK_LOOPS;                                                                                                 \
    __asm__ volatile("vzeroall\n 1:\n" TWELVE(r) "dec %0\n jnz 1b\n vzeroupper"                                          \
                     : "+r"(n)::"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
                       "xmm11", "xmm12", "xmm13", "cc")

static void peak512(void) { PEAK_LOOP("zmm"); }
static void peak256(void) { PEAK_LOOP("ymm"); }

/* GFLOP/s: the best of several. */
static double measure_peak(int64_t lanes)
{
    double best = 0;
    for (int i = 0; i < 4; i++) {
        double start = now();
        if (lanes == 16)
            peak512();
        else
            peak256();
        double rate = 2.0 * 12 * PEAK_LOOPS * (double)lanes / (now() - start) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

/* ── Kernels ─────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Work {
    double flops, elements, seconds;
} Work; /* of one call; elements: for times per vector */
typedef struct Bench {
    Suite *suite;
    VEC(Work) work;
} Bench;

static void bench_gemm(Bench *b, int64_t m, int64_t nr, int64_t k, bool gelu)
{
    Suite *s = b->suite;
    Case *c = suite_case(s, KERNEL_GEMM, "gemm %dx%d k %d%s", (int)m, (int)nr, (int)k, gelu ? " gelu" : "");
    int64_t pitch = k + 16;
    c->kernel.gemm.m = m, c->kernel.gemm.n = c->kernel.gemm.nr = nr, c->kernel.gemm.k = k;
    c->kernel.gemm.a_row = pitch * 4, c->kernel.gemm.a_k = 4, c->kernel.gemm.c_row = (nr + 16) * 4;
    c->kernel.gemm.init = GEMM_INIT_BIAS, c->kernel.gemm.prefetch = true, c->kernel.gemm.product = product_of(s->cpu, DT_FLOAT);
    float *panel = test_floats(s, k * nr, -1, 1);
    case_arg(c, test_floats(s, m * pitch, -1, 1)), case_arg(c, panel), case_arg(c, test_floats(s, m * (nr + 16), 0, 0));
    case_arg(c, test_floats(s, nr, -1, 1)), case_arg(c, panel);
    if (gelu)
        expr_begin(c, 1), expr_step(c, OP_Gelu, 0, 0, 0, 0);
    vec_push(s->arena, &b->work, (Work){.flops = 2.0 * (double)(m * nr * k)});
}

static void bench_dwconv(Bench *b, int64_t width, int64_t columns)
{
    Suite *s = b->suite;
    Case *c = suite_case(s, KERNEL_DWCONV, "dwconv 7x7 width %d of %d", (int)width, (int)columns);
    bool border = width == columns;
    int64_t in_width = border ? columns : columns + 6, x0 = border ? -3 : 0;
    c->kernel.dwconv.width = width, c->kernel.dwconv.channels = s->lanes;
    c->kernel.dwconv.kh = c->kernel.dwconv.kw = 7, c->kernel.dwconv.stride_w = c->kernel.dwconv.dilation_w = 1;
    c->kernel.dwconv.x0 = x0, c->kernel.dwconv.in_width = in_width, c->kernel.dwconv.in_row = in_width * s->lanes * 4;
    c->kernel.dwconv.in_col = c->kernel.dwconv.out_col = s->lanes * 4;
    case_arg(c, test_floats(s, 7 * in_width * s->lanes, -1, 1)), case_arg(c, test_floats(s, 49 * s->lanes, -1, 1));
    case_arg(c, test_floats(s, width * s->lanes, 0, 0)), case_arg(c, test_floats(s, s->lanes, -1, 1));
    double taps = 0;
    for (int64_t x = 0; x < width; x++)
        for (int64_t kx = 0; kx < 7; kx++)
            taps += x + kx + x0 >= 0 && x + kx + x0 < in_width;
    vec_push(s->arena, &b->work, (Work){.flops = 2.0 * 7 * taps * (double)s->lanes});
}

static void bench_map(Bench *b, OpKind op, double imm0)
{
    Suite *s = b->suite;
    int64_t n = 2048;
    Case *c = suite_case(s, KERNEL_MAP, "map %s%s", op_get(op)->name, imm0 != 0 ? " tanh" : "");
    c->kernel.map.rows = 1, c->kernel.map.n = n, c->kernel.map.out = (Operand){DT_FLOAT, 0, 4};
    expr_begin(c, 1), expr_step(c, op, 0, 0, imm0, 0), case_operand(c, 0, DT_FLOAT, 0, 4);
    case_arg(c, test_floats(s, n, 0, 0)), case_arg(c, test_floats(s, n, -4, 4));
    vec_push(s->arena, &b->work, (Work){.elements = (double)n});
}

static void bench_rows(Bench *b, KernelKind kind, int64_t n)
{
    Suite *s = b->suite;
    int64_t rows = 14;
    Case *c = suite_case(s, kind, "%s 14x%d", kind == KERNEL_LAYERNORM ? "layernorm" : "softmax", (int)n);
    if (kind == KERNEL_LAYERNORM) {
        c->kernel.layernorm.rows = rows, c->kernel.layernorm.n = n, c->kernel.layernorm.epsilon = 1e-6;
        c->kernel.layernorm.in_row = c->kernel.layernorm.out_row = (n + 16) * 4;
    } else {
        c->kernel.softmax.rows = rows, c->kernel.softmax.n = n;
        c->kernel.softmax.in_row = c->kernel.softmax.out_row = (n + 16) * 4;
    }
    case_arg(c, test_floats(s, rows * (n + 16), -4, 4)), case_arg(c, test_floats(s, rows * (n + 16), 0, 0));
    vec_push(s->arena, &b->work, (Work){.elements = (double)(rows * n)});
}

static void add_all(Bench *b)
{
    static const int64_t tiles[][3] = {{16, 14, 32}, {16, 8, 48}, {16, 6, 64}, {16, 7, 32}, {8, 6, 16}, {8, 4, 24}, {8, 12, 8}};
    static const int64_t ks[] = {96, 192, 384, 768, 3072};
    for (int64_t i = 0; i < countof(tiles); i++)
        for (int64_t j = 0; j < countof(ks) && tiles[i][0] == b->suite->lanes; j++)
            bench_gemm(b, tiles[i][1], tiles[i][2], ks[j], false);
    bench_gemm(b, b->suite->lanes == 16 ? 14 : 6, b->suite->lanes * 2, 96, true);
    for (int64_t width = 7; width <= 14; width++)
        bench_dwconv(b, width, width), bench_dwconv(b, width, 56);
    static const OpKind ops[] = {OP_Gelu, OP_Erf, OP_Exp, OP_Sigmoid, OP_Tanh, OP_Relu};
    for (int64_t i = 0; i < countof(ops); i++)
        bench_map(b, ops[i], 0);
    bench_map(b, OP_Gelu, 1);
    bench_rows(b, KERNEL_LAYERNORM, 96), bench_rows(b, KERNEL_LAYERNORM, 768), bench_rows(b, KERNEL_SOFTMAX, 1000);
}

/* ── Measuring ───────────────────────────────────────────────────────────────────────────────────────── */

/* Seconds of one call: the best of several runs of some milliseconds. */
static double time_case(Suite *suite, int64_t index)
{
    double best = 1e9;
    int64_t repeat = 1;
    for (double t = 0; t < 2e-3; repeat *= 2) {
        double start = now();
        suite_run(suite, index, repeat);
        t = now() - start;
    }
    for (int i = 0; i < 20; i++) {
        double start = now();
        suite_run(suite, index, repeat);
        double t = (now() - start) / (double)repeat;
        best = t < best ? t : best;
    }
    return best;
}

static void print_spills(const Suite *suite, int64_t index)
{
    int64_t spills = codegen_kernel_spills(&suite->cases.at[index]->kernel, suite->cpu);
    if (spills)
        printf("  %lld spills", (long long)spills);
    printf("\n");
}

/* Times go to work.seconds; the result is the peak, measured between all of them: other load on the machine comes
 * and goes. */
static double measure_all(Bench *b)
{
    double peak = 0;
    for (int64_t i = 0; i < b->work.len; i++) {
        double now_peak = measure_peak(b->suite->lanes);
        peak = now_peak > peak ? now_peak : peak;
        b->work.at[i].seconds = time_case(b->suite, i);
    }
    return peak;
}

static void print_results(const Bench *b, const char *cpu, double peak)
{
    double fma = 2e-9 * (double)b->suite->lanes / peak; /* seconds of one */
    printf("%s: peak %.1f GFLOP/s\n", cpu, peak);
    for (int64_t i = 0; i < b->work.len; i++) {
        const Work *w = &b->work.at[i];
        const char *label = b->suite->cases.at[i]->label;
        double rate = w->flops / w->seconds * 1e-9, vector = w->seconds / (w->elements / (double)b->suite->lanes);
        if (w->flops > 0)
            printf("  %-28s %7.1f GFLOP/s %5.1f %%", label, rate, 100 * rate / peak);
        else
            printf("  %-28s %7.3f ns a vector, the time of %4.1f multiply-adds", label, vector * 1e9, vector / fma);
        b->suite->cases.at[i]->kernel.name = "cnx_bench";
        print_spills(b->suite, i);
    }
}

static int run_cpu(const char *cpu)
{
    Bench b = {.suite = suite_new(cpu)};
    if (!b.suite)
        return 0;
    add_all(&b);
    if (!suite_build(b.suite))
        return 1;
    print_results(&b, cpu, measure_all(&b));
    suite_free(b.suite);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return run_cpu("x86-64-v4") | run_cpu("x86-64-v3");
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= run_cpu(argv[i]);
    return failed;
}
