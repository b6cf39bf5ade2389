/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Every kind of kernel, with many odd parameters, against plain loops in double precision, for AVX2 and AVX-512. */
#include "tests/codegen/harness.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const float sentinel = -777;

static float *sentinels(Suite *s, int64_t count)
{
    float *values = test_buffer(s, count * 4);
    for (int64_t i = 0; i < count; i++)
        values[i] = sentinel;
    return values;
}

/* ── GEMM ────────────────────────────────────────────────────────────────────────────────────────────── */

enum { EPI_NONE, EPI_GELU, EPI_RESIDUAL, EPI_SCALE_ADD, EPI_ROW_GELU, EPI_RELU, EPI_COUNT };

/* Operands of an epilogue: 1 is a row vector, 2 a matrix of the output's shape. */
static void gemm_epilogue(Suite *s, Case *c, int which, int64_t m, int64_t n, int64_t pitch)
{
    switch (which) {
    case EPI_GELU:
        expr_begin(c, 1);
        expr_step(c, OP_Gelu, 0, 0, 0, 0);
        break;
    case EPI_RELU:
        expr_begin(c, 1);
        expr_step(c, OP_Relu, 0, 0, 0, 0);
        break;
    case EPI_RESIDUAL:
        expr_begin(c, 2);
        expr_step(c, OP_Add, 0, 1, 0, 0);
        case_operand(c, 1, DT_FLOAT, pitch * 4, 4);
        case_arg(c, test_floats(s, (m - 1) * pitch + n, -1, 1));
        break;
    case EPI_SCALE_ADD:
        expr_begin(c, 3);
        expr_step(c, OP_Mul, 0, 1, 0, 0);
        expr_step(c, OP_Add, 3, 2, 0, 0);
        case_operand(c, 1, DT_FLOAT, 0, 4);
        case_operand(c, 2, DT_FLOAT, pitch * 4, 4);
        case_arg(c, test_floats(s, n, -1, 1));
        case_arg(c, test_floats(s, (m - 1) * pitch + n, -1, 1));
        break;
    case EPI_ROW_GELU: /* a scalar for each row */
        expr_begin(c, 2);
        expr_step(c, OP_Mul, 0, 1, 0, 0);
        expr_step(c, OP_Gelu, 2, 0, 1, 0);
        case_operand(c, 1, DT_FLOAT, 4, 0);
        case_arg(c, test_floats(s, m, -1, 1));
        break;
    default: break;
    }
}

/* The expression at row i, element j, with `result` as operand 0; operand arguments from arg `first` on. */
static double epilogue_reference(const Case *c, double result, int first, int64_t i, int64_t j)
{
    double operands[MAX_OPERANDS] = {result};
    for (int q = 1; q < c->kernel.expr.n_operands; q++) {
        const Operand *o = &c->kernel.operands[q];
        operands[q] = *(const float *)((const char *)c->args[first + q - 1] + i * o->row + j * o->step);
    }
    return expr_reference(&c->kernel.expr, operands);
}

static void gemm_case(Suite *s, int64_t m, int64_t n, int64_t nr, int64_t k, int init, bool transposed, bool prefetch,
                      int epilogue)
{
    Case *c = suite_case(s, KERNEL_GEMM, "gemm m %d n %d nr %d k %d init %d transposed %d epilogue %d", (int)m, (int)n, (int)nr,
                         (int)k, init, transposed, epilogue);
    int64_t a_row = transposed ? 1 : k + 3, a_k = transposed ? m + 1 : 1, pitch = n + 5;
    float *a = test_floats(s, (m - 1) * a_row + (k - 1) * a_k + 1, -1, 1), *b = test_floats(s, k * nr, -1, 1);
    float *out = test_floats(s, (m - 1) * pitch + n, -1, 1), *bias = test_floats(s, nr, -1, 1);
    c->kernel.gemm.m = m, c->kernel.gemm.n = n, c->kernel.gemm.k = k, c->kernel.gemm.nr = nr;
    c->kernel.gemm.a_row = a_row * 4, c->kernel.gemm.a_k = a_k * 4, c->kernel.gemm.c_row = pitch * 4;
    c->kernel.gemm.init = init, c->kernel.gemm.prefetch = prefetch, c->kernel.gemm.product = product_of(s->cpu, DT_FLOAT);
    case_arg(c, a), case_arg(c, b), case_arg(c, out);
    case_arg(c, init == GEMM_INIT_BIAS ? bias : NULL);
    case_arg(c, prefetch ? b : NULL);
    gemm_epilogue(s, c, epilogue, m, n, pitch);
    case_expect(s, c, 2, DT_FLOAT, (m - 1) * pitch + n, 3e-7 * (1 + sqrt((double)k)));
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = init == GEMM_INIT_BIAS ? bias[j] : init == GEMM_INIT_C ? out[i * pitch + j] : 0;
            for (int64_t p = 0; p < k; p++)
                sum += (double)a[i * a_row + p * a_k] * b[p * nr + j];
            c->expected[i * pitch + j] = epilogue_reference(c, sum, 5, i, j);
        }
}

static void gemm_cases(Suite *s)
{
    static const int64_t ms[] = {1, 2, 5, 6, 8, 14}, ks[] = {1, 3, 4, 6, 8, 21, 96, 385};
    int64_t most = s->lanes == 16 ? 28 : 12;
    int turn = 0;
    for (int64_t nv = 1; nv <= 4; nv++)
        for (int64_t i = 0; i < countof(ms); i++)
            for (int64_t tail = 0; tail < 4 && ms[i] * nv <= most; tail++, turn++) {
                int64_t L = s->lanes, lost[] = {0, 1, L / 2, L - 1}, n = nv * L - lost[tail];
                gemm_case(s, ms[i], n, cpu_columns(s->cpu, n), ks[turn % countof(ks)], turn % 3, turn % 5 == 0, turn % 2,
                          turn % EPI_COUNT);
            }
}

