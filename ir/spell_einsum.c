/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Einsum as sums, products and transpositions: inputs are taken one after the other into what the ones before gave, by a MatMul
 * where labels are summed over, else by a Mul.
 *
 *   "bhqd,bhkd->bqhk"     both have b h, the left one q, the right one k; d is summed over
 *                         ->     r = Transpose(k, b h d k)   p = MatMul(q, r)   y = Transpose(p, b q h k)
 *
 * A free batch that only one input has is not merged with other dimensions: it stays in front, and the other one's matrix is the
 * same for all of it. */
#include "ir/einsum.h"
#include "ir/spell_util.h"

#include <stdint.h>

typedef struct Operand {
    Value *x;
    Labels labels; /* of x's dimensions */
} Operand;

static Dim size_of(const Operand *o, char label) { return o->x->type.shape.dims[labels_find(&o->labels, label)]; }

static bool has(const Labels *labels, char label) { return labels_find(labels, label) >= 0; }

static void append(Labels *labels, char label) { labels->at[labels->n++] = label; }

static void append_all(Labels *labels, const Labels *more)
{
    for (int i = 0; i < more->n; i++)
        append(labels, more->at[i]);
}

/* ── One operand ─────────────────────────────────────────────────────────────────────────────────────── */

static void order(Node *node, Operand *o, const Labels *labels)
{
    int64_t perm[MAX_RANK];
    bool moves = false;
    for (int i = 0; i < labels->n; i++) {
        perm[i] = labels_find(&o->labels, labels->at[i]);
        moves |= perm[i] != i;
    }
    o->labels = *labels;
    if (!moves)
        return;
    Node *transpose = spell_node(node, OP_Transpose, &o->x, 1);
    node_set_ints(transpose, "perm", perm, labels->n);
    o->x = spelled(transpose);
}

static void sum_over(Node *node, Operand *o, const Labels *kept)
{
    int64_t axes[MAX_RANK], n = 0;
    Labels rest = {0};
    for (int i = 0; i < o->labels.n; i++)
        if (has(kept, o->labels.at[i]))
            append(&rest, o->labels.at[i]);
        else
            axes[n++] = i;
    o->labels = rest;
    if (!n)
        return;
    Node *sum = spell_node(node, OP_ReduceSum, (Value *[]){o->x, spell_ints(node, axes, n)}, 2);
    node_set_int(sum, "keepdims", 0);
    o->x = spelled(sum);
}

/* Dimensions [first, first + n) as one; of none, a 1. */
static void merge(Node *node, Operand *o, int first, int n)
{
    const Shape *from = &o->x->type.shape;
    Shape to = {.rank = from->rank - n + 1};
    if (n == 1)
        return;
    Dim one = {.size = 1};
    for (int i = first; i < first + n; i++)
        one.size = one.size < 0 || from->dims[i].size < 0 ? -1 : one.size * from->dims[i].size;
    for (int i = 0; i < to.rank; i++)
        to.dims[i] = i < first ? from->dims[i] : i == first ? one : from->dims[i + n - 1];
    o->x = spell_reshape_to(node, o->x, &to);
}

/* A label that stands at i and at j: elements whose indices are equal, by their places in both dimensions together. */
static void take_diagonal(Node *node, Operand *o, int i, int j)
{
    int64_t perm[MAX_RANK], n = 0, size = o->x->type.shape.dims[i].size;
    Labels rest = {0};
    for (int k = 0; k < o->labels.n; k++)
        if (k != i && k != j) {
            perm[n++] = k;
            append(&rest, o->labels.at[k]);
        }
    append(&rest, o->labels.at[i]);
    perm[n] = i;
    perm[n + 1] = j;
    Node *transpose = spell_node(node, OP_Transpose, &o->x, 1);
    node_set_ints(transpose, "perm", perm, n + 2);
    o->x = spelled(transpose);
    o->labels = rest;
    merge(node, o, (int)n, 2);
    int64_t *places = NEW_ARRAY(node->graph->model->arena, int64_t, size);
    for (int64_t k = 0; k < size; k++)
        places[k] = k * (size + 1);
    Node *gather = spell_node(node, OP_Gather, (Value *[]){o->x, spell_ints(node, places, size)}, 2);
    node_set_int(gather, "axis", n);
    o->x = spelled(gather);
}

static void take_diagonals(Node *node, Operand *o)
{
    for (int j = 0; j < o->labels.n; j++) {
        int i = labels_find(&o->labels, o->labels.at[j]);
        if (i != j) {
            take_diagonal(node, o, i, j);
            j = -1;
        }
    }
}

/* ── Two operands ────────────────────────────────────────────────────────────────────────────────────── */

/* The labels of two operands by what becomes of them. */
typedef struct Roles {
    Labels outer;       /* a free batch, which the left one alone has */
    Labels both, summed, left, right;
} Roles;

static bool is_free(const Operand *o, char label) { return size_of(o, label).size < 0; }

static Roles roles_of(const Operand *a, const Operand *b, const Labels *kept)
{
    Roles r = {0};
    for (int i = 0; i < a->labels.n; i++) {
        char label = a->labels.at[i];
        bool shared = has(&b->labels, label);
        append(shared ? has(kept, label) ? &r.both : &r.summed : is_free(a, label) ? &r.outer : &r.left, label);
    }
    for (int i = 0; i < b->labels.n; i++)
        if (!has(&a->labels, b->labels.at[i]))
            append(&r.right, b->labels.at[i]);
    return r;
}

