/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The printer: a model as ONNX text that parses back to the same model. */
#ifndef CNXC_IR_PRINT_H
#define CNXC_IR_PRINT_H

#include "ir/graph.h"

enum { LONGEST_WORD = 4096 }; /* that is not in quotes, for a reader */

typedef struct PrintOptions {
    /* Constants with a location print as external data in place; others of more than inline_limit elements are
     * written to data_path (if not NULL) and print as external data there; the rest prints inline in full. */
    int64_t inline_limit;   /* 0: 16 elements */
    const char *data_path;  /* where to write; the text names it by its last component */
    const char *text_dir;   /* directory the text will lie in: locations are made relative to it */
} PrintOptions;

/* False after a diagnostic (a file that can't be written). options NULL: everything inline or in place. */
bool model_print(const Model *model, FILE *out, const PrintOptions *options);
void node_print(const Node *node, FILE *out); /* one line, for messages and dumps */
void node_print_brief(const Node *node, FILE *out); /* for reading: of large constants {...}, no places of files */

#endif