/* The residual may be the very buffer that C is written to. */
static void gemm_in_place(Suite *s)
{
    gemm_case(s, 5, s->lanes + 3, 2 * s->lanes, 12, GEMM_INIT_BIAS, false, false, EPI_RESIDUAL);
    Case *c = s->cases.at[s->cases.len - 1];
    float *out = c->args[2], *old = c->args[5];
    for (int64_t i = 0; i < c->n_out; i++)
        if (c->expected[i] != out[i])
            c->expected[i] += (double)out[i] - old[i];
    c->args[5] = c->args[2];
}

/* ── Depthwise convolution ───────────────────────────────────────────────────────────────────────────── */

typedef struct Dw {
    int64_t width, channels, kh, kw, stride, dilation, x0, in_width;
} Dw;

static double dw_sum(const Dw *d, const float *in, int64_t row, int64_t col, const float *w, int64_t lanes, int64_t x, int64_t c)
{
    double sum = 0;
    for (int64_t ky = 0; ky < d->kh; ky++)
        for (int64_t kx = 0; kx < d->kw; kx++) {
            int64_t at = x * d->stride + kx * d->dilation + d->x0;
            if (at >= 0 && at < d->in_width)
                sum += (double)in[ky * row + at * col + c] * w[(ky * d->kw + kx) * lanes + c];
        }
    return sum;
}

static void dw_case(Suite *s, Dw d, bool bias, int epilogue)
{
    Case *c = suite_case(s, KERNEL_DWCONV, "dwconv width %d channels %d %dx%d stride %d dilation %d x0 %d in %d", (int)d.width,
                         (int)d.channels, (int)d.kh, (int)d.kw, (int)d.stride, (int)d.dilation, (int)d.x0, (int)d.in_width);
    int64_t col = d.channels + 2, row = d.in_width * col + 7, out_col = d.channels + 3;
    float *in = test_floats(s, (d.kh - 1) * row + (d.in_width - 1) * col + d.channels, -1, 1);
    float *w = test_floats(s, d.kh * d.kw * s->lanes, -1, 1), *b = bias ? test_floats(s, s->lanes, -1, 1) : NULL;
    float *out = sentinels(s, (d.width - 1) * out_col + d.channels);
    c->kernel.dwconv.width = d.width, c->kernel.dwconv.channels = d.channels;
    c->kernel.dwconv.kh = d.kh, c->kernel.dwconv.kw = d.kw, c->kernel.dwconv.stride_w = d.stride;
    c->kernel.dwconv.dilation_w = d.dilation, c->kernel.dwconv.x0 = d.x0, c->kernel.dwconv.in_width = d.in_width;
    c->kernel.dwconv.in_row = row * 4, c->kernel.dwconv.in_col = col * 4, c->kernel.dwconv.out_col = out_col * 4;
    case_arg(c, in), case_arg(c, w), case_arg(c, out), case_arg(c, b);
    gemm_epilogue(s, c, epilogue, d.width, d.channels, d.channels + 1);
    case_expect(s, c, 2, DT_FLOAT, (d.width - 1) * out_col + d.channels, 2e-6);
    for (int64_t x = 0; x < d.width; x++)
        for (int64_t ch = 0; ch < d.channels; ch++) {
            double sum = (b ? b[ch] : 0) + dw_sum(&d, in, row, col, w, s->lanes, x, ch);
            c->expected[x * out_col + ch] = epilogue_reference(c, sum, 4, x, ch);
        }
}

static void dw_cases(Suite *s)
{
    int64_t L = s->lanes;
    Dw cases[] = {
        {14, L, 7, 7, 1, 1, -3, 14},   {14, L, 7, 7, 1, 1, 0, 20}, {7, L, 7, 7, 1, 1, -3, 7}, {1, L, 7, 7, 1, 1, -3, 1},
        {5, L - 1, 3, 3, 1, 1, -1, 5}, {4, 1, 3, 5, 2, 1, -2, 9},  {3, L, 5, 3, 1, 2, -2, 4}, {6, L / 2, 1, 1, 1, 1, 0, 6},
        {2, L, 2, 2, 2, 1, 0, 4},      {3, 5, 3, 3, 3, 2, -4, 8},  {9, L, 4, 7, 1, 1, 2, 12}, {2, L, 3, 3, 1, 1, 6, 5},
        {4, L, 3, 9, 1, 1, -4, 6},     {8, L, 6, 7, 1, 1, -3, 11},
    };
    for (int64_t i = 0; i < countof(cases); i++)
        if (cases[i].channels <= L)
            dw_case(s, cases[i], i % 3 != 1, (int)(i % EPI_COUNT));
}

/* ── LayerNorm, softmax, cross entropy ───────────────────────────────────────────────────────────────── */

