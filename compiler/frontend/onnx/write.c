/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Writing .onnx: a Model becomes a ModelProto.
 *
 * Problem: protobuf packs messages into one buffer, and models are as large as memory. Idea: build the tree of
 * protobuf-c structs, which only point at our strings and weights, and pack it straight into the file; nothing
 * large is copied. Protobuf ends at 2 GiB, so from 1 GiB of weights on, large ones become external data: in
 * place where a constant lies in a file that the model can name, else in a file beside the model.
 *
 *   Node Conv (x, w) → y   →   NodeProto {input "x" "w", output "y", op_type "Conv", attribute …} */
#include "compiler/frontend/onnx/onnx.h"
#include "ir/data_file.h"
#include "ir/op.h"

#include "onnx.pb-c.h"

#include <inttypes.h>
#include <string.h>

enum { SMALL = 1024 }; /* tensors of fewer bytes stay inside */
static const int64_t EMBED_LIMIT = 1 << 30;

typedef struct Writer {
    Arena *arena;               /* of the tree; gone once it is packed */
    Diag *diag;
    bool external;              /* large constants go to files */
    DataFile data;              /* PrintOptions' data_path */
    bool uses_cnxc;             /* a node of our domain was seen */
} Writer;

/* protobuf-c's structs are made for reading, too, so they hold no const. */
static char *text(const char *s) { return (char *)(uintptr_t)(s ? s : ""); }

#define NEW_PROTO(w, Type, init) ((Type *)memcpy(NEW((w)->arena, Type), &(Type)init, sizeof(Type)))
#define NEW_LIST(w, T, n) NEW_ARRAY((w)->arena, T, (n) ? (n) : 1)

static Onnx__StringStringEntryProto *make_entry(Writer *w, const char *key, const char *value)
{
    Onnx__StringStringEntryProto *entry = NEW_PROTO(w, Onnx__StringStringEntryProto, ONNX__STRING_STRING_ENTRY_PROTO__INIT);
    entry->key = text(key);
    entry->value = text(value);
    return entry;
}

/* ── Tensors ─────────────────────────────────────────────────────────────────────────────────────────── */

