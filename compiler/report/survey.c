/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Surveys: the schedule of a region, read off its tile program.
 *
 * Problem: what a schedule decided (tiles, blocks of rows, what lies in which cache) is spread over thousands of calls.
 * Idea: run the first chunk of each section without computing anything. Every call says which bytes it touches; each
 * buffer keeps a bit for each of its cache lines, so that what is read twice counts once.
 *
 *   parallel i0 in 12 { dwconv … layernorm 224x96 … gemm 14x32 k96 … }
 *   → 12 chunks of 224 pixels; scratch 430 kB, data 180 kB, weights 302 kB a chunk */
#include "compiler/report/survey.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 64, MAX_DEPTH = 16 };

typedef struct Touched {
    const Buffer *buffer;
    uint64_t *lines;          /* a bit for each cache line */
    bool product;             /* a product writes it */
} Touched;

typedef struct Walk {
    const Program *program;
    Survey *survey;
    Arena *arena;
    VEC(Touched) touched;
    const Stmt *loops[MAX_DEPTH];
    int64_t at[MAX_DEPTH];    /* the iteration of each */
    int depth;
    int64_t pixels, hidden;
} Walk;

/* ── Kernels ─────────────────────────────────────────────────────────────────────────────────────────── */

static int64_t kernel_work(const Kernel *k)
{
    switch (k->kind) {
    case KERNEL_TILES:
    case KERNEL_GEMM: return k->gemm.m * k->gemm.n * k->gemm.k;
    case KERNEL_DWCONV: return k->dwconv.width * k->dwconv.channels * k->dwconv.kh * k->dwconv.kw;
    case KERNEL_LAYERNORM:
    case KERNEL_RMSNORM:
    case KERNEL_SIMPLENORM: return k->layernorm.rows * k->layernorm.n;
    case KERNEL_LAYERNORM_QUANTIZE:
    case KERNEL_RMSNORM_QUANTIZE: return k->layernorm_quantize.rows * k->layernorm_quantize.n;
    case KERNEL_QUANTIZE: return k->quantize.rows * k->quantize.n;
    case KERNEL_SOFTMAX: return k->softmax.rows * k->softmax.n;
    case KERNEL_REDUCE: return k->reduce.n * k->reduce.n1 * k->reduce.width;
    case KERNEL_ARG: return k->arg.n * k->arg.width;
    case KERNEL_MAP: return k->map.rows * k->map.n;
    case KERNEL_TRANSPOSE: return k->transpose.rows * k->transpose.n;
    case KERNEL_GATHER: return k->gather.rows;
    case KERNEL_BLEND: return k->blend.rows * k->blend.n * k->blend.taps;
    case KERNEL_SCATTER: return k->scatter.rows * k->scatter.n;
    case KERNEL_TOPK: return k->topk.n;
    case KERNEL_CROSS_ENTROPY: return k->cross_entropy.rows * k->cross_entropy.n;
    }
    unreachable();
}

/* "cnx_gemm_f32_14x32_k96_f7fae201__avx512" → "gemm_f32_14x32_k96" */
static const char *short_name(const char *name, Arena *arena)
{
    const char *from = strncmp(name, "cnx_", 4) == 0 ? name + 4 : name, *end = strstr(from, "__");
    size_t length = end ? (size_t)(end - from) : strlen(from);
    size_t hash = length > 9 && from[length - 9] == '_' && strspn(from + length - 8, "0123456789abcdef") >= 8 ? 9 : 0;
    return arena_strndup(arena, from, length - hash);
}

static bool is_product(const Kernel *k) { return k->kind == KERNEL_GEMM || k->kind == KERNEL_TILES; }

static bool same_step(const Kernel *a, const Kernel *b)
{
    return a->kind == b->kind && (!is_product(a) || a->gemm.k == b->gemm.k);
}

static SurveyStep *step_of(Walk *walk, const Kernel *kernel)
{
    Survey *survey = walk->survey;
    for (int64_t i = 0; i < survey->steps.len; i++)
        if (same_step(survey->steps.at[i].kernel, kernel))
            return &survey->steps.at[i];
    vec_push(walk->arena, &survey->steps, ((SurveyStep){.kernel = kernel}));
    return &survey->steps.at[survey->steps.len - 1];
}

/* ── Counting calls: of the whole phase, one kernel at a time ────────────────────────────────────────── */

static int64_t count_calls(const Stmt *stmt, const Kernel *kernel)
{
    if (stmt->kind == STMT_CALL)
        return stmt->kernel == kernel;
    int64_t calls = 0;
    for (int64_t i = 0; i < stmt->body.len; i++)
        calls += count_calls(stmt->body.at[i], kernel);
    return calls * stmt->extent;
}

static void count_kernels(Walk *walk, const Phase *phase)
{
    for (int64_t k = 0; k < walk->program->kernels.len; k++) {
        const Kernel *kernel = walk->program->kernels.at[k];
        int64_t calls = 0;
        for (int64_t i = 0; i < phase->sections.len; i++)
            calls += count_calls(phase->sections.at[i], kernel);
        if (!calls)
            continue;
        SurveyStep *step = step_of(walk, kernel);
        step->calls += calls;
        step->forms++;
        if (calls * kernel_work(kernel) > step->work) {
            step->work = calls * kernel_work(kernel);
            step->kernel = kernel;
        }
    }
}

/* ── One chunk ───────────────────────────────────────────────────────────────────────────────────────── */

static Touched *touched_of(Walk *walk, const Buffer *buffer)
{
    for (int64_t i = 0; i < walk->touched.len; i++)
        if (walk->touched.at[i].buffer == buffer)
            return &walk->touched.at[i];
    int64_t words = buffer->bytes / (LINE * 64) + 1;
    vec_push(walk->arena, &walk->touched, ((Touched){.buffer = buffer, .lines = NEW_ARRAY(walk->arena, uint64_t, words)}));
    return &walk->touched.at[walk->touched.len - 1];
}