static void norm_case(Suite *s, KernelKind kind, int64_t rows, int64_t n, bool in_place, bool affine, double offset)
{
    bool about_mean = kind != KERNEL_RMSNORM;
    Case *c = suite_case(s, kind, "norm %d %dx%d in place %d affine %d", kind, (int)rows, (int)n, in_place, affine);
    int64_t pitch = n + 3, out_pitch = in_place ? pitch : n + 1;
    float *in = test_floats(s, (rows - 1) * pitch + n, offset - 2, offset + 2);
    float *out = in_place ? in : sentinels(s, (rows - 1) * out_pitch + n);
    c->kernel.layernorm.rows = rows, c->kernel.layernorm.n = n, c->kernel.layernorm.epsilon = 1e-6;
    c->kernel.layernorm.in_row = pitch * 4, c->kernel.layernorm.out_row = out_pitch * 4;
    case_arg(c, in), case_arg(c, out);
    if (affine)
        gemm_epilogue(s, c, EPI_SCALE_ADD, rows, n, n);
    case_expect(s, c, 1, DT_FLOAT, (rows - 1) * out_pitch + n, 1e-6 * (1 + fabs(offset)));
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; about_mean && i < n; i++)
            sum += in[r * pitch + i];
        for (int64_t i = 0; i < n; i++)
            squares += (in[r * pitch + i] - sum / (double)n) * (in[r * pitch + i] - sum / (double)n);
        for (int64_t i = 0; i < n; i++) {
            double mean = kind == KERNEL_SIMPLENORM ? 0 : sum / (double)n;
            double x = (in[r * pitch + i] - mean) / sqrt(squares / (double)n + 1e-6);
            c->expected[r * out_pitch + i] = epilogue_reference(c, x, 2, r, i);
        }
    }
}

static void softmax_case(Suite *s, int64_t rows, int64_t n, bool log_form, double range)
{
    Case *c = suite_case(s, KERNEL_SOFTMAX, "softmax %dx%d log %d", (int)rows, (int)n, log_form);
    int64_t pitch = n + 2;
    float *in = test_floats(s, (rows - 1) * pitch + n, -range, range), *out = sentinels(s, (rows - 1) * pitch + n);
    c->kernel.softmax.rows = rows, c->kernel.softmax.n = n, c->kernel.softmax.log = log_form;
    c->kernel.softmax.in_row = c->kernel.softmax.out_row = pitch * 4;
    case_arg(c, in), case_arg(c, out);
    case_expect(s, c, 1, DT_FLOAT, (rows - 1) * pitch + n, 4e-7);
    for (int64_t r = 0; r < rows; r++) {
        double max = -INFINITY, sum = 0;
        for (int64_t i = 0; i < n; i++)
            max = fmax(max, in[r * pitch + i]);
        for (int64_t i = 0; i < n; i++)
            sum += exp(in[r * pitch + i] - max);
        for (int64_t i = 0; i < n; i++) {
            double x = in[r * pitch + i] - max;
            c->expected[r * pitch + i] = log_form ? x - log(sum) : exp(x) / sum;
        }
    }
}

static void cross_entropy_case(Suite *s, int64_t n, int out, DType label_dtype)
{
    static const int64_t labels[] = {0, 3, -100, 6, 1000, -1};
    int64_t rows = countof(labels), pitch = n + 1;
    Case *c = suite_case(s, KERNEL_CROSS_ENTROPY, "cross entropy %d, argument %d", (int)n, out);
    float *logits = test_floats(s, (rows - 1) * pitch + n, -9, 9);
    Tensor tensor = {.dtype = label_dtype, .rank = 1, .count = rows, .data = test_buffer(s, rows * dtype_size(label_dtype))};
    for (int64_t r = 0; r < rows; r++)
        tensor_set_int(&tensor, r, labels[r]);
    c->kernel.cross_entropy.rows = rows, c->kernel.cross_entropy.n = n, c->kernel.cross_entropy.row = pitch * 4;
    c->kernel.cross_entropy.label = label_dtype;
    c->kernel.cross_entropy.ignore = -100, c->kernel.cross_entropy.has_ignore = true;
    case_arg(c, logits), case_arg(c, (void *)(uintptr_t)tensor.data);
    case_arg(c, sentinels(s, rows)), case_arg(c, sentinels(s, rows));
    case_expect(s, c, out, DT_FLOAT, rows, 1e-6);
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        bool ignored = labels[r] == -100, valid = labels[r] >= 0 && labels[r] < n;
        for (int64_t i = 0; i < n; i++)
            sum += exp(logits[r * pitch + i]);
        double loss = ignored ? 0 : valid ? log(sum) - logits[r * pitch + labels[r]] : NAN;
        c->expected[r] = out == 2 ? loss : !ignored;
    }
}

static void row_cases(Suite *s)
{
    static const int64_t ns[] = {1, 5, 8, 16, 17, 96, 97, 192, 195, 768, 1000};
    for (int64_t i = 0; i < countof(ns); i++) {
        norm_case(s, KERNEL_LAYERNORM, 1 + i % 3, ns[i], i % 2, i % 3 == 0, i % 4 == 3 ? 30 : 0);
        norm_case(s, KERNEL_RMSNORM, 5 - i % 5, ns[i], i % 2, i % 3 == 0, i % 4 == 3 ? 30 : 0);
        if (ns[i] > 1) /* of one element x / sqrt(epsilon) is as large as x's rounding is small */
            norm_case(s, KERNEL_SIMPLENORM, 1 + 4 * (i % 3), ns[i], i % 2, i % 3 == 0, i % 4 == 3 ? 3 : 0);
        softmax_case(s, 1 + i % 2, ns[i], false, 20);
        softmax_case(s, 1 + i % 2, ns[i], true, i % 2 ? 3 : 200);
    }
    cross_entropy_case(s, 7, 2, DT_INT64);
    cross_entropy_case(s, 1000, 2, DT_INT32);
    cross_entropy_case(s, 33, 3, DT_INT64);
}

/* ── Reductions ──────────────────────────────────────────────────────────────────────────────────────── */

static double collect(int op, double sum, double x)
{
    switch (op) {
    case REDUCE_MAX: return fmax(sum, x);
    case REDUCE_MIN: return fmin(sum, x);
    case REDUCE_PROD: return sum * x;
    case REDUCE_L1: return sum + fabs(x);
    case REDUCE_L2:
    case REDUCE_SUM_SQUARE: return sum + x * x;
    default: return sum + x;
    }
}

