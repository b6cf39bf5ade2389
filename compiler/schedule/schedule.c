/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The schedule: walks the graph in order, lowers each node to phases, and sorts phases by when they run.
 *
 *   graph: y = ConvNHWC(x, w, b); loss = ReduceMean(y)      x: float[N,8,8,3]
 *   image phases, for each image: y; its part of the sum;   begin: the sum is cleared;   end: it is divided
 *
 * With a free batch, what depends on no image is computed once in `begin`; what depends on all of them, in `end`. An
 * operator that would need several images at a time is refused, and the message names the flag that fixes the batch. */
#include "compiler/schedule/schedule.h"

#include "compiler/schedule/block.h"
#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"
#include "compiler/schedule/node.h"
#include "compiler/schedule/region.h"

/* ── Values ──────────────────────────────────────────────────────────────────────────────────────────── */

/* Bytes of a value, or of one image of it; -1: too many to address. */
static int64_t value_bytes(const Value *value)
{
    int64_t dims[MAX_RANK], bytes = dtype_size(value->type.dtype);
    int rank = value_dims(value, dims);
    for (int i = 0; i < rank; i++)
        if (__builtin_mul_overflow(bytes, dims[i], &bytes) || bytes > INT64_C(1) << 46)
            return -1;
    return bytes;
}

static bool check_value(Lowering *l, const Value *value, Span span)
{
    const Shape *shape = &value->type.shape;
    if (!dtype_is_computable(value->type.dtype)) {
        diag_unsupported(l->diag, span, "%s has element type %s, which is not computed with", value->name,
                         dtype_name(value->type.dtype));
        return false;
    }
    for (int i = 1; i < shape->rank; i++)
        if (shape->dims[i].size < 0) {
            diag_unsupported(l->diag, span, "dimension %d of %s is not known; --dim %s=N fixes it", i, value->name,
                             shape->dims[i].symbol ? shape->dims[i].symbol : "NAME");
            return false;
        }
    if (shape->rank >= 0 && value_bytes(value) >= 0)
        return true;
    diag_unsupported(l->diag, span, "%s has an unknown shape or is too large", value->name);
    return false;
}

static bool check_values(Lowering *l, const Graph *graph)
{
    bool ok = true;
    for (int64_t i = 0; i < graph->inputs.len; i++)
        ok &= check_value(l, graph->inputs.at[i], graph->inputs.at[i]->span);
    FOR_NODES (node, graph)
        for (int64_t i = 0; i < node->outputs.len; i++)
            if (node->outputs.at[i])
                ok &= check_value(l, node->outputs.at[i], node->span);
    return ok;
}

/* ── What is needed ──────────────────────────────────────────────────────────────────────────────────── */

/* Marks what a node reads, whose users stand behind it. */
static void mark_read(const Node *node)
{
    for (int64_t i = 0; i < node->inputs.len; i++)
        if (node->inputs.at[i] && node_reads(node, i))
            node->inputs.at[i]->mark = 1;
}

/* Types already say which shapes are meant: the arithmetic on Shape that makes them, with a free batch in it, has no code. */
static void mark_needed(const Graph *graph)
{
    FOR_NODES (node, graph)
        for (int64_t i = 0; i < node->outputs.len; i++)
            if (node->outputs.at[i])
                node->outputs.at[i]->mark = node->outputs.at[i]->is_output;
    for (Node *node = graph->last; node; node = node->prev) {
        node->mark = 0;
        for (int64_t i = 0; i < node->outputs.len; i++)
            node->mark |= node->outputs.at[i] && node->outputs.at[i]->mark;
        if (node->mark)
            mark_read(node);
    }
}

/* ── Nodes and regions ───────────────────────────────────────────────────────────────────────────────── */

static bool lower_nodes(Lowering *l, const Graph *graph);

/* A block as a whole; false: better done region by region. */
static bool lower_block(Lowering *l, const Node *region)
{
    Block *block = block_of(l, region);
    return block && (block->n == BLOCK_PLAIN ? block_plain(l, block) : block_grn(l, block));
}

/* A region whose body has nodes of any kind, or regions: calls lower_nodes, which called it. */
static bool lower_around(Lowering *l, const Node *region)
{
    When when;
    Scope scope;
    if (!node_begin(l, region, &when))
        return false;
    scope_open(l, &scope, region);
    bool done = region_kind(region) == REGION_BLOCK && lower_block(l, region);
    if (!done && (diag_failed(l->diag) || !lower_nodes(l, node_attr_graph(region, "body"))))
        return false;
    scope_close(l);
    node_end(l, region, when);
    return true;
}

static bool lower_region(Lowering *l, const Node *region)
{
    RegionKind kind = region_kind(region);
    return kind == REGION_ANY || kind == REGION_BLOCK ? lower_around(l, region) : region_lower(l, region);
}

static bool lower_nodes(Lowering *l, const Graph *graph)
{
    mark_needed(graph);
    FOR_NODES (node, graph) {
        if (!node->mark)
            continue;
        if (!l->scope)
            l->origin = node;
        if (!(node->op->kind == OP_Region ? lower_region : lower_node)(l, node))
            return false;
    }
    return true;
}

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

