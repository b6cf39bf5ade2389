/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Views: a value as a place in a buffer, with a size and a stride for each dimension. */
#ifndef CNXC_SCHEDULE_VIEW_H
#define CNXC_SCHEDULE_VIEW_H

#include "compiler/schedule/build.h"

enum { VIEW_RANK = 12 }; /* ONNX's 8 and the kernel's dimensions of a convolution's patches */

typedef enum When { WHEN_BEGIN, WHEN_IMAGE, WHEN_END } When; /* the list of phases that computes a value */

typedef struct View {
    Ref ref;                /* of element 0 */
    DType dtype;
    int rank;
    int64_t dims[VIEW_RANK];
    int64_t strides[VIEW_RANK]; /* bytes; 0: broadcast */
    When when;              /* in which phases it is computed; constants: WHEN_BEGIN */
    bool per_image;         /* dimension 0 is the free batch, here 1 */
    const Tensor *constant; /* of which this is all, row-major; NULL: not a constant */
} View;

View view_dense(Ref ref, DType dtype, int rank, const int64_t *dims);
/* A new place. order: dimensions from outermost to innermost, NULL: row-major; pad: rows may get a gap that spares the cache. */
View view_ordered(Lowering *l, const char *name, Space space, DType dtype, int rank, const int64_t *dims, const int *order,
                  bool pad);
View view_temp(Lowering *l, Space space, DType dtype, int rank, const int64_t *dims, bool pad);
View view_like(Lowering *l, const View *like, int dim,
               int64_t size); /* in the arena, laid out as that is; dim has another size */

int64_t view_count(const View *view);
void view_order(const View *view, int *order); /* dimensions by stride, outermost first */
View view_slice(View view, int dim, Pos start, int64_t size, int64_t step);
View view_drop(View view, int dim);                     /* element 0 of it */
View view_insert(View view, int dim, int64_t size, int64_t stride);
View view_permute(View view, const int *perm);
bool view_broadcast(View *view, int rank, const int64_t *dims); /* NumPy's rule; false: the free batch is misaligned */
bool view_reshape(View *view, int rank, const int64_t *dims);   /* false: needs a copy */
bool view_merge(const View *view, int first, int last, int64_t *stride); /* dimensions [first, last) as one */
bool view_is_dense(const View *view);

#endif
