/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Convolution: pointwise and patch convolutions are matrix products on the picture itself, the others on gathered
 * patches; depthwise ones have their own kernel (dwconv.c).
 *
 * Everything is channels last inside. A channels-first Conv reads its input through a permuted view and leaves a
 * permuted view of a channels-last result, so chains of them never transpose.
 *
 * The patches of the input are one more view: output pixel, kernel element and channel are dimensions of it,
 *
 *   x[N,H,W,C], 4x4 stride 4  →  [N, H/4, W/4, 4, 4, C], strides 4·row, 4·pixel, row, pixel, 4
 *
 * If its pixels and its kernel elements each merge into one stride it is the matrix. Otherwise K is summed up in parts, for each
 * of which it is one: of 3x3 kernels over many channels, a kernel's row or one of its elements, over the lines of a block of pixels,
 *
 *   x[N,H,W,C], 3x3  →  3 parts of 3*C (9 of C, where pixels lie a gap apart), lines of W pixels
 *
 * and of few channels a block of rows is copied to scratch, and multiplied there. */
#include "compiler/schedule/conv.h"

#include "compiler/schedule/operand.h"
#include "compiler/schedule/lower.h"
#include "compiler/schedule/map.h"
#include "compiler/schedule/matmul.h"
#include "compiler/schedule/node.h"

#include <string.h>

enum { MAX_CONV_RANK = (VIEW_RANK + 2) / 2 }; /* patches have its kernel's dimensions, too */

typedef struct Conv {
    View x, out;            /* channels last: [N, in…, C], [N, out…, M] */
    View operands[MAX_OPERANDS]; /* of the epilogue, likewise */
    const Fusion *epilogue;
    const View *w, *bias;   /* w: [M, C/group, kernel…]; bias NULL: none */
    const char *name, *weights_name;
    Window window;
    int64_t group;
    int64_t flops;
} Conv;

/* ── Patches ─────────────────────────────────────────────────────────────────────────────────────────── */

static bool is_padded(const Window *w)
{
    for (int i = 0; i < w->n; i++)
        if (w->begin[i] || w->end[i])
            return true;
    return false;
}

/* A copy with zeros around it. */
static View padded_input(Lowering *l, const Conv *conv)
{
    View wide = conv->x;
    int64_t before[VIEW_RANK] = {0};
    for (int i = 0; i < conv->window.n; i++) {
        before[i + 1] = conv->window.begin[i];
        wide.dims[i + 1] += conv->window.begin[i] + conv->window.end[i];
    }
    View padded = view_temp(l, SPACE_ARENA, DT_FLOAT, wide.rank, wide.dims, true);
    pad_phase(l, arena_printf(l->arena, "%s.pad", conv->name), padded, conv->x, before, 0);
    return padded;
}

/* Kernel elements lie outside channels where channels are the closer neighbours in memory. */
static bool channels_inside(const Conv *conv)
{
    int c = conv->x.rank - 1;
    return c < 1 || conv->x.strides[c] <= conv->x.strides[c - 1];
}

/* [N, out…, kernel…, C] or [N, out…, C, kernel…]; of one group's channels. */
static View patches_of(const Conv *conv, View x)
{
    const Window *w = &conv->window;
    int c = x.rank - 1, at = 1 + w->n;
    View patches = x;
    for (int i = 0; i < w->n; i++) {
        patches.dims[i + 1] = conv->out.dims[i + 1];
        patches.strides[i + 1] = x.strides[i + 1] * w->stride[i];
    }
    patches.dims[c] = x.dims[c] / conv->group;
    if (!channels_inside(conv))
        at = patches.rank;
    for (int i = 0; i < w->n; i++)
        patches = view_insert(patches, at + i, w->kernel[i], x.strides[i + 1] * w->dilation[i]);
    return patches;
}

static int64_t product(const int64_t *dims, int n)
{
    int64_t count = 1;
    for (int i = 0; i < n; i++)
        count *= dims[i];
    return count;
}

