/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Elementwise expressions from nodes: what a fused epilogue or a chain of elementwise nodes computes.
 *
 * While a Fusion grows, value ids tell operands (0 …) from steps (STEP …), since how many operands there will be
 * is not yet known; fusion_end renumbers.
 *
 *   t = Add(conv, bias); y = Relu(t)  →  operands: conv, bias; steps: 2 = Add(0, 1), 3 = Relu(2) */
#include "compiler/schedule/expr.h"

#include "compiler/schedule/lower.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { STEP = 1000 };
enum { LONG_STEP = 14 }; /* cost from which on a step is worth a loop of its own */

static void set_fused(Lowering *l, Fusion *fusion, const Value *value, int id)
{
    vec_push(l->arena, &fusion->computed, (Computed){value, id});
}

static bool find_fused(const Fusion *fusion, const Value *value, int *id)
{
    for (int64_t i = 0; i < fusion->computed.len; i++)
        if (fusion->computed.at[i].value == value) {
            *id = fusion->computed.at[i].id;
            return true;
        }
    return false;
}

void fusion_begin(Lowering *l, Fusion *fusion, const Value *first)
{
    memset(fusion, 0, sizeof *fusion);
    if (first) {
        fusion->expr.n_operands = 1;
        fusion->sources[0] = first;
        set_fused(l, fusion, first, 0);
    }
}

bool fusion_step(Fusion *fusion, OpKind op, DType dtype, int a, int b, int c, double imm0, double imm1, int *value)
{
    if (fusion->expr.n_steps == countof(fusion->expr.steps))
        return false;
    fusion->expr.steps[fusion->expr.n_steps] = (ExprStep){op, {a, b, c}, {imm0, imm1}, dtype};
    *value = STEP + fusion->expr.n_steps++;
    return true;
}

bool fusion_constant(Fusion *fusion, double number, DType dtype, int *value)
{
    return fusion_step(fusion, OP_Constant, dtype, 0, 0, 0, number, 0, value);
}

static bool same_view(const View *a, const View *b)
{
    return a->ref.buffer == b->ref.buffer && a->ref.offset == b->ref.offset &&
           memcmp(a->strides, b->strides, sizeof a->strides[0] * (size_t)a->rank) == 0;
}

bool fusion_operand(Fusion *fusion, const Value *source, View view, const Tensor *tensor, int *value)
{
    for (int i = 0; i < fusion->expr.n_operands; i++)
        if (fusion->sources[i] == source && fusion->operands[i].ref.buffer && same_view(&fusion->operands[i], &view)) {
            *value = i;
            return true;
        }
    if (fusion->expr.n_operands == MAX_OPERANDS)
        return false;
    *value = fusion->expr.n_operands++;
    fusion->operands[*value] = view;
    fusion->sources[*value] = source;
    fusion->tensors[*value] = tensor;
    return true;
}

/* A constant, also one that comes into a body through an input. */
static const Tensor *tensor_of(const Lowering *l, const Value *value)
{
    const View *view = view_found(l, value);
    return value->constant ? value->constant : view ? view->constant : NULL;
}

/* Integers beyond 2^53 would change as an immediate. */
static bool immediate(Lowering *l, const Value *value, double *number)
{
    const Tensor *tensor = tensor_of(l, value);
    return tensor && tensor_is_scalar(tensor, number) && (isinf(*number) || fabs(*number) < 9e15);
}

static bool input_id(Lowering *l, Fusion *fusion, const Value *value, int rank, const int64_t *dims, int *id)
{
    double number;
    if (find_fused(fusion, value, id))
        return true;
    if (!value->constant && !view_found(l, value))
        return false; /* it is computed after this, or not apart */
    if (immediate(l, value, &number) && value->type.shape.rank <= rank)
        return fusion_constant(fusion, number, value->type.dtype, id);
    View view = *view_of(l, value);
    return view_broadcast(&view, rank, dims) && fusion_operand(fusion, value, view, tensor_of(l, value), id);
}

/* ── Operators that are not one step ─────────────────────────────────────────────────────────────────── */

/* The bound as a number if it is one; then one Clip step will do. */
static bool clip_number(Lowering *l, const Node *node, int input, double otherwise, double *number)
{
    const Value *value = node_input(node, input);
    *number = otherwise;
    return !value || immediate(l, value, number);
}

static bool add_clip(Lowering *l, Fusion *fusion, const Node *node, int rank, const int64_t *dims, int x, int *value)
{
    DType dtype = node->outputs.at[0]->type.dtype;
    double low, high;
    bool is_low = clip_number(l, node, 1, -INFINITY, &low), is_high = clip_number(l, node, 2, INFINITY, &high);
    if (is_low && is_high && (dtype == DT_FLOAT || (!isinf(low) && !isinf(high))))
        return fusion_step(fusion, OP_Clip, dtype, x, 0, 0, low, high, value);
    int id;
    *value = x;
    if (!is_low || !isinf(low))
        if (!(is_low ? fusion_constant(fusion, low, dtype, &id) : input_id(l, fusion, node->inputs.at[1], rank, dims, &id)) ||
            !fusion_step(fusion, OP_Max, dtype, *value, id, 0, 0, 0, value))
            return false;
    if (!is_high || !isinf(high))
        if (!(is_high ? fusion_constant(fusion, high, dtype, &id) : input_id(l, fusion, node->inputs.at[2], rank, dims, &id)) ||
            !fusion_step(fusion, OP_Min, dtype, *value, id, 0, 0, 0, value))
            return false;
    return true;
}

