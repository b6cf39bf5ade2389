/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Tile programs without operators: packing, placing, naming and verifying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "compiler/schedule/gemm.h"
#include "compiler/schedule/lower.h"
#include "compiler/schedule/schedule.h"
#include "compiler/target/registers.h"

#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
    Arena *arena = arena_new();
    Program *program = NEW(arena, Program);
    program->arena = arena;
    program->cpu = cpu_find("x86-64-v4");
    *state = program;
    return 0;
}

static int teardown(void **state)
{
    arena_free(((Program *)*state)->arena);
    return 0;
}

static Buffer *add_buffer(Program *p, const char *name, Space space, int64_t bytes)
{
    Buffer *buffer = NEW(p->arena, Buffer);
    *buffer = (Buffer){.name = name, .space = space, .dtype = DT_FLOAT, .bytes = bytes};
    vec_push(p->arena, &p->buffers, buffer);
    return buffer;
}

/* A phase that copies n floats, in a loop of `extent`. */
static Stmt *add_copy(Program *p, Buffer *from, Buffer *to, int64_t extent, int64_t n)
{
    Kernel kernel = {.kind = KERNEL_MAP, .map = {.rows = 1, .n = n, .out = {DT_FLOAT, 0, 4}}};
    kernel.expr.n_operands = 1;
    kernel.operands[0] = kernel.map.out;
    Phase *phase = NEW(p->arena, Phase);
    Stmt *loop = NEW(p->arena, Stmt), *call = NEW(p->arena, Stmt);
    phase->name = to->name;
    *loop = (Stmt){.kind = STMT_LOOP, .var = "i0", .extent = extent};
    call->kind = STMT_CALL;
    call->kernel = kernel_intern(p, &kernel);
    call->n_args = 2;
    call->args = NEW_ARRAY(p->arena, Ref, 2);
    call->args[0] = (Ref){.buffer = to, .n_terms = 1, .terms = {{loop, n * 4}}};
    call->args[1] = (Ref){.buffer = from, .n_terms = 1, .terms = {{loop, n * 4}}};
    vec_push(p->arena, &loop->body, call);
    vec_push(p->arena, &phase->sections, loop);
    vec_push(p->arena, &p->image, phase);
    return call;
}

/* ── Memory ──────────────────────────────────────────────────────────────────────────────────────────── */

static void assert_disjoint(const Program *p)
{
    for (int64_t i = 0; i < p->buffers.len; i++)
        for (int64_t j = 0; j < i; j++) {
            const Buffer *a = p->buffers.at[i], *b = p->buffers.at[j];
            bool together = a->first <= b->last && b->first <= a->last;
            bool overlap = a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
            assert_false(a->space == SPACE_ARENA && b->space == SPACE_ARENA && together && overlap);
        }
}

static void chain_reuses_memory(void **state)
{
    Program *p = *state;
    Buffer *last = add_buffer(p, "x0", SPACE_ARENA, 4000);
    for (int i = 1; i < 20; i++) {
        Buffer *next = add_buffer(p, arena_printf(p->arena, "x%d", i), SPACE_ARENA, 4000 + i % 3 * 64);
        add_copy(p, last, next, 10, 100);
        last = next;
    }
    plan_memory(p);
    assert_disjoint(p);
    assert_true(p->arena_bytes <= 3 * 4160);
    for (int64_t i = 0; i < p->buffers.len; i++) {
        assert_int_equal(p->buffers.at[i]->offset % 64, 0);
        assert_true(p->buffers.at[i]->offset + p->buffers.at[i]->bytes <= p->arena_bytes);
    }
}

/* What `begin` makes is still there for the second image, although only the first image phase reads it. */
static void begin_lives_through_images(void **state)
{
    Program *p = *state;
    Buffer *x = add_buffer(p, "x", SPACE_TENSOR, 4000), *table = add_buffer(p, "table", SPACE_ARENA, 4000);
    Buffer *a = add_buffer(p, "a", SPACE_ARENA, 4000), *b = add_buffer(p, "b", SPACE_ARENA, 4000);
    add_copy(p, x, table, 10, 100);
    vec_push(p->arena, &p->begin, p->image.at[0]);
    p->image.len = 0;
    add_copy(p, table, a, 10, 100);
    add_copy(p, a, b, 10, 100);
    add_copy(p, b, x, 10, 100);
    plan_memory(p);
    assert_true(table->last == 3);
    assert_disjoint(p);
}