/* The patches as one matrix; false: they have to be gathered. */
static bool matrix_of(const View *patches, int n_pixels, View *matrix)
{
    int64_t row, k;
    if (!view_merge(patches, 0, n_pixels, &row) || !view_merge(patches, n_pixels, patches->rank, &k))
        return false;
    *matrix = *patches;
    matrix->rank = 2;
    matrix->dims[0] = product(patches->dims, n_pixels);
    matrix->strides[0] = row;
    matrix->dims[1] = product(patches->dims + n_pixels, patches->rank - n_pixels);
    matrix->strides[1] = k;
    return true;
}

/* ── Weights ─────────────────────────────────────────────────────────────────────────────────────────── */

static WeightLayout weight_layout(const Conv *conv)
{
    const View *w = conv->w;
    int64_t taps = product(conv->window.kernel, conv->window.n), channels = w->dims[1], k = taps * channels;
    int64_t n = w->dims[0] / conv->group;
    bool inside = channels_inside(conv);
    WeightLayout layout = {.n = n, .n_stride = k, .groups = conv->group, .group_stride = n * k};
    layout.t = inside ? taps : channels;
    layout.t_stride = inside ? 1 : taps;
    layout.c = inside ? channels : taps;
    layout.c_stride = inside ? taps : 1;
    return layout;
}

static Panels constant_weights(Lowering *l, const Conv *conv, Product product, int64_t nr)
{
    return panels_constant(l, conv->weights_name, conv->w->constant, weight_layout(conv), product, nr);
}

/* [M, C, kernel…] → [group, kernel…, C, M/group] or [group, C, kernel…, M/group] */
static Panels runtime_weights(Lowering *l, const Conv *conv, int64_t nr)
{
    View w = view_float(l, *conv->w);
    int64_t n = w.dims[0] / conv->group;
    w = view_insert(w, 0, conv->group, w.strides[0] * n);
    w.dims[1] = n;
    int perm[VIEW_RANK] = {0}, at = 1;
    if (!channels_inside(conv))
        perm[at++] = 2;
    for (int i = 3; i < w.rank; i++)
        perm[at++] = i;
    if (channels_inside(conv))
        perm[at++] = 2;
    perm[at] = 1;
    return panels_runtime(l, arena_printf(l->arena, "%s.panels", conv->name), view_permute(w, perm), nr);
}

/* ── In place ────────────────────────────────────────────────────────────────────────────────────────── */

enum { LEAST_RUN = 64, MOST_PARTS = 81 }; /* elements of K in a part that are worth adding to C for; parts of a kernel */

/* Where the elements of K begin that are one stride apart for all pixels, as a dimension of the patches; how many parts that
 * makes. */
static int run_dim(const View *patches, int n_pixels, int64_t *k, int64_t *stride)
{
    int at = patches->rank;
    int64_t merged;
    *k = 1;
    while (at > n_pixels && view_merge(patches, at - 1, patches->rank, &merged)) {
        *k *= patches->dims[--at];
        *stride = merged;
    }
    return at;
}

static bool is_implicit(const View *patches, int n_pixels)
{
    int64_t k, stride;
    int at = run_dim(patches, n_pixels, &k, &stride);
    return n_pixels <= 3 && k >= LEAST_RUN && product(patches->dims + n_pixels, at - n_pixels) <= MOST_PARTS;
}

/* The parts of K for a block of so many pixels; how many. */
static int64_t implicit_parts(Lowering *l, const View *patches, int n_pixels, int64_t pixels, const Panels *panels,
                              GemmPart **parts)
{
    int64_t run, stride = 0, n = 0;
    int at = run_dim(patches, n_pixels, &run, &stride);
    int64_t outer = product(patches->dims + n_pixels, at - n_pixels), step = gemm_part_k(l->cpu, pixels, panels, run);
    *parts = NEW_ARRAY(l->arena, GemmPart, outer * ((run + step - 1) / step));
    for (int64_t i = 0; i < outer; i++) {
        int64_t bytes = 0, rest = i;
        for (int d = at - 1; d >= n_pixels; rest /= patches->dims[d], d--)
            bytes += rest % patches->dims[d] * patches->strides[d];
        for (int64_t start = 0; start < run; start += step)
            (*parts)[n++] = (GemmPart){i * run + start, run - start < step ? run - start : step, bytes + start * stride};
    }
    return n;
}

