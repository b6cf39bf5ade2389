/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Inference of operators that pick and place elements by index, and of those whose results are made of indices.
 *
 *   y = GatherND<batch_dims = 1>(x, i)      x float[N,5,6,7], i int64[N,3,2]: y is float[N,3,7] */
#include "ir/infer_util.h"

#include <string.h>

/* One of `words`, which end with NULL. */
static bool check_word(const Node *node, const char *attr, const char *const *words, const char *expected, Diag *diag)
{
    const char *word = node_attr_string(node, attr);
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return FAIL(node, diag, "%s of %s is '%s', expected %s", attr, node->op->name, word, expected);
}

/* ── Elements ────────────────────────────────────────────────────────────────────────────────────────── */

/* Indices lie beside data: of its rank, and no larger but along axis. */
static bool check_beside(const Node *node, Diag *diag)
{
    const Shape *data = node_input_shape(node, 0), *indices = node_input_shape(node, 1);
    int axis;
    if (!infer_check_dtype(node, 1, SET_INDEX, diag) || !infer_axis(node, node_attr_int(node, "axis"), data->rank, &axis, diag) ||
        !infer_check_rank(node, 1, data->rank, diag))
        return false;
    for (int i = 0; i < data->rank; i++)
        if (i != axis && dim_is_fixed(data->dims[i]) && indices->dims[i].size > data->dims[i].size)
            return FAIL(node, diag, "indices of %s have shape %s, expected at most %s but for axis %d", node->op->name,
                        shape_text(node_arena(node), indices), shape_text(node_arena(node), data), axis);
    return true;
}

bool infer_GatherElements(Node *node, Diag *diag)
{
    if (!check_beside(node, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), *node_input_shape(node, 1));
    return true;
}

static bool check_updates(const Node *node, const Shape *expected, Diag *diag)
{
    static const char *const words[] = {"none", "add", "mul", "max", "min", NULL};
    bool sums = node->op->kind != OP_Scatter && strcmp(node_attr_string(node, "reduction"), "none") != 0;
    if (node->op->kind != OP_Scatter && !check_word(node, "reduction", words, "'none', 'add', 'mul', 'max' or 'min'", diag))
        return false;
    if (!infer_check_same_dtype(node, 0, 2, diag) || (sums && !infer_check_dtype(node, 0, SET_NUMBER, diag)) ||
        !infer_check_rank(node, 2, expected->rank, diag))
        return false;
    for (int i = 0; i < expected->rank; i++)
        if (!infer_check_dim(node, 2, i, expected->dims[i], "as the indices say", diag))
            return false;
    return true;
}

static bool scatter_elements(Node *node, Diag *diag)
{
    if (!check_beside(node, diag) || !check_updates(node, node_input_shape(node, 1), diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), *node_input_shape(node, 0));
    return true;
}

bool infer_Scatter(Node *node, Diag *diag) { return scatter_elements(node, diag); }
bool infer_ScatterElements(Node *node, Diag *diag) { return scatter_elements(node, diag); }

/* ── Slices by coordinates ───────────────────────────────────────────────────────────────────────────── */

/* The shape of the slices that the last dimension of indices names, behind the first `batch` dimensions. */
static bool slices_shape(const Node *node, int64_t batch, Shape *out, Diag *diag)
{
    const Shape *data = node_input_shape(node, 0), *indices = node_input_shape(node, 1);
    if (!infer_check_dtype(node, 1, SET_INDEX, diag) || !infer_check_min_rank(node, 0, 1, diag) ||
        !infer_check_min_rank(node, 1, 1, diag))
        return false;
    int64_t n = indices->dims[indices->rank - 1].size;
    if (n < 1 || n > data->rank - batch)
        return FAIL(node, diag, "the last dimension of %s's indices is %lld, expected 1 to %lld", node->op->name, (long long)n,
                    (long long)(data->rank - batch));
    if (indices->rank - 1 + data->rank - batch - n > MAX_RANK) {
        diag_unsupported(diag, node->span, "%s makes more than %d dimensions", node->op->name, MAX_RANK);
        return false;
    }
    *out = (Shape){0};
    for (int i = 0; i + 1 < indices->rank; i++)
        out->dims[out->rank++] = indices->dims[i];
    for (int i = (int)(batch + n); i < data->rank; i++)
        out->dims[out->rank++] = data->dims[i];
    return true;
}

