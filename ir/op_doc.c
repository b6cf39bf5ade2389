/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* docs/ops.md: the op table as a table of Markdown, so that the document can't say anything else than the code.
 *
 *   OP(Relu, "", CLASS_ELEMENTWISE, V(6, 13, 14), "X", "Y", "", "Y = max(X, 0)")
 *   → | `Relu` | elementwise | 6, 13, 14 | X → Y | | Y = max(X, 0) | */
#include "ir/op_doc.h"
#include "ir/op.h"

#include <string.h>

static const char *class_name(OpClass class)
{
    switch (class) {
    case CLASS_ELEMENTWISE: return "elementwise";
    case CLASS_REDUCTION: return "reduction";
    case CLASS_CONTRACTION: return "contraction";
    case CLASS_MOVE: return "move";
    case CLASS_META: return "meta";
    case CLASS_SPELLING: return "spelling";
    }
    unreachable();
}

/* "|" ends a cell, "*" and "_" would be emphasis. */
static void put_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("|*_<", *text))
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void put_versions(FILE *out, const int *versions)
{
    for (int i = 0; versions[i]; i++)
        fprintf(out, "%s%d", i ? ", " : "", versions[i]);
}

/* "axis:int=1" as `axis`: int = 1. */
static void put_attrs(FILE *out, const Op *op)
{
    AttrSpec spec;
    for (int i = 0; op_attr_at(op, i, &spec); i++) {
        const char *word = op->attrs;
        for (int skip = i; skip > 0; skip--)
            word += strcspn(word, " ") + 1;
        size_t name = strcspn(word, ":"), kind = strcspn(word + name + 1, " =!");
        fprintf(out, "%s`%s` %.*s", i ? ", " : "", spec.name, (int)kind, word + name + 1);
        if (spec.required)
            fputs(", required", out);
        else if (spec.has_default && spec.default_text[0])
            fprintf(out, " = %s", spec.default_text);
    }
}

static void put_op(FILE *out, const Op *op)
{
    fprintf(out, "| `%s` | %s | ", op->name, class_name(op->class));
    put_versions(out, op->versions);
    fputs(" | ", out);
    put_text(out, op->inputs);
    fputs(" → ", out);
    put_text(out, op->outputs);
    fputs(" | ", out);
    put_attrs(out, op);
    fputs(" | ", out);
    put_text(out, op->summary);
    fputs(" |\n", out);
}

static void put_domain(FILE *out, const char *domain)
{
    fputs("| operator | class | opsets | inputs → outputs | attributes | meaning |\n"
          "| --- | --- | --- | --- | --- | --- |\n",
          out);
    for (int i = 0; i < OP_COUNT; i++)
        if (strcmp(op_table[i].domain, domain) == 0)
            put_op(out, &op_table[i]);
}

void ops_markdown(FILE *out)
{
    fputs(
        "# Operators\n\n"
        "Generated from `ir/ops.def`; a test compares the two.\n\n"
        "`?` marks what may be left out, `...` what may repeat. The opsets are those at which ONNX changed an\n"
        "operator; every one from the first on is handled. Element types: float, double, float16 and bfloat16,\n"
        "integers of 8 to 64 bits, bool, as each operator allows; constants of float8, int4 and int2 for\n"
        "`DequantizeLinear`. Ranks go up to 8. An operator of the class spelling is another spelling of others,\n"
        "which take its place before anything is scheduled.\n\n"
        "Doubles and integers are added, compared, reduced and multiplied as matrices in their own type. Functions, convolutions,\n"
        "`LayerNormalization`, `RMSNormalization`, `Softmax` and losses of doubles are computed in float.\n\n"
        "## ONNX\n\n",
        out);
    put_domain(out, "");
    fputs("\n## ONNX Runtime (domain `com.microsoft`)\n\n"
          "`QuantizeLinear` and `DequantizeLinear` of this domain are ONNX's.\n\n",
          out);
    put_domain(out, "com.microsoft");
    fputs("\n## Ours (domain `cnxc`)\n\n"
          "Passes make these; they are printed, parsed and interpreted like any other.\n\n",
          out);
    put_domain(out, "cnxc");
}
