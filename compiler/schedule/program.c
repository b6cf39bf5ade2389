/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Programs: counting chunks, and the verifier of what the code generator takes for granted.
 *
 * The verifier computes, for every argument of every call, the bytes that the kernel touches around its address,
 * and the least and greatest address that the loops reach; both together must lie inside the buffer.
 *
 *   for i in 4: copy 1x16(out + i*64, in + i*128)   in: 3*128 + 64 bytes must be there */
#include "compiler/schedule/program.h"

#include <string.h>

int64_t phase_chunks(const Phase *phase)
{
    int64_t chunks = 0;
    for (int64_t i = 0; i < phase->sections.len; i++)
        chunks += phase->sections.at[i]->extent;
    return chunks;
}

static bool stmt_uses_tiles(const Stmt *stmt)
{
    bool uses = stmt->kind == STMT_CALL && stmt->kernel->kind == KERNEL_TILES;
    for (int64_t i = 0; i < stmt->body.len && !uses; i++)
        uses = stmt_uses_tiles(stmt->body.at[i]);
    return uses;
}

bool phase_uses_tiles(const Phase *phase)
{
    bool uses = false;
    for (int64_t i = 0; i < phase->sections.len && !uses; i++)
        uses = stmt_uses_tiles(phase->sections.at[i]);
    return uses;
}

PhaseList program_phases(const Program *program, Arena *arena)
{
    PhaseList list = {0};
    for (int64_t i = 0; i < program->begin.len; i++)
        vec_push(arena, &list, program->begin.at[i]);
    for (int64_t i = 0; i < program->image.len; i++)
        vec_push(arena, &list, program->image.at[i]);
    for (int64_t i = 0; i < program->end.len; i++)
        vec_push(arena, &list, program->end.at[i]);
    return list;
}

/* Tiles have to be asked for and may be refused, so what does without them does not ask. */
int64_t program_cpu_features(const Program *program)
{
    for (int64_t i = 0; i < program->kernels.len; i++)
        if (program->kernels.at[i]->kind == KERNEL_TILES)
            return program->cpu->runtime_features;
    return cpu_features_without_tiles(program->cpu);
}

typedef struct Checker {
    const Program *program;
    const Phase *phase;
    const Stmt *open[16]; /* the loops around the call */
    int depth;
    const char *problem;
} Checker;

static void fail(Checker *checker, const char *kernel, const char *what)
{
    if (!checker->problem)
        checker->problem = arena_printf(checker->program->arena, "phase %s: %s: %s", checker->phase->name, kernel, what);
}

static void reach(Extent *extent, int64_t count, int64_t stride)
{
    int64_t far = count > 0 ? (count - 1) * stride : 0;
    extent->low += far < 0 ? far : 0;
    extent->high += far > 0 ? far : 0;
}

static Extent extent_of(int64_t rows, int64_t row, int64_t n, int64_t step, int64_t size)
{
    Extent extent = {0, rows > 0 && n > 0 ? size : 0};
    reach(&extent, rows, row);
    reach(&extent, n, step);
    return extent;
}

static Extent operand_extent(const Operand *operand, int64_t rows, int64_t n)
{
    return extent_of(rows, operand->row, n, operand->step, dtype_size(operand->dtype));
}

/* Rows and elements over which a kernel's expression is evaluated. */
static void expr_space(const Kernel *k, int64_t *n_rows, int64_t *n_elements)
{
    switch (k->kind) {
#define KERNEL(KIND, name, params, rows, n) \
    case KERNEL_##KIND: *n_rows = rows, *n_elements = n; return;
#include "compiler/schedule/kernels.def"
    }
    unreachable();
}

static int64_t result_size(const Kernel *k) { return k->expr.n_steps ? dtype_size(k->expr.steps[k->expr.n_steps - 1].dtype) : 4; }

/* Rows of A that the tiles read. */
static int64_t whole_tiles(const Kernel *k)
{
    int64_t unit = k->gemm.product.unit;
    return (k->gemm.m + unit - 1) / unit * unit;
}

static int64_t group_bytes(const Kernel *k) { return product_group_bytes(k->gemm.product); }
static int64_t sum_bytes(const Kernel *k) { return product_sum_bytes(k->gemm.product); }
static Extent bytes_from(int64_t bytes) { return (Extent){0, bytes}; }

/* A prefetch may reach past the end. */
static Extent anywhere(void) { return (Extent){0, EXTENT_ANYWHERE}; }