bool infer_GatherND(Node *node, Diag *diag)
{
    const Shape *data = node_input_shape(node, 0), *indices = node_input_shape(node, 1);
    int64_t batch = node_attr_int(node, "batch_dims");
    Shape out;
    if (batch < 0 || batch >= data->rank || batch >= indices->rank)
        return FAIL(node, diag, "batch_dims of GatherND is %lld, expected less than both ranks, %d and %d", (long long)batch,
                    data->rank, indices->rank);
    for (int i = 0; i < batch; i++)
        if (!infer_check_dim(node, 1, i, data->dims[i], "as in data: it is one of batch_dims", diag))
            return false;
    if (!slices_shape(node, batch, &out, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

bool infer_ScatterND(Node *node, Diag *diag)
{
    Shape updates;
    if (!slices_shape(node, 0, &updates, diag) || !check_updates(node, &updates, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), *node_input_shape(node, 0));
    return true;
}

/* ── Along an axis ───────────────────────────────────────────────────────────────────────────────────── */

bool infer_TopK(Node *node, Diag *diag)
{
    Shape out = *node_input_shape(node, 0);
    Ints k;
    int axis;
    if (!infer_check_dtype(node, 0, SET_NUMBER, diag) || !infer_axis(node, node_attr_int(node, "axis"), out.rank, &axis, diag) ||
        !infer_ints(node, "k", 1, &k, diag))
        return false;
    if (!k.given || k.count != 1)
        return FAIL(node, diag, "TopK expects one k, got %lld", (long long)k.count);
    int64_t size = out.dims[axis].size;
    if (k.at[0] < 0 || (size >= 0 && k.at[0] > size) || size > INT32_MAX)
        return FAIL(node, diag, "k of TopK is %lld, its axis has %lld elements", (long long)k.at[0], (long long)size);
    out.dims[axis] = dim_of(k.at[0]);
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    node_set_output(node, 1, DT_INT64, out);
    return true;
}

static bool scan(Node *node, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    Ints axis;
    int resolved;
    if (!infer_check_dtype(node, 0, SET_NUMBER, diag) || !infer_ints(node, "", 1, &axis, diag))
        return false;
    if (axis.count != 1)
        return FAIL(node, diag, "%s expects one axis, got %lld", node->op->name, (long long)axis.count);
    if (!infer_axis(node, axis.at[0], in->rank, &resolved, diag))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), *in);
    return true;
}

bool infer_CumProd(Node *node, Diag *diag) { return scan(node, diag); }
bool infer_CumSum(Node *node, Diag *diag) { return scan(node, diag); }

/* ── Blocks of pixels and channels ───────────────────────────────────────────────────────────────────── */

static bool check_blocks(const Node *node, Diag *diag)
{
    static const char *const words[] = {"DCR", "CRD", NULL};
    int64_t size = node_attr_int(node, "blocksize");
    if (!infer_check_rank(node, 0, 4, diag) || !check_word(node, "mode", words, "'DCR' or 'CRD'", diag))
        return false;
    for (int i = 0; i < 4; i++)
        if (node_input_shape(node, 0)->dims[i].size == 0) {
            diag_unsupported(diag, node->span, "%s of a dimension that is 0 is not supported", node->op->name);
            return false;
        }
    if (size < 1 || size > 1 << 20)
        return FAIL(node, diag, "blocksize of %s is %lld, expected 1 to %d", node->op->name, (long long)size, 1 << 20);
    return true;
}

static bool divides(const Node *node, int64_t by, int dim, const char *what, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    if (in->dims[dim].size % by == 0 || !dim_is_fixed(in->dims[dim]))
        return true;
    return FAIL(node, diag, "%s takes shape %s, expected dimension %d to be a multiple of %s, %lld", node->op->name,
                shape_text(node_arena(node), in), dim, what, (long long)by);
}

/* What is too large stays so, for the check of sizes to find. */
static Dim times(Dim dim, int64_t by, int64_t over)
{
    int64_t size;
    if (!dim_is_fixed(dim))
        return by == over ? dim : (Dim){.size = -1};
    return dim_of(__builtin_mul_overflow(dim.size / over, by, &size) ? INT64_MAX : size);
}

bool infer_DepthToSpace(Node *node, Diag *diag)
{
    Shape out = *node_input_shape(node, 0);
    int64_t size = node_attr_int(node, "blocksize");
    if (!check_blocks(node, diag) || !divides(node, size * size, 1, "blocksize's square", diag))
        return false;
    out.dims[1] = times(out.dims[1], 1, size * size);
    for (int i = 2; i < 4; i++)
        out.dims[i] = times(out.dims[i], size, 1);
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

bool infer_SpaceToDepth(Node *node, Diag *diag)
{
    Shape out = *node_input_shape(node, 0);
    int64_t size = node_attr_int(node, "blocksize");
    if (!check_blocks(node, diag) || !divides(node, size, 2, "blocksize", diag) || !divides(node, size, 3, "blocksize", diag))
        return false;
    out.dims[1] = times(out.dims[1], size * size, 1);
    for (int i = 2; i < 4; i++)
        out.dims[i] = times(out.dims[i], 1, size);
    node_set_output(node, 0, node_input_dtype(node, 0), out);
    return true;
}

/* ── Made of indices ─────────────────────────────────────────────────────────────────────────────────── */

/* The last two dimensions are numbers: what stands where depends on them. */
static bool check_plane(const Node *node, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    for (int i = in->rank - 2; i < in->rank; i++)
        if (!dim_is_fixed(in->dims[i])) {
            const char *symbol = in->dims[i].symbol ? in->dims[i].symbol : "?";
            diag_unsupported(diag, node->span,
                             "%s of shape %s, whose dimension %d is free, is not supported; fix it with --dim %s=N",
                             node->op->name, shape_text(node_arena(node), in), i, symbol);
            return false;
        }
    return true;
}

bool infer_EyeLike(Node *node, Diag *diag)
{
    const Attr *dtype = node_attr(node, "dtype");
    DType to = dtype ? (DType)dtype->i : node_input_dtype(node, 0);
    if (!infer_check_rank(node, 0, 2, diag) || !check_plane(node, diag))
        return false;
    if (dtype && (dtype->i < DT_FLOAT || dtype->i > DT_LAST || !dtype_is_computable(to))) {
        diag_unsupported(diag, node->span, "EyeLike of element type %lld is not supported", (long long)dtype->i);
        return false;
    }
    node_set_output(node, 0, to, *node_input_shape(node, 0));
    return true;
}

bool infer_Trilu(Node *node, Diag *diag)
{
    if (!infer_check_min_rank(node, 0, 2, diag) || !check_plane(node, diag) || !infer_check_dtype(node, 1, 1 << DT_INT64, diag) ||
        (node_has_input(node, 1) && node_input_shape(node, 1)->rank && !infer_check_rank(node, 1, 1, diag)) ||
        (node_has_input(node, 1) && node_input_shape(node, 1)->rank &&
         !infer_check_dim(node, 1, 0, dim_of(1), "one number", diag)))
        return false;
    node_set_output(node, 0, node_input_dtype(node, 0), *node_input_shape(node, 0));
    return true;
}

/* The number of places in a row. */
static bool one_hot_depth(const Node *node, int64_t *depth, Diag *diag)
{
    const Tensor *tensor = value_constant(node->inputs.at[1]);
    if (!infer_check_dtype(node, 1, SET_NUMBER, diag))
        return false;
    if (!tensor) {
        diag_unsupported(diag, node->span, "input depth of OneHot must be known at compile time");
        return false;
    }
    *depth = tensor->count == 1 ? tensor_get_int(tensor, 0) : -1;
    if (*depth < 1)
        return FAIL(node, diag, "depth of OneHot is %s, expected one number of at least 1",
                    tensor->count == 1 ? "less than 1" : "not one number");
    return infer_check_table(node, *depth, 1, diag);
}

bool infer_OneHot(Node *node, Diag *diag)
{
    const Shape *in = node_input_shape(node, 0);
    int64_t depth;
    int axis;
    if (in->rank == MAX_RANK) {
        diag_unsupported(diag, node->span, "OneHot makes more than %d dimensions", MAX_RANK);
        return false;
    }
    if (!infer_check_dtype(node, 0, SET_NUMBER, diag) || !one_hot_depth(node, &depth, diag) ||
        !infer_axis(node, node_attr_int(node, "axis"), in->rank + 1, &axis, diag) || !infer_check_rank(node, 2, 1, diag) ||
        !infer_check_dim(node, 2, 0, dim_of(2), "off and on", diag))
        return false;
    Shape out = {.rank = in->rank + 1};
    for (int i = 0; i < out.rank; i++)
        out.dims[i] = i == axis ? dim_of(depth) : in->dims[i - (i > axis)];
    node_set_output(node, 0, node_input_dtype(node, 2), out);
    return true;
}

bool infer_NonZero(Node *node, Diag *diag)
{
    const Tensor *known = value_constant(node->inputs.at[0]);
    int64_t count = 0;
    if (!known) {
        diag_unsupported(diag, node->span,
                         "NonZero of what is not known at compile time has no fixed size, which is not supported");
        return false;
    }
    for (int64_t i = 0; i < known->count; i++)
        count += tensor_get(known, i) != 0;
    node_set_output(node, 0, DT_INT64, shape_of(2, (int64_t[]){known->rank, count}));
    return true;
}
