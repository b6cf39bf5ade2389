/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Inference of normalisations: what is normalised keeps its shape, and scales and shifts have to fit it.
 *
 *   LayerNormalization <axis = 1> ([N,4,8], scale [8])  →  [N,4,8], mean [N,1,1] */
#include "ir/infer_util.h"

/* ── Rows ────────────────────────────────────────────────────────────────────────────────────────────── */

static bool check_stash(const Node *node, Diag *diag)
{
    int64_t stash = node_attr(node, "stash_type") ? node_attr_int(node, "stash_type") : 1;
    if (stash != 1)
        diag_unsupported(diag, node->span, "stash_type of %s is %lld, only 1 is supported", node->op->name, (long long)stash);
    return stash == 1;
}

/* Over the dimensions from axis on, scaled and shifted by what broadcasts to them; what is one number for all of them has the
 * shape stats. */
static bool norm(Node *node, Shape *stats, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    int axis;
    if (!infer_axis(node, node_attr_int(node, "axis"), in->rank, &axis, diag) || !infer_check_epsilon(node, diag) ||
        !infer_check_dtype(node, 1, SET_FLOAT, diag) || !check_stash(node, diag))
        return false;
    Shape normalized = {.rank = in->rank - axis};
    *stats = *in;
    for (int i = axis; i < in->rank; i++) {
        normalized.dims[i - axis] = in->dims[i];
        stats->dims[i] = dim_of(1);
    }
    return infer_check_broadcasts_to(node, 1, &normalized, diag) && infer_check_broadcasts_to(node, 2, &normalized, diag) &&
           infer_same_type(node, SET_FLOAT, diag);
}

bool infer_LayerNormalization(Node *node, Diag *diag)
{
    Shape stats;
    if (!infer_check_same_dtype(node, 0, 1, diag) || !infer_check_same_dtype(node, 0, 2, diag) || !norm(node, &stats, diag))
        return false;
    node_set_output(node, 1, DT_FLOAT, stats);
    node_set_output(node, 2, DT_FLOAT, stats);
    return true;
}

bool infer_RMSNormalization(Node *node, Diag *diag)
{
    Shape stats;
    if (!norm(node, &stats, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 1), *node_input_shape(node, 0));
    return true;
}

bool infer_SimpleNormalization(Node *node, Diag *diag)
{
    Shape stats;
    return infer_check_same_dtype(node, 0, 1, diag) && norm(node, &stats, diag);
}

bool infer_LpNormalization(Node *node, Diag *diag)
{
    int axis;
    return infer_check_p(node, 2, diag) &&
           infer_axis(node, node_attr_int(node, "axis"), node_input_shape(node, 0)->rank, &axis, diag) &&
           infer_same_type(node, SET_FLOAT, diag);
}

bool infer_MeanVarianceNormalization(Node *node, Diag *diag)
{
    Ints axes;
    int rank = node_input_shape(node, 0)->rank;
    if (node_attr(node, "axes") ? !infer_axes(node, -1, rank, &axes, diag) : !infer_check_min_rank(node, 0, 4, diag))
        return false;
    return infer_same_type(node, SET_FLOAT, diag);
}

/* ── Channels ────────────────────────────────────────────────────────────────────────────────────────── */

/* Inputs first to last, of types in set: a number for each channel of X. */
static bool check_channels(const Node *node, int first, int last, unsigned set, Diag *diag)
{
    for (int i = first; i <= last; i++)
        if (!infer_check_dtype(node, i, set, diag) || !infer_check_rank(node, i, 1, diag) ||
            !infer_check_dim(node, i, 0, node_input_shape(node, 0)->dims[1], "one for each channel of X", diag))
            return false;
    return true;
}

bool infer_BatchNormalization(Node *node, Diag *diag)
{
    if (node_attr_int(node, "training_mode") || !node_attr_int(node, "spatial")) {
        const char *what = node_attr_int(node, "training_mode") ? "training_mode 1" : "spatial 0";
        diag_unsupported(diag, node->span, "BatchNormalization with %s is not supported", what);
        return false;
    }
    for (int64_t i = 1; i < 5; i++)
        if (node_output(node, i)) {
            diag_unsupported(diag, node->span, "BatchNormalization's statistics as outputs are not supported");
            return false;
        }
    if (!infer_check_min_rank(node, 0, 2, diag) || !infer_check_epsilon(node, diag))
        return false;
    return check_channels(node, 1, 4, SET_FLOAT, diag) && infer_same_type(node, SET_FLOAT, diag);
}

static bool check_affine_types(const Node *node, Diag *diag)
{
    return infer_check_same_dtype(node, 0, 1, diag) && infer_check_same_dtype(node, 0, 2, diag) &&
           infer_check_epsilon(node, diag);
}

bool infer_InstanceNormalization(Node *node, Diag *diag)
{
    return infer_check_min_rank(node, 0, 3, diag) && check_affine_types(node, diag) &&
           check_channels(node, 1, 2, SET_FLOAT, diag) && infer_same_type(node, SET_FLOAT, diag);
}

/* Groups of at least one channel each, and something in them. */
static bool check_groups(const Node *node, int64_t groups, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    if (groups < 1 || in->dims[1].size % groups)
        return FAIL(node, diag, "num_groups of GroupNormalization is %lld, expected a divisor of the %lld channels",
                    (long long)groups, (long long)in->dims[1].size);
    for (int i = 0; i < in->rank; i++)
        if (in->dims[i].size == 0 || (i && in->dims[i].size < 0)) {
            diag_unsupported(diag, node->span, "GroupNormalization of shape %s is not supported",
                             shape_text(node_arena(node), in));
            return false;
        }
    return true;
}

bool infer_GroupNormalization(Node *node, Diag *diag)
{
    int64_t groups = node_attr_int(node, "num_groups");
    if (!infer_check_min_rank(node, 0, 3, diag) || !check_affine_types(node, diag) || !check_stash(node, diag) ||
        !check_groups(node, groups, diag) || !infer_check_rank(node, 1, 1, diag))
        return false;
    for (int i = 1; i <= 2 && node_input_shape(node, 1)->dims[0].size == groups; i++)
        if (!infer_check_rank(node, i, 1, diag) || !infer_check_dim(node, i, 0, dim_of(groups), "one for each group", diag))
            return false;
    bool by_group = node_input_shape(node, 1)->dims[0].size == groups;
    return (by_group || check_channels(node, 1, 2, SET_FLOAT, diag)) && infer_same_type(node, SET_FLOAT, diag);
}
