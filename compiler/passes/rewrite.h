/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The rewrite driver and what every rewrite rule needs: looking at a pattern and putting a node in its place.
 *
 * A pass is a table of rules, each rooted at one operator:
 *
 *   static const Rule rules[] = {
 *       {OP_Identity, "identity", remove_identity},      // y = Identity(x); z = Relu(y)  ->  z = Relu(x)
 *   };
 *   bool pass_x(Graph *graph) { return rewrite(graph, rules, countof(rules)); }
 *
 * A rule looks at its root, and either changes nothing and returns false, or edits the graph and returns true.
 * It may remove and insert nodes anywhere; it keeps the names of graph outputs and infers what it makes. */
#ifndef CNXC_PASSES_REWRITE_H
#define CNXC_PASSES_REWRITE_H

#include "ir/graph.h"
#include "ir/op.h"
#include "ir/params.h"

enum { ANY_OP = OP_COUNT }; /* a rule's root: every operator */

typedef struct Rule {
    int root;                  /* an OpKind, or ANY_OP */
    const char *name;          /* for debugging; says what the rule does */
    bool (*apply)(Node *node); /* true: the graph changed */
} Rule;

/* Applies rules in node order until none applies. A set of rules must make something smaller, or move it in one
 * direction only, so that it ends. */
bool rewrite(Graph *graph, const Rule *rules, int64_t n_rules);

/* ── Looking ─────────────────────────────────────────────────────────────────────────────────────────── */

Node *value_made_by(const Value *value, OpKind kind);       /* the producer if it is a kind; NULL */
Node *value_made_by_norm(const Value *value);               /* by LayerNormalization or its kin; NULL */
Node *value_only_user(const Value *value);                  /* the one node that uses it, once; NULL */
bool value_is_scalar(const Value *value, double *number);   /* a constant of one number */
bool value_is_number(const Value *value, double expected);  /* that constant, up to float's rounding */
bool value_is_float(const Value *value);                    /* element type float */
bool value_same_type(const Value *a, const Value *b);       /* known, and equal for every free batch */
int value_rank(const Value *value);                      /* -1: unknown */
Value *value_squared(const Value *value);                   /* x of x * x or x ** 2; NULL */
/* Of Add(x, c), Mul(c, x): x, the operand that is not the scalar constant; NULL if there is none. */
Value *node_scalar_operand(const Node *node, double *scalar);
/* As scalar_operand, for any constant operand; the constant in *constant. */
Value *constant_operand(const Node *node, Value **constant);

/* A vector of n numbers along the last axis: a constant of float [n], [1,n], [1,1,1,n] … */
bool value_is_channel_vector(const Value *value, int64_t n);

int64_t node_reduced_axes(const Node *node, int64_t axes[MAX_RANK]); /* those a Reduce* reduces over, ascending: how many */
void node_drop_attr(Node *node, const char *name);
void node_set_axes(Node *node, const int64_t *axes, int64_t n); /* input 1: the form of opset 18 */

/* A target for Reshape from one shape to another, as ONNX writes it: 0 keeps a symbolic dimension, one -1 infers.
 * False: there is none. */
bool reshape_target(const Shape *from, const Shape *to, int64_t target[MAX_RANK]);

/* ── Changing ────────────────────────────────────────────────────────────────────────────────────────── */

/* A node in old's place: new inputs, old's name, span and first output; old is removed. Attributes are the
 * caller's to set. */
Node *node_replace(Node *old, OpKind kind, Value *const *inputs, int64_t n_inputs);
/* A node before at, its output named after base. Call node_infer when its attributes are set. */
Node *node_before(Node *at, OpKind kind, Value *const *inputs, int64_t n_inputs, const char *base);
/* Uses of node's output go to value, and node goes. False, and nothing changed, if a graph output would lose its
 * name: where value is an input, a constant or an output itself. */
bool node_forward(Node *node, Value *value);
bool node_forward_same_type(Node *node); /* the first input where the first output has its type */
/* The only output of node becomes an initializer; an output of the graph becomes the Identity of one. */
/* CastLike(x, y) -> Cast to y's type: of y's elements, which may be a free batch of them, it needs none. */
bool cast_by_name(Node *node);
/* node becomes the Reshape of x to its output's shape. False: there is no target for it. */
bool node_become_reshape(Node *node, Value *x);
void node_become_constant(Node *node, Tensor *tensor);
Value *constant_new(Graph *graph, const char *base, Tensor *tensor, Span span); /* under a fresh name */
Value *vector_new(Node *at, const char *base, const double *numbers, int64_t n); /* float [n] */

#endif
