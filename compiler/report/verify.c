/* Verify: compiled code against the reference interpreter, on random inputs.
 *
 *   $ cnxc verify model/
 *   logits   max error 3.1e-07 of 2.4   ok
 *
 * The interpreter runs the graph as it was read; the executable is what `cnxc compile` makes. With --per-node every
 * value that holds pictures becomes an output, so each node is compared; fusion then stops at each of them. */
#include "compiler/report/verify.h"
#include "compiler/build/output.h"
#include "compiler/build/process.h"
#include "compiler/report/graph_cost.h"
#include "compiler/report/json.h"
#include "ir/interp.h"
#include "ir/npy.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

/* An output may differ by this part of its largest magnitude: fp32 sums over some thousand terms, through dozens of
 * layers, stay below 1e-5 (the goldens' float32 references do); a wrong kernel is off by far more. */
static const double TOLERANCE = 1e-4;
/* Operands rounded to 8 bits; few-channel models with random weights reach 3e-2. */
static const double TOLERANCE_BF16 = 5e-2;

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
    bool is_real = input->type.dtype == DT_FLOAT || input->type.dtype == DT_DOUBLE || input->type.dtype == DT_FLOAT16;
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
    v->inputs = NEW_ARRAY(v->compiled.arena, Tensor *, graph->inputs.len);
    for (int64_t i = 0; i < graph->inputs.len; i++) {
        v->inputs[i] = random_tensor(v, graph->inputs.at[i], &state);
        if (!v->inputs[i]) {
            diag_unsupported(v->compiled.diag, graph->inputs.at[i]->span, "input '%s' can't be filled with numbers",
                             graph->inputs.at[i]->name);
            return false;
        }
    }
    return true;
}

/* ── The reference ───────────────────────────────────────────────────────────────────────────────────── */

static void remember(Verify *v, const Value *value, const Tensor *tensor)
{
    vec_push(v->compiled.arena, &v->values, (Comparison){.value = value, .expected = tensor});
}

/* A value that a compiled program could also give: numbers that depend on the picture. */
static bool is_comparable(const Value *value)
{
    const Graph *graph = value->graph;
    bool batched = value->type.shape.rank > 0 && !dim_is_fixed(value->type.shape.dims[0]);
    return value->producer && !graph->parent && value->type.dtype == DT_FLOAT && value->type.shape.rank > 0 &&
           (batched || !graph_batch_symbol(graph));
}

/* The interpreter gives a value's memory back after its last use, so what is compared later is copied. */
static void observe(void *context, const Value *value, const Tensor *tensor)
{
    Verify *v = context;
    if (value->graph != v->reference.model->graph || value->is_output || !is_comparable(value))
        return;
    Tensor *copy = tensor_new(v->compiled.arena, tensor->dtype, tensor->rank, tensor->dims);
    if (copy) {
        memcpy((void *)(uintptr_t)copy->data, tensor->data, (size_t)(tensor->count * dtype_size(tensor->dtype)));
        remember(v, value, copy);
    }
}

static bool run_reference(Verify *v)
{
    Graph *graph = v->reference.model->graph;
    Arena *arena = v->reference.arena;
    Tensor **outputs = NEW_ARRAY(arena, Tensor *, graph->outputs.len);
    if (!graph_interpret(graph, v->inputs, outputs, arena, v->reference.diag, v->per_node ? observe : NULL, v))
        return false;
    for (int64_t i = 0; i < graph->outputs.len; i++)
        remember(v, graph->outputs.at[i], outputs[i]);
    return true;
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
    const Graph *graph = v->reference.model->graph;
    Arena *arena = v->compiled.arena;
    for (int64_t i = 0; i < graph->inputs.len; i++) {
        const char *path = tensor_path(v, "in", i);
        if (!tensor_write_npy(v->inputs[i], path)) {
            diag_resource(v->compiled.diag, NO_SPAN, "can't write '%s': %s", path, strerror(errno));
            return false;
        }
        vec_push(arena, arguments, "--input");
        vec_push(arena, arguments, arena_printf(arena, "%s=%s", graph->inputs.at[i]->name, path));
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

static void compare(Verify *v, int64_t index)
{
    Comparison *c = &v->values.at[index];
    Tensor *got = tensor_read_npy(tensor_path(v, "out", index), v->compiled.arena);
    if (!got || got->count != c->expected->count || got->dtype != c->expected->dtype)
        return;
    for (int64_t i = 0; i < got->count; i++) {
        double expected = tensor_get(c->expected, i);
        c->error = fmax(c->error, element_error(tensor_get(got, i), expected));
        if (isfinite(expected))
            c->magnitude = fmax(c->magnitude, fabs(expected));
    }
    c->compared = true;
    bool bf16 = v->compiled.options.precision == DT_BFLOAT16;
    c->ok = c->error <= (bf16 ? TOLERANCE_BF16 : TOLERANCE) * fmax(c->magnitude, 1e-3);
}

void verify_print(const Verify *v)
{
    for (int64_t i = 0; i < v->values.len; i++) {
        const Comparison *c = &v->values.at[i];
        const char *name = escaped(v->compiled.arena, c->value->name);
        if (c->compared)
            printf("%-24s max error %.2e of %.3g   %s\n", name, c->error, c->magnitude, c->ok ? "ok" : "WRONG");
        else
            printf("%-24s has another type or shape   WRONG\n", name);
    }
}

void verify_print_json(const Verify *v)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < v->values.len; i++) {
        const Comparison *c = &v->values.at[i];
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:b}", "name", c->value->name, "max_error", json_finite(c->error),
                                              "max_magnitude", json_finite(c->magnitude), "ok", c->ok));
    }
    json_print(list, 17);
}

bool verify_run(Verify *v)
{
    if (!build_load(&v->reference) || !make_inputs(v) || !run_reference(v) || !build_load(&v->compiled))
        return false;
    expose_values(v);
    const char *dir = output_temp_dir(NULL, v->compiled.arena, v->compiled.diag);
    const char *program = dir ? build_executable(&v->compiled, dir, "model") : NULL;
    if (!program || !run_compiled(v, program))
        return false;
    for (int64_t i = 0; i < v->values.len; i++)
        compare(v, i);
    return true;
}

bool verify_ok(const Verify *v)
{
    for (int64_t i = 0; i < v->values.len; i++)
        if (!v->values.at[i].ok)
            return false;
    return true;
}
