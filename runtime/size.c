/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Sizes: a model compiled for several has tensors, code and image processor for each; a context runs one of them at a time.
 *
 *   cnxrt_model[0] 224x224 ← context        cnxrt_context_set_image_size(context, 512, 768):
 *   cnxrt_model[1] 512x768                   the context's model is now [1]; its workspace is enough for any
 *
 * The models lie in a row, the first is what create gives. All else of a context asks its model only. Where the caller has chosen
 * none, a picture whose prepared size is another's runs that one, until its call ends. */
#include "runtime/size.h"

#include <stdio.h>
#include <string.h>

int64_t model_size_count(const CnxrtModel *compiled) { return compiled->n_sizes ? compiled->n_sizes : compiled->size_input >= 0; }

const CnxrtModel *model_size(const CnxrtModel *compiled, int64_t index)
{
    return compiled->n_sizes ? compiled->sizes[index] : compiled;
}

static bool is_size(const CnxrtModel *compiled, int64_t height, int64_t width)
{
    const CnxrtTensor *input = &compiled->tensors[compiled->size_input];
    return input->dims[2] == height && input->dims[3] == width;
}

const cnxrt_model *size_find(const cnxrt_model *model, int64_t height, int64_t width)
{
    for (int64_t i = 0; i < model_size_count(model->compiled); i++)
        if (is_size(model->first[i].compiled, height, width))
            return &model->first[i];
    return NULL;
}

int64_t size_bytes(const cnxrt_model *model, int64_t tensor, int64_t batch)
{
    int64_t most = tensor_bytes(&model->compiled->tensors[tensor], batch);
    for (int64_t i = 0; most >= 0 && i < model->compiled->n_sizes; i++) {
        int64_t bytes = tensor_bytes(&model->first[i].compiled->tensors[tensor], batch);
        most = bytes < 0 || bytes > most ? bytes : most;
    }
    return most;
}

bool size_changes(const CnxrtModel *compiled, int64_t tensor)
{
    const CnxrtTensor *here = &compiled->tensors[tensor];
    bool changes = false;
    for (int64_t i = 0; i < compiled->n_sizes; i++) {
        const CnxrtTensor *there = &compiled->sizes[i]->tensors[tensor];
        changes |= here->rank > 0 && memcmp(here->dims, there->dims, (size_t)here->rank * sizeof *here->dims) != 0;
    }
    return changes;
}

const char *size_names(const CnxrtModel *compiled, char *text, size_t size)
{
    int64_t count = model_size_count(compiled);
    size_t n = 0;
    text[0] = 0;
    for (int64_t i = 0; i < count && n < size; i++) {
        const CnxrtModel *of = model_size(compiled, i);
        const int64_t *dims = of->tensors[of->size_input].dims;
        n += (size_t)snprintf(text + n, size - n, "%s%lldx%lld",
                              !i              ? ""
                              : i + 1 < count ? ", "
                                              : " and ",
                              (long long)dims[2], (long long)dims[3]);
    }
    return text;
}

cnxrt_status size_refuse(cnxrt_context *context, int64_t height, int64_t width)
{
    char names[SIZE_NAMES];
    size_names(context->model->compiled, names, sizeof names);
    return context_fail(context, CNXRT_ERROR_UNSUPPORTED, "there is no code for %lldx%lld; compiled for %s", (long long)height,
                        (long long)width, names[0] ? names : "no size of pictures");
}

cnxrt_status cnxrt_image_size(int64_t index, int64_t *height, int64_t *width)
{
    if (index < 0 || index >= model_size_count(&compiled_model) || !height || !width)
        return CNXRT_ERROR_ARGUMENT;
    const CnxrtModel *of = model_size(&compiled_model, index);
    *height = of->tensors[of->size_input].dims[2];
    *width = of->tensors[of->size_input].dims[3];
    return CNXRT_OK;
}

cnxrt_status cnxrt_context_set_image_size(cnxrt_context *context, int64_t height, int64_t width)
{
    cnxrt_status status = context_begin(context);
    if (status != CNXRT_OK)
        return status;
    const cnxrt_model *found = size_find(context->model, height, width);
    if (found) {
        context_use(context, found);
        context->home = found;
        context->chosen = true;
    }
    return context_end(context, found ? CNXRT_OK : size_refuse(context, height, width));
}
