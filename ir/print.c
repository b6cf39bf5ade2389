/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The printer: a model as ONNX text, as onnx 1.23.2 and this compiler read it.
 *
 * Printing what was parsed from a print gives the same text, after any pass, so every dump can be edited and fed
 * back. Numbers take the fewest digits that read back to the same bits; names are quoted where a reader could
 * take them for something else; attributes carry their types, since `1` alone would be an int.
 *
 *   <
 *      ir_version: 10,
 *      opset_import: ["" : 20]
 *   >
 *   main (float[N,3] x) => (float[N,3] y)
 *   <
 *      float[3] b = {1, 2, 3}
 *   >
 *   {
 *      [add] y = Add (x, b)
 *   }
 *
 * Constants that lie in a file are named by place and not copied, if the text can reach that file. */
#include "ir/print.h"
#include "ir/data_file.h"
#include "ir/op.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct Printer {
    FILE *out;
    const PrintOptions *options; /* NULL: defaults */
    Arena *scratch;
    DataFile data;               /* options->data_path */
    bool brief;                  /* leave out the elements of large constants */
} Printer;

/* ── Words ── */

static bool is_identifier(const char *name)
{
    if (!((*name >= 'A' && *name <= 'Z') || (*name >= 'a' && *name <= 'z') || *name == '_'))
        return false;
    size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
    return name[length] == 0 && length <= LONGEST_WORD;
}

/* A word that a reader takes for a type or a number where a name may stand. */
static bool is_taken(const char *name)
{
    static const char *const words[] = {"seq", "map", "optional", "sparse_tensor", "opaque", "float6e2m3", "float6e3m2"};
    for (int64_t i = 0; i < countof(words); i++)
        if (strcmp(name, words[i]) == 0)
            return true;
    return dtype_from_name(name) != DT_UNDEFINED || strcasecmp(name, "inf") == 0 || strcasecmp(name, "infinity") == 0 ||
           strcasecmp(name, "nan") == 0;
}

static void print_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; text && *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void print_name(FILE *out, const char *name)
{
    if (is_identifier(name) && !is_taken(name))
        fputs(name, out);
    else
        print_string(out, name);
}

