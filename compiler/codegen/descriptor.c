/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The descriptor: runtime/model.h's structs as constants, field by field.
 *
 *     CnxrtVariant cnxrt_variant_0 = { "x86-64-v4", …, phases, … };           const, hidden, one in each object
 *     CnxrtModel cnxrt_model = { 1, "tiny", …, { &cnxrt_variant_0, … }, … };  const, hidden, in an object of its own
 *
 * With several sizes of pictures, a model for each; cnxrt_model is the first.
 *
 * All fields are 8 bytes wide, so a struct is the list of its fields. The static asserts below fail when model.h
 * changes and this file does not. */
#include "compiler/codegen/emit.h"

#include "runtime/model.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

enum {
    WORD = 8,
    PHASE_WORDS = 4,
    TENSOR_WORDS = 6,
    VARIANT_WORDS = 9,
    MODEL_WORDS = 29,
    PREPROCESSOR_WORDS = sizeof(CnxrtPreprocessor) / WORD
};

static_assert(sizeof(CnxrtPhase) == PHASE_WORDS * WORD, "phase");
static_assert(sizeof(CnxrtTensor) == TENSOR_WORDS * WORD, "tensor");
static_assert(sizeof(CnxrtVariant) == VARIANT_WORDS * WORD, "variant");
static_assert(sizeof(CnxrtModel) == MODEL_WORDS * WORD, "model");

/* ── Pieces ──────────────────────────────────────────────────────────────────────────────────────────── */

static IrValue null_pointer(const Emit *e) { return LLVMConstNull(e->ptr); }
static IrValue number(const Emit *e, int64_t value) { return emit_i64(e, value); }

/* A private constant; its address. */
static IrValue address_of(Emit *e, IrValue constant)
{
    IrValue global = LLVMAddGlobal(e->module, LLVMTypeOf(constant), "");
    LLVMSetInitializer(global, constant);
    LLVMSetGlobalConstant(global, 1);
    LLVMSetLinkage(global, LLVMPrivateLinkage);
    LLVMSetAlignment(global, WORD);
    return global;
}

static IrValue text(Emit *e, const char *string)
{
    if (!string)
        return null_pointer(e);
    return address_of(e, LLVMConstStringInContext2(e->context, string, strlen(string), 0));
}

static IrValue fields(Emit *e, IrValue *values, unsigned count) { return LLVMConstStructInContext(e->context, values, count, 0); }

/* The address of an array of n equal things; NULL for none. */
static IrValue array_of(Emit *e, IrValue *elements, int64_t n)
{
    return n ? address_of(e, LLVMConstArray2(LLVMTypeOf(elements[0]), elements, (uint64_t)n)) : null_pointer(e);
}

static IrValue numbers(Emit *e, const int64_t *values, int64_t n)
{
    IrValue *elements = NEW_ARRAY(e->arena, IrValue, n + 1);
    for (int64_t i = 0; i < n; i++)
        elements[i] = number(e, values[i]);
    return array_of(e, elements, n);
}

/* ── Tensors ─────────────────────────────────────────────────────────────────────────────────────────── */

/* A C identifier from the graph's name, with a number where another tensor has it already. */
static const char *c_name(Emit *e, StrMap *taken, const char *name)
{
    char *base = arena_printf(e->arena, "%s%s", isalpha((unsigned char)name[0]) ? "" : "_", name);
    for (char *c = base; *c; c++)
        if (!isalnum((unsigned char)*c))
            *c = '_';
    const char *unique = base;
    for (int i = 2; strmap_get(taken, unique); i++)
        unique = arena_printf(e->arena, "%s_%d", base, i);
    strmap_put(taken, unique, base);
    return unique;
}

static IrValue tensor_constant(Emit *e, StrMap *taken, const Value *value)
{
    const Shape *shape = &value->type.shape;
    int64_t dims[MAX_RANK], bytes = dtype_size(value->type.dtype);
    for (int i = 0; i < shape->rank; i++) {
        dims[i] = shape->dims[i].size < 0 ? -1 : shape->dims[i].size;
        if (dims[i] >= 0)
            bytes *= dims[i];
    }
    IrValue values[TENSOR_WORDS] = {
        text(e, value->name),   text(e, c_name(e, taken, value->name)), number(e, value->type.dtype),
        number(e, shape->rank), numbers(e, dims, shape->rank),          number(e, bytes),
    };
    return fields(e, values, TENSOR_WORDS);
}

