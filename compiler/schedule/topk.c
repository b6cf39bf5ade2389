/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The greatest elements along an axis: a call of its kernel for each row.
 *
 *   TopK<axis = 1>(x [5,90,7], 10)   →   parallel i in 5: for j in 7: topk 10 of 90 (x + …, values + …, indices + …, keys) */
#include "compiler/schedule/lower.h"

#include "compiler/schedule/map.h"
#include "compiler/schedule/node.h"

#include "ir/params.h"

static bool is_half(DType dtype) { return dtype == DT_FLOAT16 || dtype == DT_BFLOAT16; }

/* Where output i goes: its own place, or one aside if nothing wants it or the kernel has another element type. */
static View result_view(Lowering *l, const Node *node, int64_t i, DType element, int rank, const int64_t *dims)
{
    const Value *value = node_output(node, i);
    if (!value || value->type.dtype != element)
        return view_temp(l, SPACE_ARENA, element, rank, dims, false);
    return view_output(l, value, NULL, false);
}

static Kernel topk_kernel(const Node *node, const View *in, const View *values, const View *indices, int axis)
{
    Kernel kernel = {.kind = KERNEL_TOPK};
    kernel.topk.n = in->dims[axis];
    kernel.topk.step = in->strides[axis];
    kernel.topk.k = values->dims[axis];
    kernel.topk.value_step = values->strides[axis];
    kernel.topk.index_step = indices->strides[axis];
    kernel.topk.element = in->dtype;
    kernel.topk.least = !node_attr_int(node, "largest");
    return kernel;
}

static void topk_phase(Lowering *l, const Node *node, View in, View values, View indices, int axis)
{
    Kernel kernel = topk_kernel(node, &in, &values, &indices, axis);
    int64_t words = kernel.topk.k * (dtype_size(in.dtype) > 4 ? 2 : 1), loops = 0;
    View keys = view_temp(l, SPACE_SCRATCH, DT_INT64, 1, &words, false), *moved[] = {&in, &values, &indices};
    phase_open(l, node_label(node), view_count(&in));
    for (int i = 0; i < in.rank; i++) {
        if (i == axis || in.dims[i] == 1)
            continue;
        Stmt *loop = any_open(l, in.dims[i]);
        for (int j = 0; j < countof(moved); j++)
            moved[j]->ref = ref_loop(moved[j]->ref, loop, moved[j]->strides[i]);
        loops++;
    }
    if (!loops) {
        section_open(l, 1);
        loops = 1;
    }
    emit_call(l, &kernel, (Ref[]){in.ref, values.ref, indices.ref, keys.ref}, N_TOPK_ARGS);
    while (loops--)
        loop_close(l);
}

bool lower_TopK(Lowering *l, const Node *node)
{
    const Value *value = node_output(node, 0), *index = node_output(node, 1);
    int64_t dims[MAX_RANK];
    View in = view_of_input(l, node, 0);
    int axis = node_axis(node), rank = value_dims(value ? value : index, dims);
    if (in.per_image && axis == 0)
        return mixes_images(l, "TopK of the images of a free batch");
    in = is_half(in.dtype) ? view_float(l, in) : in;
    View values = result_view(l, node, 0, in.dtype, rank, dims), indices = result_view(l, node, 1, DT_INT64, rank, dims);
    if (view_count(&values))
        topk_phase(l, node, in, values, indices, axis);
    if (index)
        view_set(l, index, indices);
    if (value)
        float_output_set(l, value, values);
    return true;
}
