/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* ONNX text. What is read prints as text that is read again, and prints the same. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static Model *parse(Fuzz *fuzz, const char *text, size_t size)
{
    Source *source = NEW(fuzz->arena, Source);
    *source = (Source){"fuzz.onnxtxt", text, (int64_t)size, false};
    Model *model = text_parse(source, fuzz_folder(), fuzz->arena, &fuzz->diag);
    fuzz_require_said(fuzz, model != NULL);
    return model;
}

static char *print(const Model *model, size_t *size)
{
    char *text;
    FILE *out = open_memstream(&text, size);
    fuzz_require(out && model_print(model, out, &(PrintOptions){.text_dir = fuzz_folder()}) && fclose(out) == 0,
                 "a model prints");
    return text;
}

static void print_again(Fuzz *fuzz, const Model *model)
{
    size_t size, again_size;
    char *text = print(model, &size), *again;
    const Model *second = parse(fuzz, text, size);
    fuzz_require(second != NULL, "what is printed can be read");
    again = print(second, &again_size);
    fuzz_require(size == again_size && memcmp(text, again, size) == 0, "what is printed and read prints the same");
    free(text);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz fuzz = fuzz_begin();
    Model *model = parse(&fuzz, (const char *)data, size);
    if (model)
        print_again(&fuzz, model);
    if (model)
        fuzz_check_model(&fuzz, model);
    fuzz_end(&fuzz);
    return 0;
}