static bool has_own_batch(const Operand *o, const Operand *other)
{
    for (int i = 0; i < o->labels.n; i++)
        if (is_free(o, o->labels.at[i]) && !has(&other->labels, o->labels.at[i]))
            return true;
    return false;
}

static void insert_ones(Node *node, Operand *o, int at, int n)
{
    int64_t axes[MAX_RANK];
    for (int i = 0; i < n; i++)
        axes[i] = at + i;
    if (n)
        o->x = SPELL(node, OP_Unsqueeze, o->x, spell_ints(node, axes, n));
}

static Value *multiplied(Node *node, const Roles *r, Operand *a, Operand *b)
{
    insert_ones(node, a, a->labels.n, r->right.n);
    insert_ones(node, b, r->both.n, r->left.n);
    return SPELL(node, OP_Mul, a->x, b->x);
}

/* a [outer, both, left, summed] by b [both, summed, right]. Without `both` MatMul takes any number of dimensions on the left. */
static Value *contracted(Node *node, const Roles *r, Operand *a, Operand *b, const Shape *shape)
{
    int first = r->outer.n + r->both.n;
    bool keeps = !r->both.n && r->left.n;
    merge(node, a, first + r->left.n, r->summed.n);
    if (!keeps)
        merge(node, a, first, r->left.n);
    merge(node, b, r->both.n, r->summed.n); /* first: of nothing on the right comes a dimension more */
    merge(node, b, r->both.n + 1, r->right.n);
    Value *product = SPELL(node, OP_MatMul, a->x, b->x);
    bool whole = (keeps || r->left.n == 1) && r->right.n == 1;
    return whole ? product : spell_reshape_to(node, product, shape);
}

/* Where `both` leaves no room for a matrix, and none is there: a [outer, both, summed] times b [both, summed], summed up. */
static Operand summed_up(Node *node, const Roles *r, Operand *a, Operand *b, const Labels *kept)
{
    Operand product = {multiplied(node, r, a, b), a->labels};
    sum_over(node, &product, kept);
    return product;
}

/* a with b: the labels in kept stay. */
static Operand combine(Node *node, Operand a, Operand b, const Labels *kept)
{
    if (has_own_batch(&b, &a)) {
        Operand swap = a;
        a = b;
        b = swap;
    }
    Roles r = roles_of(&a, &b, kept);
    Labels left = r.outer, right = r.both, all = r.outer;
    append_all(&left, &r.both);
    append_all(&left, &r.left);
    append_all(&left, &r.summed);
    append_all(&right, &r.summed);
    append_all(&right, &r.right);
    append_all(&all, &r.both);
    append_all(&all, &r.left);
    append_all(&all, &r.right);
    Shape shape = {.rank = all.n};
    for (int i = 0; i < all.n; i++) {
        bool stretched = has(&b.labels, all.at[i]) && (!has(&a.labels, all.at[i]) || size_of(&a, all.at[i]).size == 1);
        shape.dims[i] = size_of(stretched ? &b : &a, all.at[i]);
    }
    order(node, &a, &left);
    order(node, &b, &right);
    if (r.summed.n && r.outer.n + r.both.n + 2 > MAX_RANK)
        return summed_up(node, &r, &a, &b, kept);
    return (Operand){r.summed.n ? contracted(node, &r, &a, &b, &shape) : multiplied(node, &r, &a, &b), all};
}

/* ── Einsum ──────────────────────────────────────────────────────────────────────────────────────────── */

/* What the inputs from `first` on, or the output, still ask for. */
static Labels wanted(const Labels *inputs, int64_t first, int64_t n, const Labels *output)
{
    Labels labels = *output;
    for (int64_t i = first; i < n; i++)
        for (int j = 0; j < inputs[i].n; j++)
            if (!has(&labels, inputs[i].at[j]))
                append(&labels, inputs[i].at[j]);
    return labels;
}

/* Input i with each label once, and without those that nothing else has. */
static Operand operand(Node *node, const Labels *inputs, int64_t i, const Labels *sofar, const Labels *output)
{
    int64_t n = node->inputs.len;
    Operand o = {node->inputs.at[i], inputs[i]};
    Labels kept = wanted(inputs, i + 1, n, output);
    for (int j = 0; sofar && j < sofar->n; j++)
        if (!has(&kept, sofar->at[j]))
            append(&kept, sofar->at[j]);
    take_diagonals(node, &o);
    sum_over(node, &o, &kept);
    return o;
}

void spell_Einsum(Node *node)
{
    int64_t n = node->inputs.len;
    Labels *inputs = NEW_ARRAY(node->graph->model->arena, Labels, n), output;
    if (!einsum_labels(node, inputs, &output, node->graph->model->diag))
        unreachable(); /* inference has read it */
    Operand all = operand(node, inputs, 0, NULL, &output);
    for (int64_t i = 1; i < n; i++) {
        Labels kept = wanted(inputs, i + 1, n, &output);
        all = combine(node, all, operand(node, inputs, i, &all.labels, &output), &kept);
    }
    order(node, &all, &output);
    bool is_input = all.x == node->inputs.at[0];
    spell_output(node, 0, is_input ? SPELL(node, OP_Identity, all.x) : all.x);
}
