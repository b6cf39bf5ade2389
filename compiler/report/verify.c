/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Verify: compiled code against the reference interpreter, on random inputs.
 *
 *   $ cnxc verify model/
 *   logits   max error 3.1e-07 of 2.4   ok
 *
 * The interpreter runs the graph as it was read, but halves in float, as code does; the executable is what `cnxc compile` makes.
 * With --per-node every value that holds pictures becomes an output, so each node is compared; fusion then stops at each of them.
 *
 * With --per-op the optimised graph is cut apart: every region is given what the float32 graph has computed before it, so that what it
 * loses is its own. The signal-to-noise ratio says how much that is. Whether the code is right is another question: of int8, which
 * is in the graph, the interpreter says what each region has to make of what it is given.
 *
 *   x → [block] → b → [pool] → p        x → [block] → b;   b_1 → [pool] → p        b_1: an input that holds the reference's b
 *
 *   $ cnxc verify model/ --precision=bf16 --per-op
 *     62.8 dB  block       encoder.stages.3.layers.1_1              max error 1.68e-02 of 21.4   ok */
#include "compiler/report/verify.h"
#include "compiler/build/output.h"
#include "compiler/build/process.h"
#include "compiler/passes/passes.h"
#include "compiler/report/graph_cost.h"
#include "compiler/report/json.h"
#include "ir/interp.h"
#include "ir/npy.h"
#include "ir/op.h"
#include "ir/region.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An output may differ by this part of its largest magnitude: fp32 sums over some thousand terms, through dozens of
 * layers, stay below 1e-5 (the goldens' float32 references do); a wrong kernel is off by far more. */
static const double TOLERANCE = 1e-4;
/* Operands rounded to 8 bits; few-channel models with random weights reach 3e-2. */
static const double TOLERANCE_BF16 = 5e-2;
/* The same integers, but for those that the last bits of a float before them turn to their neighbour, one step in 255. Each
 * turns others in the next layer, so that after some the two differ as much as either does from floats. */
static const double TOLERANCE_INT8 = 5e-2;

/* A half that is given out may be rounded to its neighbour. Where each value is rounded to halves, as at -O0, every layer turns
 * some. */
static const double TOLERANCE_F16_OUT = 0x1p-10, TOLERANCE_BF16_OUT = 0x1p-7, TOLERANCE_ROUNDED = 5e-2;

/* ── Random inputs ───────────────────────────────────────────────────────────────────────────────────── */

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static int64_t class_count(const Graph *graph)
{
    const Value *logits = graph_find(graph, "logits");
    const Shape *shape = logits ? &logits->type.shape : NULL;
    return shape && shape->rank == 2 && shape->dims[1].size > 0 ? shape->dims[1].size : 2;
}

/* Two images where that is cheap, so that a mix-up between them shows. */
static int64_t batch_size(const Graph *graph) { return graph_cost(graph).macs < INT64_C(200000000) ? 2 : 1; }

static Tensor *random_tensor(Verify *v, const Value *input, uint64_t *state)
{
    const Shape *shape = &input->type.shape;
    int64_t dims[MAX_RANK], classes = class_count(input->graph);
    for (int i = 0; i < shape->rank; i++)
        dims[i] = shape->dims[i].size >= 0 ? shape->dims[i].size : batch_size(input->graph);
    Tensor *tensor = tensor_new(v->compiled.arena, input->type.dtype, shape->rank, dims);
    bool is_real = dtype_is_float(input->type.dtype);
    for (int64_t i = 0; tensor && i < tensor->count; i++) {
        uint64_t bits = next_random(state);
        if (is_real)
            tensor_set(tensor, i, (double)(bits >> 40) * 0x1p-23 - 1);
        else
            tensor_set_int(tensor, i, (int64_t)(bits % (uint64_t)(input->type.dtype == DT_BOOL ? 2 : classes)));
    }
    return tensor;
}

static bool make_inputs(Verify *v)
{
    const Graph *graph = v->reference.model->graph;
    uint64_t state = (uint64_t)v->seed;
    for (int64_t i = 0; i < graph->inputs.len; i++) {
        const Value *input = graph->inputs.at[i];
        const Tensor *tensor = random_tensor(v, input, &state);
        if (!tensor) {
            diag_unsupported(v->compiled.diag, input->span, "input '%s' can't be filled with numbers", input->name);
            return false;
        }
        vec_push(v->compiled.arena, &v->given, (Given){input->name, tensor});
    }
    return true;
}

/* ── The reference ───────────────────────────────────────────────────────────────────────────────────── */

static void remember(Verify *v, const Value *value, const Tensor *tensor)
{
    vec_push(v->compiled.arena, &v->values, (Comparison){.value = value, .expected = tensor});
}

/* A value that a compiled program could also give or be given: numbers that depend on the picture. */
static bool is_comparable(const Value *value)
{
    const Graph *graph = value->graph;
    const char *batch = graph_batch_symbol(graph);
    const Shape *shape = &value->type.shape;
    bool batched = shape->rank > 0 && !dim_is_fixed(shape->dims[0]) && str_equal(shape->dims[0].symbol, batch);
    return value->producer && !graph->parent && value->type.dtype == DT_FLOAT && shape->rank > 0 && (batched || !batch);
}

/* Once it is observed, the interpreter keeps every value. */
static void observe(void *context, const Value *value, const Tensor *tensor)
{
    Verify *v = context;
    if (value->graph != v->reference.model->graph || !is_comparable(value))
        return;
    if (v->per_op)
        strmap_put(&v->known, value->name, (void *)(uintptr_t)tensor);
    else if (!value->is_output)
        remember(v, value, tensor);
}

/* The graph's outputs on what is given, which has the order of its inputs. NULL after a diagnostic. */
static Tensor **interpret(Verify *v, Graph *graph, bool observed)
{
    Arena *arena = v->reference.arena;
    Tensor **inputs = NEW_ARRAY(arena, Tensor *, graph->inputs.len), **outputs = NEW_ARRAY(arena, Tensor *, graph->outputs.len);
    for (int64_t i = 0; i < graph->inputs.len; i++)
        inputs[i] = (Tensor *)(uintptr_t)v->given.at[i].tensor;
    return graph_interpret(graph, inputs, outputs, arena, v->reference.diag, observed ? observe : NULL, v) ? outputs : NULL;
}

static bool run_reference(Verify *v)
{
    Graph *graph = v->reference.model->graph;
    Tensor **outputs = interpret(v, graph, v->per_node || v->per_op);
    for (int64_t i = 0; outputs && !v->per_op && i < graph->outputs.len; i++)
        remember(v, graph->outputs.at[i], outputs[i]);
    return outputs;
}

/* ── Region by region ────────────────────────────────────────────────────────────────────────────────── */

/* What the reference has for a value; NULL: nothing that is its like. */
static const Tensor *known(const Verify *v, const Value *value)
{
    const Tensor *tensor = is_comparable(value) ? strmap_get(&v->known, value->name) : NULL;
    return tensor && tensor->rank == value->type.shape.rank ? tensor : NULL;
}

/* Whoever reads the value reads an input instead; where the graph gives it out, it still does. */
static void give(Verify *v, Value *value, const Tensor *tensor)
{
    Graph *graph = value->graph;
    Value *input = graph_add_input(graph, graph_fresh_name(graph, value->name), value->type, value->span);
    value_replace_uses(value, input);
    for (int64_t i = 0; i < graph->outputs.len; i++)
        if (graph->outputs.at[i] == input)
            graph_set_output(graph, i, value);
    vec_push(v->compiled.arena, &v->given, (Given){input->name, tensor});
}

/* Every value that is known becomes an output, and an input where it is used. */
static void cut_apart(Verify *v)
{
    Graph *graph = v->compiled.model->graph;
    FOR_NODES (node, graph)
        for (int64_t i = 0; i < node->outputs.len; i++) {
            Value *value = node->outputs.at[i];
            const Tensor *tensor = value ? known(v, value) : NULL;
            if (!tensor)
                continue;
            vec_push(v->compiled.arena, &v->values, (Comparison){.value = value, .expected = tensor, .exact = tensor});
            if (value->users.len)
                give(v, value, tensor);
            if (!value->is_output)
                graph_add_output(graph, value);
        }
}

/* What the regions of a graph with integers have to make of what they are given. */
static bool expect_integers(Verify *v)
{
    Graph *graph = v->compiled.model->graph;
    Tensor **outputs = interpret(v, graph, false);
    for (int64_t i = 0; outputs && i < v->values.len; i++)
        for (int64_t o = 0; o < graph->outputs.len; o++)
            if (graph->outputs.at[o] == v->values.at[i].value)
                v->values.at[i].expected = outputs[o];
    return outputs;
}

/* ── The compiled program ────────────────────────────────────────────────────────────────────────────── */

static void expose_values(Verify *v)
{
    Graph *graph = v->compiled.model->graph;
    for (int64_t i = 0; i < v->values.len; i++) {
        Value *value = graph_find(graph, v->values.at[i].value->name);
        if (value && !value->is_output)
            graph_add_output(graph, value);
    }
}

static const char *tensor_path(Verify *v, const char *kind, int64_t index)
{
    return arena_printf(v->compiled.arena, "%s/%s%lld.npy", v->compiled.temp_dir, kind, (long long)index);
}

static bool write_inputs(Verify *v, StrList *arguments)
{
    Arena *arena = v->compiled.arena;
    for (int64_t i = 0; i < v->given.len; i++) {
        const char *path = tensor_path(v, "in", i);
        if (!tensor_write_npy(v->given.at[i].tensor, path)) {
            diag_resource(v->compiled.diag, NO_SPAN, "can't write '%s': %s", path, strerror(errno));
            return false;
        }
        vec_push(arena, arguments, "--input");
        vec_push(arena, arguments, arena_printf(arena, "%s=%s", v->given.at[i].name, path));
    }
    return true;
}

static bool run_compiled(Verify *v, const char *program)
{
    Arena *arena = v->compiled.arena;
    StrList arguments = {0};
    for (int64_t i = 0; i < v->runner.len; i++)
        vec_push(arena, &arguments, v->runner.at[i]);
    vec_push(arena, &arguments, program);
    if (!write_inputs(v, &arguments))
        return false;
    for (int64_t i = 0; i < v->values.len; i++) {
        vec_push(arena, &arguments, "--output");
        vec_push(arena, &arguments, arena_printf(arena, "%s=%s", v->values.at[i].value->name, tensor_path(v, "out", i)));
    }
    vec_push(arena, &arguments, NULL);
    int code = process_run(arguments.at, NULL, v->compiled.diag);
    if (code > 0)
        diag_resource(v->compiled.diag, NO_SPAN, "the compiled program ended with exit code %d", code);
    return code == 0;
}

/* ── Comparing ───────────────────────────────────────────────────────────────────────────────────────── */

/* NaN must meet NaN, and an infinity the same one. */
static double element_error(double got, double expected)
{
    if (isnan(got) || isnan(expected))
        return isnan(got) && isnan(expected) ? 0 : INFINITY;
    return got == expected ? 0 : fabs(got - expected);
}

/* Whether a region says that its products are bf16. */
static bool has_bf16(const Graph *graph)
{
    FOR_NODES (node, graph)
        if (node->op->kind == OP_Region && (region_precision(node) || has_bf16(node_attr_graph(node, "body"))))
            return true;
    return false;
}

/* Values that are halves or come of computed ones. */
static void mark_rounded(Graph *graph)
{
    for (int64_t i = 0; i < graph->inputs.len; i++)
        graph->inputs.at[i]->mark = 0;
    for (int64_t i = 0; i < graph->constants.len; i++)
        graph->constants.at[i]->mark = 0;
    FOR_NODES (node, graph) {
        int64_t rounded = 0;
        for (int64_t i = 0; i < node->inputs.len; i++)
            rounded |= node->inputs.at[i] ? node->inputs.at[i]->mark : 0;
        for (int64_t i = 0; i < node->outputs.len; i++)
            if (node->outputs.at[i])
                node->outputs.at[i]->mark = rounded | dtype_is_half(node->outputs.at[i]->type.dtype);
    }
}

static bool rounds_each(const Verify *v) { return !v->compiled.options.pipeline.opt_level && !v->per_op; }

static double tolerance(const Verify *v, const Value *value, DType output)
{
    DType precision = v->compiled.options.pipeline.precision;
    if (rounds_each(v) && value->mark)
        return TOLERANCE_ROUNDED;
    if (precision == DT_BFLOAT16 || has_bf16(v->compiled.model->graph))
        return TOLERANCE_BF16;
    if (precision == DT_INT8)
        return TOLERANCE_INT8;
    return output == DT_FLOAT16 ? TOLERANCE_F16_OUT : output == DT_BFLOAT16 ? TOLERANCE_BF16_OUT : TOLERANCE;
}

static void compare(Verify *v, int64_t index)
{
    Comparison *c = &v->values.at[index];
    Tensor *got = tensor_read_npy(tensor_path(v, "out", index), v->compiled.arena);
    if (!got)
        diag_resource(v->compiled.diag, NO_SPAN, "what the compiled program has written of '%s' can't be read", c->value->name);
    if (!got || got->count != c->expected->count || got->dtype != c->expected->dtype)
        return;
    for (int64_t i = 0; i < got->count; i++) {
        double expected = tensor_get(c->expected, i);
        c->error = fmax(c->error, element_error(tensor_get(got, i), expected));
        if (isfinite(expected))
            c->magnitude = fmax(c->magnitude, fabs(expected));
    }
    for (int64_t i = 0; c->exact && i < got->count; i++) {
        double exact = tensor_get(c->exact, i), distance = element_error(tensor_get(got, i), exact);
        c->noise += distance * distance;
        c->signal += isfinite(exact) ? exact * exact : 0;
    }
    c->compared = true;
    c->ok = c->error <= tolerance(v, c->value, got->dtype) * fmax(c->magnitude, 1e-3);
}

double verify_decibels(const Comparison *c) { return c->noise > 0 ? 10 * log10(c->signal / c->noise) : INFINITY; }

static int by_noise(const void *a, const void *b)
{
    const Comparison *x = a, *y = b;
    double left = verify_decibels(x), right = verify_decibels(y);
    return left != right ? (left > right) - (left < right) : strcmp(x->value->name, y->value->name);
}

static const char *kind_of(const Comparison *c)
{
    const Node *node = c->value->producer;
    return node->op->kind == OP_Region ? node_attr_string(node, "kind") : node->op->name;
}

static void print_line(const Verify *v, const Comparison *c)
{
    const char *name = escaped(v->compiled.arena, c->value->name);
    if (v->per_op)
        printf("%6.1f dB  %-10s  %-40s ", verify_decibels(c), kind_of(c), name);
    else
        printf("%-24s ", name);
    if (c->compared)
        printf("max error %.2e of %.3g   %s\n", c->error, c->magnitude, c->ok ? "ok" : "WRONG");
    else
        printf("has another type or shape   WRONG\n");
}

void verify_print(const Verify *v)
{
    for (int64_t i = 0; i < v->values.len; i++)
        print_line(v, &v->values.at[i]);
}

void verify_print_json(const Verify *v)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < v->values.len; i++) {
        const Comparison *c = &v->values.at[i];
        json_t *item = json_pack("{s:s, s:o, s:o, s:b}", "name", c->value->name, "max_error", json_finite(c->error),
                                 "max_magnitude", json_finite(c->magnitude), "ok", c->ok);
        if (v->per_op) {
            json_object_set_new(item, "kind", json_string(kind_of(c)));
            json_object_set_new(item, "snr_db", json_finite(verify_decibels(c)));
        }
        json_array_append_new(list, item);
    }
    json_print(list, 17);
}

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