/* One value for each channel (axis 1), as an operand over the whole space, of element type dtype. */
static bool channel_id(Lowering *l, Fusion *fusion, const Value *value, DType dtype, int rank, const int64_t *dims, int *id)
{
    View view = *view_of(l, value);
    bool wide = value->type.dtype == DT_DOUBLE;
    for (int i = 2; i < rank; i++)
        view = view_insert(view, view.rank, 1, 0);
    return view_broadcast(&view, rank, dims) && fusion_operand(fusion, value, view, tensor_of(l, value), id) &&
           (wide == (dtype == DT_DOUBLE) || fusion_step(fusion, OP_Cast, dtype, *id, 0, 0, 0, 0, id));
}

/* (x - mean) / sqrt(var + epsilon) * scale + b, rounded once. */
static bool add_batchnorm(Lowering *l, Fusion *fusion, const Node *node, int rank, const int64_t *dims, int x, int *value)
{
    DType result = node->outputs.at[0]->type.dtype, dtype = result == DT_DOUBLE ? result : DT_FLOAT;
    int scale, shift, mean, var, epsilon;
    return channel_id(l, fusion, node->inputs.at[1], dtype, rank, dims, &scale) &&
           channel_id(l, fusion, node->inputs.at[2], dtype, rank, dims, &shift) &&
           channel_id(l, fusion, node->inputs.at[3], dtype, rank, dims, &mean) &&
           channel_id(l, fusion, node->inputs.at[4], dtype, rank, dims, &var) &&
           fusion_constant(fusion, node_attr_float(node, "epsilon"), dtype, &epsilon) &&
           fusion_step(fusion, OP_Sub, dtype, x, mean, 0, 0, 0, &x) &&
           fusion_step(fusion, OP_Add, dtype, var, epsilon, 0, 0, 0, &var) &&
           fusion_step(fusion, OP_Sqrt, dtype, var, 0, 0, 0, 0, &var) &&
           fusion_step(fusion, OP_Div, dtype, x, var, 0, 0, 0, &x) && fusion_step(fusion, OP_Mul, dtype, x, scale, 0, 0, 0, &x) &&
           fusion_step(fusion, OP_Add, dtype, x, shift, 0, 0, 0, value) &&
           (result == dtype || fusion_step(fusion, OP_Cast, result, *value, 0, 0, 0, 0, value));
}

/* The attributes that a step carries, in imm order. */
static void immediates(const Node *node, double imm[2])
{
    switch (node->op->kind) {
    case OP_BitShift: imm[0] = str_equal(node_attr_string(node, "direction"), "LEFT"); break;
    case OP_Gelu: imm[0] = str_equal(node_attr_string(node, "approximate"), "tanh"); break;
    case OP_LeakyRelu:
    case OP_Elu: imm[0] = node_attr_float(node, "alpha"); break;
    case OP_Mod: imm[0] = node_attr_int(node, "fmod") != 0; break;
    case OP_Selu:
        imm[0] = node_attr_float(node, "alpha");
        imm[1] = node_attr_float(node, "gamma");
        break;
    case OP_HardSigmoid:
        imm[0] = node_attr_float(node, "alpha");
        imm[1] = node_attr_float(node, "beta");
        break;
    default: break;
    }
}

static bool add_step(Lowering *l, Fusion *fusion, const Node *node, int rank, const int64_t *dims, int *value)
{
    int id[MAX_OPERANDS] = {0};
    OpKind kind = node->op->kind;
    DType dtype = node->outputs.at[0]->type.dtype;
    bool first_only = kind == OP_Clip || kind == OP_BatchNormalization;
    for (int64_t i = 0; i < node->inputs.len && (i == 0 || !first_only); i++)
        if (i == MAX_OPERANDS || !input_id(l, fusion, node->inputs.at[i], rank, dims, &id[i]))
            return false;
    if (kind == OP_BatchNormalization)
        return add_batchnorm(l, fusion, node, rank, dims, id[0], value);
    if (kind == OP_Clip)
        return add_clip(l, fusion, node, rank, dims, id[0], value);
    double imm[2] = {0, 0};
    immediates(node, imm);
    return fusion_step(fusion, kind, dtype, id[0], id[1], id[2], imm[0], imm[1], value);
}