static void add_tensors(Lowering *l)
{
    for (int64_t i = 0; i < l->graph->inputs.len; i++) {
        Value *value = l->graph->inputs.at[i];
        int64_t dims[MAX_RANK];
        int rank = value_dims(value, dims);
        Buffer *buffer = buffer_new(l, value->name, SPACE_TENSOR, value->type.dtype, value_bytes(value));
        buffer->index = i;
        View view = view_dense(ref_to(buffer), value->type.dtype, rank, dims);
        view.per_image = value_is_per_image(value);
        view.when = view.per_image || !l->program->batch_free ? WHEN_IMAGE : WHEN_BEGIN;
        view_set(l, value, view);
    }
    for (int64_t i = 0; i < l->graph->outputs.len; i++) {
        const Value *value = l->graph->outputs.at[i];
        Buffer *buffer = buffer_new(l, value->name, SPACE_TENSOR, value->type.dtype, value_bytes(value));
        buffer->index = l->graph->inputs.len + i;
        if (!strmap_get(&l->results, value->name))
            strmap_put(&l->results, value->name, buffer);
    }
}

static Buffer *tensor_buffer(const Program *program, int64_t index) { return program->buffers.at[index]; /* they come first */ }

static Buffer *result_buffer(const Lowering *l, int64_t i) { return tensor_buffer(l->program, l->graph->inputs.len + i); }

typedef VEC(int64_t) Indices;

/* Outputs known at l->when that were not written to their place: views, constants, a value that is an output twice. */
static Indices unwritten(Lowering *l)
{
    Indices list = {0};
    for (int64_t i = 0; i < l->graph->outputs.len; i++) {
        const View *view = view_of(l, l->graph->outputs.at[i]);
        bool written = view->ref.buffer == result_buffer(l, i) && !view->ref.offset && view_is_dense(view);
        if (!written && view->when == l->when)
            vec_push(l->arena, &list, i);
    }
    return list;
}

static void write_outputs(Lowering *l)
{
    for (l->when = WHEN_BEGIN; l->when <= WHEN_END; l->when++) {
        Indices list = unwritten(l);
        for (int64_t i = 0; i < list.len; i++) {
            const Value *value = l->graph->outputs.at[list.at[i]];
            const View *view = view_of(l, value);
            View out = view_dense(ref_to(result_buffer(l, list.at[i])), view->dtype, view->rank, view->dims);
            bundle_open(l, value->name, i, list.len);
            copy_phase(l, value->name, out, *view);
            bundle_close(l, i, list.len);
        }
    }
}

static void mark_used(Stmt *stmt)
{
    for (int i = 0; i < stmt->n_args; i++)
        if (stmt->args[i].buffer)
            stmt->args[i].buffer->first = 0;
    for (int64_t i = 0; i < stmt->body.len; i++)
        mark_used(stmt->body.at[i]);
}

/* Marks the phases' buffers and drops phases in which there is nothing to do. */
#define KEEP_PHASES(list)                                     \
    do {                                                      \
        int64_t n_kept = 0;                                   \
        for (int64_t i = 0; i < (list).len; i++) {            \
            Phase *phase = (list).at[i];                      \
            for (int64_t j = 0; j < phase->sections.len; j++) \
                mark_used(phase->sections.at[j]);             \
            if (phase->sections.len)                          \
                (list).at[n_kept++] = phase;                  \
        }                                                     \
        (list).len = n_kept;                                  \
    } while (0)

static void drop_unused(Program *program)
{
    KEEP_PHASES(program->begin);
    KEEP_PHASES(program->image);
    KEEP_PHASES(program->end);
    int64_t n = 0;
    for (int64_t i = 0; i < program->buffers.len; i++) {
        Buffer *buffer = program->buffers.at[i];
        if (buffer->space == SPACE_TENSOR || buffer->first >= 0)
            program->buffers.at[n++] = buffer;
    }
    program->buffers.len = n;
}

static bool lower_graph(Lowering *l)
{
    if (!check_values(l, l->graph))
        return false;
    add_tensors(l);
    if (!lower_nodes(l, l->graph))
        return false;
    l->origin = NULL;
    write_outputs(l);
    return true;
}

static bool is_batch_free(const Graph *graph)
{
    for (int64_t i = 0; i < graph->inputs.len; i++)
        if (value_is_per_image(graph->inputs.at[i]))
            return true;
    return false;
}

/* Whether threads had better share out a batch's images than each image: no barriers and no unequal shares, but an arena
 * for each thread, which must stay in its part of the caches. Images that have something in common are not shared out. */
static bool goes_by_image(const Program *program, const Graph *graph)
{
    const CpuProfile *cpu = program->cpu;
    int64_t own = cpu->l2_bytes / (cpu->l2_shared_by > 1 ? cpu->l2_shared_by : 1) +
                  cpu->l3_bytes / (cpu->l3_shared_by > 1 ? cpu->l3_shared_by : 1);
    for (int64_t i = 0; i < graph->outputs.len; i++)
        if (!value_is_per_image(graph->outputs.at[i]))
            return false;
    return program->batch_free && !program->begin.len && !program->end.len && program->arena_bytes <= own;
}

Program *schedule_graph(Graph *graph, DType precision, const CpuProfile *cpu, const TileLimits *limits, bool shared, Arena *arena,
                        Diag *diag)
{
    Program *program = NEW(arena, Program);
    *program = (Program){.arena = arena, .cpu = cpu, .precision = precision, .batch_free = is_batch_free(graph)};
    Lowering lowering = {
        .program = program, .graph = graph, .cpu = cpu, .limits = limits, .shared = shared, .arena = arena, .diag = diag};
    lowering.buffers.arena = lowering.results.arena = arena;
    if (!lower_graph(&lowering))
        return NULL;
    drop_unused(program);
    const char *problem;
    if (!program_verify(program, &problem))
        diag_bug(__FILE__, __LINE__, problem);
    plan_memory(program);
    program->by_image = goes_by_image(program, graph);
    return program;
}
