/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Graph edits keep producers, users and names consistent, and the verifier sees it when something else does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ir/check.h"
#include "ir/graph.h"
#include "ir/infer.h"
#include "ir/interp.h"
#include "ir/op.h"
#include "ir/verify.h"

#include <stdlib.h>
#include <string.h>

typedef struct Fixture {
    Arena *arena;
    Diag diag;
    char *text;
    size_t size;
    Model *model;
    Graph *graph;
    Value *x, *w, *sum, *y; /* sum = Add(x, w); y = Relu(sum) */
} Fixture;

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof *f);
    f->arena = arena_new();
    f->diag.out = open_memstream(&f->text, &f->size);
    f->model = model_new(f->arena, &f->diag);
    model_set_opset(f->model, "", 18);
    Graph *g = f->graph = f->model->graph = graph_new(f->model, "g");
    Type type = {DT_FLOAT, {.rank = 2, .dims = {{-1, "N"}, {3, NULL}}}};
    Tensor *ones = tensor_new(f->arena, DT_FLOAT, 1, (int64_t[]){3});
    for (int i = 0; i < 3; i++)
        tensor_set(ones, i, -1);
    f->x = graph_add_input(g, "x", type, NO_SPAN);
    f->w = graph_add_constant(g, "w", ones, NO_SPAN);
    f->sum = graph_add_op(g, NULL, op_get(OP_Add), (Value *[]){f->x, f->w}, 2, "sum", NO_SPAN)->outputs.at[0];
    f->y = graph_add_op(g, NULL, op_get(OP_Relu), (Value *[]){f->sum}, 1, "y", NO_SPAN)->outputs.at[0];
    graph_add_output(g, f->y);
    *state = f;
    return graph_infer(g, &f->diag) ? 0 : 1;
}

static int teardown(void **state)
{
    Fixture *f = *state;
    fclose(f->diag.out);
    free(f->text);
    arena_free(f->arena);
    free(f);
    return 0;
}

static void assert_valid(Fixture *f)
{
    const char *problem;
    if (!graph_verify(f->graph, &problem))
        fail_msg("%s", problem);
}

static void assert_broken(Fixture *f, const char *expected)
{
    const char *problem = NULL;
    assert_false(graph_verify(f->graph, &problem));
    if (!strstr(problem, expected))
        fail_msg("'%s' does not say '%s'", problem, expected);
}

static void test_infer(void **state)
{
    Fixture *f = *state;
    assert_valid(f);
    assert_string_equal(type_text(f->arena, &f->y->type), "float[N,3]");
    assert_string_equal(graph_batch_symbol(f->graph), "N");
    assert_true(graph_check_inputs(f->graph, &f->diag) && graph_check_dims(f->graph, &f->diag));
}

static void test_names(void **state)
{
    Fixture *f = *state;
    assert_string_equal(graph_fresh_name(f->graph, "x"), "x_1");
    assert_string_equal(graph_fresh_name(f->graph, "free"), "free");
    assert_ptr_equal(graph_find(f->graph, "sum"), f->sum);
}

static void test_replace_and_remove(void **state)
{
    Fixture *f = *state;
    Node *add = f->sum->producer;
    value_replace_uses(f->sum, f->x);
    assert_int_equal(f->sum->users.len, 0);
    assert_int_equal(f->x->users.len, 2);
    node_remove(add);
    assert_null(graph_find(f->graph, "sum"));
    assert_int_equal(f->graph->n_nodes, 1);
    assert_int_equal(f->x->users.len, 1);
    assert_valid(f);
    value_replace_uses(f->y, f->x);
    assert_ptr_equal(f->graph->outputs.at[0], f->x);
    assert_true(f->x->is_output && !f->y->is_output);
}

static void test_insert(void **state)
{
    Fixture *f = *state;
    Node *relu = f->y->producer;
    Node *neg = graph_add_op(f->graph, relu, op_get(OP_Neg), (Value *[]){f->sum}, 1, NULL, NO_SPAN);
    node_infer(neg);
    node_set_input(relu, 0, neg->outputs.at[0]);
    assert_string_equal(neg->outputs.at[0]->name, "Neg");
    assert_true(value_has_one_use(f->sum) && !value_has_one_use(f->y));
    assert_valid(f);
}