static void reduce_case(Suite *s, int op, int64_t n, int64_t n1, int64_t width, int epilogue)
{
    Case *c = suite_case(s, KERNEL_REDUCE, "reduce op %d n %d n1 %d width %d", op, (int)n, (int)n1, (int)width);
    int64_t step = width == 1 ? 1 : width + 1, step1 = n * step + 2;
    float *in = test_floats(s, (n1 - 1) * step1 + (n - 1) * step + width, op == REDUCE_PROD ? 0.98 : -1, 1.02);
    c->kernel.reduce.op = op, c->kernel.reduce.n = n, c->kernel.reduce.n1 = n1, c->kernel.reduce.width = width;
    c->kernel.reduce.step = step * 4, c->kernel.reduce.step1 = step1 * 4;
    case_arg(c, in), case_arg(c, sentinels(s, width));
    gemm_epilogue(s, c, epilogue, 1, width, width);
    case_expect(s, c, 1, DT_FLOAT, width, 2e-7 * (4 + sqrt((double)(n * n1))));
    for (int64_t j = 0; j < width; j++) {
        double sum = op == REDUCE_MAX ? -INFINITY : op == REDUCE_MIN ? INFINITY : op == REDUCE_PROD;
        for (int64_t i1 = 0; i1 < n1; i1++)
            for (int64_t i = 0; i < n; i++)
                sum = collect(op, sum, in[i1 * step1 + i * step + j]);
        sum = op == REDUCE_MEAN ? sum / (double)(n * n1) : op == REDUCE_L2 ? sqrt(sum) : sum;
        c->expected[j] = epilogue_reference(c, sum, 2, 0, j);
    }
}

/* Few different numbers, so that many are equal, and now and then a NaN. */
static void arg_case(Suite *s, DType dtype, int64_t n, int64_t width, bool min, bool last)
{
    Case *c = suite_case(s, KERNEL_ARG, "arg %s n %d width %d min %d last %d", dtype_name(dtype), (int)n, (int)width, min, last);
    int64_t step = width + (width > 1 ? 3 : 0), count = (n - 1) * step + width;
    Tensor in = {.dtype = dtype, .rank = 1, .count = count, .data = test_buffer(s, count * dtype_size(dtype))};
    for (int64_t i = 0; i < count; i++)
        tensor_set(&in, i, dtype_is_float(dtype) && test_random(s, 0, 1) < 0.02 ? NAN : floor(test_random(s, 0, 5)));
    c->kernel.arg.n = n, c->kernel.arg.width = width, c->kernel.arg.step = step * dtype_size(dtype);
    c->kernel.arg.element = dtype, c->kernel.arg.min = min, c->kernel.arg.last = last;
    case_arg(c, (void *)(uintptr_t)in.data), case_arg(c, test_buffer(s, width * 8));
    case_expect(s, c, 1, DT_INT64, width, 0);
    for (int64_t j = 0; j < width; j++) {
        int64_t best = 0;
        for (int64_t i = 1; i < n; i++) {
            double a = tensor_get(&in, best * step + j), b = tensor_get(&in, i * step + j);
            bool better = isnan(a) || isnan(b) ? isnan(b) && !isnan(a) : min ? b < a : b > a;
            best = better || (last && (a == b || (isnan(a) && isnan(b)))) ? i : best;
        }
        c->expected[j] = (double)best;
    }
}

static void arg_cases(Suite *s)
{
    static const int64_t sizes[][2] = {{1, 1}, {3, 1}, {17, 1}, {150, 1}, {1000, 1}, {1, 5}, {19, 17}, {150, 64}, {7, 301}};
    static const DType types[] = {DT_DOUBLE, DT_INT8, DT_UINT8, DT_INT32, DT_UINT64};
    for (int flags = 0; flags < 4; flags++) {
        for (int64_t i = 0; i < countof(sizes); i++)
            arg_case(s, DT_FLOAT, sizes[i][0], sizes[i][1], flags & 1, flags & 2);
        for (int64_t j = 0; j < countof(types); j++)
            arg_case(s, types[j], 19, j % 2 ? 1 : 17, flags & 1, flags & 2);
    }
}

static void reduce_cases(Suite *s)
{
    static const int64_t sizes[][3] = {{1, 1, 1},  {49, 1, 1},   {1000, 3, 1}, {49, 1, 768},
                                       {7, 7, 21}, {200, 2, 17}, {33, 1, 100}, {3136, 1, 5}};
    for (int op = REDUCE_SUM; op <= REDUCE_SUM_SQUARE; op++)
        for (int64_t i = 0; i < countof(sizes); i++)
            reduce_case(s, op, sizes[i][0], sizes[i][1], sizes[i][2], i % 3 == 0 ? EPI_SCALE_ADD : EPI_NONE);
}

/* ── Elementwise, gather ─────────────────────────────────────────────────────────────────────────────── */

static void unary_case(Suite *s, OpKind op, double imm0, double imm1, double low, double high, double tolerance)
{
    int64_t n = 1003;
    Case *c = suite_case(s, KERNEL_MAP, "map %s", op_get(op)->name);
    float *in = test_floats(s, n, low, high);
    static const float special[] = {0, 1, -1, 0.5f, -0.5f, 1e-30f, -1e-30f, 1e-41f};
    for (int64_t i = 0; i < countof(special); i++)
        in[i] = special[i] >= low && special[i] <= high ? special[i] : in[i];
    c->kernel.map.rows = 1, c->kernel.map.n = n, c->kernel.map.out = (Operand){DT_FLOAT, n * 4, 4};
    expr_begin(c, 1), expr_step(c, op, 0, 0, imm0, imm1), case_operand(c, 0, DT_FLOAT, n * 4, 4);
    case_arg(c, sentinels(s, n)), case_arg(c, in);
    case_expect(s, c, 0, DT_FLOAT, n, tolerance);
    for (int64_t i = 0; i < n; i++)
        c->expected[i] = expr_reference(&c->kernel.expr, (double[]){in[i]});
}