static void set_external(Writer *w, Onnx__TensorProto *proto, const DataPlace *place)
{
    proto->n_external_data = 3;
    proto->external_data = NEW_LIST(w, Onnx__StringStringEntryProto *, 3);
    proto->external_data[0] = make_entry(w, "location", place->location);
    proto->external_data[1] = make_entry(w, "offset", arena_printf(w->arena, "%" PRId64, place->offset));
    proto->external_data[2] = make_entry(w, "length", arena_printf(w->arena, "%" PRId64, place->length));
    proto->has_data_location = 1;
    proto->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

static bool make_external(Writer *w, Onnx__TensorProto *proto, const Tensor *tensor)
{
    DataPlace place;
    if (!data_file_find(&w->data, tensor, &place, w->arena) && !data_file_append(&w->data, tensor, &place))
        return false;
    set_external(w, proto, &place);
    return true;
}

static Onnx__TensorProto *make_tensor(Writer *w, const Tensor *tensor, const char *name)
{
    Onnx__TensorProto *proto = NEW_PROTO(w, Onnx__TensorProto, ONNX__TENSOR_PROTO__INIT);
    proto->n_dims = (size_t)tensor->rank;
    proto->dims = (int64_t *)(uintptr_t)tensor->dims;
    proto->has_data_type = 1;
    proto->data_type = (int32_t)tensor->dtype;
    proto->name = name ? text(name) : NULL;
    if (w->external && tensor_file_bytes(tensor) >= SMALL && make_external(w, proto, tensor))
        return proto;
    proto->has_raw_data = 1;
    proto->raw_data.len = (size_t)tensor_file_bytes(tensor);
    proto->raw_data.data = (uint8_t *)(uintptr_t)tensor_file_data(tensor, w->arena);
    return proto;
}

/* ── Types ───────────────────────────────────────────────────────────────────────────────────────────── */

static Onnx__TensorShapeProto__Dimension *make_dim(Writer *w, Dim dim)
{
    Onnx__TensorShapeProto__Dimension *proto =
        NEW_PROTO(w, Onnx__TensorShapeProto__Dimension, ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT);
    if (dim_is_fixed(dim)) {
        proto->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        proto->dim_value = dim.size;
    } else if (dim.symbol) {
        proto->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        proto->dim_param = text(dim.symbol);
    }
    return proto;
}

static Onnx__TensorShapeProto *make_shape(Writer *w, const Shape *shape)
{
    Onnx__TensorShapeProto *proto = NEW_PROTO(w, Onnx__TensorShapeProto, ONNX__TENSOR_SHAPE_PROTO__INIT);
    if (shape->rank < 0)
        return NULL;
    proto->n_dim = (size_t)shape->rank;
    proto->dim = NEW_LIST(w, Onnx__TensorShapeProto__Dimension *, shape->rank);
    for (int i = 0; i < shape->rank; i++)
        proto->dim[i] = make_dim(w, shape->dims[i]);
    return proto;
}

static Onnx__ValueInfoProto *make_value_info(Writer *w, const Value *value)
{
    Onnx__ValueInfoProto *info = NEW_PROTO(w, Onnx__ValueInfoProto, ONNX__VALUE_INFO_PROTO__INIT);
    info->name = text(value->name);
    if (value->type.dtype == DT_UNDEFINED)
        return info;
    info->type = NEW_PROTO(w, Onnx__TypeProto, ONNX__TYPE_PROTO__INIT);
    info->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    info->type->tensor_type = NEW_PROTO(w, Onnx__TypeProto__Tensor, ONNX__TYPE_PROTO__TENSOR__INIT);
    info->type->tensor_type->has_elem_type = 1;
    info->type->tensor_type->elem_type = (int32_t)value->type.dtype;
    info->type->tensor_type->shape = make_shape(w, &value->type.shape);
    return info;
}

/* ── Nodes ───────────────────────────────────────────────────────────────────────────────────────────── */

static Onnx__GraphProto *make_graph(Writer *w, const Graph *graph);

static ProtobufCBinaryData bytes_of(const char *s) { return (ProtobufCBinaryData){s ? strlen(s) : 0, (uint8_t *)text(s)}; }

static void set_floats(Writer *w, Onnx__AttributeProto *proto, const Attr *attr)
{
    proto->n_floats = (size_t)attr->count;
    proto->floats = NEW_LIST(w, float, attr->count);
    for (int64_t i = 0; i < attr->count; i++)
        proto->floats[i] = (float)attr->floats[i];
}

static void set_strings(Writer *w, Onnx__AttributeProto *proto, const Attr *attr)
{
    proto->n_strings = (size_t)attr->count;
    proto->strings = NEW_LIST(w, ProtobufCBinaryData, attr->count);
    for (int64_t i = 0; i < attr->count; i++)
        proto->strings[i] = bytes_of(attr->strings[i]);
}

static void set_attr_value(Writer *w, Onnx__AttributeProto *proto, const Attr *attr)
{
    switch (attr->kind) {
    case ATTR_FLOAT:
        proto->has_f = 1;
        proto->f = (float)attr->f;
        break;
    case ATTR_INT:
        proto->has_i = 1;
        proto->i = attr->i;
        break;
    case ATTR_STRING:
        proto->has_s = 1;
        proto->s = bytes_of(attr->string);
        break;
    case ATTR_TENSOR: proto->t = make_tensor(w, attr->tensor, NULL); break;
    case ATTR_GRAPH: proto->g = make_graph(w, attr->graph); break;
    case ATTR_FLOATS: set_floats(w, proto, attr); break;
    case ATTR_INTS:
        proto->n_ints = (size_t)attr->count;
        proto->ints = (int64_t *)(uintptr_t)attr->ints;
        break;
    case ATTR_STRINGS: set_strings(w, proto, attr); break;
    default: unreachable(); /* references are gone after inlining; lists of tensors and graphs are never made */
    }
}

static Onnx__AttributeProto *make_attr(Writer *w, const Attr *attr)
{
    Onnx__AttributeProto *proto = NEW_PROTO(w, Onnx__AttributeProto, ONNX__ATTRIBUTE_PROTO__INIT);
    proto->name = text(attr->name);
    proto->has_type = 1;
    proto->type = (Onnx__AttributeProto__AttributeType)attr->kind;
    set_attr_value(w, proto, attr);
    return proto;
}

static char **value_names(Writer *w, Value *const *values, int64_t count)
{
    char **names = NEW_LIST(w, char *, count);
    for (int64_t i = 0; i < count; i++)
        names[i] = text(values[i] ? values[i]->name : "");
    return names;
}

static Onnx__NodeProto *make_node(Writer *w, const Node *node)
{
    Onnx__NodeProto *proto = NEW_PROTO(w, Onnx__NodeProto, ONNX__NODE_PROTO__INIT);
    w->uses_cnxc = w->uses_cnxc || strcmp(node->op->domain, "cnxc") == 0;
    proto->op_type = text(node->op->name);
    proto->domain = *node->op->domain ? text(node->op->domain) : NULL;
    proto->name = node->name && *node->name ? text(node->name) : NULL;
    proto->n_input = (size_t)node->inputs.len;
    proto->input = value_names(w, node->inputs.at, node->inputs.len);
    proto->n_output = (size_t)node->outputs.len;
    proto->output = value_names(w, node->outputs.at, node->outputs.len);
    proto->n_attribute = (size_t)node->attrs.len;
    proto->attribute = NEW_LIST(w, Onnx__AttributeProto *, node->attrs.len);
    for (int64_t i = 0; i < node->attrs.len; i++)
        proto->attribute[i] = make_attr(w, &node->attrs.at[i]);
    return proto;
}

/* ── Graphs ──────────────────────────────────────────────────────────────────────────────────────────── */

static Onnx__ValueInfoProto **make_value_infos(Writer *w, Value *const *values, int64_t count)
{
    Onnx__ValueInfoProto **infos = NEW_LIST(w, Onnx__ValueInfoProto *, count);
    for (int64_t i = 0; i < count; i++)
        infos[i] = make_value_info(w, values[i]);
    return infos;
}

static void add_nodes(Writer *w, Onnx__GraphProto *proto, const Graph *graph)
{
    proto->node = NEW_LIST(w, Onnx__NodeProto *, graph->n_nodes);
    FOR_NODES (node, graph)
        proto->node[proto->n_node++] = make_node(w, node);
}

/* A constant that nothing uses any more is left out. */
static void add_constants(Writer *w, Onnx__GraphProto *proto, const Graph *graph)
{
    proto->initializer = NEW_LIST(w, Onnx__TensorProto *, graph->constants.len);
    for (int64_t i = 0; i < graph->constants.len; i++) {
        const Value *value = graph->constants.at[i];
        if (value->users.len || value->is_output)
            proto->initializer[proto->n_initializer++] = make_tensor(w, value->constant, value->name);
    }
}

static Onnx__GraphProto *make_graph(Writer *w, const Graph *graph)
{
    Onnx__GraphProto *proto = NEW_PROTO(w, Onnx__GraphProto, ONNX__GRAPH_PROTO__INIT);
    proto->name = text(graph->name && *graph->name ? graph->name : "graph"); /* ONNX demands one */
    add_nodes(w, proto, graph);
    add_constants(w, proto, graph);
    proto->n_input = (size_t)graph->inputs.len;
    proto->input = make_value_infos(w, graph->inputs.at, graph->inputs.len);
    proto->n_output = (size_t)graph->outputs.len;
    proto->output = make_value_infos(w, graph->outputs.at, graph->outputs.len);
    return proto;
}

static void add_opset(Writer *w, Onnx__ModelProto *proto, const char *domain, int64_t version)
{
    Onnx__OperatorSetIdProto *opset = NEW_PROTO(w, Onnx__OperatorSetIdProto, ONNX__OPERATOR_SET_ID_PROTO__INIT);
    opset->domain = text(domain);
    opset->has_version = 1;
    opset->version = version;
    proto->opset_import[proto->n_opset_import++] = opset;
}

static void add_header(Writer *w, Onnx__ModelProto *proto, const Model *model)
{
    proto->has_ir_version = 1;
    proto->ir_version = model->ir_version ? model->ir_version : 9;
    proto->producer_name = text(model->producer_name);
    proto->producer_version = text(model->producer_version);
    proto->domain = text(model->domain);
    proto->doc_string = text(model->doc_string);
    proto->has_model_version = 1;
    proto->model_version = model->model_version;
    proto->opset_import = NEW_LIST(w, Onnx__OperatorSetIdProto *, model->opsets.len + 1);
    for (int64_t i = 0; i < model->opsets.len; i++)
        add_opset(w, proto, model->opsets.at[i].domain, model->opsets.at[i].version);
    if (w->uses_cnxc && !model_opset(model, "cnxc"))
        add_opset(w, proto, "cnxc", 1);
    proto->metadata_props = NEW_LIST(w, Onnx__StringStringEntryProto *, model->props.len);
    for (int64_t i = 0; i < model->props.len; i++)
        proto->metadata_props[proto->n_metadata_props++] = make_entry(w, model->props.at[i].key, model->props.at[i].value);
}

/* ── The file ────────────────────────────────────────────────────────────────────────────────────────── */

static int64_t weight_bytes(const Graph *graph)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < graph->constants.len; i++)
        sum += tensor_file_bytes(graph->constants.at[i]->constant);
    return sum;
}

