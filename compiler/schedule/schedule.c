/* The schedule: walks the graph in order, lowers each node to phases, and sorts phases by when they run.
 *
 *   graph: y = ConvNHWC(x, w, b); loss = ReduceMean(y)      x: float[N,8,8,3]
 *   image phases, for each image: y; its part of the sum;   begin: the sum is cleared;   end: it is divided
 *
 * With a free batch, what depends on no image is computed once in `begin`; what depends on all of them, in `end`. An
 * operator that would need several images at a time is refused, and the message names the flag that fixes the batch. */
#include "compiler/schedule/schedule.h"

#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"

#include "ir/infer.h"

#include <string.h>

static Lower *const lowerings[OP_COUNT] = {
#undef LOWER_CLASS_ELEMENTWISE
#undef LOWER_CLASS_MOVE
#undef LOWER_CLASS_REDUCTION
#undef LOWER_CLASS_CONTRACTION
#undef LOWER_CLASS_META
#undef LOWER_CLASS_OTHER
#define LOWER_CLASS_ELEMENTWISE(name) lower_elementwise
#define LOWER_CLASS_MOVE(name) lower_##name
#define LOWER_CLASS_REDUCTION(name) lower_##name
#define LOWER_CLASS_CONTRACTION(name) lower_##name
#define LOWER_CLASS_META(name) lower_##name
#define LOWER_CLASS_OTHER(name) lower_##name
#define OP(name, domain, class, ...) [OP_##name] = LOWER_##class(name),
#include "ir/ops.def"
#undef OP
};

/* ── Diagnostics ─────────────────────────────────────────────────────────────────────────────────────── */

const char *node_label(const Node *node)
{
    for (int64_t i = 0; i < node->outputs.len; i++)
        if (node->outputs.at[i])
            return node->outputs.at[i]->name;
    return node->op->name;
}

bool unsupported(Lowering *l, const char *what)
{
    diag_unsupported(l->diag, l->node->span, "%s: %s is not supported", l->node->op->name, what);
    return false;
}

bool mixes_images(Lowering *l, const char *what)
{
    const char *symbol = graph_batch_symbol(l->graph);
    diag_unsupported(l->diag, l->node->span, "%s: %s is not supported; --dim %s=N fixes the batch", l->node->op->name, what,
                     symbol ? symbol : "batch_size");
    return false;
}

/* Calls are inlined before anything is scheduled. */
bool lower_Call(Lowering *l, const Node *node)
{
    (void)node;
    return unsupported(l, "a call that was not inlined");
}

/* ── Values ──────────────────────────────────────────────────────────────────────────────────────────── */

View view_of_input(Lowering *l, const Node *node, int64_t input) { return *view_of(l, node->inputs.at[input]); }

static bool is_per_image(const Value *value) { return value->type.shape.rank > 0 && value->type.shape.dims[0].size < 0; }

static void reset_marks(Graph *graph)
{
    for (int64_t i = 0; i < graph->inputs.len; i++)
        graph->inputs.at[i]->mark = 0;
    for (int64_t i = 0; i < graph->constants.len; i++)
        graph->constants.at[i]->mark = 0;
    FOR_NODES (node, graph) {
        Graph *body = node_attr_graph(node, "body");
        for (int64_t i = 0; i < node->outputs.len; i++)
            if (node->outputs.at[i])
                node->outputs.at[i]->mark = 0;
        if (body)
            reset_marks(body);
    }
}

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

/* ── Nodes ───────────────────────────────────────────────────────────────────────────────────────────── */

/* When the node can run: after the last of what it uses. */
static bool when_of(Lowering *l, const Node *node, bool *images)
{
    When when = l->earliest;
    *images = false;
    for (int64_t i = 0; i < node->inputs.len; i++) {
        if (!node->inputs.at[i])
            continue;
        const View *view = view_of(l, node->inputs.at[i]);
        when = view->when > when ? view->when : when;
        *images |= view->per_image;
    }
    l->when = when;
    return !(*images && when == WHEN_END) || mixes_images(l, "using a result of the whole free batch for each of its images");
}

/* Only reductions may turn images into something that is not one. */
static bool keeps_images(const Node *node)
{
    bool reduces = node->op->class == CLASS_REDUCTION || node->op->kind == OP_Shape || node->op->kind == OP_Size;
    for (int64_t i = 0; i < node->outputs.len && !reduces; i++)
        if (node->outputs.at[i] && !is_per_image(node->outputs.at[i]))
            return false;
    return true;
}

static void finish_outputs(Lowering *l, const Node *node)
{
    for (int64_t i = 0; i < node->outputs.len; i++) {
        const Value *value = node->outputs.at[i];
        if (!value || value->mark <= 0)
            continue;
        View *view = &l->views.at[value->mark - 1];
        view->when = view->when > l->when ? view->when : l->when;
        view->per_image = is_per_image(value);
    }
}

bool lower_node(Lowering *l, const Node *node)
{
    bool images;
    l->node = node;
    if (!when_of(l, node, &images))
        return false;
    if (images && node->op->kind != OP_Region && !keeps_images(node))
        return mixes_images(l, "an operator that mixes the images of a free batch");
    When when = l->when;
    if (!lowerings[node->op->kind](l, node))
        return false;
    l->when = when;
    finish_outputs(l, node);
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
        view.per_image = is_per_image(value);
        view.when = view.per_image || !l->program->batch_free ? WHEN_IMAGE : WHEN_BEGIN;
        view_set(l, value, view);
    }
    for (int64_t i = 0; i < l->graph->outputs.len; i++) {
        const Value *value = l->graph->outputs.at[i];
        Buffer *buffer = buffer_new(l, value->name, SPACE_TENSOR, value->type.dtype, value_bytes(value));
        buffer->index = l->graph->inputs.len + i;
    }
}

static Buffer *tensor_buffer(const Program *program, int64_t index) { return program->buffers.at[index]; /* they come first */ }

/* Copies what was not written to its place: views, constants, a value that is an output twice. */
static void write_outputs(Lowering *l)
{
    for (int64_t i = 0; i < l->graph->outputs.len; i++) {
        const Value *value = l->graph->outputs.at[i];
        const View *view = view_of(l, value);
        Buffer *buffer = tensor_buffer(l->program, l->graph->inputs.len + i);
        if (view->ref.buffer == buffer && !view->ref.offset && view_is_dense(view))
            continue;
        View out = view_dense(ref_to(buffer), view->dtype, view->rank, view->dims);
        l->when = view->when;
        copy_phase(l, value->name, out, *view);
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
    bool ok = check_values(l, l->graph);
    if (!ok)
        return false;
    add_tensors(l);
    FOR_NODES (node, l->graph)
        if (!lower_node(l, node))
            return false;
    write_outputs(l);
    return true;
}

static bool is_batch_free(const Graph *graph)
{
    for (int64_t i = 0; i < graph->inputs.len; i++)
        if (is_per_image(graph->inputs.at[i]))
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
        if (!is_per_image(graph->outputs.at[i]))
            return false;
    return program->batch_free && !program->begin.len && !program->end.len && program->arena_bytes <= own;
}

Program *schedule_graph(Graph *graph, DType precision, const CpuProfile *cpu, Arena *arena, Diag *diag)
{
    Program *program = NEW(arena, Program);
    *program = (Program){.arena = arena, .cpu = cpu, .precision = precision, .batch_free = is_batch_free(graph)};
    Lowering lowering = {.program = program, .graph = graph, .cpu = cpu, .arena = arena, .diag = diag};
    reset_marks(graph);
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