static void unary_cases(Suite *s)
{
    const double ulp = 6.1e-8;
    unary_case(s, OP_Abs, 0, 0, -3, 3, 0), unary_case(s, OP_Neg, 0, 0, -3, 3, 0), unary_case(s, OP_Relu, 0, 0, -3, 3, 0);
    unary_case(s, OP_Ceil, 0, 0, -9, 9, 0), unary_case(s, OP_Floor, 0, 0, -9, 9, 0), unary_case(s, OP_Round, 0, 0, -9, 9, 0);
    unary_case(s, OP_Clip, -1.5, 2.25, -9, 9, 0), unary_case(s, OP_LeakyRelu, 0.125, 0, -3, 3, 0);
    unary_case(s, OP_Sqrt, 0, 0, 0, 30, ulp), unary_case(s, OP_Reciprocal, 0, 0, 0.1, 30, ulp);
    unary_case(s, OP_Gelu, 0, 0, -12, 12, 1.5e-7), unary_case(s, OP_Gelu, 1, 0, -12, 12, 3e-7);
    unary_case(s, OP_Erf, 0, 0, -6, 6, 2e-7), unary_case(s, OP_Tanh, 0, 0, -12, 12, 2e-7);
    unary_case(s, OP_Exp, 0, 0, -110, 95, 2e-7), unary_case(s, OP_Sigmoid, 0, 0, -100, 100, 2e-7);
    unary_case(s, OP_Log, 0, 0, 0, 100, ulp), unary_case(s, OP_Softplus, 0, 0, -40, 40, 2e-7);
    unary_case(s, OP_Mish, 0, 0, -30, 30, 3e-7), unary_case(s, OP_Elu, 1.5, 0, -9, 9, 3e-7);
    unary_case(s, OP_Selu, 1.6732632, 1.0507010, -9, 9, 4e-7);
    unary_case(s, OP_HardSigmoid, 0.2, 0.5, -9, 9, 2e-7), unary_case(s, OP_HardSwish, 0, 0, -9, 9, 2e-7);
}

static void pow_case(Suite *s)
{
    static const float xs[] = {0, 0, 0, 1, -1, -1, -2, -2, 2, 3.5f, 1e-20f, INFINITY, 0.5f, -8, 10, 1e-40f, NAN, 2};
    static const float ys[] = {0, 2, -1, NAN, 3, 0.5f, 3, 2, 0.5f, 2.5f, 2, -1, 200, 1 / 3.f, -3.25f, 0.25f, 0, NAN};
    int64_t n = countof(xs);
    Case *c = suite_case(s, KERNEL_MAP, "map pow");
    float *x = test_buffer(s, n * 4), *y = test_buffer(s, n * 4);
    memcpy(x, xs, sizeof xs), memcpy(y, ys, sizeof ys);
    c->kernel.map.rows = 1, c->kernel.map.n = n, c->kernel.map.out = (Operand){DT_FLOAT, 0, 4};
    expr_begin(c, 2), expr_step(c, OP_Pow, 0, 1, 0, 0);
    case_operand(c, 0, DT_FLOAT, 0, 4), case_operand(c, 1, DT_FLOAT, 0, 4);
    case_arg(c, sentinels(s, n)), case_arg(c, x), case_arg(c, y);
    case_expect(s, c, 0, DT_FLOAT, n, 1.2e-7);
    for (int64_t i = 0; i < n; i++)
        c->expected[i] = pow(x[i], y[i]);
}

/* rows × n with any strides: a transposed operand, one that is broadcast, a strided output. */
static void strided_case(Suite *s, int64_t rows, int64_t n, bool strided_out)
{
    Case *c = suite_case(s, KERNEL_MAP, "map strided %dx%d out %d", (int)rows, (int)n, strided_out);
    float *a = test_floats(s, rows * n, -1, 1), *b = test_floats(s, rows, -1, 1), *out = sentinels(s, rows * n);
    int64_t out_row = strided_out ? 1 : n, out_step = strided_out ? rows : 1;
    c->kernel.map.rows = rows, c->kernel.map.n = n, c->kernel.map.out = (Operand){DT_FLOAT, out_row * 4, out_step * 4};
    expr_begin(c, 2), expr_step(c, OP_Sub, 0, 1, 0, 0);
    case_operand(c, 0, DT_FLOAT, 4, rows * 4), case_operand(c, 1, DT_FLOAT, 4, 0);
    case_arg(c, out), case_arg(c, a), case_arg(c, b);
    case_expect(s, c, 0, DT_FLOAT, rows * n, 1e-7);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i++)
            c->expected[r * out_row + i * out_step] = (double)a[r + i * rows] - b[r];
}

