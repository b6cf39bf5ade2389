/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Einsum's equation, and the types that follow from it.
 *
 *   "bik,bkj" of [N,3,4] and [N,4,5]  →  {b i k} {b k j} → {b i j}  →  [N,3,5]
 *
 * Without "->" the output has the dimensions of "..." and then all letters that occur once, in ASCII's order. */
#include "ir/einsum.h"

#include "ir/infer_util.h"

#include <string.h>

int labels_find(const Labels *labels, char label)
{
    for (int i = 0; i < labels->n; i++)
        if (labels->at[i] == label)
            return i;
    return -1;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static const char *equation_of(const Node *node) { return node_attr_string(node, "equation"); }

static bool add_label(const Node *node, Labels *labels, char label, Diag *diag)
{
    if (labels->n == MAX_RANK)
        return FAIL(node, diag, "a term of '%s' has more than %d dimensions", equation_of(node), MAX_RANK);
    labels->at[labels->n++] = label;
    return true;
}

/* One term, up to the comma, "->" or end behind it. "..." stands for so many dimensions; -1: it may not be there. */
static bool read_term(const Node *node, const char **at, int ellipsis, Labels *labels, Diag *diag)
{
    bool seen = false;
    *labels = (Labels){0};
    for (; **at && **at != ',' && **at != '-'; ++*at) {
        if (**at == ' ')
            continue;
        bool dots = strncmp(*at, "...", 3) == 0 && ellipsis >= 0 && !seen;
        if (!dots && !is_letter(**at))
            return FAIL(node, diag, "the equation of Einsum, '%s', has '%s' where a letter is expected", equation_of(node), *at);
        if (!dots && !add_label(node, labels, **at, diag))
            return false;
        for (int i = ellipsis - 1; dots && i >= 0; i--)
            if (!add_label(node, labels, (char)i, diag))
                return false;
        seen |= dots;
        *at += dots ? 2 : 0;
    }
    return true;
}

/* Letters of the term at `at`, and whether it has "...". */
static int letters_of(const char *at, bool *ellipsis)
{
    int n = 0;
    *ellipsis = false;
    for (; *at && *at != ',' && *at != '-'; at++) {
        n += is_letter(*at);
        *ellipsis |= *at == '.';
    }
    return n;
}

static bool read_input(const Node *node, int64_t i, const char **at, Labels *labels, Diag *diag)
{
    bool ellipsis;
    int rank = node_input_shape(node, i)->rank, rest = rank - letters_of(*at, &ellipsis);
    if (ellipsis ? rest < 0 : rest != 0)
        return FAIL(node, diag, "term %lld of '%s' does not fit its input of shape %s", (long long)i, equation_of(node),
                    shape_text(node_arena(node), node_input_shape(node, i)));
    return read_term(node, at, ellipsis ? rest : -1, labels, diag);
}

static int occurrences(const Labels *inputs, int64_t n, char label)
{
    int count = 0;
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < inputs[i].n; j++)
            count += inputs[i].at[j] == label;
    return count;
}

/* How many dimensions "..." stands for where it stands for most. */
static int broadcast_rank(const Labels *inputs, int64_t n)
{
    int rank = 0;
    while (rank < MAX_RANK && occurrences(inputs, n, (char)rank))
        rank++;
    return rank;
}

static bool implicit_output(const Node *node, const Labels *inputs, Labels *output, Diag *diag)
{
    *output = (Labels){0};
    for (int i = broadcast_rank(inputs, node->inputs.len) - 1; i >= 0; i--)
        if (!add_label(node, output, (char)i, diag))
            return false;
    for (int c = 'A'; c <= 'z'; c++)
        if (is_letter((char)c) && occurrences(inputs, node->inputs.len, (char)c) == 1 && !add_label(node, output, (char)c, diag))
            return false;
    return true;
}

/* Each label once, and known; what "..." stands for is not summed up. */
static bool check_output(const Node *node, const Labels *inputs, const Labels *output, Diag *diag)
{
    int rank = broadcast_rank(inputs, node->inputs.len);
    for (int i = 0; i < output->n; i++) {
        char label = output->at[i];
        if (is_letter(label) && (labels_find(output, label) != i || !occurrences(inputs, node->inputs.len, label)))
            return FAIL(node, diag, "the output of '%s' has '%c' twice, or no input has it", equation_of(node), label);
    }
    return !rank || labels_find(output, (char)(rank - 1)) >= 0 ||
           FAIL(node, diag, "the output of '%s' has no '...', its inputs have", equation_of(node));
}

