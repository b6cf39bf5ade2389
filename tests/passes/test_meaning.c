/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Passes keep the meaning: every graph of this folder gives the same results before and after each pass, each pass has
 * nothing left to do the second time, outputs keep their names, and what legalize has made legal stays so. Where halves become
 * floats, results lose the roundings that the halves had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiler/frontend/frontend.h"
#include "compiler/passes/legalize.h"
#include "compiler/passes/passes.h"
#include "ir/interp.h"
#include "ir/op.h"
#include "ir/verify.h"

#include <dirent.h>
#include <math.h>

enum { BATCH = 2 };

static const struct {
    const char *name;
    bool (*run)(Graph *graph);
} passes[] = {
    {"canonicalize", pass_canonicalize},
    {"fold", pass_fold},
    {"legalize", pass_legalize},
    {"widen", pass_widen},
    {"layout", pass_layout},
    {"recognize", pass_recognize},
    {"affine", pass_affine},
    {"weights", pass_weights},
    {"fuse", pass_fuse},
    {"fuse_block", pass_fuse_block},
};

enum { LEGALIZE = 2, WIDEN = 3 }; /* from legalize on graphs are legal */

/* Numbers between -2 and 2 in an order that looks random but never changes. */
static Tensor *make_input(Arena *arena, const Type *type, uint32_t seed)
{
    int64_t dims[MAX_RANK];
    uint32_t state = seed * 7919 + 12345;
    for (int i = 0; i < type->shape.rank; i++)
        dims[i] = dim_is_fixed(type->shape.dims[i]) ? type->shape.dims[i].size : BATCH;
    Tensor *tensor = tensor_new(arena, type->dtype, type->shape.rank, dims);
    for (int64_t i = 0; i < tensor->count; i++) {
        state = state * 1664525u + 1013904223u;
        tensor_set(tensor, i, ((double)(state >> 8) / (1 << 24) - 0.5) * 4);
    }
    return tensor;
}

static Tensor **run(Model *model, Tensor *const *inputs)
{
    Tensor **outputs = NEW_ARRAY(model->arena, Tensor *, model->graph->outputs.len);
    assert_true(graph_interpret(model->graph, inputs, outputs, model->arena, model->diag, NULL, NULL));
    return outputs;
}

/* Float results may differ by rounding: weights that were folded are rounded once more. Halves turn to their neighbours. */
static void assert_close(const char *where, const Tensor *a, const Tensor *b, double tolerance)
{
    double largest = 0, difference = 0;
    assert_int_equal(a->count, b->count);
    for (int64_t i = 0; i < a->count; i++) {
        double x = tensor_get(a, i), y = tensor_get(b, i);
        largest = fmax(largest, fabs(x));
        difference = fmax(difference, isnan(x) || isnan(y) ? INFINITY : fabs(x - y));
    }
    double neighbour = a->dtype == DT_FLOAT16 ? 0x1p-10 : a->dtype == DT_BFLOAT16 ? 0x1p-7 : 0;
    if (difference > fmax(tolerance, neighbour) * largest)
        fail_msg("%s: differs by %g of %g", where, difference, largest);
}

/* What the graph computes then. */
static Tensor **check_pass(Model *model, int64_t pass, const char *path, Tensor *const *inputs, Tensor *const *before)
{
    Graph *graph = model->graph;
    const char *where = arena_printf(model->arena, "%s after %s", path, passes[pass].name), *problem;
    const char **names = NEW_ARRAY(model->arena, const char *, graph->outputs.len);
    for (int64_t i = 0; i < graph->outputs.len; i++)
        names[i] = graph->outputs.at[i]->name;
    bool changed = passes[pass].run(graph);
    if (!graph_verify(graph, &problem) || (pass >= LEGALIZE && !graph_is_legal(graph, &problem)))
        fail_msg("%s: %s", where, problem);
    Tensor **after = run(model, inputs);
    for (int64_t i = 0; i < graph->outputs.len; i++) {
        assert_string_equal(names[i], graph->outputs.at[i]->name);
        assert_close(where, before[i], after[i], pass == WIDEN && changed ? 5e-3 : 1e-6);
    }
    if (passes[pass].run(graph))
        fail_msg("%s: changes the graph a second time", where);
    return after;
}

static void check_graph(const char *path)
{
    Arena *arena = arena_new();
    Diag diag = {.out = stderr};
    FrontendOptions options = {0};
    Model *model = frontend_load(path, &options, arena, &diag);
    assert_non_null(model);
    Tensor **inputs = NEW_ARRAY(arena, Tensor *, model->graph->inputs.len);
    for (int64_t i = 0; i < model->graph->inputs.len; i++)
        inputs[i] = make_input(arena, &model->graph->inputs.at[i]->type, (uint32_t)i);
    Tensor **before = run(model, inputs);
    for (int64_t i = 0; i < countof(passes); i++) {
        Tensor **after = check_pass(model, i, path, inputs, before);
        before = i == WIDEN ? after : before;
    }
    assert_int_equal(diag.n_errors, 0);
    arena_free(arena);
}

static void passes_keep_the_meaning(void **state)
{
    const char *folder = TEST_SOURCE_DIR "/tests/passes";
    char path[4096];
    int n = 0;
    (void)state;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!str_ends_with(entry->d_name, ".onnxtxt"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        check_graph(path);
        n++;
    }
    closedir(dir);
    assert_true(n > 10);
}

/* layout.onnxtxt holds one block of ConvNeXt as an exporter writes it: all of it becomes one region. */
static void a_block_is_one_region(void **state)
{
    Arena *arena = arena_new();
    Diag diag = {.out = stderr};
    FrontendOptions options = {0};
    Model *model = frontend_load(TEST_SOURCE_DIR "/tests/passes/layout.onnxtxt", &options, arena, &diag);
    int n = 0;
    (void)state;
    assert_non_null(model);
    for (int64_t i = 0; i < countof(passes); i++)
        passes[i].run(model->graph);
    FOR_NODES (node, model->graph)
        if (node->op->kind == OP_Region && str_equal(node_attr_string(node, "kind"), "block")) {
            int64_t n_inside = 0;
            FOR_NODES (region, node_attr_graph(node, "body"))
                n_inside += node_attr_graph(region, "body")->n_nodes;
            assert_int_equal(n_inside, 7);
            n++;
        }
    assert_int_equal(n, 1);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_keep_the_meaning),
        cmocka_unit_test(a_block_is_one_region),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