static void cast_case(Suite *s, DType from, DType to, int64_t n)
{
    Case *c = suite_case(s, KERNEL_MAP, "map cast %s to %s", dtype_name(from), dtype_name(to));
    Tensor in = {.dtype = from, .rank = 1, .count = n, .data = test_buffer(s, n * dtype_size(from))};
    bool positive = to == DT_UINT8 || from == DT_UINT8;
    for (int64_t i = 0; i < n; i++)
        tensor_set(&in, i, floor(test_random(s, positive ? 0 : -100, 100) * 8) / 8);
    c->kernel.map.rows = 1, c->kernel.map.n = n, c->kernel.map.out = (Operand){to, 0, dtype_size(to)};
    expr_begin(c, 1), expr_step(c, OP_Cast, 0, 0, 0, 0), case_operand(c, 0, from, 0, dtype_size(from));
    c->kernel.expr.steps[0].dtype = to;
    case_arg(c, test_buffer(s, n * dtype_size(to))), case_arg(c, (void *)(uintptr_t)in.data);
    case_expect(s, c, 0, to, n, to == DT_BFLOAT16 ? 4e-3 : to == DT_FLOAT16 ? 5e-4 : 0);
    for (int64_t i = 0; i < n; i++) {
        double x = tensor_get(&in, i);
        bool whole = to != DT_FLOAT && to != DT_DOUBLE && to != DT_FLOAT16 && to != DT_BFLOAT16;
        c->expected[i] = to == DT_BOOL ? x != 0 : whole ? trunc(x) : x;
    }
}

/* Where(a < b, a / b, b) of int64, with divisors of 0 and -1. */
static void integer_case(Suite *s)
{
    static const int64_t as[] = {7, -7, 7, -7, 0, INT64_MIN, 5, 100, -3, 1, 2}, bs[] = {2, 2, -2, 0, 3, -1, 9, 1000, -1, 0, 7};
    int64_t n = countof(as);
    Case *c = suite_case(s, KERNEL_MAP, "map int64");
    int64_t *a = test_buffer(s, n * 8), *b = test_buffer(s, n * 8);
    memcpy(a, as, sizeof as), memcpy(b, bs, sizeof bs);
    c->kernel.map.rows = 1, c->kernel.map.n = n, c->kernel.map.out = (Operand){DT_INT64, 0, 8};
    expr_begin(c, 2), expr_step(c, OP_Less, 0, 1, 0, 0), expr_step(c, OP_Div, 0, 1, 0, 0);
    expr_step(c, OP_Where, 2, 3, 0, 0);
    c->kernel.expr.steps[0].dtype = DT_BOOL, c->kernel.expr.steps[1].dtype = c->kernel.expr.steps[2].dtype = DT_INT64;
    c->kernel.expr.steps[2].in[2] = 1;
    case_operand(c, 0, DT_INT64, 0, 8), case_operand(c, 1, DT_INT64, 0, 8);
    case_arg(c, test_buffer(s, n * 8)), case_arg(c, a), case_arg(c, b);
    case_expect(s, c, 0, DT_INT64, n, 0);
    for (int64_t i = 0; i < n; i++)
        c->expected[i] = (double)(a[i] >= b[i] ? b[i] : b[i] == 0 ? 0 : b[i] == -1 ? (int64_t)-(uint64_t)a[i] : a[i] / b[i]);
}

static void gather_case(Suite *s, int64_t row_bytes, DType index)
{
    static const int64_t picks[] = {0, 4, -1, -5, 2, 99, -99};
    int64_t rows = countof(picks), n_data = 5;
    Case *c = suite_case(s, KERNEL_GATHER, "gather rows of %d bytes", (int)row_bytes);
    uint8_t *data = test_buffer(s, n_data * row_bytes), *out = test_buffer(s, rows * row_bytes);
    Tensor at = {.dtype = index, .rank = 1, .count = rows, .data = test_buffer(s, rows * dtype_size(index))};
    for (int64_t i = 0; i < n_data * row_bytes; i++)
        data[i] = (uint8_t)test_random(s, 0, 256);
    c->kernel.gather.rows = rows, c->kernel.gather.row_bytes = row_bytes, c->kernel.gather.n_data = n_data;
    c->kernel.gather.index = index;
    case_arg(c, data), case_arg(c, (void *)(uintptr_t)at.data), case_arg(c, out);
    case_expect(s, c, 2, DT_UINT8, rows * row_bytes, 0);
    for (int64_t r = 0; r < rows; r++) {
        int64_t row = picks[r] < 0 ? picks[r] + n_data : picks[r];
        tensor_set_int(&at, r, picks[r]);
        row = row < 0 ? 0 : row >= n_data ? n_data - 1 : row;
        for (int64_t i = 0; i < row_bytes; i++)
            c->expected[r * row_bytes + i] = data[row * row_bytes + i];
    }
}

static void blend_case(Suite *s, int64_t rows, int64_t n, int64_t taps, bool adds)
{
    int64_t n_in = taps + 3, pitch = n + 5;
    Case *c = suite_case(s, KERNEL_BLEND, "blend rows %d n %d taps %d", (int)rows, (int)n, (int)taps);
    float *in = test_floats(s, n_in * pitch, -1, 1), *weights = test_floats(s, rows * taps, -1, 1);
    int32_t *first = test_buffer(s, rows * 4);
    for (int64_t r = 0; r < rows; r++)
        first[r] = (int32_t)(r * 7 % 4);
    c->kernel.blend.rows = rows, c->kernel.blend.n = n, c->kernel.blend.taps = taps, c->kernel.blend.n_in = n_in;
    c->kernel.blend.in_row = pitch * 4, c->kernel.blend.out_row = n * 4;
    case_arg(c, in), case_arg(c, first), case_arg(c, weights), case_arg(c, sentinels(s, rows * n));
    gemm_epilogue(s, c, adds ? EPI_RESIDUAL : EPI_NONE, rows, n, pitch);
    case_expect(s, c, 3, DT_FLOAT, rows * n, 2e-7 * (double)(taps + 1));
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i++) {
            double sum = 0;
            for (int64_t t = 0; t < taps; t++)
                sum += (double)weights[r * taps + t] * in[(first[r] + t) * pitch + i];
            c->expected[r * n + i] = epilogue_reference(c, sum, 4, r, i);
        }
}