/* A graph that is an attribute can't have a quoted name. */
static void print_plain_name(FILE *out, const char *name)
{
    if ((*name >= '0' && *name <= '9') || is_taken(name))
        fputc('_', out);
    for (int i = 1; *name && i < LONGEST_WORD; name++, i++)
        fputc(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_", *name) ? *name : '_', out);
}

static void print_shortest(FILE *out, double value, bool is_float)
{
    char text[NUMBER_TEXT];
    fputs(number_shortest(text, value, is_float), out);
}

/* ── Types ── */

static void print_type(FILE *out, const Type *type)
{
    fputs(dtype_name(type->dtype), out);
    if (type->shape.rank == 0)
        return;
    fputc('[', out);
    for (int i = 0; i < type->shape.rank; i++) {
        const Dim *dim = &type->shape.dims[i];
        if (i)
            fputc(',', out);
        if (dim->size >= 0)
            fprintf(out, "%" PRId64, dim->size);
        else if (dim->symbol)
            print_name(out, dim->symbol);
        else
            fputc('?', out);
    }
    fputc(']', out);
}

static void print_typed_value(FILE *out, const Value *value)
{
    if (value->type.dtype != DT_UNDEFINED) {
        print_type(out, &value->type);
        fputc(' ', out);
    }
    print_name(out, value->name);
}

static void print_typed_values(FILE *out, Value *const *values, int64_t count)
{
    fputc('(', out);
    for (int64_t i = 0; i < count; i++) {
        if (i)
            fputs(", ", out);
        print_typed_value(out, values[i]);
    }
    fputc(')', out);
}

/* ── Data ── */

static void print_element(FILE *out, const Tensor *tensor, int64_t i)
{
    switch (tensor->dtype) {
    case DT_FLOAT:
    case DT_DOUBLE: print_shortest(out, tensor_get(tensor, i), tensor->dtype == DT_FLOAT); break;
    case DT_FLOAT8E4M3FN:
    case DT_FLOAT8E4M3FNUZ:
    case DT_FLOAT8E5M2:
    case DT_FLOAT8E5M2FNUZ: fprintf(out, "%u", ((const uint8_t *)tensor->data)[i]); break;
    case DT_FLOAT16:
    case DT_BFLOAT16: {
        uint16_t bits;
        memcpy(&bits, (const char *)tensor->data + 2 * i, sizeof bits);
        fprintf(out, "%u", bits);
        break;
    }
    case DT_STRING: print_string(out, ((const char *const *)tensor->data)[i]); break;
    case DT_UINT64: fprintf(out, "%" PRIu64, (uint64_t)tensor_get_int(tensor, i)); break;
    default: fprintf(out, "%" PRId64, tensor_get_int(tensor, i));
    }
}

static void print_inline(FILE *out, const Tensor *tensor)
{
    fputc('{', out);
    for (int64_t i = 0; i < tensor->count; i++) {
        if (i)
            fputs(", ", out);
        print_element(out, tensor, i);
    }
    fputc('}', out);
}

static void print_external(FILE *out, const DataPlace *place)
{
    fputs("[\"location\": ", out);
    print_string(out, place->location);
    fprintf(out, ", \"offset\": \"%" PRId64 "\", \"length\": \"%" PRId64 "\"]", place->offset, place->length);
}

static void print_data(Printer *p, const Tensor *tensor)
{
    int64_t limit = p->options && p->options->inline_limit ? p->options->inline_limit : 16;
    bool is_large = tensor->count > limit && dtype_size(tensor->dtype);
    DataPlace place;
    if (p->brief && is_large)
        fputs("{...}", p->out);
    else if (!p->brief &&
             (data_file_find(&p->data, tensor, &place, p->scratch) || (is_large && data_file_append(&p->data, tensor, &place))))
        print_external(p->out, &place);
    else
        print_inline(p->out, tensor);
}

static void print_tensor_type(FILE *out, const Tensor *tensor)
{
    Type type = tensor_type(tensor);
    print_type(out, &type);
}

/* ── Nodes ── */

static void print_graph(Printer *p, const Graph *graph, int depth);

static const char *kind_name(AttrKind kind)
{
    static const char *const names[] = {
        [ATTR_FLOAT] = "float",     [ATTR_INT] = "int",       [ATTR_STRING] = "string", [ATTR_TENSOR] = "tensor",
        [ATTR_GRAPH] = "graph",     [ATTR_FLOATS] = "floats", [ATTR_INTS] = "ints",     [ATTR_STRINGS] = "strings",
        [ATTR_TENSORS] = "tensors", [ATTR_GRAPHS] = "graphs",
    };
    return kind >= ATTR_FLOAT && kind <= ATTR_GRAPHS ? names[kind] : NULL;
}

static void print_list(FILE *out, const Attr *attr)
{
    fputc('[', out);
    for (int64_t i = 0; i < attr->count; i++) {
        if (i)
            fputs(", ", out);
        if (attr->kind == ATTR_INTS)
            fprintf(out, "%" PRId64, attr->ints[i]);
        else if (attr->kind == ATTR_FLOATS)
            print_shortest(out, (float)attr->floats[i], true);
        else
            print_string(out, attr->strings[i]);
    }
    fputc(']', out);
}

static void print_attr(Printer *p, const Attr *attr, int depth)
{
    AttrKind kind = attr->kind == ATTR_REF ? attr->ref_kind : attr->kind;
    fputs(attr->name, p->out);
    if (kind_name(kind))
        fprintf(p->out, ": %s", kind_name(kind));
    fputs(" = ", p->out);
    switch (attr->kind) {
    case ATTR_FLOAT: print_shortest(p->out, (float)attr->f, true); break;
    case ATTR_INT: fprintf(p->out, "%" PRId64, attr->i); break;
    case ATTR_STRING: print_string(p->out, attr->string); break;
    case ATTR_TENSOR:
        print_tensor_type(p->out, attr->tensor);
        fputs(" = ", p->out);
        print_data(p, attr->tensor);
        break;
    case ATTR_GRAPH: print_graph(p, attr->graph, depth); break;
    case ATTR_REF:
        fputc('@', p->out);
        print_name(p->out, attr->string);
        break;
    default: print_list(p->out, attr);
    }
}

static void print_attrs(Printer *p, const Node *node, int depth)
{
    fputc('<', p->out);
    for (int64_t i = 0; i < node->attrs.len; i++) {
        if (i)
            fputs(", ", p->out);
        print_attr(p, &node->attrs.at[i], depth);
    }
    fputc('>', p->out);
}

/* A last slot that is left out needs its "", or it would not count. */
static void print_slots(FILE *out, Value *const *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (i)
            fputs(", ", out);
        if (values[i])
            print_name(out, values[i]->name);
        else
            fputs("\"\"", out);
    }
}

