/* Shape and type inference, and the fixing of symbolic dimensions. */
#ifndef CNXC_IR_INFER_H
#define CNXC_IR_INFER_H

#include "ir/graph.h"

/* Sets the type of every value, bodies included. A declared type that contradicts the inferred one is an
 * error at the declaration; unknown ops are all reported (exit 3). False after an error. */
bool graph_infer(Graph *graph, Diag *diag);

/* Infers one node that a pass has just made; a failure is a bug of the pass and ends with exit 70. */
void node_infer(Node *node);

typedef struct DimBinding { const char *symbol; int64_t size; } DimBinding; /* --dim NAME=N */

/* Replaces symbols in the inputs' and declared types. A symbol nobody knows is an error that lists those there
 * are. Run before graph_infer. */
bool graph_bind_dims(Graph *graph, const DimBinding *bindings, int64_t count, Diag *diag);

/* The symbol of the free batch: dimension 0 of the inputs, where symbolic; NULL: the graph has none. */
const char *graph_batch_symbol(const Graph *graph);

/* After inference: every symbolic dimension left must be the batch, at axis 0; otherwise an error that names
 * the flag which fixes it (--dim height=N). */
bool graph_check_dims(Graph *graph, Diag *diag);

#endif