static void scatter_case(Suite *s, DType element, ScatterOp op, int64_t n)
{
    static const int64_t picks[] = {3, 0, 4, 3, 3, 1};
    int64_t rows = countof(picks), n_data = 5, size = dtype_size(element);
    Case *c = suite_case(s, KERNEL_SCATTER, "scatter %s op %d n %d", dtype_name(element), op, (int)n);
    Tensor data = {.dtype = element, .rank = 1, .count = n_data * n, .data = test_buffer(s, n_data * n * size)};
    Tensor from = {.dtype = element, .rank = 1, .count = rows * n, .data = test_buffer(s, rows * n * size)};
    int64_t *at = test_buffer(s, sizeof picks);
    for (int64_t i = 0; i < data.count; i++)
        tensor_set(&data, i, floor(test_random(s, -3, 4)));
    for (int64_t i = 0; i < from.count; i++)
        tensor_set(&from, i, floor(test_random(s, -3, 4)));
    memcpy(at, picks, sizeof picks);
    c->kernel.scatter.rows = rows, c->kernel.scatter.n = n, c->kernel.scatter.n_data = n_data;
    c->kernel.scatter.element = element, c->kernel.scatter.op = op;
    case_arg(c, (void *)(uintptr_t)data.data), case_arg(c, at), case_arg(c, (void *)(uintptr_t)from.data);
    case_expect(s, c, 0, element, data.count, 0);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i++) {
            double *there = &c->expected[picks[r] * n + i], x = tensor_get(&from, r * n + i);
            *there = op == SCATTER_ADD   ? *there + x
                     : op == SCATTER_MUL ? *there * x
                     : op == SCATTER_MAX ? fmax(*there, x)
                     : op == SCATTER_MIN ? fmin(*there, x)
                                         : x;
        }
}

/* Few different numbers, NaN and both zeros among the floats: what is asked for are the places. */
static void topk_case(Suite *s, DType element, int64_t n, int64_t k, bool least)
{
    int64_t step = 3, size = dtype_size(element);
    Case *c = suite_case(s, KERNEL_TOPK, "topk %s %d of %d least %d", dtype_name(element), (int)k, (int)n, least);
    Tensor in = {.dtype = element, .rank = 1, .count = n * step, .data = test_buffer(s, n * step * size)};
    double *keys = NEW_ARRAY(s->arena, double, n);
    bool *taken = NEW_ARRAY(s->arena, bool, n);
    for (int64_t i = 0; i < n; i++) {
        double x = floor(test_random(s, dtype_lowest(element) == 0 ? 0 : -4, 5));
        x = dtype_is_float(element) && test_random(s, 0, 1) < 0.05 ? NAN : x;
        tensor_set(&in, i * step, dtype_is_float(element) && x == 0 && i % 2 ? -0.0 : x);
        keys[i] = (isnan(x) ? INFINITY : x) * (least ? -1 : 1);
    }
    c->kernel.topk.n = n, c->kernel.topk.step = step * size, c->kernel.topk.k = k, c->kernel.topk.value_step = 2 * size;
    c->kernel.topk.index_step = 8, c->kernel.topk.element = element, c->kernel.topk.least = least;
    case_arg(c, (void *)(uintptr_t)in.data), case_arg(c, test_buffer(s, 2 * k * size)), case_arg(c, test_buffer(s, k * 8));
    case_arg(c, test_buffer(s, k * 16));
    case_expect(s, c, 2, DT_INT64, k, 0);
    for (int64_t i = 0; i < k; i++) {
        int64_t best = -1;
        for (int64_t j = 0; j < n; j++)
            best = !taken[j] && (best < 0 || keys[j] > keys[best]) ? j : best;
        taken[best] = true;
        c->expected[i] = (double)best;
    }
}

static void place_cases(Suite *s)
{
    static const DType types[] = {DT_FLOAT, DT_DOUBLE, DT_INT8, DT_UINT8, DT_INT32, DT_INT64, DT_UINT64};
    for (int64_t i = 0; i < countof(types); i++)
        for (int least = 0; least < 2; least++)
            topk_case(s, types[i], 1, 1, least), topk_case(s, types[i], 40, 7, least), topk_case(s, types[i], 33, 33, least);
    for (int op = SCATTER_PUT; op <= SCATTER_MIN; op++)
        scatter_case(s, DT_FLOAT, op, 1), scatter_case(s, DT_FLOAT, op, 37), scatter_case(s, DT_INT64, op, 5),
            scatter_case(s, DT_FLOAT16, op, 19), scatter_case(s, DT_INT8, op, 3);
}

static void transpose_case(Suite *s, int64_t rows, int64_t n)
{
    int64_t in_row = rows + 3, out_row = n + 1;
    Case *c = suite_case(s, KERNEL_TRANSPOSE, "transpose %d x %d", (int)rows, (int)n);
    float *in = test_floats(s, n * in_row, -1, 1);
    c->kernel.transpose.rows = rows, c->kernel.transpose.n = n;
    c->kernel.transpose.in_row = in_row * 4, c->kernel.transpose.out_row = out_row * 4;
    case_arg(c, in), case_arg(c, sentinels(s, rows * out_row));
    case_expect(s, c, 1, DT_FLOAT, rows * out_row, 0);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < out_row; i++)
            c->expected[r * out_row + i] = i < n ? in[i * in_row + r] : sentinel;
}

