/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The names that a state dict's pickle uses, and a trainer's beside it, as values: storages, tensors, dicts.
 *
 *   persistent id ("storage", torch.FloatStorage, "0", "cpu", 768)                       →  storage "0", 768 floats
 *   _rebuild_tensor_v2(storage "0", 0, (16, 3, 4, 4), (48, 16, 4, 1), False, OrderedDict())  →  tensor
 *
 * Only these names are known; any other is named in an error. Shapes, strides and offsets are checked here against
 * the storage's count, and that against the file by who knows the layout. */
#include "compiler/frontend/checkpoint/pickle.h"

#include <inttypes.h>
#include <string.h>

typedef enum Meaning { TENSOR, TENSOR_V2, PARAMETER, DICT, HARMLESS, STORAGE } Meaning;

typedef struct Global {
    const char *name; /* "*" at its end: any rest */
    Meaning meaning;
    DType dtype;      /* of a storage's elements */
} Global;

static const Global globals[] = {
    {"torch._utils._rebuild_tensor_v2", TENSOR_V2, 0},
    {"torch._utils._rebuild_tensor", TENSOR, 0},
    {"torch._utils._rebuild_parameter", PARAMETER, 0},
    {"collections.OrderedDict", DICT, 0},
    {"argparse.Namespace", HARMLESS, 0},
    {"torch.Size", HARMLESS, 0},
    {"torch.device", HARMLESS, 0},
    {"torch.float*", HARMLESS, 0},
    {"torch.bfloat16", HARMLESS, 0},
    {"collections.defaultdict", HARMLESS, 0},
    {"__builtin__.bool", HARMLESS, 0},
    {"__builtin__.bytearray", HARMLESS, 0},
    {"__builtin__.dict", HARMLESS, 0},
    {"__builtin__.float", HARMLESS, 0},
    {"__builtin__.frozenset", HARMLESS, 0},
    {"__builtin__.int", HARMLESS, 0},
    {"__builtin__.list", HARMLESS, 0},
    {"__builtin__.long", HARMLESS, 0},
    {"__builtin__.set", HARMLESS, 0},
    {"__builtin__.str", HARMLESS, 0},
    {"__builtin__.tuple", HARMLESS, 0},
    {"_codecs.encode", HARMLESS, 0},
    {"pathlib.*", HARMLESS, 0},
    {"numpy.core.multiarray.scalar", HARMLESS, 0},
    {"numpy._core.multiarray.scalar", HARMLESS, 0},
    {"numpy.dtype", HARMLESS, 0},
    {"pytorch_lightning.*", HARMLESS, 0},
    {"lightning.*", HARMLESS, 0},
    {"lightning_fabric.*", HARMLESS, 0},
    {"omegaconf.*", HARMLESS, 0},
    {"typing.Any", HARMLESS, 0},
    {"torch.FloatStorage", STORAGE, DT_FLOAT},
    {"torch.DoubleStorage", STORAGE, DT_DOUBLE},
    {"torch.HalfStorage", STORAGE, DT_FLOAT16},
    {"torch.BFloat16Storage", STORAGE, DT_BFLOAT16},
    {"torch.LongStorage", STORAGE, DT_INT64},
    {"torch.IntStorage", STORAGE, DT_INT32},
    {"torch.ShortStorage", STORAGE, DT_INT16},
    {"torch.CharStorage", STORAGE, DT_INT8},
    {"torch.ByteStorage", STORAGE, DT_UINT8},
    {"torch.BoolStorage", STORAGE, DT_BOOL},
    {"torch.ComplexFloatStorage", STORAGE, DT_COMPLEX64},
    {"torch.ComplexDoubleStorage", STORAGE, DT_COMPLEX128},
};

static bool fits(const char *pattern, const char *name)
{
    size_t n = strlen(pattern);
    return pattern[n - 1] == '*' ? strncmp(pattern, name, n - 1) == 0 : strcmp(pattern, name) == 0;
}

