/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* One run of a model whose prefix is `model`, for instructions.py to count: of the picture that is named, or else of a
 * tensor of BYTES zeros that has one answer of the same size.  one_run PICTURE | one_run --tensor BYTES */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run_picture(model_context *context, const char *path)
{
    model_prediction best;
    int64_t n;
    int status = model_classify_file(context, path, 1, &best, &n);
    if (status == MODEL_OK)
        printf("%s\n", best.label);
    return status;
}

static int run_tensor(model_context *context, size_t bytes)
{
    void *x = calloc(1, bytes), *y = malloc(bytes);
    const void *inputs[] = {x};
    void *outputs[] = {y};
    int status = x && y ? (int)model_run(context, inputs, 1, outputs) : MODEL_ERROR_MEMORY;
    free(x);
    free(y);
    return status;
}

int main(int argc, char **argv)
{
    model_model *model;
    model_context *context;
    if (argc < 2 || model_create(NULL, &model) != MODEL_OK || model_context_create(model, NULL, 0, &context) != MODEL_OK)
        return 1;
    int status = argc == 2 ? run_picture(context, argv[1]) : run_tensor(context, (size_t)atoll(argv[2]));
    model_context_destroy(context);
    model_destroy(model);
    return status != MODEL_OK;
}
