/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Model: from options to a checked, immutable object, and what can be told without one. */
#include "runtime/model.h"
#include "runtime/internal.h"
#include "runtime/cpu.h"
#include "runtime/licenses.h"
#include "runtime/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_BYTES = 32 }; /* "LABEL_" and 20 digits */

const char *cnxrt_info_json(void) { return compiled_model.info_json; }

const char *cnxrt_licenses(void) { return licenses_text; }

int64_t cnxrt_abi_version(void) { return CNXRT_ABI_VERSION; }

size_t dtype_bytes(int64_t dtype)
{
    switch (dtype) { /* onnx.TensorProto.DataType */
    case 2:
    case 3:
    case 9: return 1;             /* uint8, int8, bool */
    case 4:
    case 5:
    case 10:
    case 16: return 2;   /* uint16, int16, float16, bfloat16 */
    case 1:
    case 6:
    case 12: return 4;            /* float, int32, uint32 */
    case 7:
    case 11:
    case 13: return 8;           /* int64, double, uint64 */
    default: return 0;
    }
}

int64_t variant_phase_count(const CnxrtVariant *variant) { return variant->n_begin + variant->n_image + variant->n_end; }

double variant_phase_flops(const CnxrtVariant *variant, int64_t phase, int64_t images)
{
    bool image = phase >= variant->n_begin && phase < variant->n_begin + variant->n_image;
    return (double)variant->phases[phase].flops * (double)(image ? images : 1);
}

double variant_flops(const CnxrtVariant *variant, int64_t images)
{
    double flops = 0;
    for (int64_t p = 0; p < variant_phase_count(variant); p++)
        flops += variant_phase_flops(variant, p, images);
    return flops;
}

enum { CLASSES_OF_BYTES = 256 };

/* Classes are the columns of the logits, a row for each picture; of pixels, their planes, or else as many as have labels. */
static int64_t count_classes(const CnxrtModel *compiled)
{
    if (compiled->logits_output < 0)
        return compiled->mask_output < 0 ? 0 : compiled->n_labels ? compiled->n_labels : CLASSES_OF_BYTES;
    const CnxrtTensor *logits = &compiled->tensors[compiled->n_inputs + compiled->logits_output];
    return logits->rank >= 2 && dtype_bytes(logits->dtype) == sizeof(float) ? logits->dims[1] : 0;
}

int64_t cnxrt_n_labels(const cnxrt_model *model) { return model ? model->n_classes : 0; }

const char *cnxrt_label(const cnxrt_model *model, int64_t i)
{
    return model && i >= 0 && i < model->n_classes ? model->labels[i] : NULL;
}

static bool make_labels(cnxrt_model *model)
{
    int64_t n = model->n_classes;
    model->labels = model->compiled->labels;
    if (n == 0 || (model->compiled->labels && model->compiled->n_labels >= n))
        return true;
    const char **labels = calloc((size_t)n, sizeof *labels);
    char *text = calloc((size_t)n, LABEL_BYTES);
    model->labels = labels;
    model->label_text = text;
    if (!labels || !text)
        return false;
    for (int64_t i = 0; i < n; i++) {
        labels[i] = text + i * LABEL_BYTES;
        snprintf(text + i * LABEL_BYTES, LABEL_BYTES, "LABEL_%lld", (long long)i);
    }
    return true;
}

static cnxrt_status read_options(const cnxrt_options *given, cnxrt_options *options)
{
    *options = (cnxrt_options){0};
    if (given) {
        if (given->struct_size < sizeof given->struct_size || given->struct_size > 4096)
            return create_fail(CNXRT_ERROR_ARGUMENT, "struct_size of the options is %zu, expected %zu", given->struct_size,
                               sizeof *given);
        memcpy(options, given, given->struct_size < sizeof *options ? given->struct_size : sizeof *options);
    }
    if (options->n_threads < 0 || options->n_threads > CNXRT_MAX_THREADS)
        return create_fail(CNXRT_ERROR_ARGUMENT, "n_threads is %lld, expected 0 to %d", (long long)options->n_threads,
                           CNXRT_MAX_THREADS);
    if (options->n_threads == 0)
        options->n_threads = 1;
    return CNXRT_OK;
}

static cnxrt_status refuse_cpu(const CnxrtModel *compiled)
{
    char reason[256];
    return create_fail(CNXRT_ERROR_CPU, "%s", cpu_refusal(compiled, reason, sizeof reason));
}

/* Copies the first model for each of the other sizes. */
static cnxrt_status make_sizes(cnxrt_model *first)
{
    for (int64_t i = 0; i < compiled_model.n_sizes; i++) {
        first[i] = *first;
        first[i].compiled = compiled_model.sizes[i];
        first[i].variant = cpu_variant(first[i].compiled);
        if (!first[i].variant)
            return refuse_cpu(first[i].compiled);
    }
    return CNXRT_OK;
}

static cnxrt_status open_weights(cnxrt_model *model, const cnxrt_options *options)
{
    cnxrt_status status = weights_open(model->compiled, options->weights_path, options->copy_weights != 0, &model->weights);
    if (status != CNXRT_OK || !options->check_weights || model->weights.mapped_bytes) /* a file's are checked already */
        return status;
    status = weights_verify(model->compiled, &model->weights);
    return status == CNXRT_OK ? status : create_fail(status, "%s", cnxrt_status_text(status));
}

cnxrt_status cnxrt_create(const cnxrt_options *given, cnxrt_model **out)
{
    if (!out)
        return create_fail(CNXRT_ERROR_ARGUMENT, "where the model goes is NULL");
    *out = NULL;
    cnxrt_options options;
    cnxrt_status status = read_options(given, &options);
    if (status != CNXRT_OK)
        return status;
    const CnxrtVariant *variant = cpu_variant(&compiled_model);
    if (!variant)
        return refuse_cpu(&compiled_model);
    cnxrt_model *model = calloc(compiled_model.n_sizes ? (size_t)compiled_model.n_sizes : 1, sizeof *model);
    if (!model)
        return CNXRT_ERROR_MEMORY;
    model->first = model;
    model->compiled = &compiled_model;
    model->variant = variant;
    model->n_threads = options.n_threads;
    model->parallel_for = options.parallel_for;
    model->parallel_user = options.parallel_user;
    model->n_classes = count_classes(model->compiled);
    status = open_weights(model, &options);
    if (status == CNXRT_OK && !make_labels(model))
        status = CNXRT_ERROR_MEMORY;
    if (status == CNXRT_OK)
        status = make_sizes(model);
    if (status != CNXRT_OK) {
        cnxrt_destroy(model);
        return status;
    }
    *out = model;
    return CNXRT_OK;
}

void cnxrt_destroy(cnxrt_model *model)
{
    if (!model)
        return;
    weights_close(&model->weights);
    if (model->labels != model->compiled->labels)
        free((void *)model->labels);
    free(model->label_text);
    free(model);
}
