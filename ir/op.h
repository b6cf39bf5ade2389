/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The operators: what ir/ops.def says, as data.
 *
 * ops.def is the one table that drives parsing (names, domains), checking (arity, attributes), shape
 * inference, the interpreter, printing and docs/ops.md. The schedule's lowerings are keyed by the same enum. */
#ifndef CNXC_IR_OP_H
#define CNXC_IR_OP_H

#include "ir/graph.h"

typedef enum OpKind {
#define OP(name, ...) OP_##name,
#include "ir/ops.def"
#undef OP
    OP_COUNT
} OpKind;

typedef enum OpClass {
    CLASS_ELEMENTWISE, /* output element depends on the inputs' elements at the same (broadcast) place */
    CLASS_REDUCTION,   /* over axes */
    CLASS_CONTRACTION, /* Conv, MatMul, Gemm */
    CLASS_MOVE,        /* moves elements, computes nothing: Transpose, Reshape, Slice … */
    CLASS_META,        /* Constant, Call, Region */
    CLASS_SPELLING,    /* another spelling of other operators: gone after legalization */
} OpClass;

struct Op {
    OpKind kind;
    const char *name;    /* ONNX's spelling */
    const char *domain;  /* "" for ai.onnx, "cnxc" for ours */
    OpClass class;
    int versions[12];    /* opset versions at which its signature changed, ascending, 0-terminated; all handled */
    const char *inputs;  /* "X W B?": ? optional, ... the last repeats */
    const char *outputs; /* likewise */
    const char *attrs;   /* "name:kind=default …"; kinds as ONNX text spells them; no default: "name:kind";
                            required: "name:kind!" */
    const char *summary; /* one line of semantics, for docs/ops.md */
    int cost;            /* elementwise: vector instructions of one vector of results, about */
};

extern const Op op_table[OP_COUNT];

const Op *op_get(OpKind kind);
const Op *op_find(const char *domain, const char *name); /* NULL: unknown; "ai.onnx" means "" */
const char *op_nearest(const char *domain, const char *name); /* did you mean; NULL: nothing near */
int op_min_inputs(const Op *op); /* up to the last that is required */
bool op_requires_input(const Op *op, int64_t index);
int op_max_inputs(const Op *op); /* INT_MAX if the last repeats */
int op_min_outputs(const Op *op);
int op_max_outputs(const Op *op);

typedef struct AttrSpec {
    char name[32];
    AttrKind kind;
    bool required, has_default;
    char default_text[64]; /* as in ops.def */
} AttrSpec;
bool op_attr_spec(const Op *op, const char *name, AttrSpec *spec);   /* false: no such attribute */
bool op_attr_at(const Op *op, int index, AttrSpec *spec);            /* the index-th; false past the end */

#endif
