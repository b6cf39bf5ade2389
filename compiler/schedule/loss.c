/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Classification losses: one loss and one weight for each label, then their sum or weighted mean.
 *
 * With a free batch each image adds to two running sums, and `end` divides: the mean over a batch is not the mean of
 * its images' means when labels are ignored or weighted. */
#include "compiler/schedule/lower.h"

#include "compiler/schedule/map.h"
#include "compiler/schedule/node.h"
#include "compiler/schedule/norm.h"
#include "compiler/schedule/reduce.h"

#include <math.h>

typedef struct Loss {
    const Node *node;
    const char *name;
    View scores;            /* [rows, classes], contiguous */
    View labels;            /* [rows], contiguous */
    View loss, weight;      /* [rows] */
    bool per_image;
} Loss;

/* [N, C, d…] → [N·d…, C], contiguous */
static View class_rows(Lowering *l, View scores)
{
    int perm[VIEW_RANK] = {0};
    int64_t dims[2] = {1, scores.dims[1]};
    for (int i = 1; i + 1 < scores.rank; i++)
        perm[i] = i + 1;
    perm[scores.rank - 1] = 1;
    for (int i = 0; i < scores.rank; i++)
        dims[0] *= i == 1 ? 1 : scores.dims[i];
    View rows = view_contiguous(l, view_permute(view_float(l, scores), perm));
    view_reshape(&rows, 2, dims);
    return rows;
}

static View label_rows(Lowering *l, View labels)
{
    int64_t count = view_count(&labels);
    View rows = view_contiguous(l, labels);
    view_reshape(&rows, 1, &count);
    return rows;
}

static void cross_entropy_phase(Lowering *l, const Loss *loss)
{
    Kernel kernel = {.kind = KERNEL_CROSS_ENTROPY};
    const Attr *ignore = node_attr(loss->node, "ignore_index");
    kernel.cross_entropy.rows = loss->scores.dims[0];
    kernel.cross_entropy.n = loss->scores.dims[1];
    kernel.cross_entropy.row = loss->scores.strides[0];
    kernel.cross_entropy.label = loss->labels.dtype;
    kernel.cross_entropy.has_ignore = ignore != NULL;
    kernel.cross_entropy.ignore = ignore ? ignore->i : 0;
    phase_open(l, loss->name, 4 * view_count(&loss->scores));
    section_open(l, 1);
    emit_call(l, &kernel, (Ref[]){loss->scores.ref, loss->labels.ref, loss->loss.ref, loss->weight.ref}, 4);
    loop_close(l);
}

/* values[row, label] of a table with its own row for each label, or one row for all. */
static View pick(Lowering *l, const Loss *loss, View table, int64_t row_bytes)
{
    int64_t rows = loss->labels.dims[0];
    View picked = view_temp(l, SPACE_ARENA, DT_FLOAT, 1, &rows, false);
    Kernel kernel = {.kind = KERNEL_GATHER};
    kernel.gather.rows = row_bytes ? 1 : rows;
    kernel.gather.row_bytes = 4;
    kernel.gather.n_data = loss->scores.dims[1];
    kernel.gather.index = loss->labels.dtype;
    phase_open(l, loss->name, 0);
    Stmt *chunk = section_open(l, row_bytes ? rows : 1);
    Ref args[] = {ref_loop(table.ref, chunk, row_bytes), ref_loop(loss->labels.ref, chunk, dtype_size(loss->labels.dtype)),
                  ref_loop(picked.ref, chunk, 4)};
    emit_call(l, &kernel, args, 3);
    loop_close(l);
    return picked;
}

/* Losses of log probabilities: -x[label]; NaN for a label out of range, 0 for an ignored one; weight 1 or 0. */
static void likelihood_phases(Lowering *l, const Loss *loss)
{
    const Attr *ignore = node_attr(loss->node, "ignore_index");
    View picked = pick(l, loss, loss->scores, loss->scores.strides[0]);
    DType label = loss->labels.dtype;
    double classes = (double)loss->scores.dims[1], ignored = ignore ? (double)ignore->i : -1;
    Expr weight = {.n_operands = 1,
                   .n_steps = 4,
                   .steps = {{.op = OP_Constant, .imm[0] = ignored, .dtype = label},
                             {.op = OP_Equal, .in = {0, 1}, .dtype = DT_BOOL},
                             {.op = OP_Not, .in = {2}, .dtype = DT_BOOL},
                             {.op = OP_Cast, .in = {3}, .dtype = DT_FLOAT}}};
    if (!ignore) { /* a weight of 1, written from the label all the same */
        weight.n_steps = 1;
        weight.steps[0] = (ExprStep){.op = OP_Constant, .imm[0] = 1, .dtype = DT_FLOAT};
    }
    map_phase(l, loss->name, &weight, loss->weight, &loss->labels);
    Expr value = {.n_operands = 3,
                  .n_steps = 11,
                  .steps = { /* picked, labels, weight */
                            {.op = OP_Constant, .imm[0] = 0, .dtype = label},              /* 3 */
                            {.op = OP_Constant, .imm[0] = classes, .dtype = label},        /* 4 */
                            {.op = OP_Less, .in = {1, 3}, .dtype = DT_BOOL},               /* 5 */
                            {.op = OP_GreaterOrEqual, .in = {1, 4}, .dtype = DT_BOOL},     /* 6 */
                            {.op = OP_Or, .in = {5, 6}, .dtype = DT_BOOL},                 /* 7: out of range */
                            {.op = OP_Constant, .imm[0] = NAN, .dtype = DT_FLOAT},         /* 8 */
                            {.op = OP_Neg, .in = {0}, .dtype = DT_FLOAT},                  /* 9 */
                            {.op = OP_Where, .in = {7, 8, 9}, .dtype = DT_FLOAT},          /* 10 */
                            {.op = OP_Constant, .imm[0] = 0, .dtype = DT_FLOAT},           /* 11 */
                            {.op = OP_Equal, .in = {2, 11}, .dtype = DT_BOOL},             /* 12 */
                            {.op = OP_Where, .in = {12, 11, 10}, .dtype = DT_FLOAT}}};
    map_phase(l, loss->name, &value, loss->loss, (View[]){picked, loss->labels, loss->weight});
}