/* Pixels of the block as lines of rows: of one dimension they are one line. */
static void set_lines(Gemm *gemm, const View *from, int n_pixels)
{
    int row = n_pixels - 1;
    int64_t k, stride = 0;
    run_dim(from, n_pixels, &k, &stride);
    gemm->a = *from;
    gemm->a.rank = 2;
    gemm->a.dims[0] = from->dims[row];
    gemm->a.strides[0] = from->strides[row];
    gemm->a.strides[1] = stride;
    gemm->lines = row > 1 ? from->dims[1] : 0;
    gemm->line = row > 1 ? from->strides[1] : 0;
}
/* ── Products ────────────────────────────────────────────────────────────────────────────────────────── */

static void set_rows(Gemm *gemm, const Conv *conv)
{
    linear_rows(&conv->out, &gemm->c);
    gemm->epilogue = conv->epilogue;
    for (int i = 1; conv->epilogue && i < conv->epilogue->expr.n_operands; i++)
        linear_rows(&conv->operands[i], &gemm->operands[i]);
}

static Gemm group_gemm(const Gemm *all, const Conv *conv, const Panels *panels, Pos group)
{
    Gemm gemm = *all;
    int64_t n = panels->n;
    gemm.panels = panels;
    gemm.c = view_slice(all->c, 1, (Pos){0}, n, 1);
    gemm.c.ref = ref_pos(gemm.c.ref, group, n * all->c.strides[1]);
    if (gemm.bias.buffer)
        gemm.bias = ref_pos(gemm.bias, group, n * 4);
    for (int i = 1; conv->epilogue && i < conv->epilogue->expr.n_operands; i++) {
        gemm.operands[i].dims[1] = n;
        gemm.operands[i].ref = ref_pos(gemm.operands[i].ref, group, n * all->operands[i].strides[1]);
    }
    return gemm;
}

static View rows_at(View view, Pos row, int64_t rows) { return view_slice(view, 0, row, rows, 1); }

/* Patches that are multiplied where they lie, or else gathered into scratch. */
static void emit_product(Lowering *l, Gemm *gemm, const View *from, int n_pixels, const View *scratch)
{
    GemmPart *parts;
    if (scratch) {
        View copy = *scratch;
        copy.dims[1] = from->dims[1];
        copy_emit(l, copy, *from);
        matrix_of(&copy, n_pixels, &gemm->a);
        gemm_emit(l, gemm);
        return;
    }
    set_lines(gemm, from, n_pixels);
    int64_t n = implicit_parts(l, from, n_pixels, gemm->c.dims[0], gemm->panels, &parts);
    gemm_parts(l, gemm, parts, n);
}

/* Output pixels from image `n`, row y on: `rows` rows of them. */
static void emit_rows(Lowering *l, const Conv *conv, const Gemm *all, const View *patches, const View *scratch,
                      const Panels *panels, Pos image, Pos y, int64_t rows)
{
    int64_t line = product(conv->out.dims + 2, conv->window.n - 1), height = conv->out.dims[1];
    Gemm block = *all;
    Pos pixel = {.at = (image.at * height + y.at) * line};
    for (int i = 0; i < image.n_terms; i++)
        pixel = pos_loop(pixel, image.terms[i].loop, image.terms[i].step * height * line);
    for (int i = 0; i < y.n_terms; i++)
        pixel = pos_loop(pixel, y.terms[i].loop, y.terms[i].step * line);
    block.c = rows_at(all->c, pixel, rows * line);
    for (int i = 1; conv->epilogue && i < conv->epilogue->expr.n_operands; i++)
        block.operands[i] = rows_at(all->operands[i], pixel, rows * line);
    Pos group = pos_loop(pos_at(0), loop_open(l, conv->group), 1);
    View from = view_slice(view_slice(*patches, 0, image, 1, 1), 1, y, rows, 1);
    int channel = channels_inside(conv) ? from.rank - 1 : 1 + conv->window.n;
    from.ref = ref_pos(from.ref, group, from.dims[channel] * from.strides[channel]);
    Panels own = panels_group(*panels, group);
    Gemm gemm = group_gemm(&block, conv, &own, group);
    emit_product(l, &gemm, &from, 1 + conv->window.n, scratch);
    loop_close(l);
}