/* ── Weights ─────────────────────────────────────────────────────────────────────────────────────────── */

static Tensor *counting(Arena *arena, int64_t rows, int64_t columns)
{
    Tensor *tensor = tensor_new(arena, DT_FLOAT, 2, (int64_t[]){rows, columns});
    for (int64_t i = 0; i < tensor->count; i++)
        tensor_set(tensor, i, (double)i + 1);
    return tensor;
}

static float *written(Program *p, size_t *count)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    plan_memory(p);
    assert_true(programs_write_weights(&p, 1, out));
    fclose(out);
    assert_int_equal(size, p->weights_bytes);
    *count = size / 4;
    return (float *)text;
}

/* Panels of 4 columns of W[3,6]: the second panel is filled up with zeros. */
static void panels_are_packed(void **state)
{
    Program *p = *state;
    Pack *pack = NEW(p->arena, Pack);
    *pack = (Pack){.source = counting(p->arena, 3, 6),
                   .dtype = DT_FLOAT,
                   .n_axes = 2,
                   .n_loops = 3,
                   .axes = {{3, 6}, {6, 1}},
                   .loops = {{1, 4, 2}, {0, 1, 3}, {1, 1, 4}}};
    add_buffer(p, "zeros", SPACE_WEIGHTS, 20);
    add_buffer(p, "w", SPACE_WEIGHTS, 2 * 3 * 4 * 4)->pack = pack;
    size_t count;
    float *w = written(p, &count);
    for (int i = 0; i < 16; i++)
        assert_true(w[i] == 0);
    for (int panel = 0; panel < 2; panel++)
        for (int k = 0; k < 3; k++)
            for (int j = 0; j < 4; j++) {
                int n = panel * 4 + j;
                assert_true(w[16 + (panel * 3 + k) * 4 + j] == (n < 6 ? (float)(k * 6 + n + 1) : 0));
            }
    free(w);
}

/* Longer than what the writer holds, read with a stride, from another element type. */
static void long_runs_are_packed(void **state)
{
    Program *p = *state;
    enum { N = 700001 };
    Tensor *source = tensor_new(p->arena, DT_INT32, 2, (int64_t[]){N, 2});
    for (int64_t i = 0; i < source->count; i++)
        tensor_set_int(source, i, i % 1000);
    Pack *pack = NEW(p->arena, Pack);
    *pack = (Pack){
        .source = source, .base = 1, .dtype = DT_FLOAT, .n_axes = 1, .n_loops = 1, .axes = {{N, 2}}, .loops = {{0, 1, N + 5}}};
    add_buffer(p, "w", SPACE_WEIGHTS, (N + 5) * 4)->pack = pack;
    size_t count;
    float *w = written(p, &count);
    for (int64_t i = 0; i < N; i++)
        assert_true(w[i] == (float)((2 * i + 1) % 1000));
    for (int64_t i = N; i < N + 5; i++)
        assert_true(w[i] == 0);
    free(w);
}

