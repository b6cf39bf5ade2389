/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Attention's sizes and types.
 *
 *   Attention <q_num_heads = 8, kv_num_heads = 2> ([N,5,64], [N,7,16], [N,7,16])  →  [N,5,64]: heads of 8 columns, 4 to a key */
#include "ir/attention.h"

#include "ir/infer_util.h"

#include <math.h>
#include <string.h>

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, KEYS };

static int64_t dim(const Node *node, int64_t input, int i) { return node_input_shape(node, input)->dims[i].size; }

/* Of four dimensions heads and sizes are two of them. */
static bool is_whole(const Node *node) { return node_input_shape(node, Q)->rank == 4; }

Attention attention_of(const Node *node)
{
    bool whole = is_whole(node);
    Attention a = {.q_heads = whole ? dim(node, Q, 1) : node_attr_int(node, "q_num_heads"),
                   .kv_heads = whole ? dim(node, K, 1) : node_attr_int(node, "kv_num_heads"),
                   .q_length = dim(node, Q, whole ? 2 : 1),
                   .past = node_has_input(node, PAST_KEY) ? dim(node, PAST_KEY, 2) : 0};
    a.kv_length = a.past + dim(node, K, whole ? 2 : 1);
    a.size = whole ? dim(node, Q, 3) : dim(node, Q, 2) / a.q_heads;
    a.v_size = whole ? dim(node, V, 3) : dim(node, V, 2) / a.kv_heads;
    a.scale = node_attr(node, "scale") ? node_attr_float(node, "scale") : 1 / sqrt((double)a.size);
    return a;
}

static bool is_unsupported(const Node *node, const char *what, Diag *diag)
{
    diag_unsupported(diag, node->span, "Attention %s is not supported", what);
    return false;
}

/* Numbers of heads that divide the columns, keys' those of queries. */
static bool check_heads(const Node *node, Diag *diag)
{
    int64_t q = node_attr_int(node, "q_num_heads"), kv = node_attr_int(node, "kv_num_heads");
    if (is_whole(node))
        q = dim(node, Q, 1), kv = dim(node, K, 1);
    if (q < 1 || kv < 1 || q % kv)
        return FAIL(node, diag, "Attention has %lld heads of queries and %lld of keys, expected a multiple of them", (long long)q,
                    (long long)kv);
    for (int64_t i = Q; i <= V && !is_whole(node); i++)
        if (dim(node, i, 2) % (i == Q ? q : kv))
            return FAIL(node, diag, "input %s of Attention has shape %s, expected a multiple of %lld columns",
                        (const char *[]){"Q", "K", "V"}[i], shape_text(node_arena(node), node_input_shape(node, i)),
                        (long long)(i == Q ? q : kv));
    return true;
}

/* All but the batch are known, and none is 0. */
static bool check_sizes(const Node *node, Diag *diag)
{
    for (int64_t i = Q; i <= PAST_VALUE; i++)
        for (int j = 0; i != MASK && node_has_input(node, i) && j < node_input_shape(node, i)->rank; j++)
            if (dim(node, i, j) == 0 || (j && dim(node, i, j) < 0))
                return is_unsupported(node, "of an empty or symbolic dimension", diag);
    return true;
}

static bool check_inputs(const Node *node, Diag *diag)
{
    int rank = node_input_shape(node, Q)->rank;
    if (rank != 3 && rank != 4)
        return infer_check_rank(node, Q, 4, diag);
    for (int64_t i = K; i <= V; i++)
        if (!infer_check_rank(node, i, rank, diag))
            return false;
    for (int64_t i = PAST_KEY; i <= PAST_VALUE; i++)
        if (!infer_check_rank(node, i, 4, diag) || !infer_check_same_dtype(node, i == PAST_KEY ? K : V, i, diag))
            return false;
    if (node_has_input(node, PAST_KEY) != node_has_input(node, PAST_VALUE))
        return FAIL(node, diag, "Attention has one of past_key and past_value, expected both or none");
    return infer_check_dtype(node, Q, SET_FLOAT, diag) && infer_check_dtype(node, V, SET_FLOAT, diag) &&
           infer_check_same_dtype(node, Q, K, diag) && infer_check_dtype(node, MASK, SET_FLOAT | SET_BOOL, diag) &&
           infer_check_dtype(node, KEYS, 1 << DT_INT64, diag) && infer_check_rank(node, KEYS, 1, diag) &&
           check_sizes(node, diag) && check_heads(node, diag);
}