bool einsum_labels(const Node *node, Labels *inputs, Labels *output, Diag *diag)
{
    const char *at = equation_of(node);
    for (int64_t i = 0; i < node->inputs.len; i++) {
        bool last = i == node->inputs.len - 1;
        if (!read_input(node, i, &at, &inputs[i], diag))
            return false;
        if (last ? *at == ',' : *at != ',')
            return FAIL(node, diag, "the equation of Einsum, '%s', is not for %lld inputs", equation_of(node),
                        (long long)node->inputs.len);
        at += !last;
    }
    if (!*at)
        return implicit_output(node, inputs, output, diag);
    if (strncmp(at, "->", 2) != 0)
        return FAIL(node, diag, "the equation of Einsum, '%s', has '%s' where '->' is expected", equation_of(node), at);
    at += 2;
    if (!read_term(node, &at, broadcast_rank(inputs, node->inputs.len), output, diag))
        return false;
    if (*at)
        return FAIL(node, diag, "the equation of Einsum, '%s', has '%s' behind its output", equation_of(node), at);
    return check_output(node, inputs, output, diag);
}

/* ── Types ───────────────────────────────────────────────────────────────────────────────────────────── */

/* Dimensions by label: those of a letter are equal, those of "..." broadcast. */
typedef struct Sizes {
    Dim at['z' + 1];
    bool known['z' + 1];
    int n;
} Sizes;

static bool add_size(const Node *node, Sizes *sizes, char label, Dim dim, Diag *diag)
{
    Dim *known = &sizes->at[(int)label];
    if (!sizes->known[(int)label]) {
        sizes->known[(int)label] = true;
        sizes->n++;
        *known = dim;
        return true;
    }
    bool stretches = !is_letter(label) && (known->size == 1 || dim.size == 1);
    if (stretches)
        *known = known->size == 1 ? dim : *known;
    if (stretches || dim_equal(*known, dim))
        return true;
    return FAIL(node, diag, "inputs of Einsum differ in a dimension of '%s': %lld and %lld", equation_of(node),
                (long long)known->size, (long long)dim.size);
}

/* A free batch has no diagonal, and a dimension of 0 no matrix. */
static bool is_supported(const Node *node, const Labels *labels, const Shape *shape, Diag *diag)
{
    for (int i = 0; i < labels->n; i++)
        if (shape->dims[i].size == 0 || (shape->dims[i].size < 0 && labels_find(labels, labels->at[i]) != i)) {
            diag_unsupported(diag, node->span, "'%s' of an input of shape %s is not supported", equation_of(node),
                             shape_text(node_arena(node), shape));
            return false;
        }
    return true;
}

bool infer_Einsum(Node *node, Diag *diag)
{
    Labels *inputs = NEW_ARRAY(node_arena(node), Labels, node->inputs.len), output;
    Sizes sizes = {0};
    if (!infer_check_dtype(node, 0, SET_NUMBER, diag) || !einsum_labels(node, inputs, &output, diag))
        return false;
    for (int64_t i = 0; i < node->inputs.len; i++) {
        const Shape *shape = node_input_shape(node, i);
        if (!infer_check_same_dtype(node, 0, i, diag))
            return false;
        for (int j = 0; j < shape->rank; j++)
            if (!add_size(node, &sizes, inputs[i].at[j], shape->dims[j], diag))
                return false;
        if (!is_supported(node, &inputs[i], shape, diag))
            return false;
    }
    if (sizes.n > MAX_RANK) {
        diag_unsupported(diag, node->span, "Einsum of more than %d labels is not supported", MAX_RANK);
        return false;
    }
    Shape shape = {.rank = output.n};
    for (int i = 0; i < output.n; i++)
        shape.dims[i] = sizes.at[(int)output.at[i]];
    node_set_output(node, 0, node_input_dtype(node, 0), shape);
    return true;
}