/* Two programs that pack W alike share it; what only one has comes behind, and the file holds each once. */
static void equal_packs_are_shared(void **state)
{
    Program *p = *state, second = {.arena = p->arena, .cpu = p->cpu}, *programs[] = {p, &second};
    Tensor *w = counting(p->arena, 4, 4), *bias = counting(p->arena, 1, 16);
    Pack panels = {.source = w,
                   .dtype = DT_FLOAT,
                   .n_axes = 2,
                   .n_loops = 3,
                   .axes = {{4, 4}, {4, 1}},
                   .loops = {{1, 2, 2}, {0, 1, 4}, {1, 1, 2}}};
    Pack rows = {.source = w, .dtype = DT_FLOAT, .n_axes = 1, .n_loops = 1, .axes = {{16, 1}}, .loops = {{0, 1, 16}}};
    Pack same_panels = panels, other = rows, same_other = rows;
    other.source = same_other.source = bias;
    Buffer *a = add_buffer(p, "w", SPACE_WEIGHTS, 64), *b = add_buffer(p, "bias", SPACE_WEIGHTS, 64);
    Buffer *c = add_buffer(&second, "rows", SPACE_WEIGHTS, 64), *d = add_buffer(&second, "w", SPACE_WEIGHTS, 64);
    Buffer *e = add_buffer(&second, "bias", SPACE_WEIGHTS, 64);
    a->pack = &panels, b->pack = &other, c->pack = &rows, d->pack = &same_panels, e->pack = &same_other;
    plan_memory(p);
    plan_memory(&second);
    share_weights(programs, 2);
    assert_int_equal(a->offset, d->offset);
    assert_int_equal(b->offset, e->offset);
    assert_int_equal(c->offset, 128);
    assert_int_equal(p->weights_bytes, 192);
    assert_int_equal(second.weights_bytes, 192);
    float got[48] = {0};
    FILE *out = fmemopen(got, sizeof got, "wb");
    assert_true(programs_write_weights(programs, 2, out));
    fclose(out);
    assert_true(got[0] == 1 && got[1] == 2 && got[2] == 5 && got[16] == 1 && got[31] == 16 && got[32] == 1 && got[34] == 3);
}

static void full_disk_is_reported(void **state)
{
    Program *p = *state;
    FILE *full = fopen("/dev/full", "w");
    if (!full)
        skip();
    add_buffer(p, "w", SPACE_WEIGHTS, 4 << 20);
    plan_memory(p);
    assert_false(programs_write_weights(&p, 1, full));
    fclose(full);
}

/* ── Kernels and the verifier ────────────────────────────────────────────────────────────────────────── */

static void names_tell_kernels_apart(void **state)
{
    Program *p = *state;
    Kernel a = {.kind = KERNEL_GEMM, .gemm = {.m = 14, .n = 32, .k = 96, .nr = 32, .a_row = 384, .a_k = 4, .c_row = 128}};
    a.gemm.product = product_of(p->cpu, DT_FLOAT);
    Kernel b = a;
    b.gemm.c_row = 256;
    const Kernel *first = kernel_intern(p, &a);
    assert_ptr_equal(kernel_intern(p, &a), first);
    assert_string_not_equal(kernel_intern(p, &b)->name, first->name);
    assert_non_null(strstr(first->name, "cnx_gemm_f32_14x32_k96_"));
    assert_true(str_ends_with(first->name, "__avx512"));
    assert_int_equal(p->kernels.len, 2);
}

static void reach_is_verified(void **state)
{
    Program *p = *state;
    const char *problem;
    Buffer *x = add_buffer(p, "x", SPACE_TENSOR, 4000), *y = add_buffer(p, "y", SPACE_TENSOR, 4000);
    Stmt *call = add_copy(p, x, y, 10, 100);
    assert_true(program_verify(p, &problem));
    call->args[1].offset = 4;
    assert_false(program_verify(p, &problem));
    assert_non_null(strstr(problem, "[4, 4004) of x"));
    call->args[1].offset = 0;
    call->args[1].terms[0].stride = -400;
    assert_false(program_verify(p, &problem));
    call->args[1].terms[0].stride = 400;
    call->n_args = 1;
    assert_false(program_verify(p, &problem));
}

static void chunks_are_counted(void **state)
{
    Program *p = *state;
    Buffer *x = add_buffer(p, "x", SPACE_TENSOR, 4000), *y = add_buffer(p, "y", SPACE_TENSOR, 4000);
    add_copy(p, x, y, 10, 100);
    add_copy(p, x, y, 5, 100);
    vec_push(p->arena, &p->image.at[0]->sections, p->image.at[1]->sections.at[0]);
    assert_int_equal(phase_chunks(p->image.at[0]), 15);
}

static Kernel gemm_tile(int64_t rows, int64_t columns)
{
    Kernel kernel = {.kind = KERNEL_GEMM};
    kernel.gemm.product = product_of(cpu_find("x86-64-v4"), DT_FLOAT);
    kernel.gemm.m = rows;
    kernel.gemm.nr = columns;
    return kernel;
}

static int64_t columns_of(const CpuProfile *cpu, const TileLimits *limits, int64_t m, int64_t n)
{
    Lowering l = {.cpu = cpu, .limits = limits};
    return gemm_columns(&l, product_of(cpu, DT_FLOAT), NULL, m, n);
}