static void element_cases(Suite *s)
{
    static const DType types[] = {DT_FLOAT, DT_DOUBLE, DT_INT64, DT_INT32, DT_UINT8, DT_BOOL, DT_FLOAT16, DT_BFLOAT16, DT_INT16};
    unary_cases(s);
    pow_case(s);
    integer_case(s);
    strided_case(s, 3, 7, false), strided_case(s, 5, 64, true), strided_case(s, 2, 131, false);
    for (int64_t i = 0; i < countof(types); i++)
        for (int64_t j = 0; j < countof(types); j++)
            if (types[i] != DT_BOOL)
                cast_case(s, types[i], types[j], 37);
    gather_case(s, 4, DT_INT64), gather_case(s, 3, DT_INT32);
    gather_case(s, 391, DT_INT64), gather_case(s, 64, DT_INT32);
    transpose_case(s, 3, 2), transpose_case(s, 16, 16), transpose_case(s, 37, 50), transpose_case(s, 8, 7),
        transpose_case(s, 64, 33);
    for (int64_t taps = 1; taps < 10; taps += 2)
        blend_case(s, 9, 3, taps, false), blend_case(s, 5, 33, taps, true), blend_case(s, 2, 200, taps + 1, false);
}

/* ── Spills ──────────────────────────────────────────────────────────────────────────────────────────── */

static int64_t product_spills(const char *cpu, DType precision, bool prefetch, int64_t m, int64_t nr)
{
    Kernel k = {.kind = KERNEL_GEMM, .name = "cnx_tile"};
    k.gemm.m = m, k.gemm.n = k.gemm.nr = nr, k.gemm.k = 96, k.gemm.a_row = 400, k.gemm.a_k = 4, k.gemm.c_row = 400;
    k.gemm.prefetch = prefetch, k.gemm.product = product_of(cpu_find(cpu), precision);
    return codegen_kernel_spills(&k, cpu_find(cpu));
}

static int64_t tile_spills(const char *cpu, int64_t m, int64_t nr) { return product_spills(cpu, DT_FLOAT, true, m, nr); }

/* The tiles that the schedule relies on fit the registers; larger ones are found out. */
static void spills(void **state)
{
    (void)state;
    assert_int_equal(tile_spills("x86-64-v4", 14, 32), 0);
    assert_int_equal(tile_spills("x86-64-v4", 8, 48), 0);
    assert_int_equal(tile_spills("x86-64-v4", 6, 64), 0);
    assert_int_equal(tile_spills("x86-64-v3", 6, 16), 0);
    assert_int_equal(tile_spills("x86-64-v3", 4, 24), 0);
    assert_int_equal(tile_spills("x86-64-v2", 5, 8), 0);
    assert_int_equal(tile_spills("x86-64-v2", 3, 12), 0);
    assert_int_equal(tile_spills("znver4", 9, 40), 0); /* two vectors and half a one */
    assert_int_equal(tile_spills("znver4", 14, 24), 0);
    assert_int_equal(product_spills("znver4", DT_BFLOAT16, true, 9, 40), 0);
    assert_int_equal(product_spills("znver4", DT_INT8, true, 9, 40), 0);
    assert_true(tile_spills("x86-64-v4", 10, 64) > 0);
    assert_true(tile_spills("x86-64-v3", 8, 16) > 0);
    const char *const arm[] = {"aarch64", "neoverse-v1"};
    for (int64_t i = 0; i < countof(arm); i++) {
        assert_int_equal(tile_spills(arm[i], 8, 12), 0);
        assert_int_equal(tile_spills(arm[i], 6, 16), 0);
        assert_true(tile_spills(arm[i], 10, 12) > 0);
        assert_true(tile_spills(arm[i], 8, 16) > 0);
    }
    assert_int_equal(product_spills("neoverse-n1", DT_INT8, false, 8, 12), 0);
    assert_int_equal(product_spills("neoverse-v1", DT_BFLOAT16, false, 8, 12), 0);
    assert_int_equal(product_spills("neoverse-v1", DT_BFLOAT16, false, 11, 8), 0);
    assert_int_equal(product_spills("neoverse-v1", DT_BFLOAT16, false, 4, 16), 0);
    assert_true(product_spills("neoverse-v1", DT_BFLOAT16, false, 6, 16) > 0);
}

/* ── Running ─────────────────────────────────────────────────────────────────────────────────────────── */

static void check_on(const char *cpu, void (*cases)(Suite *suite))
{
    Suite *suite = suite_new(cpu);
    if (!suite)
        skip();
    cases(suite);
    assert_true(suite_build(suite));
    assert_int_equal(suite_check(suite), 0);
    suite_free(suite);
}

static void all_gemm(Suite *s) { gemm_cases(s), gemm_in_place(s); }

#define EACH(name, cases)                                                                  \
    static void name##_sse4(void **state) { (void)state, check_on("x86-64-v2", cases); }   \
    static void name##_avx2(void **state) { (void)state, check_on("x86-64-v3", cases); }   \
    static void name##_avx512(void **state) { (void)state, check_on("x86-64-v4", cases); } \
    static void name##_halves(void **state) { (void)state, check_on("znver4", cases); }    \
    static void name##_neon(void **state) { (void)state, check_on("aarch64", cases); }
EACH(gemm, all_gemm)
EACH(dwconv, dw_cases)
EACH(rows, row_cases)
EACH(reduce, reduce_cases)
EACH(args, arg_cases)
EACH(places, place_cases)
EACH(elements, element_cases)

int main(void)
{
    const struct CMUnitTest tests[] = {
#define EACH_TEST(name)                                                                            \
    cmocka_unit_test(name##_sse4), cmocka_unit_test(name##_avx2), cmocka_unit_test(name##_avx512), \
        cmocka_unit_test(name##_halves), cmocka_unit_test(name##_neon)
        EACH_TEST(gemm), EACH_TEST(dwconv), EACH_TEST(rows),     EACH_TEST(reduce),
        EACH_TEST(args), EACH_TEST(places), EACH_TEST(elements), cmocka_unit_test(spills),
    };
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
