/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* .onnx files. What is read and sound can be written, and what is written is read again. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static Model *read(Fuzz *fuzz, const char *bytes, size_t size)
{
    Source *source = NEW(fuzz->arena, Source);
    *source = (Source){"fuzz.onnx", bytes, (int64_t)size, true};
    Model *model = onnx_read(source, fuzz_folder(), fuzz->arena, &fuzz->diag);
    fuzz_require_said(fuzz, model != NULL);
    return model;
}

static void write_and_read(Fuzz *fuzz, const Model *model)
{
    char *bytes;
    size_t size;
    FILE *out = open_memstream(&bytes, &size);
    fuzz_require(out && onnx_write(model, out, &(PrintOptions){.text_dir = fuzz_folder()}) && fclose(out) == 0,
                 "a model can be written");
    fuzz_require(read(fuzz, bytes, size) != NULL, "what is written can be read");
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz fuzz = fuzz_begin();
    Model *model = read(&fuzz, (const char *)data, size);
    if (model && fuzz_check_model(&fuzz, model))
        write_and_read(&fuzz, model);
    fuzz_end(&fuzz);
    return 0;
}
