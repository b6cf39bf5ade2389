/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* .safetensors files. Tensors lie within the file, with as many bytes as type and shape need. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz fuzz = fuzz_begin();
    fuzz_write("model.safetensors", data, size);
    TensorIndex index = tensor_index_new(fuzz.arena);
    const ExternalFile *file = external_open(fuzz_folder(), "model.safetensors", NO_SPAN, fuzz.arena, &fuzz.diag);
    fuzz_check_tensors(&fuzz, &index, file && safetensors_read(file, &index, &fuzz.diag));
    fuzz_end(&fuzz);
    return 0;
}
