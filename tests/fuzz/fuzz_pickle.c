/* Files of torch.save, ZIP and legacy: the pickle machine, and the tensors that it says are in the file. */
#include "tests/fuzz/fuzz.h"

#include "compiler/frontend/checkpoint/checkpoint.h"

static const int64_t most_elements = 1 << 16; /* of a tensor whose elements are read: strides of 0 make large ones */

static void read_elements(Checkpoint *checkpoint, int64_t i)
{
    const Tensor *stored = &checkpoint->tensors.tensors.at[i]->tensor;
    if (stored->count > most_elements || dtype_size(stored->dtype) == 0)
        return;
    const Tensor *tensor = checkpoint_tensor(checkpoint, i, stored->rank, stored->dims);
    fuzz_require(tensor != NULL, "a tensor fits its own shape");
    const volatile uint8_t *bytes = tensor->data;
    if (tensor->count)
        (void)(bytes[0] + bytes[tensor->count * dtype_size(tensor->dtype) - 1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz fuzz = fuzz_begin();
    WeightFile file = {"fuzz.pth", "fuzz.pth", data, (int64_t)size};
    Checkpoint checkpoint = {.file = "fuzz.pth", .prefix = "convnext.", .arena = fuzz.arena, .diag = &fuzz.diag};
    checkpoint.tensors.by_name.arena = fuzz.arena;
    bool ok = torch_read(&file, &checkpoint.tensors, fuzz.arena, &fuzz.diag);
    fuzz_require_said(&fuzz, ok);
    if (ok)
        checkpoint_recognize(&checkpoint);
    for (int64_t i = 0; ok && i < checkpoint.tensors.tensors.len; i++)
        read_elements(&checkpoint, i);
    fuzz_end(&fuzz);
    return 0;
}