bool fusion_node(Lowering *l, Fusion *fusion, const Node *node, int rank, const int64_t *dims)
{
    int value;
    if (node->op->class != CLASS_ELEMENTWISE || node->outputs.len < 1 || !node->outputs.at[0])
        return false;
    for (int64_t i = 1; i < node->outputs.len; i++)
        if (node->outputs.at[i])
            return false;
    if (!add_step(l, fusion, node, rank, dims, &value))
        return false;
    set_fused(l, fusion, node->outputs.at[0], value);
    fusion->result = node->outputs.at[0];
    return true;
}

const Fusion *epilogue_take(Epilogue *epilogue, bool (*fits)(const Fusion *fusion))
{
    if (!epilogue || !epilogue->fusion || !fits(epilogue->fusion))
        return NULL;
    epilogue->taken = true;
    return epilogue->fusion;
}

/* ── Closing and reshaping expressions ───────────────────────────────────────────────────────────────── */

static int inputs_of(const ExprStep *step)
{
    return step->op == OP_Constant                    ? 0
           : step->op == OP_Where                     ? 3
           : step->op == OP_Max || step->op == OP_Min ? 2
                                                      : op_min_inputs(op_get(step->op));
}

static int renumber(int id, int n_operands) { return id >= STEP ? id - STEP + n_operands : id; }

void fusion_end(Fusion *fusion)
{
    Expr *expr = &fusion->expr;
    for (int i = 0; i < expr->n_steps; i++) {
        int uses = inputs_of(&expr->steps[i]);
        for (int j = 0; j < 3; j++)
            expr->steps[i].in[j] = j < uses ? renumber(expr->steps[i].in[j], expr->n_operands) : 0;
    }
}

bool fusion_append(Fusion *fusion, const Fusion *rest, int *value)
{
    int ids[MAX_OPERANDS + countof(rest->expr.steps)] = {*value};
    for (int i = 1; i < rest->expr.n_operands; i++)
        if (!fusion_operand(fusion, rest->sources[i], rest->operands[i], rest->tensors[i], &ids[i]))
            return false;
    for (int i = 0; i < rest->expr.n_steps; i++) {
        const ExprStep *s = &rest->expr.steps[i];
        if (!fusion_step(fusion, s->op, s->dtype, ids[s->in[0]], ids[s->in[1]], ids[s->in[2]], s->imm[0], s->imm[1], value))
            return false;
        ids[rest->expr.n_operands + i] = *value;
    }
    return true;
}

static void remove_operand(Fusion *fusion, int operand)
{
    Expr *expr = &fusion->expr;
    expr->n_operands--;
    for (int i = operand; i < expr->n_operands; i++) {
        fusion->operands[i] = fusion->operands[i + 1];
        fusion->sources[i] = fusion->sources[i + 1];
        fusion->tensors[i] = fusion->tensors[i + 1];
    }
    for (int i = 0; i < expr->n_steps; i++)
        for (int j = 0; j < 3; j++)
            expr->steps[i].in[j] -= expr->steps[i].in[j] > operand;
}

/* Removes step 0, whose result becomes operand 0 itself. */
static void remove_first_step(Fusion *fusion)
{
    Expr *expr = &fusion->expr;
    int gone = expr->n_operands;
    expr->n_steps--;
    memmove(expr->steps, expr->steps + 1, (size_t)expr->n_steps * sizeof *expr->steps);
    for (int i = 0; i < expr->n_steps; i++)
        for (int j = 0; j < inputs_of(&expr->steps[i]); j++) {
            int *in = &expr->steps[i].in[j];
            *in = *in == gone ? 0 : *in > gone ? *in - 1 : *in;
        }
}

static bool used_after_first(const Expr *expr, int value)
{
    for (int i = 1; i < expr->n_steps; i++)
        for (int j = 0; j < inputs_of(&expr->steps[i]); j++)
            if (expr->steps[i].in[j] == value)
                return true;
    return false;
}

static bool is_row_vector(const View *view)
{
    for (int i = 0; i + 1 < view->rank; i++)
        if (view->strides[i] && view->dims[i] != 1)
            return false;
    return view->rank > 0 && view->dtype == DT_FLOAT;
}

bool fusion_take_bias(Fusion *fusion, View *bias)
{
    Expr *expr = &fusion->expr;
    if (!expr->n_steps || expr->steps[0].op != OP_Add)
        return false;
    int a = expr->steps[0].in[0], b = expr->steps[0].in[1], operand = a == 0 ? b : a;
    if ((a != 0 && b != 0) || operand == 0 || operand >= expr->n_operands)
        return false;
    const Tensor *tensor = fusion->tensors[operand];
    const View *view = &fusion->operands[operand];
    if (!tensor || !is_row_vector(view) || tensor->count != view->dims[view->rank - 1] || used_after_first(expr, 0) ||
        used_after_first(expr, operand))
        return false;
    *bias = view_dense(view->ref, DT_FLOAT, 1, &tensor->count);
    bias->constant = tensor;
    remove_first_step(fusion);
    remove_operand(fusion, operand);
    return true;
}

bool expr_wants_strip(const Expr *expr)
{
    for (int i = 0; i < expr->n_steps; i++)
        if (op_get(expr->steps[i].op)->cost >= LONG_STEP)
            return true;
    return false;
}
