/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the kinds of regions promise. pass_fuse makes such regions, a user may write them; both are held to it here.
 *
 *   y = cnxc.Region<kind = "gemm", body = (x, w) => (y) { p = Relu(x)  y = MatMul(p, w) }>(x, w)
 *   error: Region of kind gemm expects MatMul or Gemm first, got Relu */
#include "ir/region.h"

#include "ir/op.h"
#include "ir/params.h"

static const struct {
    const char *name, *anchor;
} kinds[REGION_COUNT] = {
    [REGION_ANY] = {"", ""},
    [REGION_MAP] = {"map", "an elementwise operator"},
    [REGION_REDUCE] = {"reduce", "a reduction"},
    [REGION_CONV] = {"conv", "a convolution that is not depthwise"},
    [REGION_DWCONV] = {"dwconv", "a depthwise convolution"},
    [REGION_GEMM] = {"gemm", "MatMul or Gemm"},
    [REGION_LAYERNORM] = {"layernorm", "LayerNormalization, RMSNormalization or SimpleNormalization"},
    [REGION_SOFTMAX] = {"softmax", "Softmax or LogSoftmax"},
    [REGION_BLOCK] = {"block", "a region"},
};

const char *region_kind_name(RegionKind kind) { return kinds[kind].name; }

RegionKind region_kind(const Node *region)
{
    const char *name = node_attr_string(region, "kind");
    for (int i = 0; i < REGION_COUNT; i++)
        if (str_equal(kinds[i].name, name))
            return (RegionKind)i;
    return REGION_ANY;
}

static RegionKind conv_kind(const Node *node)
{
    const Shape *w = &node->inputs.at[1]->type.shape;
    int64_t group = node_attr_int(node, "group");
    return w->rank == 4 && group > 1 && w->dims[0].size == group && w->dims[1].size == 1 ? REGION_DWCONV : REGION_CONV;
}

RegionKind region_kind_of(const Node *anchor)
{
    if (anchor->op->class == CLASS_ELEMENTWISE)
        return REGION_MAP;
    if (node_is_reduce(anchor))
        return REGION_REDUCE;
    switch (anchor->op->kind) {
    case OP_Conv:
    case OP_ConvNHWC: return conv_kind(anchor);
    case OP_MatMul:
    case OP_MatMulInteger:
    case OP_RowQuantizedMatMul:
    case OP_Gemm: return REGION_GEMM;
    case OP_LayerNormalization:
    case OP_RMSNormalization:
    case OP_SimpleNormalization: return REGION_LAYERNORM;
    case OP_Softmax:
    case OP_LogSoftmax: return REGION_SOFTMAX;
    default: return REGION_ANY;
    }
}

/* ── Nodes of a body ─────────────────────────────────────────────────────────────────────────────────── */

static bool is_float(const Value *value) { return value && value->type.dtype == DT_FLOAT; }

/* What quantised graphs compute with. */
static bool is_integer(const Value *value)
{
    DType dtype = value ? value->type.dtype : DT_UNDEFINED;
    return dtype == DT_INT8 || dtype == DT_UINT8 || dtype == DT_INT32;
}

static bool takes_integers(const Node *first)
{
    return first->op->class == CLASS_ELEMENTWISE || first->op->kind == OP_MatMulInteger;
}

/* Computes floats from floats, or also from and to integers, element by element, with an expression that kernels have. */
static bool is_map(const Node *node, bool integers)
{
    if (node->op->class != CLASS_ELEMENTWISE || node->op->kind == OP_BatchNormalization)
        return false;
    for (int64_t i = 0; i < node->inputs.len; i++)
        if (node->inputs.at[i] && !is_float(node->inputs.at[i]) && !(integers && is_integer(node->inputs.at[i])))
            return false;
    return node->outputs.len == 1 && (is_float(node->outputs.at[0]) || (integers && is_integer(node->outputs.at[0])));
}

bool region_may_begin(const Node *node)
{
    if (node->op->class == CLASS_ELEMENTWISE)
        return is_map(node, true);
    if (!region_kind_of(node) || !node_has_one_output(node))
        return false;
    return node->op->kind == OP_MatMulInteger || (is_float(node->outputs.at[0]) && is_float(node->inputs.at[0]));
}

bool region_may_follow(const Node *first, const Node *node)
{
    return is_map(node, takes_integers(first)) &&
           shape_equal(&node->outputs.at[0]->type.shape, &first->outputs.at[0]->type.shape);
}

static bool contains(Node *const *nodes, int n, const Node *node)
{
    for (int i = 0; i < n; i++)
        if (nodes[i] == node)
            return true;
    return false;
}

bool region_fits(Node *const *nodes, int n)
{
    int64_t steps = 0, operands = 0;
    for (int i = 0; i < n; i++) {
        const Node *node = nodes[i];
        bool elementwise = node->op->class == CLASS_ELEMENTWISE;
        for (int64_t j = 0; elementwise && j < node->inputs.len; j++) {
            const Value *value = node->inputs.at[j];
            double number;
            bool inside = value && value->producer && contains(nodes, n, value->producer);
            bool scalar = value && value->constant && tensor_is_scalar(value->constant, &number);
            steps += scalar;
            operands += value && !inside && !scalar;
        }
        steps += elementwise ? node->inputs.len > 2 ? node->inputs.len - 1 : 1 : 0;
    }
    return steps <= MAX_STEPS && operands < MAX_OPERANDS;
}

