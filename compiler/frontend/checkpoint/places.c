/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Do constants that lie in a .safetensors file by offset still lie there?
 *
 * Problem: a graph text addresses a checkpoint by byte offsets; beside another checkpoint of the same model, whose
 * tensors stand in another order, it would read the wrong numbers and say nothing. Idea: where the file's header
 * has a tensor of the constant's own name, both must mean the same bytes.
 *
 *   float[768] "convnext.layernorm.bias" = ["location": "model.safetensors", "offset": "13344", …]
 *   →  error: model.safetensors holds convnext.layernorm.bias at bytes 9176 to 12248, not 13344 to 16416 */
#include "compiler/frontend/checkpoint/safetensors.h"
#include "compiler/frontend/checkpoint/index.h"

#include "ir/base/path.h"

/* Header of the file a constant lies in, read once for each file; NULL: it is of another kind, or broken. */
static const TensorIndex *header_of(StrMap *headers, const Value *value, Arena *arena, Diag *diag)
{
    const char *path = value->constant->location;
    if (!path || !str_ends_with(path, ".safetensors"))
        return NULL;
    TensorIndex *header = strmap_get(headers, path);
    if (header)
        return header;
    const ExternalFile *file = external_open(path_directory(arena, path), path_base(path), value->span, arena, diag);
    header = NEW(arena, TensorIndex);
    *header = tensor_index_new(arena);
    if (!file || !safetensors_read(file, header, diag))
        return NULL;
    strmap_put(headers, path, header);
    return header;
}

static bool check_place(const TensorIndex *header, const Value *value, Diag *diag)
{
    const Tensor *here = value->constant;
    const StoredTensor *there = tensor_index_find(header, value->name);
    if (!there ||
        (there->tensor.offset == here->offset && there->tensor.length == here->length && there->tensor.dtype == here->dtype))
        return true;
    diag_error(diag, value->span,
               "%s holds %s at bytes %lld to %lld (%s), not %lld to %lld (%s); this checkpoint has another layout, "
               "compile its folder instead",
               here->location, value->name, (long long)there->tensor.offset,
               (long long)(there->tensor.offset + there->tensor.length), dtype_name(there->tensor.dtype), (long long)here->offset,
               (long long)(here->offset + here->length), dtype_name(here->dtype));
    return false;
}

bool safetensors_check_places(const Model *model, Diag *diag)
{
    StrMap headers = {.arena = model->arena};
    const Graph *graph = model->graph;
    for (int64_t i = 0; i < graph->constants.len && !diag_failed(diag); i++) {
        const TensorIndex *header = header_of(&headers, graph->constants.at[i], model->arena, diag);
        if (header && !check_place(header, graph->constants.at[i], diag))
            return false;
    }
    return !diag_failed(diag);
}