/* Rows of output pixels to a block: about a hundred pixels, as much scratch as half of L2 holds. */
static int64_t block_rows(const Lowering *l, const Conv *conv, int64_t k)
{
    int64_t line = product(conv->out.dims + 2, conv->window.n - 1), pixels = 112;
    int64_t fits = l->cpu->l2_bytes / 2 / (k * 4);
    pixels = pixels < fits ? pixels : fits;
    int64_t rows = pixels / line, height = conv->out.dims[1];
    return fair_rows(height, rows < 1 ? 1 : rows, l->cpu->cores);
}

/* Too few blocks of rows for all threads: then columns are shared out, over patches that all can read. */
static bool share_columns(const Lowering *l, const Conv *conv, int64_t k)
{
    int64_t rows = block_rows(l, conv, k), height = conv->out.dims[1];
    return conv->group == 1 && conv->out.dims[0] * ((height + rows - 1) / rows) < 4 * l->cpu->cores;
}

/* All patches, gathered into the arena by a phase of its own, as the panels' product multiplies them. */
static View gathered_patches(Lowering *l, const Conv *conv, const View *patches, const Panels *panels)
{
    int n_pixels = 1 + conv->window.n;
    int64_t dims[2] = {product(patches->dims, n_pixels), product(patches->dims + n_pixels, patches->rank - n_pixels)};
    const char *name = arena_printf(l->arena, "%s.patches", conv->name);
    bool converts = product_converts(panels->product);
    View matrix = converts ? operand_rows(l, name, dims[0], dims[1], panels) : view_temp(l, SPACE_ARENA, DT_FLOAT, 2, dims, true);
    View spread = *patches;
    int64_t row = matrix.strides[0], element = dtype_size(matrix.dtype);
    for (int i = n_pixels - 1; i >= 0; row *= patches->dims[i], i--)
        spread.strides[i] = row;
    for (int i = patches->rank - 1; i >= n_pixels; element *= patches->dims[i], i--)
        spread.strides[i] = element;
    spread.ref = matrix.ref;
    spread.dtype = matrix.dtype;
    if (converts)
        operand_copy_phase(l, name, panels->product, spread, *patches);
    else
        copy_phase(l, name, spread, *patches);
    return operand_groups(matrix, panels->product);
}

/* Scratch for one block's patches, in the patches' order, rows padded against cache conflicts. */
static View scratch_for(Lowering *l, const View *patches, int n_pixels, int64_t rows)
{
    int64_t dims[VIEW_RANK] = {1}, k = product(patches->dims + n_pixels, patches->rank - n_pixels);
    for (int i = 1; i < n_pixels; i++)
        dims[i] = i == 1 ? rows : patches->dims[i];
    dims[n_pixels] = k;
    View scratch = view_temp(l, SPACE_SCRATCH, DT_FLOAT, n_pixels + 1, dims, true);
    scratch.rank = patches->rank;
    int64_t stride = 4;
    for (int i = patches->rank - 1; i >= n_pixels; i--) {
        scratch.dims[i] = patches->dims[i];
        scratch.strides[i] = stride;
        stride *= patches->dims[i];
    }
    return scratch;
}

/* All pixels, block by block, as chunks or in the open one. */
static void emit_blocks(Lowering *l, const Conv *conv, const Gemm *all, const View *patches, const View *scratch,
                        const Panels *panels, int64_t rows)
{
    int64_t images = conv->out.dims[0];
    Tiling blocks = tile_blocks(conv->out.dims[1], rows);
    bool unrolled = images <= 4; /* else an image is a chunk */
    for (int64_t n = 0; n < (unrolled ? images : 1); n++) {
        Pos image = unrolled ? pos_at(n) : pos_loop(pos_at(0), any_open(l, images), 1);
        for (int i = 0; i < 2; i++) {
            if (!blocks.parts[i].count)
                continue;
            Pos y = pos_loop(pos_at(blocks.parts[i].start), any_open(l, blocks.parts[i].count), blocks.parts[i].size);
            emit_rows(l, conv, all, patches, scratch, panels, image, y, blocks.parts[i].size);
            loop_close(l);
        }
        if (!unrolled)
            loop_close(l);
    }
}