static IrValue tensors_constant(Emit *e, const Graph *graph)
{
    StrMap taken = {.arena = e->arena};
    int64_t n = 0;
    IrValue *all = NEW_ARRAY(e->arena, IrValue, graph->inputs.len + graph->outputs.len + 1);
    for (int64_t i = 0; i < graph->inputs.len; i++)
        all[n++] = tensor_constant(e, &taken, graph->inputs.at[i]);
    for (int64_t i = 0; i < graph->outputs.len; i++)
        all[n++] = tensor_constant(e, &taken, graph->outputs.at[i]);
    return array_of(e, all, n);
}

/* ── Phases, labels, preprocessor ────────────────────────────────────────────────────────────────────── */

static IrValue phase_constant(Emit *e, const Phase *phase, IrValue function)
{
    IrValue values[PHASE_WORDS] = {
        function,
        number(e, phase_chunks(phase)),
        text(e, phase->name),
        number(e, phase->flops),
    };
    return fields(e, values, PHASE_WORDS);
}

static IrValue phases_constant(Emit *e, const Program *program, const IrValue *functions)
{
    PhaseList phases = program_phases(program, e->arena);
    IrValue *all = NEW_ARRAY(e->arena, IrValue, phases.len + 1);
    for (int64_t i = 0; i < phases.len; i++)
        all[i] = phase_constant(e, phases.at[i], functions[i]);
    return array_of(e, all, phases.len);
}

static IrValue labels_constant(Emit *e, const ArtifactInfo *info)
{
    IrValue *all = NEW_ARRAY(e->arena, IrValue, info->n_labels + 1);
    for (int64_t i = 0; i < info->n_labels; i++)
        all[i] = text(e, info->labels[i]);
    return array_of(e, all, info->n_labels);
}

/* Word by word: doubles are copied as the bits they are. */
static IrValue preprocessor_constant(Emit *e, const CnxrtPreprocessor *preprocessor)
{
    int64_t words[PREPROCESSOR_WORDS];
    if (!preprocessor)
        return null_pointer(e);
    memcpy(words, preprocessor, sizeof words);
    return numbers(e, words, PREPROCESSOR_WORDS);
}

static IrValue info_text(Emit *e, const ArtifactInfo *info)
{
    if (!info->record)
        return text(e, info->info_json);
    IrValue offset = number(e, info->info_json - (const char *)info->record);
    IrValue bytes = LLVMConstStringInContext2(e->context, info->record, (size_t)info->record_bytes, 1);
    return LLVMConstInBoundsGEP2(e->i8, address_of(e, bytes), &offset, 1);
}

static IrValue weights_symbol(Emit *e, const ArtifactInfo *info)
{
    if (info->weights_file)
        return null_pointer(e);
    IrValue weights = LLVMAddGlobal(e->module, e->i8, "cnxrt_weights");
    LLVMSetVisibility(weights, LLVMHiddenVisibility);
    LLVMSetGlobalConstant(weights, 1);
    return weights;
}

/* ── The model ───────────────────────────────────────────────────────────────────────────────────────── */

/* A hidden constant of this name; defined elsewhere if value is NULL. */
static IrValue hidden_constant(Emit *e, const char *name, IrValue value)
{
    IrValue global = LLVMAddGlobal(e->module, value ? LLVMTypeOf(value) : e->i8, name);
    if (value)
        LLVMSetInitializer(global, value);
    LLVMSetGlobalConstant(global, 1);
    LLVMSetVisibility(global, LLVMHiddenVisibility);
    LLVMSetAlignment(global, WORD);
    return global;
}

static const char *variant_symbol(const Emit *e, int64_t variant)
{
    return arena_printf(e->arena, "cnxrt_variant_%lld", (long long)variant);
}