/* "domain.Name:overload", without what is empty. */
static void print_op(FILE *out, const Node *node)
{
    if (node->op->kind != OP_Call || !node->callee) {
        fprintf(out, "%s%s%s", node->op->domain, *node->op->domain ? "." : "", node->op->name);
        return;
    }
    const char *name = node->callee + (*node->callee == '.');
    size_t n = strlen(name);
    fprintf(out, "%.*s", (int)(n && name[n - 1] == ':' ? n - 1 : n), name);
}

static bool has_graph(const Node *node)
{
    for (int64_t i = 0; i < node->attrs.len; i++)
        if (node->attrs.at[i].kind == ATTR_GRAPH)
            return true;
    return false;
}

static void print_node(Printer *p, const Node *node, int depth)
{
    bool attrs_last = has_graph(node);
    if (*node->name) {
        fputc('[', p->out);
        print_name(p->out, node->name);
        fputs("] ", p->out);
    }
    print_slots(p->out, node->outputs.at, node->outputs.len);
    fputs(node->outputs.len ? " = " : "= ", p->out);
    print_op(p->out, node);
    fputc(' ', p->out);
    if (node->attrs.len && !attrs_last) {
        print_attrs(p, node, depth);
        fputc(' ', p->out);
    }
    fputc('(', p->out);
    print_slots(p->out, node->inputs.at, node->inputs.len);
    fputc(')', p->out);
    if (attrs_last) {
        fputc(' ', p->out);
        print_attrs(p, node, depth);
    }
}

/* ── Graphs ── */

static void indent(FILE *out, int depth) { fprintf(out, "\n%*s", 3 * depth, ""); }

static void print_item_start(Printer *p, int depth, int64_t *n)
{
    if ((*n)++ == 0) {
        indent(p->out, depth);
        fputc('<', p->out);
    } else {
        fputc(',', p->out);
    }
    indent(p->out, depth + 1);
}

/* Constants, and the types of what nodes compute; outputs have theirs in the outputs' list. */
static void print_items(Printer *p, const Graph *graph, int depth)
{
    int64_t n = 0;
    for (int64_t i = 0; i < graph->constants.len; i++) {
        const Value *value = graph->constants.at[i];
        print_item_start(p, depth, &n);
        print_tensor_type(p->out, value->constant);
        fputc(' ', p->out);
        print_name(p->out, value->name);
        fputs(" = ", p->out);
        print_data(p, value->constant);
    }
    FOR_NODES (node, graph)
        for (int64_t i = 0; i < node->outputs.len; i++) {
            const Value *value = node->outputs.at[i];
            if (!value || value->is_output || value->type.dtype == DT_UNDEFINED)
                continue;
            print_item_start(p, depth, &n);
            print_typed_value(p->out, value);
        }
    if (n) {
        indent(p->out, depth);
        fputc('>', p->out);
    }
}

static void print_nodes(Printer *p, const Graph *graph, int depth)
{
    fputc('{', p->out);
    FOR_NODES (node, graph) {
        indent(p->out, depth + 1);
        print_node(p, node, depth + 1);
    }
    indent(p->out, depth);
    fputc('}', p->out);
}

static void print_graph(Printer *p, const Graph *graph, int depth)
{
    if (graph->parent)
        print_plain_name(p->out, *graph->name ? graph->name : "body");
    else
        print_name(p->out, graph->name);
    fputc(' ', p->out);
    print_typed_values(p->out, graph->inputs.at, graph->inputs.len);
    fputs(" => ", p->out);
    print_typed_values(p->out, graph->outputs.at, graph->outputs.len);
    print_items(p, graph, depth);
    indent(p->out, depth);
    print_nodes(p, graph, depth);
}

/* ── Models ── */

static bool uses_domain(const Graph *graph, const char *domain)
{
    FOR_NODES (node, graph)
        if (strcmp(node->op->domain, domain) == 0 && node->op->kind != OP_Call)
            return true;
    return false;
}

