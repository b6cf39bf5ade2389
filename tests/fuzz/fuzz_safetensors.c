/* .safetensors files. Tensors lie within the file, with as many bytes as type and shape need. */
#include "tests/fuzz/fuzz.h"

#include "compiler/frontend/checkpoint/safetensors.h"

static void check(const SafeTensor *entry, const WeightFile *file)
{
    const Tensor *t = &entry->tensor;
    fuzz_require(t->offset >= 0 && t->length >= 0 && t->offset <= file->length - t->length, "a tensor is within its file");
    fuzz_require(t->length == t->count * dtype_size(t->dtype), "a tensor has the bytes it needs");
    const volatile uint8_t *bytes = t->data;
    if (t->length)
        (void)(bytes[0] + bytes[t->length - 1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz fuzz = fuzz_begin();
    fuzz_write("model.safetensors", data, size);
    const SafeTensors *read = safetensors_open(fuzz_folder(), "model.safetensors", NO_SPAN, fuzz.arena, &fuzz.diag);
    fuzz_require_said(&fuzz, read != NULL);
    for (int64_t i = 0; read && i < read->tensors.len; i++)
        check(&read->tensors.at[i], read->file);
    fuzz_end(&fuzz);
    return 0;
}
