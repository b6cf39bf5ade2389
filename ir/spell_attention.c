/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Attention as two products with a Softmax between them. Floats of 16 bits are floats in between.
 *
 *   y = Attention(q, k, v, mask)    ->    s = MatMul(q, k turned) * scale + (0 where mask, else -infinity)
 *                                         y = MatMul(Softmax(s), v)
 *
 * Heads that share a key stand beside each other as if they were rows of one query: [B, 8, q, d] by [B, 2, k, d] is
 * [B, 2, 4 q, d] by it. Who may attend to whom is one bool for query and key, constant where nothing else says it. */
#include "ir/attention.h"
#include "ir/spell_util.h"

#include <math.h>
#include <stdint.h>

typedef struct Parts {
    Node *node;
    Attention a;
    Value *q, *k, *v;        /* [B, heads, length, size] */
    Value *allowed, *added;  /* bool; floats that are added to scores; NULL: all; none */
    bool may_be_none;        /* a query may attend to no key */
} Parts;

static Dim fixed(int64_t size) { return (Dim){.size = size}; }

static Value *transposed(Node *at, Value *x, const int64_t perm[4])
{
    Node *transpose = spell_node(at, OP_Transpose, &x, 1);
    node_set_ints(transpose, "perm", perm, 4);
    return spelled(transpose);
}

static const int64_t swap_heads[] = {0, 2, 1, 3}, turn[] = {0, 1, 3, 2};

/* [B, length, heads * size] as [B, heads, length, size]. */
static Value *by_head(Node *node, Value *x, int64_t heads)
{
    Shape shape = x->type.shape;
    if (shape.rank == 4)
        return x;
    shape.dims[3] = fixed(shape.dims[2].size / heads);
    shape.dims[2] = fixed(heads);
    shape.rank = 4;
    return transposed(node, spell_reshape_to(node, x, &shape), swap_heads);
}

/* past and then x; output i. */
static Value *present(Node *node, Value *x, int64_t past, int64_t output)
{
    if (node_input(node, past)) {
        Node *concat = spell_node(node, OP_Concat, (Value *[]){node_input(node, past), x}, 2);
        node_set_int(concat, "axis", 2);
        x = spelled(concat);
    }
    if (node_output(node, output))
        spell_output(node, output, SPELL(node, OP_Identity, x));
    return x;
}

/* ── Who attends to whom ─────────────────────────────────────────────────────────────────────────────── */

static void allow(Parts *p, Value *more) { p->allowed = p->allowed ? SPELL(p->node, OP_And, p->allowed, more) : more; }

/* Where among the keys each query stands: [q, 1], or [B, 1, q, 1] where the number of keys comes at run time. */
static Value *positions(const Parts *p, Value *keys)
{
    int64_t q = p->a.q_length;
    Value *at = spell_reshape(p->node, spell_counted(p->node, q, keys ? -q : p->a.past, 0), 2, (int64_t[]){q, 1});
    return keys ? SPELL(p->node, OP_Add, at, keys) : at;
}

static void allow_window(Parts *p, Value *query, Value *key, int64_t left, int64_t right)
{
    Node *node = p->node;
    if (left >= 0)
        allow(p, SPELL(node, OP_LessOrEqual, SPELL(node, OP_Sub, query, spell_number(node, DT_INT64, (double)left)), key));
    if (right >= 0)
        allow(p, SPELL(node, OP_LessOrEqual, key, SPELL(node, OP_Add, query, spell_number(node, DT_INT64, (double)right))));
}

/* A mask may say nothing of the last keys: these are not attended to. */
static Value *whole_mask(const Parts *p, Value *mask)
{
    int rank = mask->type.shape.rank;
    int64_t pads[2 * MAX_RANK] = {0}, missing = p->a.kv_length - mask->type.shape.dims[rank - 1].size;
    pads[2 * rank - 1] = missing;
    if (missing <= 0)
        return mask;
    bool is_bool = mask->type.dtype == DT_BOOL;
    Value *wide = is_bool ? spell_cast(p->node, mask, DT_UINT8) : mask; /* Pad is of numbers */
    Value *with = spell_number(p->node, wide->type.dtype, is_bool ? 0 : -INFINITY);
    return spell_cast(p->node, SPELL(p->node, OP_Pad, wide, spell_ints(p->node, pads, 2 * (int64_t)rank), with),
                      mask->type.dtype);
}

