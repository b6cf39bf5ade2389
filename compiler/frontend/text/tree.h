/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* ONNX text on its way in: source → tokens → syntax tree (here) → Model.
 *
 * Why a tree between: a node may call a function that is defined after the graph, an output's type stands before
 * the node that makes it, and names resolve only once all are known. Only the data of initializers is turned
 * into tensors at once, so that megabytes of numbers never become tree.
 *
 *   lexer.l, parser.y   source → tree
 *   literal.c      numbers, tensor data
 *   attr.c         attribute values → Attr
 *   header.c       the < > headers → Model's fields
 *   build.c        tree → Graph */
#ifndef CNXC_FRONTEND_TEXT_TREE_H
#define CNXC_FRONTEND_TEXT_TREE_H

#include "ir/graph.h"

enum { MAX_NESTING = 200 }; /* open brackets of any kind, at one place */

typedef struct TextGraph TextGraph;

typedef struct TextType {
    Type type;
    const char *composite;  /* "seq", "map" … : not a tensor; NULL: a tensor */
    Span span;
} TextType;

typedef struct TextPair {   /* key: string, or key: integer */
    const char *key, *string; /* string NULL: an integer */
    Span span, value_span;
} TextPair;
typedef VEC(TextPair) TextPairs;

typedef struct TextTensor {
    const TextType *type;
    Tensor *tensor;         /* NULL after an error in type or data */
    int64_t room, seen;     /* elements that tensor->data has room for; elements read */
    const TextPairs *external; /* NULL: inline */
    Span span;
} TextTensor;

typedef struct TextItem {   /* value_info or initializer */
    const TextType *type;   /* NULL: untyped */
    const char *name;
    TextTensor *data;       /* NULL: no initializer */
    Span span;              /* of the name */
} TextItem;
typedef VEC(TextItem) TextItems;

typedef enum TextValueKind {
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_TENSOR,
    VALUE_TYPE,
    VALUE_GRAPH,
    VALUE_REF
} TextValueKind;

typedef struct TextValue {
    TextValueKind kind;
    const char *string;     /* STRING; REF: the name referred to */
    TextTensor *tensor;
    TextGraph *graph;
    Span span;              /* INT, FLOAT: the digits are read from the source */
} TextValue;
typedef VEC(TextValue) TextValues;

typedef struct TextAttr {
    Attr attr;              /* complete but for a graph */
    TextGraph *graph;       /* ATTR_GRAPH: to be built */
    bool bad;               /* an error was reported */
} TextAttr;
typedef VEC(TextAttr) TextAttrs;

typedef struct TextSlot {
    const char *name;       /* NULL: left out */
    Span span;
} TextSlot;
typedef VEC(TextSlot) TextSlots;

typedef struct TextOp {
    const char *domain, *type, *overload; /* never NULL */
    Span span;
} TextOp;

typedef struct TextNode {
    const char *label;      /* never NULL */
    TextSlots *outputs, *inputs;
    TextOp *op;
    TextAttrs *attrs;       /* NULL: none */
    Span span;
} TextNode;
typedef VEC(TextNode) TextNodes;

struct TextGraph {
    const char *name;
    TextItems *inputs, *outputs, *items; /* NULL: none; items is the < > list */
    TextNodes *nodes;
    Span span;              /* of the name */
};

typedef struct TextHeader {
    const char *key, *string;
    int64_t integer;
    TextPairs *pairs;
    enum { HEADER_INT, HEADER_STRING, HEADER_PAIRS } kind;
    Span span, value_span;
} TextHeader;
typedef VEC(TextHeader) TextHeaders;

typedef struct TextFunction {
    TextHeaders *headers;   /* NULL: none */
    TextAttrs *params;      /* NULL: none */
    TextGraph *graph;
} TextFunction;

typedef struct TextParser {
    Arena *arena;
    Diag *diag;
    const Source *source;
    const char *dir;        /* where external data lies */
    void *scanner;
    int64_t fed, at;        /* bytes of the source given to flex; where the next token begins */
    int64_t string_begin;   /* of the string being read */
    int depth;              /* open brackets */
    const TextType *type;   /* the type read last: data follows its type directly */
    TextTensor *data;       /* the { } being read */
    TextHeaders *headers;   /* the result, with … */
    TextGraph *graph;
    VEC(TextFunction) functions;
} TextParser;

/* Literals and data. */
bool text_is_type_word(const char *name);      /* what a reader may take for a type where a name is meant */
bool text_int(TextParser *p, Span span, int64_t min, int64_t max, const char *what, int64_t *value);
bool text_float(TextParser *p, Span span, double *value); /* rounded to float, as ONNX attributes are */
void text_type_dim(TextParser *p, TextType *type, Dim dim, Span span);
void text_data_begin(TextParser *p, Span brace);
void text_data_add(TextParser *p, TextValueKind kind, const char *string, Span span);
TextTensor *text_data_end(TextParser *p, Span span);
TextTensor *text_data_none(TextParser *p, Span span);
TextTensor *text_data_external(TextParser *p, const TextPairs *pairs, Span span);

/* kind_name NULL: the literal decides. values of a single value has one element. */
TextAttr *text_attr(TextParser *p, const char *name, Span span, const char *kind_name, Span kind_span, const TextValues *values,
                    bool list);

bool text_model_headers(const TextParser *p, Model *model);
bool text_function_headers(const TextParser *p, const TextFunction *tree, Model *model, Function *function);
bool text_build(TextParser *p, Model *model);

#endif
