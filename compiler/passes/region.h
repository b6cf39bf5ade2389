/* Making cnxc.Region nodes out of nodes of a graph. */
#ifndef CNXC_PASSES_REGION_H
#define CNXC_PASSES_REGION_H

#include "ir/graph.h"

enum { MAX_REGION = 32 }; /* nodes in one region */

/* Nodes with one output each, in topological order; only the last one's output is used outside. */
typedef struct Region {
    Node *nodes[MAX_REGION];
    int n;
} Region;

/* The nodes become the body of a Region node in the last one's place, which keeps its output. */
Node *region_make(const Region *region, const char *kind);

/* Region nodes in topological order, of which only the last one's output is used outside, become one Region in the last
 * one's place; its body is theirs, one after the other. */
Node *region_merge(Node *const *regions, int n, const char *kind);

#endif