static void mark(Touched *touched, int64_t low, int64_t high)
{
    low = low < 0 ? 0 : low;
    high = high > touched->buffer->bytes ? touched->buffer->bytes : high;
    for (int64_t line = low / LINE; low < high && line <= (high - 1) / LINE;) {
        int64_t word = line / 64, left = (high - 1) / LINE - line + 1, bit = line % 64;
        int64_t count = left < 64 - bit ? left : 64 - bit;
        touched->lines[word] |= (count == 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1) << bit;
        line += count;
    }
}

static int64_t address(const Walk *walk, const Ref *ref)
{
    int64_t at = ref->offset;
    for (int i = 0; i < ref->n_terms; i++)
        for (int j = 0; j < walk->depth; j++)
            if (walk->loops[j] == ref->terms[i].loop)
                at += walk->at[j] * ref->terms[i].stride;
    return at;
}

static void note_product(Walk *walk, const Stmt *call)
{
    const Kernel *kernel = call->kernel;
    const Touched *a = touched_of(walk, call->args[GEMM_A].buffer);
    if (a->product && a->buffer->space == SPACE_SCRATCH)
        walk->hidden = kernel->gemm.k * kernel->gemm.product.k_pack;
    touched_of(walk, call->args[GEMM_C].buffer)->product = true;
}

static void walk_call(Walk *walk, const Stmt *call)
{
    const Kernel *kernel = call->kernel;
    Extent extents[MAX_ARGS + MAX_OPERANDS];
    bool optional[MAX_ARGS + MAX_OPERANDS] = {false};
    kernel_extents(kernel, cpu_lanes(walk->program->cpu), extents, optional);
    for (int i = 0; i < call->n_args; i++) {
        const Ref *ref = &call->args[i];
        if (!ref->buffer || extents[i].high == EXTENT_ANYWHERE)
            continue;
        int64_t at = address(walk, ref);
        mark(touched_of(walk, ref->buffer), at + extents[i].low, at + extents[i].high);
    }
    if (kernel->kind == KERNEL_LAYERNORM || kernel->kind == KERNEL_RMSNORM || kernel->kind == KERNEL_SIMPLENORM)
        walk->pixels += kernel->layernorm.rows;
    if (is_product(kernel))
        note_product(walk, call);
}

static void walk_body(Walk *walk, const Stmt *loop);

static void walk_stmt(Walk *walk, const Stmt *stmt)
{
    if (stmt->kind == STMT_CALL) {
        walk_call(walk, stmt);
        return;
    }
    if (walk->depth == MAX_DEPTH)
        return;
    int depth = walk->depth++;
    walk->loops[depth] = stmt;
    for (int64_t i = 0; i < stmt->extent; i++) {
        walk->at[depth] = i;
        walk_body(walk, stmt);
    }
    walk->depth = depth;
}

static void walk_body(Walk *walk, const Stmt *loop)
{
    for (int64_t i = 0; i < loop->body.len; i++)
        walk_stmt(walk, loop->body.at[i]);
}

static int64_t touched_bytes(const Touched *touched)
{
    int64_t lines = 0;
    for (int64_t i = 0; i <= touched->buffer->bytes / (LINE * 64); i++)
        lines += __builtin_popcountll(touched->lines[i]);
    return lines * LINE;
}

/* A section's variable stays 0: its other chunks touch as much, elsewhere. */
static void survey_section(Walk *walk, const Stmt *section)
{
    Survey *survey = walk->survey;
    int64_t scratch = 0, data = 0, weights = 0;
    walk_body(walk, section);
    for (int64_t i = 0; i < walk->touched.len; i++) {
        Space space = walk->touched.at[i].buffer->space;
        int64_t bytes = touched_bytes(&walk->touched.at[i]);
        *(space == SPACE_SCRATCH ? &scratch : space == SPACE_WEIGHTS ? &weights : &data) += bytes;
    }
    if (scratch + data + weights > survey->scratch_bytes + survey->data_bytes + survey->weight_bytes) {
        survey->scratch_bytes = scratch;
        survey->data_bytes = data;
        survey->weight_bytes = weights;
    }
    survey->pixels = walk->pixels > survey->pixels ? walk->pixels : survey->pixels;
    survey->hidden = walk->hidden > survey->hidden ? walk->hidden : survey->hidden;
}

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

static void finish_steps(Survey *survey, Arena *arena)
{
    int64_t most = 0;
    for (int64_t i = 0; i < survey->steps.len; i++) {
        SurveyStep *step = &survey->steps.at[i];
        const Kernel *k = step->kernel;
        step->form = short_name(k->name, arena);
        if (is_product(k) && step->work > most) {
            most = step->work;
            survey->precision = k->gemm.product.b;
            survey->tile_bytes = 4 * (k->gemm.m * k->gemm.k + k->gemm.k * k->gemm.nr + k->gemm.m * k->gemm.n);
        }
    }
}

Survey survey_phase(const Program *program, const Phase *phase, Arena *arena)
{
    Survey survey = {.phase = phase, .chunks = phase_chunks(phase), .sections = phase->sections.len};
    Arena *scratch = arena_new();
    Walk counter = {.program = program, .survey = &survey, .arena = arena};
    count_kernels(&counter, phase);
    for (int64_t i = 0; i < phase->sections.len; i++) {
        Walk walk = {.program = program, .survey = &survey, .arena = scratch};
        survey_section(&walk, phase->sections.at[i]);
    }
    finish_steps(&survey, arena);
    arena_free(scratch);
    return survey;
}
