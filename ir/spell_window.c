/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Spellings of what moves windows over pictures.
 *
 *   y = Upsample <scales = [1, 1, 2, 2]> (x)     →     y = Resize(x, {1, 1, 2, 2})     the form of opset 10
 *
 * ConvTranspose by strides s is s*s convolutions, one for each phase of its result, side by side as channels of one:
 *
 *   y = ConvTranspose <strides = [2, 2]> (x, w [C,M,4,4])   →   p = Conv <pads 1> (x, w' [4*M,C,2,2])       [N, 2*2*M, H+1, W+1]
 *                                                               t = [N, H+1, 2, W+1, 2, M] of it   y = its elements, cropped */
#include "ir/spell_util.h"

#include "ir/params.h"

/* Scales as an input. */
static Value *scales_of(Node *node)
{
    const Attr *attr = node_attr(node, "scales");
    if (node_input(node, 1))
        return node->inputs.at[1];
    Tensor *tensor = tensor_new(node->graph->model->arena, DT_FLOAT, 1, &attr->count);
    for (int64_t i = 0; i < attr->count; i++)
        tensor_set(tensor, i, attr->floats[i]);
    return spell_constant(node, tensor);
}

void spell_Upsample(Node *node)
{
    Node *resize = spell_node(node, OP_Resize, (Value *[]){node->inputs.at[0], scales_of(node)}, 2);
    node_set_string(resize, "mode", node_attr_string(node, "mode"));
    spell_output(node, 0, spelled(resize));
}

/* ── ConvTranspose ───────────────────────────────────────────────────────────────────────────────────── */

typedef struct Phases {
    Window w;
    int64_t out[MAX_RANK];    /* spatial sizes of the result */
    int64_t taps[MAX_RANK];   /* of each phase's kernel */
    int64_t n, n_taps, kernel; /* phases, taps and elements of the kernel, over all dimensions */
    int64_t group, in, out_channels; /* channels in all */
    bool outside;             /* phases are the outermost part of channels; else, with groups, the innermost one */
} Phases;

static Phases phases_of(const Node *node)
{
    const Shape *w = &node->inputs.at[1]->type.shape;
    Phases p = {.n = 1, .n_taps = 1, .kernel = 1, .group = node_attr_int(node, "group"), .in = w->dims[0].size};
    node_transposed_window(node, &p.w, p.out);
    for (int i = 0; i < p.w.n; i++) {
        int64_t extent = (p.w.kernel[i] - 1) * p.w.dilation[i] + 1;
        p.taps[i] = (extent + p.w.stride[i] - 1) / p.w.stride[i];
        p.n *= p.w.stride[i];
        p.n_taps *= p.taps[i];
        p.kernel *= p.w.kernel[i];
    }
    p.out_channels = w->dims[1].size * p.group;
    p.outside = p.group == 1;
    return p;
}

/* Which element of the kernel is tap `tap` of phase `phase`, both counted over all dimensions; p->kernel: none, a zero. */
static int64_t kernel_element(const Phases *p, int64_t phase, int64_t tap)
{
    int64_t element = 0, scale = 1;
    for (int i = p->w.n - 1; i >= 0; i--) {
        int64_t stride = p->w.stride[i], at = (p->taps[i] - 1 - tap % p->taps[i]) * stride + phase % stride;
        if (at % p->w.dilation[i] || at / p->w.dilation[i] >= p->w.kernel[i])
            return p->kernel;
        element += at / p->w.dilation[i] * scale;
        scale *= p->w.kernel[i];
        phase /= stride;
        tap /= p->taps[i];
    }
    return element;
}

/* w [C, M/group, kernel…] → [C, M/group, phases * taps]; behind the kernel lies a zero. */
static Value *phase_taps(Node *node, const Phases *p)
{
    int64_t columns = p->n * p->n_taps, *index = NEW_ARRAY(node->graph->model->arena, int64_t, columns);
    for (int64_t i = 0; i < columns; i++)
        index[i] = kernel_element(p, i / p->n_taps, i % p->n_taps);
    Value *w = spell_reshape(node, node->inputs.at[1], 3, (int64_t[]){p->in, p->out_channels / p->group, p->kernel});
    Value *wide = SPELL(node, OP_Pad, w, spell_ints(node, (int64_t[]){0, 0, 0, 0, 0, 1}, 6));
    Node *gather = spell_node(node, OP_Gather, (Value *[]){wide, spell_ints(node, index, columns)}, 2);
    node_set_int(gather, "axis", 2);
    return spelled(gather);
}

static Value *turned(Node *node, Value *x, const int64_t *perm, int rank)
{
    Node *transpose = spell_node(node, OP_Transpose, &x, 1);
    node_set_ints(transpose, "perm", perm, rank);
    return spelled(transpose);
}

/* The weights of the convolution: [phases * M, C/group, taps…], or [M * phases, …]. */
static Value *phase_weights(Node *node, const Phases *p)
{
    int64_t out = p->out_channels / p->group, dims[MAX_RANK] = {p->out_channels * p->n, p->in / p->group};
    Value *w = spell_reshape(node, phase_taps(node, p), 5, (int64_t[]){p->group, p->in / p->group, out, p->n, p->n_taps});
    w = turned(node, w, p->outside ? (int64_t[]){0, 3, 2, 1, 4} : (int64_t[]){0, 2, 3, 1, 4}, 5);
    for (int i = 0; i < p->w.n; i++)
        dims[2 + i] = p->taps[i];
    return spell_reshape(node, w, 2 + p->w.n, dims);
}

static Value *phase_bias(Node *node, const Phases *p)
{
    int64_t m = p->out_channels, small[] = {p->outside ? 1 : m, p->outside ? m : 1};
    int64_t large[] = {p->outside ? p->n : m, p->outside ? m : p->n};
    Value *column = spell_reshape(node, node->inputs.at[2], 2, small);
    Value *all = SPELL(node, OP_Expand, column, spell_ints(node, large, 2));
    return spell_reshape(node, all, 1, (int64_t[]){m * p->n});
}

static Value *phase_conv(Node *node, const Phases *p, bool biased)
{
    int64_t pads[2 * MAX_RANK];
    Value *inputs[] = {node->inputs.at[0], phase_weights(node, p), biased ? phase_bias(node, p) : NULL};
    Node *conv = spell_node(node, OP_Conv, inputs, 3);
    for (int i = 0; i < p->w.n; i++)
        pads[i] = pads[p->w.n + i] = p->taps[i] - 1;
    node_set_ints(conv, "pads", pads, 2 * p->w.n);
    node_set_int(conv, "group", p->group);
    return spelled(conv);
}

/* [N, phases…, M, places…] or [N, M, phases…, places…] → [N, places…, M], phases behind their places. */
static Value *interleaved(Node *node, const Phases *p, Value *conv)
{
    int n = p->w.n, first = p->outside ? 1 : 2;
    int64_t dims[MAX_RANK] = {0}, perm[MAX_RANK] = {0}, whole[MAX_RANK] = {0};
    dims[p->outside ? 1 + n : 1] = p->out_channels;
    for (int i = 0; i < n; i++) {
        dims[first + i] = p->w.stride[i];
        dims[2 + n + i] = conv->type.shape.dims[2 + i].size;
        perm[1 + 2 * i] = 2 + n + i;
        perm[2 + 2 * i] = first + i;
        whole[1 + i] = dims[2 + n + i] * p->w.stride[i];
    }
    perm[1 + 2 * n] = p->outside ? 1 + n : 1;
    whole[1 + n] = p->out_channels;
    Value *apart = turned(node, spell_reshape(node, conv, 2 + 2 * n, dims), perm, 2 + 2 * n);
    return spell_reshape(node, apart, 2 + n, whole);
}

/* Elements to add at both ends of each dimension of [N, places…, M], or to take off. True: some are added. */
static bool margins(const Node *node, const Phases *p, int64_t pads[2 * MAX_RANK])
{
    int rank = p->w.n + 2;
    bool grows = false;
    for (int i = 0; i < 2 * rank; i++)
        pads[i] = 0;
    for (int i = 0; i < p->w.n; i++) {
        int64_t whole = (node->inputs.at[0]->type.shape.dims[2 + i].size + p->taps[i] - 1) * p->w.stride[i];
        pads[1 + i] = -p->w.begin[i];
        pads[1 + i + rank] = p->out[i] + p->w.begin[i] - whole;
        grows |= pads[1 + i] > 0 || pads[1 + i + rank] > 0;
    }
    return grows;
}

static Value *cropped(Node *node, const Phases *p, Value *whole, const int64_t *pads)
{
    int64_t starts[MAX_RANK], ends[MAX_RANK], axes[MAX_RANK];
    for (int i = 0; i < p->w.n; i++) {
        axes[i] = 1 + i;
        starts[i] = -pads[1 + i];
        ends[i] = starts[i] + p->out[i];
    }
    return SPELL(node, OP_Slice, whole, spell_ints(node, starts, p->w.n), spell_ints(node, ends, p->w.n),
                 spell_ints(node, axes, p->w.n));
}

/* Where zeros are put around, the bias comes last. */
void spell_ConvTranspose(Node *node)
{
    Phases p = phases_of(node);
    int n = p.w.n;
    int64_t pads[2 * MAX_RANK], perm[MAX_RANK] = {0, n + 1};
    Value *bias = node_input(node, 2);
    bool grows = margins(node, &p, pads);
    Value *whole = interleaved(node, &p, phase_conv(node, &p, bias && !grows)), *y;
    if (grows)
        y = SPELL(node, OP_Pad, whole, spell_ints(node, pads, 2 * (n + 2)));
    else
        y = cropped(node, &p, whole, pads);
    if (bias && grows)
        y = SPELL(node, OP_Add, y, bias);
    for (int i = 0; i < n; i++)
        perm[2 + i] = 1 + i;
    spell_output(node, 0, turned(node, y, perm, n + 2));
}
