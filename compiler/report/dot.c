/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The graph as a Graphviz drawing.
 *
 *   a box for each node; regions list the operators of their body; edges carry shapes; constants are left out.
 *
 *     cnxc compile model/ --emit=dot | dot -Tsvg > model.svg */
#include "compiler/report/dot.h"

#include "ir/base/escape.h"
#include "ir/op.h"

#include <string.h>

static void put_quoted(FILE *out, const char *text)
{
    char piece[ESCAPE_ROOM];
    int64_t left = (int64_t)strlen(text);
    for (int n; (n = escape_next(text, left, piece)); text += n, left -= n)
        for (const char *c = piece; *c; c++)
            fprintf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
}

/* The operators of a body, of regions in it theirs. */
static void put_operators(FILE *out, const Graph *body)
{
    FOR_NODES (node, body) {
        if (node->op->kind == OP_Region) {
            put_operators(out, node_attr_graph(node, "body"));
            continue;
        }
        fputs("\\n", out);
        put_quoted(out, node->op->name);
    }
}

/* "Region gemm\nMatMul\nGelu" */
static void put_label(FILE *out, const Node *node)
{
    put_quoted(out, node->op->name);
    if (node->op->kind != OP_Region)
        return;
    fputc(' ', out);
    put_quoted(out, node_attr_string(node, "kind"));
    put_operators(out, node_attr_graph(node, "body"));
}

/* Nodes are named by their first output, which is unique in its graph. */
static void put_node_name(FILE *out, const Node *node)
{
    fputs("\"n:", out);
    const Value *value = node->outputs.len ? node->outputs.at[0] : NULL;
    put_quoted(out, value ? value->name : node->name);
    fputc('"', out);
}

static void put_source(FILE *out, const Value *value)
{
    if (value->producer) {
        put_node_name(out, value->producer);
        return;
    }
    fputs("\"v:", out);
    put_quoted(out, value->name);
    fputc('"', out);
}

static void put_edge_label(FILE *out, const Value *value)
{
    Arena *scratch = arena_new();
    fputs(" [label=\"", out);
    put_quoted(out, type_text(scratch, &value->type));
    fputs("\"];\n", out);
    arena_free(scratch);
}

static void print_node(const Node *node, FILE *out)
{
    fputs("  ", out);
    put_node_name(out, node);
    fputs(node->op->kind == OP_Region ? " [style=filled, fillcolor=lightyellow, label=\"" : " [label=\"", out);
    put_label(out, node);
    fputs("\"];\n", out);
    for (int64_t i = 0; i < node->inputs.len; i++) {
        const Value *input = node->inputs.at[i];
        if (!input || input->constant)
            continue;
        fputs("  ", out);
        put_source(out, input);
        fputs(" -> ", out);
        put_node_name(out, node);
        put_edge_label(out, input);
    }
}

static void print_end(const Value *value, FILE *out, bool is_output)
{
    fputs(is_output ? "  \"o:" : "  \"v:", out);
    put_quoted(out, value->name);
    fputs("\" [shape=ellipse, label=\"", out);
    put_quoted(out, value->name);
    fputs("\"];\n", out);
    if (!is_output || value->constant)
        return;
    fputs("  ", out);
    put_source(out, value);
    fputs(" -> \"o:", out);
    put_quoted(out, value->name);
    fputc('"', out);
    put_edge_label(out, value);
}

void dot_print(const Graph *graph, FILE *out)
{
    fputs("digraph \"", out);
    put_quoted(out, graph->name ? graph->name : "");
    fputs("\" {\n  node [shape=box, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n", out);
    for (int64_t i = 0; i < graph->inputs.len; i++)
        print_end(graph->inputs.at[i], out, false);
    FOR_NODES (node, graph)
        print_node(node, out);
    for (int64_t i = 0; i < graph->outputs.len; i++)
        print_end(graph->outputs.at[i], out, true);
    fputs("}\n", out);
}