static void find_masks(Parts *p)
{
    Node *node = p->node;
    Value *mask = node_input(node, 3), *keys = node_input(node, 6), *key = spell_counted(node, p->a.kv_length, 0, 0);
    if (keys) {
        Shape shape = {.rank = 4, .dims = {keys->type.shape.dims[0], fixed(1), fixed(1), fixed(1)}};
        keys = spell_reshape_to(node, keys, &shape);
        allow(p, SPELL(node, OP_Less, key, keys));
    }
    Value *query = positions(p, keys);
    int64_t left = node_attr_int(node, "left_window_size"), right = node_attr_int(node, "right_window_size");
    p->may_be_none = mask || keys || left >= 0 || right >= 0;
    allow_window(p, query, key, -1, node_attr_int(node, "is_causal") ? 0 : -1);
    allow_window(p, query, key, left, right);
    mask = mask ? whole_mask(p, mask) : NULL;
    if (mask && mask->type.dtype == DT_BOOL)
        allow(p, mask);
    else if (mask)
        p->added = spell_cast(node, mask, p->q->type.dtype);
}

/* ── Scores ──────────────────────────────────────────────────────────────────────────────────────────── */

static Value *number(const Parts *p, double value) { return spell_number(p->node, p->q->type.dtype, value); }

/* x [B, q heads, q, n] by other [B, kv heads, n, m]. */
static Value *product(const Parts *p, Value *x, Value *other)
{
    Shape shape = x->type.shape, all = shape;
    all.dims[3] = other->type.shape.dims[3];
    if (p->a.q_heads == p->a.kv_heads)
        return SPELL(p->node, OP_MatMul, x, other);
    shape.dims[1] = fixed(p->a.kv_heads);
    shape.dims[2] = fixed(p->a.q_heads / p->a.kv_heads * p->a.q_length);
    return spell_reshape_to(p->node, SPELL(p->node, OP_MatMul, spell_reshape_to(p->node, x, &shape), other), &all);
}

/* What is added to scores, in all; NULL: nothing. */
static Value *bias_of(const Parts *p)
{
    Value *bias = p->allowed ? SPELL(p->node, OP_Where, p->allowed, number(p, 0), number(p, -INFINITY)) : NULL;
    return bias && p->added ? SPELL(p->node, OP_Add, bias, p->added) : bias ? bias : p->added;
}

/* Whoever may attend to no one gets zeros. */
static Value *softmax(const Parts *p, Value *scores, Value *bias)
{
    Node *node = p->node, *softmax = spell_node(node, OP_Softmax, &scores, 1);
    node_set_int(softmax, "axis", 3);
    Value *shares = spelled(softmax), *best;
    if (!p->may_be_none || !bias)
        return shares;
    best = SPELL(node, OP_ReduceMax, bias, spell_ints(node, (int64_t[]){-1}, 1));
    return SPELL(node, OP_Where, SPELL(node, OP_Equal, best, number(p, -INFINITY)), number(p, 0), shares);
}

static Value *capped(const Parts *p, Value *scores)
{
    double cap = node_attr_float(p->node, "softcap");
    if (cap <= 0)
        return scores;
    return SPELL(p->node, OP_Mul, SPELL(p->node, OP_Tanh, SPELL(p->node, OP_Div, scores, number(p, cap))), number(p, cap));
}

/* Scores as they are at one of four stages. */
static void give_scores(const Parts *p, int64_t stage, Value *scores)
{
    Node *node = p->node;
    if (node_output(node, 3) && node_attr_int(node, "qk_matmul_output_mode") == stage)
        spell_output(node, 3, SPELL(node, OP_Identity, spell_cast(node, scores, node->inputs.at[0]->type.dtype)));
}

void spell_Attention(Node *node)
{
    Parts p = {.node = node, .a = attention_of(node)};
    Value *const *in = node->inputs.at;
    p.q = spell_wide(node, by_head(node, in[0], p.a.q_heads));
    p.k = spell_wide(node, present(node, by_head(node, in[1], p.a.kv_heads), 4, 1));
    p.v = spell_cast(node, present(node, by_head(node, in[2], p.a.kv_heads), 5, 2), p.q->type.dtype);
    find_masks(&p);
    Value *bias = bias_of(&p), *scaled = SPELL(node, OP_Mul, p.q, number(&p, p.a.scale));
    Value *scores = product(&p, scaled, transposed(node, p.k, turn));
    give_scores(&p, 0, scores);
    scores = capped(&p, scores);
    give_scores(&p, 1, scores);
    scores = bias ? SPELL(node, OP_Add, scores, bias) : scores;
    give_scores(&p, 2, scores);
    scores = softmax(&p, scores, bias);
    give_scores(&p, 3, scores);
    Value *y = product(&p, scores, p.v);
    if (in[0]->type.shape.rank == 3)
        y = spell_reshape_to(node, transposed(node, y, swap_heads), &node->outputs.at[0]->type.shape);
    spell_result(node, y);
}
