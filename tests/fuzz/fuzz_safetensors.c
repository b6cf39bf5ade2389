/* .safetensors files. Tensors lie within the file, with as many bytes as type and shape need. */
#include "tests/fuzz/fuzz.h"

#include "compiler/frontend/checkpoint/index.h"

static void check(StoredTensor *stored, Arena *arena)
{
    const Tensor *t = &stored->tensor;
    fuzz_require(t->offset >= 0 && t->length >= 0 && t->offset <= stored->file->length - t->length,
                 "a tensor is within its file");
    fuzz_require(t->length == t->count * dtype_size(t->dtype), "a tensor has the bytes it needs");
    const volatile uint8_t *bytes = stored_tensor_load(stored, arena)->data;
    if (t->length)
        (void)(bytes[0] + bytes[t->length - 1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz fuzz = fuzz_begin();
    fuzz_write("model.safetensors", data, size);
    TensorIndex index = tensor_index_new(fuzz.arena);
    const ExternalFile *file = external_open(fuzz_folder(), "model.safetensors", NO_SPAN, fuzz.arena, &fuzz.diag);
    bool ok = file && safetensors_read(file, &index, &fuzz.diag);
    fuzz_require_said(&fuzz, ok);
    for (int64_t i = 0; ok && i < index.tensors.len; i++)
        check(index.tensors.at[i], fuzz.arena);
    fuzz_end(&fuzz);
    return 0;
}
