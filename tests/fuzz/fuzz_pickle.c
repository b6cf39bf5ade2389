/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Files of torch.save, ZIP and legacy: the pickle machine, and the tensors that it says are in the file. */
#include "tests/fuzz/fuzz.h"

#include "compiler/frontend/convnext/names.h"

static const int64_t most_elements = 1 << 16; /* of a tensor whose elements are read: strides of 0 make large ones */

static void read_elements(StoredTensor *stored, Arena *arena)
{
    if (stored->tensor.count > most_elements || dtype_size(stored->tensor.dtype) == 0)
        return;
    const Tensor *tensor = stored_tensor_load(stored, arena);
    const volatile uint8_t *bytes = tensor->data;
    if (tensor->count)
        (void)(bytes[0] + bytes[tensor->count * dtype_size(tensor->dtype) - 1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz fuzz = fuzz_begin();
    ExternalFile file = {"fuzz.pth", "fuzz.pth", data, (int64_t)size, 1};
    TensorIndex index = tensor_index_new(fuzz.arena);
    bool ok = torch_read(&file, &index, &fuzz.diag);
    fuzz_require_said(&fuzz, ok);
    if (ok)
        names_recognize(&index, hf_prefix(false));
    for (int64_t i = 0; ok && i < index.tensors.len; i++)
        read_elements(index.tensors.at[i], fuzz.arena);
    fuzz_end(&fuzz);
    return 0;
}