/* Both times the class's weight; an ignored label keeps its zeros whatever was picked for it. */
static void apply_class_weights(Lowering *l, const Loss *loss, View table)
{
    View picked = pick(l, loss, view_contiguous(l, view_float(l, table)), 0);
    Expr scaled = {.n_operands = 3,
                   .n_steps = 4,
                   .steps = { /* value, weight, picked */
                             {.op = OP_Constant, .imm[0] = 0, .dtype = DT_FLOAT},
                             {.op = OP_Equal, .in = {1, 3}, .dtype = DT_BOOL},
                             {.op = OP_Mul, .in = {0, 2}, .dtype = DT_FLOAT},
                             {.op = OP_Where, .in = {4, 3, 5}, .dtype = DT_FLOAT}}};
    map_phase(l, loss->name, &scaled, loss->loss, (View[]){loss->loss, loss->weight, picked});
    map_phase(l, loss->name, &scaled, loss->weight, (View[]){loss->weight, loss->weight, picked});
}

static View total(Lowering *l, const Loss *loss, View values)
{
    View sum = view_temp(l, SPACE_ARENA, DT_FLOAT, 1, (int64_t[]){1}, false);
    reduce_phases(l, loss->name, REDUCE_SUM, values, (bool[]){true}, sum);
    sum.rank = 0;
    if (!loss->per_image)
        return sum;
    View all = batch_accumulator(l, loss->name, DT_FLOAT, 0, NULL, 0);
    batch_join(l, loss->name, OP_Add, all, sum);
    return all;
}

static void write_total(Lowering *l, const Loss *loss, bool mean)
{
    const Value *value = loss->node->outputs.at[0];
    View sum = total(l, loss, loss->loss), weight = mean ? total(l, loss, loss->weight) : sum;
    When when = l->when;
    l->when = loss->per_image ? WHEN_END : when;
    View out = view_output(l, value, NULL, false);
    out.when = l->when;
    Expr expr = {.n_operands = 2,
                 .n_steps = 2,
                 .steps = {{.op = OP_Div, .in = {0, 1}, .dtype = DT_FLOAT}, {.op = OP_Cast, .in = {2}, .dtype = out.dtype}}};
    Expr cast = {.n_operands = 1, .n_steps = 1, .steps[0] = {.op = OP_Cast, .dtype = out.dtype}};
    map_phase(l, value->name, mean ? &expr : &cast, out, (View[]){sum, weight});
    l->when = when;
    view_set(l, value, out);
}

static void write_each(Lowering *l, const Loss *loss)
{
    const Value *value = loss->node->outputs.at[0];
    View out = view_output(l, value, NULL, false), each = loss->loss;
    view_reshape(&each, out.rank, out.dims);
    copy_phase(l, value->name, out, each);
    view_set(l, value, out);
}

static bool lower_loss(Lowering *l, const Node *node, bool from_scores)
{
    View scores = view_of_input(l, node, 0), labels = view_of_input(l, node, 1);
    Loss loss = {.node = node, .name = node_label(node), .per_image = scores.per_image};
    const char *reduction = node_attr_string(node, "reduction");
    if (labels.per_image != scores.per_image)
        return mixes_images(l, "a loss of a free batch against labels of a fixed one");
    if (!view_count(&scores))
        return lower_unsupported(l, "a loss of nothing");
    loss.scores = class_rows(l, scores);
    loss.labels = label_rows(l, labels);
    loss.loss = view_temp(l, SPACE_ARENA, DT_FLOAT, 1, loss.labels.dims, false);
    loss.weight = view_temp(l, SPACE_ARENA, DT_FLOAT, 1, loss.labels.dims, false);
    if (from_scores)
        cross_entropy_phase(l, &loss);
    else
        likelihood_phases(l, &loss);
    if (node_input(node, 2))
        apply_class_weights(l, &loss, *view_of(l, node->inputs.at[2]));
    if (str_equal(reduction, "none"))
        write_each(l, &loss);
    else
        write_total(l, &loss, str_equal(reduction, "mean"));
    return true;
}

bool lower_NegativeLogLikelihoodLoss(Lowering *l, const Node *node) { return lower_loss(l, node, false); }

bool lower_SoftmaxCrossEntropyLoss(Lowering *l, const Node *node)
{
    const Value *log_prob = node_output(node, 1);
    if (log_prob) {
        View scores = view_of_input(l, node, 0), result = softmax_phases(l, log_prob->name, scores, 1, true, log_prob);
        result.per_image = scores.per_image;
        float_output_set(l, log_prob, result);
    }
    return lower_loss(l, node, true);
}