/* What the graph uses is imported, whether or not the pass that brought it in said so. */
static void print_opsets(Printer *p, const Model *model)
{
    int64_t n = 0;
    fputs("opset_import: [", p->out);
    for (int64_t i = 0; i < model->opsets.len; i++) {
        fputs(n++ ? ", " : "", p->out);
        print_string(p->out, model->opsets.at[i].domain);
        fprintf(p->out, " : %" PRId64, model->opsets.at[i].version);
    }
    if (!model_opset(model, "cnxc") && model->graph && uses_domain(model->graph, "cnxc"))
        fprintf(p->out, "%s\"cnxc\" : 1", n ? ", " : "");
    fputc(']', p->out);
}

static void print_header_string(Printer *p, const char *key, const char *text)
{
    if (!text || !*text)
        return;
    fprintf(p->out, ",\n   %s: ", key);
    print_string(p->out, text);
}

static void print_props(Printer *p, const Model *model)
{
    if (!model->props.len)
        return;
    fputs(",\n   metadata_props: [", p->out);
    for (int64_t i = 0; i < model->props.len; i++) {
        fputs(i ? ", " : "", p->out);
        print_string(p->out, model->props.at[i].key);
        fputs(": ", p->out);
        print_string(p->out, model->props.at[i].value);
    }
    fputc(']', p->out);
}

static void print_header(Printer *p, const Model *model)
{
    fputs("<\n   ", p->out);
    if (model->ir_version)
        fprintf(p->out, "ir_version: %" PRId64 ",\n   ", model->ir_version);
    print_opsets(p, model);
    print_header_string(p, "producer_name", model->producer_name);
    print_header_string(p, "producer_version", model->producer_version);
    print_header_string(p, "domain", model->domain);
    if (model->model_version)
        fprintf(p->out, ",\n   model_version: %" PRId64, model->model_version);
    print_header_string(p, "doc_string", model->doc_string);
    print_props(p, model);
    fputs("\n>\n", p->out);
}

static void print_params(Printer *p, const Function *function)
{
    for (int64_t i = 0; i < function->params.len; i++) {
        const Attr *param = &function->params.at[i];
        fputs(i ? ", " : "<", p->out);
        if (param->kind)
            print_attr(p, param, 1);
        else
            fputs(param->name, p->out);
    }
    if (function->params.len)
        fputs("> ", p->out);
}

static void print_function(Printer *p, const Model *model, const Function *function)
{
    const Graph *graph = function->graph;
    fputs("<\n   ", p->out);
    print_opsets(p, model);
    print_header_string(p, "domain", function->domain);
    print_header_string(p, "overload", function->overload);
    fputs("\n>\n", p->out);
    print_name(p->out, function->name);
    fputc(' ', p->out);
    print_params(p, function);
    print_typed_values(p->out, graph->inputs.at, graph->inputs.len);
    fputs(" => ", p->out);
    print_typed_values(p->out, graph->outputs.at, graph->outputs.len);
    print_items(p, graph, 0);
    fputc('\n', p->out);
    print_nodes(p, graph, 0);
    fputc('\n', p->out);
}

bool model_print(const Model *model, FILE *out, const PrintOptions *options)
{
    Printer p = {.out = out, .options = options, .scratch = arena_new()};
    p.data = (DataFile){
        .path = options ? options->data_path : NULL, .model_dir = options ? options->text_dir : NULL, .diag = model->diag};
    print_header(&p, model);
    print_graph(&p, model->graph, 0);
    fputc('\n', out);
    for (int64_t i = 0; i < model->functions.len; i++)
        print_function(&p, model, &model->functions.at[i]);
    bool ok = data_file_close(&p.data);
    arena_free(p.scratch);
    if (ferror(out)) {
        diag_resource(model->diag, NO_SPAN, "cannot write the text: %s", strerror(errno));
        return false;
    }
    return ok;
}

static void print_alone(const Node *node, FILE *out, bool brief)
{
    Printer p = {.out = out, .scratch = arena_new(), .brief = brief};
    print_node(&p, node, 0);
    fputc('\n', out);
    arena_free(p.scratch);
}

void node_print(const Node *node, FILE *out) { print_alone(node, out, false); }

void node_print_brief(const Node *node, FILE *out) { print_alone(node, out, true); }