PickleValue *pickle_global(Pickle *p, const char *module, const char *name)
{
    module = strcmp(module, "builtins") == 0 ? "__builtin__" : module; /* protocol 2's name for it */
    const char *full = arena_printf(p->arena, "%s.%s", module, name);
    for (int64_t i = 0; i < countof(globals); i++)
        if (fits(globals[i].name, full)) {
            PickleValue *global = pickle_new(p, PICKLE_GLOBAL);
            global->integer = i;
            global->text = full;
            return global;
        }
    bool of_torch = str_starts_with(full, "torch.") || str_starts_with(full, "numpy.");
    (of_torch ? diag_unsupported : diag_error)(
        p->diag, (Span){p->source, p->opcode, p->at},
        "pickle: it asks for %s; only dicts of tensors are read, as torch.save(model.state_dict(), FILE) writes them, and "
        "nothing is imported or run",
        full);
    return NULL;
}

static const PickleValue *item(const PickleValue *tuple, int64_t index, PickleKind kind)
{
    const PickleValue *value = index < tuple->items.len ? tuple->items.at[index] : NULL;
    return value && value->kind == kind ? value : NULL;
}

static bool item_size(const PickleValue *tuple, int64_t index, int64_t *size)
{
    const PickleValue *value = item(tuple, index, PICKLE_INT);
    *size = value ? value->integer : -1;
    return *size >= 0;
}

/* ── Storages ── */

/* A legacy file may have several views of one storage; a view has a key of its own. */
static bool read_view(Pickle *p, const PickleValue *id, PickleStorage *storage)
{
    const PickleValue *view = p->legacy ? item(id, 5, PICKLE_TUPLE) : NULL;
    int64_t count;
    if (!view)
        return true;
    if (!item(view, 0, PICKLE_STRING) || !item_size(view, 1, &storage->view) || !item_size(view, 2, &count))
        return pickle_error(p, "a storage's view must be a key, an offset and a count");
    int64_t whole = storage->count;
    storage->count = count;
    return (storage->view <= whole && count <= whole - storage->view) ||
           pickle_error(p, "a view goes past its storage's %" PRId64 " elements", whole);
}

/* A key that was seen before must mean the same. Views share their storage's key and place, not its object. */
static PickleStorage *share(Pickle *p, PickleStorage *storage)
{
    const PickleStorage *old = strmap_get(&p->by_key, storage->key);
    if (old && old->dtype != storage->dtype)
        return pickle_error(p, "storage %s is of two types", storage->key);
    if (old && old->count == storage->count && old->view == storage->view)
        return (PickleStorage *)old;
    strmap_put(&p->by_key, storage->key, storage);
    vec_push(p->arena, &p->storages, storage);
    return storage;
}

PickleValue *pickle_persistent(Pickle *p, const PickleValue *id)
{
    const PickleValue *tag = id->kind == PICKLE_TUPLE ? item(id, 0, PICKLE_STRING) : NULL;
    const PickleValue *type = tag ? item(id, 1, PICKLE_GLOBAL) : NULL, *key = tag ? item(id, 2, PICKLE_STRING) : NULL;
    PickleStorage *storage = NEW(p->arena, PickleStorage);
    if (!key || !type || globals[type->integer].meaning != STORAGE || strcmp(tag->text, "storage") != 0 ||
        !item_size(id, 4, &storage->count))
        return pickle_error(p, "a persistent id must be \"storage\", a type, a key, a device and a count");
    storage->key = key->text;
    storage->dtype = globals[type->integer].dtype;
    storage->begin = -1;
    if (storage->count > INT64_MAX / dtype_size(storage->dtype))
        return pickle_error(p, "storage %s has %" PRId64 " elements, more than fit", storage->key, storage->count);
    if (!read_view(p, id, storage))
        return NULL;
    PickleValue *value = pickle_new(p, PICKLE_STORAGE);
    value->storage = share(p, storage);
    return value->storage ? value : NULL;
}