static void test_attributes(void **state)
{
    Fixture *f = *state;
    Node *node = graph_add_op(f->graph, NULL, op_get(OP_Gemm), (Value *[]){f->x, f->x}, 2, NULL, NO_SPAN);
    assert_true(node_attr_float(node, "alpha") == 1.0);
    assert_int_equal(node_attr_int(node, "transB"), 0);
    node_set_int(node, "transB", 1);
    node_set_int(node, "alpha", 2); /* an integer literal where a float is meant */
    assert_true(node_check(node, &f->diag));
    assert_int_equal(node_attr(node, "alpha")->kind, ATTR_FLOAT);
    assert_true(node_attr_float(node, "alpha") == 2.0);
    node_set_string(node, "beta", "no");
    assert_false(node_check(node, &f->diag));
}

/* Each way of breaking a graph by hand is found, and named. */
static void test_verifier(void **state)
{
    Fixture *f = *state;
    Node *relu = f->y->producer, *add = f->sum->producer;
    node_move_before(relu, add);
    assert_broken(f, "before it is computed");
    node_move_before(add, relu);
    assert_valid(f);
    f->y->type.shape.dims[1].size = 4;
    assert_broken(f, "recorded as float[N,4], inferred as float[N,3]");
    f->y->type.shape.dims[1].size = 3;
    f->sum->users.len = 0;
    assert_broken(f, "not among the users");
    f->sum->users.len = 1;
    f->graph->n_nodes++;
    assert_broken(f, "counts 3");
    f->graph->n_nodes--;
    relu->inputs.len = 0;
    f->sum->users.len = 0;
    assert_broken(f, "Relu expects 1 input, got 0");
    relu->inputs.len = f->sum->users.len = 1;
    f->sum->producer = NULL;
    assert_broken(f, "does not name Add of 'sum' as its producer");
}

static void test_interpret(void **state)
{
    Fixture *f = *state;
    Tensor *in = tensor_new(f->arena, DT_FLOAT, 2, (int64_t[]){2, 3}), *out;
    for (int i = 0; i < 6; i++)
        tensor_set(in, i, i);
    assert_true(graph_interpret(f->graph, &in, &out, f->arena, &f->diag, NULL, NULL));
    assert_int_equal(out->dims[0], 2);
    for (int i = 0; i < 6; i++)
        assert_true(tensor_get(out, i) == (i > 1 ? i - 1 : 0));
    in = tensor_reshaped(f->arena, in, 2, (int64_t[]){3, 2});
    assert_false(graph_interpret(f->graph, &in, &out, f->arena, &f->diag, NULL, NULL));
    fflush(f->diag.out);
    assert_non_null(strstr(f->text, "input 'x' is float[3,2], expected float[N,3]"));
}

static void test_bind(void **state)
{
    Fixture *f = *state;
    assert_false(graph_bind_dims(f->graph, &(DimBinding){"M", 2}, 1, &f->diag));
    fflush(f->diag.out);
    assert_non_null(strstr(f->text, "--dim M=2: the model has no such symbolic dimension; it has: N"));
    assert_false(graph_bind_dims(f->graph, &(DimBinding){"N", 0}, 1, &f->diag));
    assert_true(graph_bind_dims(f->graph, &(DimBinding){"N", 2}, 1, &f->diag));
    assert_null(graph_batch_symbol(f->graph));
}

static void test_declared(void **state)
{
    Fixture *f = *state;
    f->y->type.shape.dims[1].size = 4;
    assert_false(graph_infer(f->graph, &f->diag));
    fflush(f->diag.out);
    assert_non_null(strstr(f->text, "'y' is declared as float[N,4], but is float[N,3]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_infer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replace_and_remove, setup, teardown),
        cmocka_unit_test_setup_teardown(test_insert, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attributes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_verifier, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interpret, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bind, setup, teardown),
        cmocka_unit_test_setup_teardown(test_declared, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