/* Number of a kernel's own arguments; their extents, in order. An argument that may be left out has optional set. */
static int own_arguments(const Kernel *k, int64_t lanes, Extent *extents, bool *optional)
{
    switch (k->kind) {
#define KERNEL(KIND, name, params, rows, n) case KERNEL_##KIND:
#define ARG(KIND, ARGUMENT, extent, is_optional) extents[KIND##_##ARGUMENT] = extent, optional[KIND##_##ARGUMENT] = is_optional;
#define KERNEL_END(KIND) return N_##KIND##_ARGS;
#include "compiler/schedule/kernels.def"
    }
    unreachable();
}

/* The kernel's own arguments, then its expression's operands. */
int kernel_extents(const Kernel *k, int64_t lanes, Extent *extents, bool *optional)
{
    int n = own_arguments(k, lanes, extents, optional);
    int64_t rows, width;
    expr_space(k, &rows, &width);
    for (int i = kernel_first_operand(k); i < k->expr.n_operands; i++)
        extents[n++] = operand_extent(&k->operands[i], rows, width);
    return n;
}

static void check_ref(Checker *checker, const Kernel *kernel, int arg, const Ref *ref, Extent extent)
{
    extent.low += ref->offset;
    extent.high += ref->offset;
    for (int i = 0; i < ref->n_terms; i++) {
        bool open = false;
        for (int j = 0; j < checker->depth; j++)
            open |= checker->open[j] == ref->terms[i].loop;
        if (!open) {
            fail(checker, kernel->name, "an address uses a loop that is not around it");
            return;
        }
        reach(&extent, ref->terms[i].loop->extent, ref->terms[i].stride);
    }
    if (extent.high > extent.low && (extent.low < 0 || extent.high > ref->buffer->bytes))
        fail(checker, kernel->name,
             arena_printf(checker->program->arena, "argument %d reaches bytes [%lld, %lld) of %s, which has %lld", arg,
                          (long long)extent.low, (long long)extent.high, ref->buffer->name, (long long)ref->buffer->bytes));
}

static void check_expr(Checker *checker, const Kernel *kernel)
{
    const Expr *expr = &kernel->expr;
    if (expr->n_operands < 0 || expr->n_operands > MAX_OPERANDS || expr->n_steps < 0 || expr->n_steps > countof(expr->steps)) {
        fail(checker, kernel->name, "an expression of impossible size");
        return;
    }
    for (int i = 0; i < expr->n_steps; i++) {
        const ExprStep *step = &expr->steps[i];
        int uses = step->op == OP_Constant ? 0 : op_max_inputs(op_get(step->op));
        for (int j = 0; j < (uses < 3 ? uses : 3); j++)
            if (step->in[j] < 0 || step->in[j] >= expr->n_operands + i)
                fail(checker, kernel->name, "a step uses a value that is not there yet");
    }
}

static void check_call(Checker *checker, const Stmt *call)
{
    const Kernel *kernel = call->kernel;
    Extent extents[MAX_ARGS + MAX_OPERANDS];
    bool optional[MAX_ARGS + MAX_OPERANDS] = {false};
    check_expr(checker, kernel);
    if (checker->problem)
        return;
    int n = kernel_extents(kernel, cpu_lanes(checker->program->cpu), extents, optional);
    if (n != call->n_args)
        fail(checker, kernel->name, "a wrong number of arguments");
    for (int i = 0; i < call->n_args && !checker->problem; i++) {
        if (call->args[i].buffer && extents[i].high != EXTENT_ANYWHERE)
            check_ref(checker, kernel, i, &call->args[i], extents[i]);
        else if (!call->args[i].buffer && !optional[i])
            fail(checker, kernel->name, "an argument is missing");
    }
}

static void check_stmt(Checker *checker, const Stmt *stmt)
{
    if (stmt->kind == STMT_CALL) {
        check_call(checker, stmt);
        return;
    }
    if (stmt->extent < 1 || checker->depth == countof(checker->open)) {
        fail(checker, stmt->var, "a loop without iterations, or nested too deep");
        return;
    }
    checker->open[checker->depth++] = stmt;
    for (int64_t i = 0; i < stmt->body.len; i++)
        check_stmt(checker, stmt->body.at[i]);
    checker->depth--;
}

static void check_phase(Checker *checker, const Phase *phase)
{
    checker->phase = phase;
    if (!phase->sections.len)
        fail(checker, "", "a phase without sections");
    for (int64_t i = 0; i < phase->sections.len; i++)
        if (phase->sections.at[i]->kind != STMT_LOOP)
            fail(checker, "", "a section that is not a loop");
        else
            check_stmt(checker, phase->sections.at[i]);
}

bool program_verify(const Program *program, const char **problem)
{
    Checker checker = {.program = program};
    PhaseList phases = program_phases(program, program->arena);
    for (int64_t i = 0; i < phases.len; i++)
        check_phase(&checker, phases.at[i]);
    *problem = checker.problem;
    return !checker.problem;
}