typedef struct FileBuffer {
    ProtobufCBuffer base;
    FILE *out;
} FileBuffer;

static void append_to_file(ProtobufCBuffer *buffer, size_t length, const uint8_t *data)
{
    fwrite(data, 1, length, ((FileBuffer *)buffer)->out); /* the caller asks ferror() */
}

static bool pack(Writer *w, const Onnx__ModelProto *proto, FILE *out)
{
    size_t size = onnx__model_proto__get_packed_size(proto);
    FileBuffer buffer = {{append_to_file}, out};
    if (size > INT32_MAX) {
        diag_resource(w->diag, NO_SPAN, "the model has %zu bytes, an .onnx file at most 2 GiB; its weights need a file beside it",
                      size);
        return false;
    }
    onnx__model_proto__pack_to_buffer(proto, &buffer.base);
    return true;
}

bool onnx_write(const Model *model, FILE *out, const PrintOptions *options)
{
    Writer w = {.arena = arena_new(), .diag = model->diag};
    if (options)
        w.data = (DataFile){.path = options->data_path, .model_dir = options->text_dir, .diag = model->diag};
    w.external = options && weight_bytes(model->graph) > EMBED_LIMIT;
    Onnx__ModelProto *proto = NEW_PROTO(&w, Onnx__ModelProto, ONNX__MODEL_PROTO__INIT);
    proto->graph = make_graph(&w, model->graph);
    add_header(&w, proto, model);
    bool ok = data_file_close(&w.data) && pack(&w, proto, out);
    arena_free(w.arena);
    return ok;
}