static void gathered_product(Lowering *l, const Conv *conv, const Gemm *all, const View *patches, const Panels *panels)
{
    int64_t rows = block_rows(l, conv, panels->k);
    View scratch = scratch_for(l, patches, 1 + conv->window.n, rows);
    emit_blocks(l, conv, all, patches, &scratch, panels, rows);
}

/* Some columns a chunk, each over all pixels. */
static void column_chunks(Lowering *l, const Conv *conv, const Gemm *all, const View *patches, const Panels *panels, int64_t rows)
{
    int64_t wanted = 2 * schedule_threads(l->cpu), most = (panels->n_full + wanted - 1) / wanted;
    Tiling ranges = tile_even(panels->n_full, most);
    for (int i = 0; i < 2; i++) {
        Gemm range = *all;
        if (!ranges.parts[i].count)
            continue;
        range.first = ranges.parts[i].start;
        range.panel = pos_loop(pos_at(0), section_open(l, ranges.parts[i].count), ranges.parts[i].size);
        range.count = ranges.parts[i].size;
        range.tail = false;
        emit_blocks(l, conv, &range, patches, NULL, panels, rows);
        loop_close(l);
    }
    if (!panels->tail_n)
        return;
    Gemm tail = *all;
    tail.count = 0;
    section_open(l, 1);
    emit_blocks(l, conv, &tail, patches, NULL, panels, rows);
    loop_close(l);
}

/* Lines to a block: of 128 to 512 pixels, the more the less often all weights stream by, but some blocks for each thread. */
static int64_t implicit_lines(int64_t line, int64_t lines, int64_t threads)
{
    int64_t pixels = lines * line / (4 * threads);
    pixels = pixels < 128 ? 128 : pixels > 512 ? 512 : pixels;
    return pixels < line ? 1 : pixels / line;
}

static void implicit_product(Lowering *l, const Conv *conv, const Gemm *all, const View *patches, const Panels *panels)
{
    int64_t line = product(conv->out.dims + 2, conv->window.n - 1), height = conv->out.dims[1];
    int64_t threads = schedule_threads(l->cpu), lines = implicit_lines(line, conv->out.dims[0] * height, threads);
    int64_t rows = fair_rows(height, lines, threads);
    int64_t blocks = conv->out.dims[0] * ((height + rows - 1) / rows);
    if (conv->group == 1 && blocks < 2 * threads && panels->n_full > 1)
        column_chunks(l, conv, all, patches, panels, rows);
    else
        emit_blocks(l, conv, all, patches, NULL, panels, rows);
}

/* Less than float only pointwise, or for patches that do not overlap: gathering them takes no more room than the input. */
static Product product_of_conv(const Lowering *l, const Conv *conv)
{
    Product type = product_for(l, &conv->x);
    const Window *w = &conv->window;
    WeightLayout layout = weight_layout(conv);
    bool apart = true;
    for (int i = 0; i < w->n; i++)
        apart &= w->kernel[i] <= w->stride[i];
    bool fits = apart && conv->group == 1 && conv->w->constant && layout_fits(&layout, type);
    return fits ? type : product_of(l->cpu, DT_FLOAT);
}

/* Each group's columns begin at their own element and read a whole panel's. */
static Ref product_bias(Lowering *l, const Conv *conv, int64_t nr)
{
    int64_t n = conv->w->dims[0];
    return conv->group == 1 ? bias_vector(l, conv->name, conv->bias, n) : bias_padded(l, conv->name, conv->bias, n, n + nr);
}

