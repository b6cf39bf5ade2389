/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Graph: ONNX's dataflow graph, the one form between frontends and the schedule.
 *
 * A Model holds a main graph, model-local functions and metadata. A Graph is a list of nodes in topological
 * order; a Node applies one operator to Values; a Value has one producer (a node, a graph input or a
 * constant) and knows its users. Everything lives in the model's arena; removed nodes are just unlinked.
 *
 * Metadata that frontends attach and link/ reads (model metadata_props, so it prints and parses):
 *   "cnxc.task"          image-classification | image-segmentation | feature-extraction | backbone | raw
 *   "cnxc.labels"        JSON list of label strings, by class index
 *   "cnxc.preprocessor"  JSON object: the normalised image processor settings (docs/user-guide.md)
 *   "cnxc.problem_type"  as in config.json, if it is there
 *   "cnxc.logits", "cnxc.probabilities", "cnxc.mask" (labels of pixels)  the output that holds them, if it is called otherwise */
#ifndef CNXC_IR_GRAPH_H
#define CNXC_IR_GRAPH_H

#include "ir/base/diag.h"
#include "ir/base/str.h"
#include "ir/base/vec.h"
#include "ir/tensor.h"

typedef struct Op Op; /* ir/op.h */
typedef struct Node Node;
typedef struct Graph Graph;
typedef struct Model Model;

typedef struct Value {
    const char *name;       /* unique in its graph; printed */
    Type type;              /* declared or inferred */
    Graph *graph;           /* the graph it is in */
    Node *producer;         /* NULL: graph input or constant */
    Tensor *constant;       /* an initializer; NULL if not */
    struct Known *known;    /* what inference knows of a computed value's elements (ir/infer.h); NULL: nothing */
    VEC(Node *) users;      /* one entry for each use: a node that uses a value twice is here twice */
    Span span;              /* where the user named it */
    bool is_input, is_output; /* of its graph; a value may be an output more than once in graph->outputs */
    int64_t mark;           /* scratch for one pass; meaningless between passes */
} Value;

typedef enum AttrKind { /* ONNX's AttributeProto.AttributeType numbers */
                        ATTR_FLOAT = 1,
                        ATTR_INT = 2,
                        ATTR_STRING = 3,
                        ATTR_TENSOR = 4,
                        ATTR_GRAPH = 5,
                        ATTR_FLOATS = 6,
                        ATTR_INTS = 7,
                        ATTR_STRINGS = 8,
                        ATTR_TENSORS = 9,
                        ATTR_GRAPHS = 10,
                        ATTR_REF = 100, /* @name: refers to an attribute of the enclosing function; gone after inlining */
} AttrKind;

typedef struct Attr {
    const char *name;
    AttrKind kind;
    AttrKind ref_kind;             /* the declared type of an ATTR_REF; string holds the referred name */
    int64_t count;                 /* of the list kinds */
    double f;
    int64_t i;
    const char *string;
    Tensor *tensor;
    Graph *graph;
    const double *floats;
    const int64_t *ints;
    const char *const *strings;
    Span span;
} Attr;

struct Node {
    const Op *op;
    const char *name;              /* ONNX's node name; may be "" */
    const char *callee;            /* op is OP_Call: the function's "domain.name:overload" */
    VEC(Value *) inputs;           /* NULL: an optional input left out */
    VEC(Value *) outputs;          /* NULL: an optional output left out */
    VEC(Attr) attrs;
    Span span;                     /* the user's line, kept through every pass */
    Graph *graph;                  /* the graph it is in */
    Node *prev, *next;             /* topological order */
    int64_t mark;
};

struct Graph {
    Model *model;
    Graph *parent;                 /* of a body; NULL: the main graph or a function. A body uses only its own
                                      values: what it needs comes in through its inputs. */
    const char *name;
    VEC(Value *) inputs;           /* without initializers */
    VEC(Value *) outputs;
    VEC(Value *) constants;        /* initializers, in the order of definition; passes may leave unused ones */
    VEC(Value *) declared;         /* value_info of values that no node defines yet while parsing; else empty */
    Node *first, *last;
    int64_t n_nodes;
    StrMap names;                  /* name → Value, all values of the graph */
    StrMap numbered;               /* base of a fresh name → the last number tried, where it was looked for often */
    Span span;
};

typedef struct Function {          /* model-local; inlined right after parsing */
    const char *domain, *name, *overload;
    VEC(Attr) params;              /* kind 0: no default */
    Graph *graph;
} Function;