/* ── Blocks ──────────────────────────────────────────────────────────────────────────────────────────── */

/* The last thing a region does is to add an input of its own, which is value outside. */
static bool ends_in_add_of(const Node *region, const Value *value)
{
    const Graph *body = node_attr_graph(region, "body");
    const Node *add = body->outputs.at[0]->producer;
    for (int64_t i = 0; add->op->kind == OP_Add && i < region->inputs.len; i++)
        if (region->inputs.at[i] == value && (add->inputs.at[0] == body->inputs.at[i] || add->inputs.at[1] == body->inputs.at[i]))
            return true;
    return false;
}

static bool is_used_outside(const Value *value, Node *const *regions, int n)
{
    for (int64_t i = 0; i < value->users.len; i++)
        if (!contains(regions, n, value->users.at[i]))
            return true;
    return value->is_output;
}

static bool works_on(const Node *region, const Node *before) { return region->inputs.at[0] == before->outputs.at[0]; }

bool region_is_block(Node *const *regions, int n)
{
    static const RegionKind first[] = {REGION_DWCONV, REGION_LAYERNORM, REGION_GEMM};
    if (n <= countof(first) || n > MAX_BLOCK_REGIONS)
        return false;
    for (int i = 0; i < n; i++) {
        RegionKind kind = regions[i]->op->kind == OP_Region ? region_kind(regions[i]) : REGION_ANY;
        bool last = i == n - 1, between = i >= countof(first) && !last;
        if (between ? kind != REGION_REDUCE && kind != REGION_MAP : kind != (last ? REGION_GEMM : first[i]))
            return false;
        if (i && !between && !works_on(regions[i], regions[i - 1]))
            return false;
        if (!last && is_used_outside(regions[i]->outputs.at[0], regions, n))
            return false;
    }
    return ends_in_add_of(regions[n - 1], regions[0]->inputs.at[0]);
}

/* ── Checking ────────────────────────────────────────────────────────────────────────────────────────── */

static const char bf16_name[] = "bf16";

DType region_precision(const Node *region)
{
    return str_equal(node_attr_string(region, "precision"), bf16_name) ? DT_BFLOAT16 : DT_UNDEFINED;
}

void region_set_bf16(Node *region) { node_set_string(region, "precision", bf16_name); }

#define FAIL(...) (diag_error(diag, region->span, __VA_ARGS__), false)

static bool check_nodes(const Node *region, const char *kind, Node *const *nodes, int64_t n, Diag *diag)
{
    if (!region_may_begin(nodes[0]))
        return FAIL("Region of kind %s expects %s of floats, with one output", kind, nodes[0]->op->name);
    for (int64_t i = 1; i < n; i++)
        if (!region_may_follow(nodes[0], nodes[i]))
            return FAIL("Region of kind %s expects elementwise operators on floats of the first one's shape behind it, got %s",
                        kind, nodes[i]->op->name);
    if (!region_fits(nodes, (int)n))
        return FAIL("Region of kind %s has a larger expression than %d steps and %d operands", kind, MAX_STEPS, MAX_OPERANDS);
    return true;
}

static bool check_kind(const Node *region, Diag *diag)
{
    RegionKind kind = region_kind(region);
    const char *name = node_attr_string(region, "kind");
    const Graph *body = node_attr_graph(region, "body");
    if (kind == REGION_ANY)
        return !*name ||
               FAIL("Region has kind '%s', expected map, reduce, conv, dwconv, gemm, layernorm, softmax, block or none", name);
    RegionKind first = body->first ? region_kind_of(body->first) : REGION_ANY;
    if (kind != REGION_BLOCK && first != kind)
        return FAIL("Region of kind %s expects %s first, got %s", name, kinds[kind].anchor,
                    body->first ? body->first->op->name : "an empty body");
    if (body->outputs.len != 1 || body->outputs.at[0]->producer != body->last || !body->last)
        return FAIL("Region of kind %s expects one output, its last node's value", name);
    Node **nodes = NEW_ARRAY(body->model->arena, Node *, body->n_nodes);
    int64_t n = 0;
    FOR_NODES (node, body)
        nodes[n++] = node;
    if (kind != REGION_BLOCK)
        return check_nodes(region, name, nodes, n, diag);
    return (n <= MAX_BLOCK_REGIONS && region_is_block(nodes, (int)n)) ||
           FAIL("Region of kind block expects regions, each working on the one before: dwconv, layernorm, gemm, some of reduce "
                "and map, gemm that adds the block's input");
}

int64_t region_hidden_ranges(int64_t columns, int64_t unit)
{
    enum { RANGE = 384 };
    for (int64_t n = (columns + RANGE - 1) / RANGE; n > 0 && n <= 2 * (columns / RANGE); n++)
        if (columns % (n * unit) == 0)
            return n;
    return 1;
}

bool region_check(const Node *region, Diag *diag)
{
    const char *precision = node_attr_string(region, "precision");
    if (*precision && !region_precision(region))
        return FAIL("Region has precision '%s', expected bf16 or none", precision);
    return check_kind(region, diag);
}