/* From -O1 on halves are computed in float, behind what is folded while they still are halves. */
static bool widen(Build *build)
{
    Graph *graph = build->model->graph;
    if (!build->options.pipeline.opt_level || !graph_halves(graph))
        return true;
    bool ok = pipeline_portable(build->model, &build->options.pipeline);
    pass_widen(graph);
    return ok;
}

/* int8 is compared with the same integers, which stand in the graph that passes leave. */
static bool load_reference(Verify *v)
{
    v->known.arena = v->reference.arena;
    bool optimized = v->per_op || v->compiled.options.pipeline.precision == DT_INT8;
    if (!build_load(&v->reference))
        return false;
    if (!v->per_node) /* what no output needs is not interpreted */
        pass_prune(v->reference.model->graph);
    return optimized ? build_optimize(&v->reference) : widen(&v->reference);
}

/* What is to be compared becomes an output: of the graph as it was read, or region by region of the optimised one. */
static bool load_compiled(Verify *v)
{
    if (!build_load(&v->compiled) || (v->per_node && !widen(&v->compiled)))
        return false;
    if (!v->per_op)
        expose_values(v);
    v->compiled.options.pipeline.plan = v->reference.options.pipeline.plan; /* of the same precision: pictures once are enough */
    if (!build_optimize(&v->compiled))
        return false;
    if (v->per_op)
        cut_apart(v);
    if (!v->values.len)
        diag_unsupported(v->compiled.diag, NO_SPAN, "there is nothing to compare: no value is float32 and belongs to the batch");
    return v->values.len && (!v->per_op || v->compiled.options.pipeline.precision != DT_INT8 || expect_integers(v));
}

bool verify_run(Verify *v)
{
    if (!load_reference(v) || !make_inputs(v) || !run_reference(v) || !load_compiled(v))
        return false;
    const char *dir = v->dir ? v->dir : output_temp_dir(NULL, v->compiled.arena, v->compiled.diag);
    const char *program = dir ? build_linked(&v->compiled, ARTIFACT_EXE, dir, "model") : NULL;
    if (!program || !run_compiled(v, program))
        return false;
    if (rounds_each(v))
        mark_rounded(v->reference.model->graph);
    for (int64_t i = 0; i < v->values.len; i++)
        compare(v, i);
    if (v->per_op && v->values.len)
        qsort(v->values.at, (size_t)v->values.len, sizeof *v->values.at, by_noise);
    return !diag_failed(v->compiled.diag);
}

bool verify_ok(const Verify *v)
{
    for (int64_t i = 0; i < v->values.len; i++)
        if (!v->values.at[i].ok)
            return false;
    return true;
}
