/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Depthwise convolution: a row of output pixels of one vector of channels.
 *
 * The sums of `width` pixels stay in registers. For each kernel row, its kw weights are loaded, and the columns of
 * the input row stream by once: each column is loaded and multiplied into every pixel that it touches.
 *
 *     for ky: w = W[ky][0…kw); for column c: v = in[ky][c]; for each tap (x, kx) on c: out[x] += w[kx] * v
 *
 * The loop over ky stays rolled: unrolled in both directions such kernels spill by the hundred. Taps on columns
 * outside the picture are never generated. */
#include "compiler/codegen/emit.h"

#include <assert.h>

enum { MAX_TAPS = 64, F32 = 4 };

typedef struct Row {
    const Kernel *kernel;
    int64_t tap;                 /* bytes from one weight to the next, which are whole vectors */
    IrValue weights[MAX_TAPS];
    IrValue sums[MAX_CARRIED];   /* width, then the input's and the weights' address */
} Row;

static int64_t tap_column(const Kernel *k, int64_t x, int64_t kx)
{
    return x * k->dwconv.stride_w + kx * k->dwconv.dilation_w + k->dwconv.x0;
}

/* The tap of pixel x that lies on column c; -1: none. */
static int64_t tap_on(const Kernel *k, int64_t x, int64_t c)
{
    int64_t distance = c - tap_column(k, x, 0);
    if (distance < 0 || distance % k->dwconv.dilation_w)
        return -1;
    int64_t kx = distance / k->dwconv.dilation_w;
    return kx < k->dwconv.kw ? kx : -1;
}

static void multiply_column(Emit *e, Row *r, int64_t c)
{
    const Kernel *k = r->kernel;
    IrValue value = NULL, in = r->sums[k->dwconv.width];
    for (int64_t x = 0; x < k->dwconv.width; x++) {
        int64_t kx = tap_on(k, x, c);
        if (kx < 0)
            continue;
        if (!value)
            value = emit_load_lanes(e, e->f32, emit_offset(e, in, c * k->dwconv.in_col), k->dwconv.channels);
        r->sums[x] = emit_fma(e, r->weights[kx], value, r->sums[x]);
        if (!cpu_has_fma(e->cpu)) /* as in gemm.c: a product must be added before the next one is made */
            emit_hold(e, &r->sums[x], 1);
    }
}

static void multiply_row(Emit *e, Row *r)
{
    const Kernel *k = r->kernel;
    IrValue *in = &r->sums[k->dwconv.width], *weights = in + 1;
    for (int64_t kx = 0; kx < k->dwconv.kw; kx++)
        r->weights[kx] = emit_load(e, emit_offset(e, *weights, kx * r->tap));
    int64_t last = tap_column(k, k->dwconv.width - 1, k->dwconv.kw - 1);
    int64_t first = k->dwconv.x0 > 0 ? k->dwconv.x0 : 0;
    for (int64_t c = first; c <= last && c < k->dwconv.in_width; c++)
        multiply_column(e, r, c);
    *in = emit_offset(e, *in, k->dwconv.in_row);
    *weights = emit_offset(e, *weights, k->dwconv.kw * r->tap);
}

static void store_row(Emit *e, const Row *r)
{
    const Kernel *k = r->kernel;
    for (int64_t x = 0; x < k->dwconv.width; x++) {
        IrValue values[MAX_OPERANDS] = {r->sums[x]};
        for (int q = 1; q < k->expr.n_operands; q++) {
            IrValue at = emit_offset(e, emit_arg(e, N_DWCONV_ARGS + q - 1), x * k->operands[q].row);
            values[q] = expr_load(e, &k->operands[q], at, k->dwconv.channels);
        }
        expr_finish(e, k, values, emit_offset(e, emit_arg(e, DWCONV_OUT), x * k->dwconv.out_col), k->dwconv.channels);
    }
}

void kernel_dwconv(Emit *e, const Kernel *kernel)
{
    Row r = {.kernel = kernel, .tap = e->lanes * F32};
    int64_t width = kernel->dwconv.width;
    assert(kernel->dwconv.kw <= MAX_TAPS && width + 2 <= MAX_CARRIED && kernel->dwconv.channels <= e->lanes);
    emit_narrow(e, kernel->dwconv.channels);
    IrValue bias = emit_load_lanes(e, e->f32, emit_arg(e, DWCONV_BIAS), kernel->dwconv.channels);
    for (int64_t x = 0; x < width; x++)
        r.sums[x] = bias;
    r.sums[width] = emit_arg(e, DWCONV_IN);
    r.sums[width + 1] = emit_arg(e, DWCONV_W);
    if (kernel->dwconv.kh > 0) {
        Loop loop = emit_loop_begin(e, kernel->dwconv.kh, r.sums, (int)width + 2);
        multiply_row(e, &r);
        emit_loop_end(e, &loop, r.sums);
    }
    store_row(e, &r);
}