static void dense_conv(Lowering *l, Conv *conv)
{
    int64_t pixels = product(conv->out.dims, conv->out.rank - 1);
    Gemm gemm = {.init = conv->bias ? GEMM_INIT_BIAS : GEMM_INIT_ZERO, .tail = true};
    View x = is_padded(&conv->window) ? padded_input(l, conv) : conv->x;
    conv->x = x;
    Product type = product_of_conv(l, conv);
    int64_t n = conv->w->dims[0] / conv->group, k = conv->w->dims[1] * product(conv->window.kernel, conv->window.n);
    const ScheduleChoice *choice = gemm_choice(l, type, pixels, k, n);
    int64_t nr = gemm_columns(l, type, choice, pixels, n);
    if (conv->bias)
        gemm.bias = product_bias(l, conv, nr);
    View patches = patches_of(conv, x);
    set_rows(&gemm, conv);
    Panels panels = conv->w->constant ? constant_weights(l, conv, type, nr) : runtime_weights(l, conv, nr);
    panels.choice = choice;
    bool whole = !product_converts(type) && conv->group == 1 && matrix_of(&patches, 1 + conv->window.n, &gemm.a);
    bool implicit = !whole && !product_converts(type) && is_implicit(&patches, 1 + conv->window.n);
    if (!whole && !implicit && (product_converts(type) || share_columns(l, conv, panels.k))) {
        gemm.a = gathered_patches(l, conv, &patches, &panels);
        whole = true;
    }
    gemm.panels = &panels;
    gemm.count = panels.n_full;
    phase_open(l, conv->name, conv->flops);
    if (whole)
        gemm_sections(l, &gemm);
    else
        (implicit ? implicit_product : gathered_product)(l, conv, &gemm, &patches, &panels);
}

/* ── Depthwise ───────────────────────────────────────────────────────────────────────────────────────── */

static bool is_depthwise(const Conv *conv)
{
    const Window *w = &conv->window;
    bool covered = true; /* every output has a tap inside the picture */
    for (int i = 0; i < w->n; i++)
        covered &= w->begin[i] <= (w->kernel[i] - 1) * w->dilation[i] && w->end[i] <= (w->kernel[i] - 1) * w->dilation[i] &&
                   w->dilation[i] <= conv->x.dims[i + 1];
    return (w->n == 1 || w->n == 2) && conv->w->constant && conv->w->dims[1] == 1 && covered && conv->w->dims[0] == conv->group &&
           w->kernel[0] <= 64 && w->kernel[w->n - 1] <= 64; /* each row and column that clips has code of its own */
}

/* 1-D is 2-D with one row. */
static void add_height(Conv *conv)
{
    Window *w = &conv->window;
    conv->x = view_insert(conv->x, 1, 1, 0);
    conv->out = view_insert(conv->out, 1, 1, 0);
    for (int i = 0; i < MAX_OPERANDS; i++)
        if (conv->epilogue && i > 0 && i < conv->epilogue->expr.n_operands)
            conv->operands[i] = view_insert(conv->operands[i], 1, 1, 0);
    w->n = 2;
    w->kernel[1] = w->kernel[0];
    w->stride[1] = w->stride[0];
    w->dilation[1] = w->dilation[0];
    w->begin[1] = w->begin[0];
    w->end[1] = w->end[0];
    w->kernel[0] = w->stride[0] = w->dilation[0] = 1;
    w->begin[0] = w->end[0] = 0;
}

static View image_of(View view, Pos image) { return view_drop(view_slice(view, 0, image, 1, 1), 0); }

static void depthwise_image(Lowering *l, const Conv *conv, const Depthwise *all, Pos image)
{
    Depthwise d = *all;
    d.x = image_of(conv->x, image);
    d.out = image_of(conv->out, image);
    for (int i = 1; conv->epilogue && i < conv->epilogue->expr.n_operands; i++)
        d.operands[i] = image_of(conv->operands[i], image);
    int64_t height = d.out.dims[0], block = height / 8 < 1 ? 1 : height / 8 < 4 ? height / 8 : 4;
    RowGroup *groups;
    int64_t n = row_groups(l, &conv->window, d.x.dims[0], height, block, &groups);
    for (int64_t i = 0; i < n; i++) {
        Pos step = pos_loop(pos_at(0), any_open(l, groups[i].count), groups[i].rows);
        depthwise_rows(l, &d, groups[i].y, groups[i].rows, step, groups[i].y, step);
        loop_close(l);
    }
}