/* Each time one row less, for that product in panels of that width alone; what has no tile is no reason to schedule again. */
static void spilling_tiles_are_avoided(void **state)
{
    Program *p = *state;
    TileLimits limits = {0};
    Kernel wide = gemm_tile(14, 32), again = gemm_tile(13, 32), thin = gemm_tile(1, 64);
    Kernel norm = {.kind = KERNEL_LAYERNORM}, columns = {.kind = KERNEL_DWCONV, .dwconv = {.kw = 7, .width = 14}};
    Product floats = product_of(p->cpu, DT_FLOAT), pairs = product_of(p->cpu, DT_BFLOAT16);
    assert_false(limits_add(&limits, &norm, p->arena));
    assert_false(limits_add(&limits, &thin, p->arena));
    assert_true(limits_add(&limits, &wide, p->arena));
    assert_int_equal(limits_most(&limits, KERNEL_GEMM, floats, 32, 14), 13);
    assert_int_equal(limits_most(&limits, KERNEL_GEMM, floats, 64, 6), 6);
    assert_true(limits_add(&limits, &again, p->arena));
    assert_int_equal(limits_most(&limits, KERNEL_GEMM, floats, 32, 14), 12);
    assert_int_equal(limits_most(&limits, KERNEL_GEMM, pairs, 32, 14), 14);
    assert_true(limits_add(&limits, &columns, p->arena));
    assert_int_equal(limits_most(&limits, KERNEL_DWCONV, (Product){0}, 7, 14), 13);
    assert_int_equal(limits_most(&limits, KERNEL_DWCONV, (Product){0}, 5, 14), 14);
}

/* Where tiles of two vectors may have one row alone, those of four are cheaper. */
static void columns_avoid_spilling_tiles(void **state)
{
    Program *p = *state;
    TileLimits limits = {0};
    Kernel low = gemm_tile(2, 32);
    assert_int_equal(columns_of(p->cpu, &limits, 49, 384), 32);
    assert_true(limits_add(&limits, &low, p->arena));
    assert_int_equal(columns_of(p->cpu, &limits, 49, 384), 64);
}

/* Two rows of two vectors hide the latency of one multiply-add a cycle, but not of two. */
static void columns_follow_the_profile(void **state)
{
    Program *p = *state;
    CpuProfile cpu = *p->cpu;
    TileLimits none = {0};
    cpu.fma_per_cycle = 1, cpu.fma_latency = 4;
    assert_int_equal(columns_of(&cpu, &none, 2, 384), 32);
    cpu.fma_per_cycle = 2;
    assert_int_equal(columns_of(&cpu, &none, 2, 384), 64);
    assert_int_equal(columns_of(&cpu, &none, 49, 384), 32);
}

/* What the most rows need is there, and one more row's sums are not. */
static void tiles_fill_the_registers(void **state)
{
    (void)state;
    for (int64_t i = 0; i < cpu_count(); i++)
        for (int64_t vectors = 1; vectors <= 3; vectors++) {
            const CpuProfile *cpu = cpu_at(i);
            Product product = product_of(cpu, DT_BFLOAT16), floats = product_of(cpu, DT_FLOAT);
            int64_t rows = registers_tile_rows(cpu, floats, vectors);
            assert_true(registers_of_tile(cpu, floats, rows, vectors) <= cpu->n_vectors);
            assert_true(registers_of_tile(cpu, floats, rows + 1, vectors) > cpu->n_vectors);
            assert_true(vectors == 1 || registers_tile_rows(cpu, product, vectors) <= rows);
        }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chain_reuses_memory),
        TEST(begin_lives_through_images),
        TEST(panels_are_packed),
        TEST(long_runs_are_packed),
        TEST(equal_packs_are_shared),
        TEST(full_disk_is_reported),
        TEST(names_tell_kernels_apart),
        TEST(reach_is_verified),
        TEST(chunks_are_counted),
        TEST(spilling_tiles_are_avoided),
        TEST(columns_avoid_spilling_tiles),
        TEST(columns_follow_the_profile),
        TEST(tiles_fill_the_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
