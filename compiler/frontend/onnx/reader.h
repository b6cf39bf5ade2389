/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the parts of the .onnx reader share. */
#ifndef CNXC_FRONTEND_ONNX_READER_H
#define CNXC_FRONTEND_ONNX_READER_H

#include "compiler/frontend/onnx/wire.h"
#include "ir/op.h"

typedef struct OnnxReader {
    const Source *source;
    const char *dir;   /* where external data is looked for */
    Arena *arena;
    Diag *diag;
    Model *model;
    StrMap functions;  /* "domain.name:overload" → Function */
    StrMap unknown;    /* "domain.name" of operators reported so far */
} OnnxReader;

/* A TensorProto. Raw data stays where it is unless that place is unaligned. NULL after a diagnostic. */
Tensor *onnx_read_tensor(OnnxReader *reader, const Wire *wire);

/* A NodeProto's or FunctionProto's AttributeProto. False after a diagnostic. */
bool onnx_read_attr(OnnxReader *reader, const Wire *wire, Attr *attr);

/* A GraphProto; NULL after a diagnostic. parent: the graph whose node it is an attribute of. */
Graph *onnx_read_graph(OnnxReader *reader, const Wire *wire, Graph *parent);
Graph *onnx_read_function_body(OnnxReader *reader, const Wire *wire);

#endif
