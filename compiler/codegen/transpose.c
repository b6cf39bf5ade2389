/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Transpose: rows become columns, in squares of as many as a vector has lanes.
 *
 *     out[r, i] = in[i, r]
 *
 * A square is loaded as the columns of `in`, and turned in registers: first four vectors at a time within quarters of 128 bits, which
 * then change places as wholes.
 *
 *     a0 a1 a2 a3 …   b0 b1 b2 b3 …   c…   d…      →     a0 b0 c0 d0 …   a1 b1 c1 d1 …   a2 …   a3 …                */
#include "compiler/codegen/emit.h"

#include <assert.h>

enum { BITS32 = 4, MOST_LANES = 16, QUARTER = 4 };

/* Elements of both vectors, by a rule: the result's lane `lane` is element pick(lane) of a, or of b from `lanes` on. */
static IrValue shuffled(Emit *e, IrValue a, IrValue b, const int64_t *picks)
{
    IrValue mask[MOST_LANES];
    for (int64_t i = 0; i < e->lanes; i++)
        mask[i] = LLVMConstInt(e->i32, (unsigned long long)picks[i], 0);
    return LLVMBuildShuffleVector(e->ir, a, b, LLVMConstVector(mask, (unsigned)e->lanes), "");
}

/* Within quarters: a0 b0 a1 b1, or with `high` a2 b2 a3 b3; in pairs: a0 a1 b0 b1, or a2 a3 b2 b3. */
static IrValue interleaved(Emit *e, IrValue a, IrValue b, bool pairs, bool high)
{
    int64_t picks[MOST_LANES];
    for (int64_t i = 0; i < e->lanes; i++) {
        int64_t in = i % QUARTER, from_b = pairs ? in / 2 : in % 2, element = pairs ? in % 2 : in / 2;
        picks[i] = i - in + element + (high ? 2 : 0) + from_b * e->lanes;
    }
    return shuffled(e, a, b, picks);
}

/* Whole quarters: the even ones of a and b, or the odd ones. */
static IrValue quarters(Emit *e, IrValue a, IrValue b, bool odd)
{
    int64_t picks[MOST_LANES], half = e->lanes / 2;
    for (int64_t i = 0; i < e->lanes; i++)
        picks[i] = i % half / QUARTER * 2 * QUARTER + i % QUARTER + (odd ? QUARTER : 0) + i / half * e->lanes;
    return shuffled(e, a, b, picks);
}

static void turn_four(Emit *e, IrValue *v)
{
    IrValue low01 = interleaved(e, v[0], v[1], false, false), high01 = interleaved(e, v[0], v[1], false, true);
    IrValue low23 = interleaved(e, v[2], v[3], false, false), high23 = interleaved(e, v[2], v[3], false, true);
    v[0] = interleaved(e, low01, low23, true, false);
    v[1] = interleaved(e, low01, low23, true, true);
    v[2] = interleaved(e, high01, high23, true, false);
    v[3] = interleaved(e, high01, high23, true, true);
}

/* v[step * g], g < lanes / 4, as a square of quarters. */
static void turn_quarters(Emit *e, IrValue *v)
{
    if (e->lanes == 2 * QUARTER) {
        IrValue even = quarters(e, v[0], v[4], false), odd = quarters(e, v[0], v[4], true);
        v[0] = even, v[4] = odd;
        return;
    }
    IrValue even01 = quarters(e, v[0], v[4], false), odd01 = quarters(e, v[0], v[4], true);
    IrValue even23 = quarters(e, v[8], v[12], false), odd23 = quarters(e, v[8], v[12], true);
    v[0] = quarters(e, even01, even23, false);
    v[4] = quarters(e, odd01, odd23, false);
    v[8] = quarters(e, even01, even23, true);
    v[12] = quarters(e, odd01, odd23, true);
}

/* `rows` rows of the result by `columns`, both at most the lanes. */
static void turn_square(Emit *e, const Kernel *k, IrValue in, IrValue out, int64_t rows, int64_t columns)
{
    IrValue v[MOST_LANES];
    assert(e->lanes >= QUARTER && rows <= e->lanes);
    for (int64_t i = 0; i < e->lanes; i += QUARTER)
        for (int64_t j = i; j < i + QUARTER; j++)
            v[j] = j < columns ? emit_load_lanes(e, e->f32, emit_offset(e, in, j * k->transpose.in_row), rows)
                               : emit_splat_const(e, 0);
    for (int64_t i = 0; i < e->lanes; i += QUARTER)
        turn_four(e, v + i);
    for (int64_t i = 0; i < QUARTER && e->lanes > QUARTER; i++)
        turn_quarters(e, v + i);
    for (int64_t r = 0; r < rows; r++)
        emit_store_lanes(e, v[r], emit_offset(e, out, r * k->transpose.out_row), columns);
}

/* So many columns of all rows: each column of the input is read from end to end. */
static void turn_columns(Emit *e, const Kernel *k, IrValue in, IrValue out, int64_t columns)
{
    int64_t whole = k->transpose.rows / e->lanes, rest = k->transpose.rows % e->lanes;
    if (whole) {
        Loop loop = emit_loop_begin(e, whole, NULL, 0);
        turn_square(e, k, emit_index(e, in, loop.index, e->lanes * BITS32),
                    emit_index(e, out, loop.index, e->lanes * k->transpose.out_row), e->lanes, columns);
        emit_loop_end(e, &loop, NULL);
    }
    if (rest)
        turn_square(e, k, emit_offset(e, in, whole * e->lanes * BITS32),
                    emit_offset(e, out, whole * e->lanes * k->transpose.out_row), rest, columns);
}

void kernel_transpose(Emit *e, const Kernel *kernel)
{
    IrValue in = emit_arg(e, TRANSPOSE_IN), out = emit_arg(e, TRANSPOSE_OUT);
    int64_t in_row = kernel->transpose.in_row, whole = kernel->transpose.n / e->lanes, rest = kernel->transpose.n % e->lanes;
    if (whole) {
        Loop loop = emit_loop_begin(e, whole, NULL, 0);
        turn_columns(e, kernel, emit_index(e, in, loop.index, e->lanes * in_row),
                     emit_index(e, out, loop.index, e->lanes * BITS32), e->lanes);
        emit_loop_end(e, &loop, NULL);
    }
    if (rest)
        turn_columns(e, kernel, emit_offset(e, in, whole * e->lanes * in_row), emit_offset(e, out, whole * e->lanes * BITS32),
                     rest);
}