void variant_emit(Emit *e, const Program *program, int64_t variant, const IrValue *phases)
{
    IrValue values[VARIANT_WORDS] = {
        text(e, e->cpu->name),           number(e, program_cpu_features(program)),
        number(e, program->begin.len),   number(e, program->image.len),
        number(e, program->end.len),     phases_constant(e, program, phases),
        number(e, program->arena_bytes), number(e, program->scratch_bytes),
        number(e, program->by_image),
    };
    hidden_constant(e, variant_symbol(e, variant), fields(e, values, VARIANT_WORDS));
}

/* Those of one size. Where one is not in this file, its symbol. */
static IrValue variants_constant(Emit *e, const ArtifactInfo *info, int64_t size)
{
    IrValue *all = NEW_ARRAY(e->arena, IrValue, info->n_variants);
    for (int64_t i = 0; i < info->n_variants; i++) {
        const char *symbol = variant_symbol(e, size * info->n_variants + i);
        IrValue here = LLVMGetNamedGlobal(e->module, symbol);
        all[i] = here ? here : hidden_constant(e, symbol, NULL);
    }
    return array_of(e, all, info->n_variants);
}

/* What the models of all sizes refer to. */
typedef struct Parts {
    IrValue name, version, info_json, weights, weights_file, labels;
    IrValue sizes;               /* the list of models; NULL pointer for one alone */
    IrValue *tensors, *variants; /* of each size */
} Parts;

static void sized_parts(Emit *e, const ArtifactInfo *info, Parts *parts)
{
    parts->tensors = NEW_ARRAY(e->arena, IrValue, info->n_sizes);
    parts->variants = NEW_ARRAY(e->arena, IrValue, info->n_sizes);
    for (int64_t i = 0; i < info->n_sizes; i++) {
        parts->tensors[i] = tensors_constant(e, info->sizes[i].graph);
        parts->variants[i] = variants_constant(e, info, i);
    }
}

static IrValue model_constant(Emit *e, const ArtifactInfo *info, int64_t size, const Parts *parts)
{
    const ArtifactSize *of = &info->sizes[size];
    bool several = info->n_sizes > 1;
    IrValue reserved = number(e, 0);
    IrValue values[MODEL_WORDS] = {
        number(e, CNXRT_ABI),
        parts->name,
        parts->version,
        parts->info_json,
        number(e, of->graph->inputs.len),
        number(e, of->graph->outputs.len),
        parts->tensors[size],
        number(e, info->n_variants),
        parts->variants[size],
        parts->weights,
        number(e, info->weights_bytes),
        parts->weights_file,
        number(e, (int64_t)info->graph_hash),
        number(e, (int64_t)info->weights_hash),
        number(e, info->pixel_input),
        number(e, info->logits_output),
        number(e, info->scores),
        number(e, info->n_labels),
        parts->labels,
        preprocessor_constant(e, of->preprocessor),
        number(e, info->batch_free),
        number(e, info->size_input),
        number(e, several ? info->n_sizes : 0),
        parts->sizes,
        number(e, several ? info->weights_in_common : 0),
        number(e, info->mask_output),
        reserved,
        reserved,
        reserved,
    };
    static_assert(offsetof(CnxrtModel, reserved) == 26 * WORD, "fields of the model before reserved");
    return fields(e, values, MODEL_WORDS);
}

/* The models refer to the list of them, which is filled in when they are there. */
void descriptor_emit(Emit *e, const ArtifactInfo *info)
{
    int64_t n = info->n_sizes;
    Parts parts = {.name = text(e, info->name), .version = text(e, info->version), .info_json = info_text(e, info)};
    sized_parts(e, info, &parts);
    parts.weights = weights_symbol(e, info);
    parts.weights_file = text(e, info->weights_file);
    parts.labels = labels_constant(e, info);
    parts.sizes = n > 1 ? address_of(e, LLVMConstNull(LLVMArrayType2(e->ptr, (uint64_t)n))) : null_pointer(e);
    IrValue *models = NEW_ARRAY(e->arena, IrValue, n);
    for (int64_t i = n - 1; i > 0; i--)
        models[i] = address_of(e, model_constant(e, info, i, &parts));
    models[0] = hidden_constant(e, "cnxrt_model", model_constant(e, info, 0, &parts));
    if (n > 1)
        LLVMSetInitializer(parts.sizes, LLVMConstArray2(e->ptr, models, (uint64_t)n));
}