/* Keys, values and what came before them have as many rows, and columns, as one another. */
static bool check_match(const Node *node, const Attention *a, Diag *diag)
{
    bool whole = is_whole(node);
    Dim batch = node_input_shape(node, Q)->dims[0];
    int64_t rows = a->kv_length - a->past;
    if (!infer_check_dim(node, K, 0, batch, "as Q", diag) || !infer_check_dim(node, V, 0, batch, "as Q", diag) ||
        !infer_check_dim(node, V, whole ? 2 : 1, dim_of(rows), "as K", diag) ||
        !infer_check_dim(node, K, whole ? 3 : 2, dim_of(whole ? a->size : a->size * a->kv_heads), "a head as in Q", diag) ||
        (whole && !infer_check_dim(node, V, 1, dim_of(a->kv_heads), "as K", diag)))
        return false;
    Shape past = {.rank = 4, .dims = {batch, dim_of(a->kv_heads), dim_of(a->past)}};
    for (int64_t i = PAST_KEY; i <= PAST_VALUE && node_has_input(node, i); i++)
        for (int j = 0; j < 4; j++)
            if (!infer_check_dim(node, i, j, j < 3 ? past.dims[j] : dim_of(i == PAST_KEY ? a->size : a->v_size), "as K and V",
                                 diag))
                return false;
    return true;
}

/* The last keys of a mask may be left out. */
static bool check_mask(const Node *node, const Attention *a, Diag *diag)
{
    if (!node_has_input(node, MASK))
        return true;
    Shape mask = *node_input_shape(node, MASK);
    Shape scores = {.rank = 4,
                    .dims = {node_input_shape(node, Q)->dims[0], dim_of(a->q_heads), dim_of(a->q_length), dim_of(a->kv_length)}};
    int64_t last = mask.rank ? mask.dims[mask.rank - 1].size : 0;
    if (last < 1 || last > a->kv_length)
        return FAIL(node, diag, "the mask of Attention has shape %s, expected 1 to %lld keys",
                    shape_text(node_arena(node), &mask), (long long)a->kv_length);
    scores.dims[3] = dim_of(last);
    return infer_check_broadcasts_to(node, MASK, &scores, diag);
}

bool infer_Attention(Node *node, Diag *diag)
{
    if (!check_inputs(node, diag))
        return false;
    Attention a = attention_of(node);
    Shape whole = {.rank = 4,
                   .dims = {node_input_shape(node, Q)->dims[0], dim_of(a.q_heads), dim_of(a.q_length), dim_of(a.v_size)}};
    Shape flat = {.rank = 3, .dims = {whole.dims[0], whole.dims[2], dim_of(a.q_heads * a.v_size)}}, scores = whole, kept = whole;
    if (!check_match(node, &a, diag) || !check_mask(node, &a, diag) || !infer_check_finite(node, "softcap", diag))
        return false;
    if (node_has_input(node, KEYS) && node_has_input(node, PAST_KEY))
        return FAIL(node, diag, "Attention has both nonpad_kv_seqlen and past_key, expected one of them");
    scores.dims[3] = dim_of(a.kv_length);
    kept.dims[1] = dim_of(a.kv_heads);
    kept.dims[2] = dim_of(a.kv_length);
    node_set_output(node, 0, node_input_dtype(node, Q), is_whole(node) ? whole : flat);
    node_set_output(node, 2, node_input_dtype(node, V), kept);
    kept.dims[3] = dim_of(a.size);
    node_set_output(node, 1, node_input_dtype(node, K), kept);
    node_set_output(node, 3, node_input_dtype(node, Q), scores);
    return true;
}
