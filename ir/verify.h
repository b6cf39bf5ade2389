/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The verifier: what must hold between passes. */
#ifndef CNXC_IR_VERIFY_H
#define CNXC_IR_VERIFY_H

#include "ir/graph.h"

/* Checks links, uses, topological order, unique names, arity, attributes, types of every value and that each
 * node's inferred types equal the recorded ones. The first violation is described in *problem (arena memory
 * of the model). Run in debug builds and under --verify-each; a violation is a bug of ours. */
bool graph_verify(Graph *graph, const char **problem);

#endif