typedef struct Opset {
    const char *domain;
    int64_t version;
} Opset; /* "" is ai.onnx */
typedef struct Prop {
    const char *key, *value;
} Prop;

struct Model {
    Arena *arena;
    Diag *diag;
    const Source *source;          /* the file it was read from */
    int64_t ir_version;            /* 0: not stated */
    VEC(Opset) opsets;
    VEC(Prop) props;               /* metadata_props */
    const char *producer_name, *producer_version, *domain, *doc_string;
    int64_t model_version;
    VEC(Function) functions;
    Graph *graph;
    bool assumes_pictures;         /* "cnxc.preprocessor" is what published models have, as nobody said another */
    int64_t may_fold;              /* bytes that passes may still compute, or multiplications that they may do */
};

Model *model_new(Arena *arena, Diag *diag);
int64_t model_opset(const Model *model, const char *domain);          /* 0: not imported */
void model_set_opset(Model *model, const char *domain, int64_t version);
const char *model_prop(const Model *model, const char *key);          /* NULL: absent */
void model_set_prop(Model *model, const char *key, const char *value);

Graph *graph_new(Model *model, const char *name);
Value *graph_find(const Graph *graph, const char *name);              /* NULL: none */
const char *graph_fresh_name(Graph *graph, const char *base);         /* base, or base_1, base_2 … */

/* Values. The name must be free (graph_fresh_name makes it so). */
Value *graph_add_value(Graph *graph, const char *name, Type type, Span span); /* no producer yet */
Value *graph_add_input(Graph *graph, const char *name, Type type, Span span);
Value *graph_add_constant(Graph *graph, const char *name, Tensor *tensor, Span span);
void graph_add_output(Graph *graph, Value *value);
void graph_set_output(Graph *graph, int64_t index, Value *value);
void graph_remove_value(Graph *graph, Value *value); /* unused, not an input or output: forget its name */
void value_replace_uses(Value *old, Value *with); /* in nodes and in the graph's outputs */
bool value_has_one_use(const Value *value);       /* one node, and not an output of the graph */

/* The symbol of the free batch: dimension 0 of the inputs, where symbolic; NULL: the graph has none. */
const char *graph_batch_symbol(const Graph *graph);

/* Nodes. before NULL: at the end. Inputs may be NULL; outputs are made fresh, named from base (or the op). */
Node *graph_insert_node(Graph *graph, Node *before, const Op *op, Span span);
Node *graph_add_op(Graph *graph, Node *before, const Op *op, Value *const *inputs, int64_t n_inputs, const char *output_base,
                   Span span); /* one output: node->outputs.at[0], type unknown */
void node_add_input(Node *node, Value *value);
void node_set_input(Node *node, int64_t index, Value *value);
void node_add_output(Node *node, Value *value);   /* value has no producer yet */
void node_remove(Node *node);                     /* its outputs have no users left; unlinks uses, drops values */
bool node_has_one_output(const Node *node);          /* the first; of others there is no use */
void node_move_before(Node *node, Node *before);
Value *node_input(const Node *node, int64_t index);  /* NULL past the end */
Value *node_output(const Node *node, int64_t index); /* NULL past the end */

/* Attributes; a missing one yields the op table's default. */
const Attr *node_attr(const Node *node, const char *name); /* as written; NULL: absent */
int64_t node_attr_int(const Node *node, const char *name);
double node_attr_float(const Node *node, const char *name);
const char *node_attr_string(const Node *node, const char *name);    /* "" if absent, no default */
/* Number of ints, *ints set; 0 and NULL if absent. */
int64_t node_attr_ints(const Node *node, const char *name, const int64_t **ints);
Graph *node_attr_graph(const Node *node, const char *name);          /* NULL: absent */
void node_set_int(Node *node, const char *name, int64_t value);
void node_set_float(Node *node, const char *name, double value);
void node_set_string(Node *node, const char *name, const char *value);
void node_set_ints(Node *node, const char *name, const int64_t *values, int64_t count);
void node_set_graph(Node *node, const char *name, Graph *graph);
void node_put_attr(Node *node, Attr attr); /* adds or replaces */
void node_copy_attrs(Node *to, const Node *from);

#define FOR_NODES(node, graph) for (Node *node = (graph)->first; node; node = node->next)
/* As FOR_NODES, but the body may remove node or insert around it. */
#define FOR_NODES_SAFE(node, graph) \
    for (Node *node = (graph)->first, *node##_next; node && (node##_next = node->next, 1); node = node##_next)

#endif