static void depthwise_conv(Lowering *l, Conv *conv)
{
    if (conv->window.n == 1)
        add_height(conv);
    if (conv->x.strides[3] != 4)
        conv->x = view_contiguous(l, conv->x);
    Depthwise d = {.window = &conv->window, .epilogue = conv->epilogue};
    d.bias = bias_vector(l, conv->name, conv->bias, conv->w->dims[0]);
    d.weights = depthwise_weights(l, conv->weights_name, conv->w->constant, &conv->window);
    phase_open(l, conv->name, depthwise_flops(&conv->window, conv->x.dims, conv->out.dims));
    bool unrolled = conv->out.dims[0] <= 4;
    for (int64_t n = 0; n < (unrolled ? conv->out.dims[0] : 1); n++) {
        Pos image = unrolled ? pos_at(n) : pos_loop(pos_at(0), section_open(l, conv->out.dims[0]), 1);
        depthwise_image(l, conv, &d, image);
        if (!unrolled)
            loop_close(l);
    }
}

/* ── The two operators ───────────────────────────────────────────────────────────────────────────────── */

/* Splits the bias off the epilogue unless the node has one of its own. */
static void take_bias(Lowering *l, Conv *conv, View *bias, const Node *node)
{
    if (node_input(node, 2)) {
        *bias = *view_of(l, node->inputs.at[2]);
        conv->bias = bias;
    } else if (conv->epilogue) {
        Fusion *rest = NEW(l->arena, Fusion);
        *rest = *conv->epilogue;
        if (fusion_take_bias(rest, bias)) {
            conv->bias = bias;
            conv->epilogue = rest;
        }
    }
}

bool depthwise_of(Lowering *l, const Node *node, const Fusion *epilogue, Window *window, Depthwise *d)
{
    View w = view_of_input(l, node, 1), bias;
    Conv conv = {.w = &w, .x = view_of_input(l, node, 0), .epilogue = epilogue, .group = node_attr_int(node, "group")};
    node_window(node, &conv.window);
    if (node->op->kind != OP_ConvNHWC || conv.window.n != 2 || !is_depthwise(&conv))
        return false;
    take_bias(l, &conv, &bias, node);
    *window = conv.window;
    *d = (Depthwise){.window = window, .epilogue = conv.epilogue};
    d->bias = bias_vector(l, node->inputs.at[1]->name, conv.bias, w.dims[0]);
    d->weights = depthwise_weights(l, node->inputs.at[1]->name, w.constant, window);
    return true;
}

bool conv_lower(Lowering *l, const Node *node, Epilogue *epilogue)
{
    bool channels_first = node->op->kind == OP_Conv;
    int order[MAX_RANK] = {0}, rank = node->inputs.at[0]->type.shape.rank;
    for (int i = 1; i < rank; i++) /* dimensions as channels last has them */
        order[i] = channels_first ? (i == rank - 1 ? 1 : i + 1) : i;
    View w = *view_of(l, node->inputs.at[1]), bias;
    if (channels_first) /* operands of its epilogue would be strided the wrong way round */
        epilogue = NULL;
    const Fusion *fusion = epilogue_take(epilogue, epilogue_is_linear);
    const Value *result = fusion ? fusion->result : node->outputs.at[0];
    Conv conv = {.w = &w, .name = result->name, .weights_name = node->inputs.at[1]->name};
    conv.group = node_attr_int(node, "group");
    conv.epilogue = fusion;
    conv.x = view_permute(view_float(l, *view_of(l, node->inputs.at[0])), order);
    View out = float_output(l, result, order, true);
    conv.out = view_permute(out, order);
    if (rank > MAX_CONV_RANK)
        return lower_unsupported(l, "a convolution over more than 5 dimensions");
    if (w.per_image)
        return mixes_images(l, "a convolution with weights for each image of a free batch");
    node_window(node, &conv.window);
    take_bias(l, &conv, &bias, node);
    for (int i = 1; conv.epilogue && i < conv.epilogue->expr.n_operands; i++)
        conv.operands[i] = view_permute(conv.epilogue->operands[i], order);
    conv.flops = 2 * view_count(&out) * (view_count(&w) / (w.dims[0] ? w.dims[0] : 1));
    if (view_count(&out) && is_depthwise(&conv))
        depthwise_conv(l, &conv);
    else if (view_count(&out))
        dense_conv(l, &conv);
    float_output_set(l, result, out);
    return true;
}

bool lower_Conv(Lowering *l, const Node *node) { return conv_lower(l, node, NULL); }
bool lower_ConvNHWC(Lowering *l, const Node *node) { return conv_lower(l, node, NULL); }