/* ── Tensors ── */

static bool read_dims(Pickle *p, PickleTensor *tensor, const PickleValue *sizes, const PickleValue *strides)
{
    if (!sizes || !strides || sizes->items.len != strides->items.len)
        return pickle_error(p, "a tensor needs a tuple of sizes and one of as many strides");
    if (sizes->items.len > MAX_RANK) {
        diag_unsupported(p->diag, (Span){p->source, p->opcode, p->at},
                         "pickle: a tensor of rank %" PRId64 ", above %d is not supported", sizes->items.len, MAX_RANK);
        return false;
    }
    tensor->rank = (int)sizes->items.len;
    for (int i = 0; i < tensor->rank; i++)
        if (!item_size(sizes, i, &tensor->dims[i]) || !item_size(strides, i, &tensor->strides[i]))
            return pickle_error(p, "a tensor's sizes and strides must be whole numbers from 0 up");
    for (int i = 0; i < tensor->rank; i++)
        if (tensor->dims[i] == 1)
            tensor->strides[i] = 0; /* never stepped by, whatever it says */
    Shape shape = shape_of(tensor->rank, tensor->dims);
    tensor->count = shape_count(&shape);
    return (tensor->count >= 0 && tensor->count <= INT64_MAX / dtype_size(tensor->storage->dtype)) ||
           pickle_error(p, "the product of the sizes %s is too large", shape_text(p->arena, &shape));
}

/* The last element, which has the highest address as no stride is negative, lies in the storage. Strides of 0 could
 * make much out of little. */
enum { MOST_REPEATED = 1 << 20 };

static bool check_extent(Pickle *p, const PickleTensor *tensor)
{
    int64_t last = tensor->first, step;
    bool fits = true;
    for (int i = 0; tensor->count && i < tensor->rank; i++)
        fits = fits && !__builtin_mul_overflow(tensor->dims[i] - 1, tensor->strides[i], &step) &&
               !__builtin_add_overflow(last, step, &last);
    if (tensor->count > MOST_REPEATED && tensor->count > tensor->storage->count)
        return pickle_error(p, "a tensor repeats the %" PRId64 " elements of storage %s too often", tensor->storage->count,
                            tensor->storage->key);
    if (tensor->count == 0 || (fits && last < tensor->storage->count))
        return true;
    return pickle_error(p, "a tensor goes past the %" PRId64 " elements of storage %s", tensor->storage->count,
                        tensor->storage->key);
}

static PickleValue *rebuild_tensor(Pickle *p, const PickleValue *args)
{
    const PickleValue *storage = item(args, 0, PICKLE_STORAGE);
    PickleTensor *tensor = NEW(p->arena, PickleTensor);
    if (!storage || !item_size(args, 1, &tensor->first))
        return pickle_error(p, "a tensor needs a storage and the number of its first element");
    tensor->storage = storage->storage;
    if (!read_dims(p, tensor, item(args, 2, PICKLE_TUPLE), item(args, 3, PICKLE_TUPLE)) || !check_extent(p, tensor))
        return NULL;
    PickleValue *value = pickle_new(p, PICKLE_TENSOR);
    value->tensor = tensor;
    return value;
}

PickleValue *pickle_reduce(Pickle *p, const PickleValue *function, const PickleValue *args)
{
    switch (globals[function->integer].meaning) {
    case TENSOR:
    case TENSOR_V2: return rebuild_tensor(p, args);
    case PARAMETER: {
        const PickleValue *data = item(args, 0, PICKLE_TENSOR);
        return data ? (PickleValue *)data : pickle_error(p, "a parameter needs a tensor");
    }
    case DICT: return args->items.len ? pickle_error(p, "OrderedDict is called with arguments") : pickle_new(p, PICKLE_DICT);
    case HARMLESS: return pickle_new(p, PICKLE_OBJECT);
    case STORAGE: break;
    }
    return pickle_error(p, "%s is called, expected a function that makes a tensor or a dict", function->text);
}
