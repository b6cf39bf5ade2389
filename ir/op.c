/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The op table as data. */
#include "ir/op.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define V(...) (__VA_ARGS__) /* parentheses keep it one argument where a row becomes another */
#define BRACED(...) {__VA_ARGS__}
const Op op_table[OP_COUNT] = {
#define ROW(name, domain, class, versions, inputs, outputs, attrs, cost, summary) \
    [OP_##name] = {OP_##name, #name, domain, class, BRACED versions, inputs, outputs, attrs, summary, cost},
#define OP(name, domain, class, versions, inputs, outputs, attrs, summary) \
    ROW(name, domain, class, versions, inputs, outputs, attrs, class == CLASS_ELEMENTWISE, summary)
#define ELEMENTWISE(name, versions, inputs, outputs, attrs, cost, summary) \
    ROW(name, "", CLASS_ELEMENTWISE, versions, inputs, outputs, attrs, cost, summary)
#include "ir/ops.def"
#undef OP
};

const Op *op_get(OpKind kind) { return &op_table[kind]; }

/* Before ONNX had them for all types, ONNX Runtime had them in its own domain. */
static bool is_contributed(const char *domain, const char *name)
{
    return strcmp(domain, "com.microsoft") == 0 && (strcmp(name, "QuantizeLinear") == 0 || strcmp(name, "DequantizeLinear") == 0);
}

const Op *op_find(const char *domain, const char *name)
{
    if (strcmp(domain, "ai.onnx") == 0 || is_contributed(domain, name))
        domain = "";
    for (int i = 0; i < OP_COUNT; i++)
        if (strcmp(op_table[i].name, name) == 0 && strcmp(op_table[i].domain, domain) == 0)
            return &op_table[i];
    return NULL;
}

const char *op_nearest(const char *domain, const char *name)
{
    const char *names[OP_COUNT];
    int64_t n = 0;
    for (int i = 0; i < OP_COUNT; i++)
        if (strcmp(op_table[i].domain, domain) == 0)
            names[n++] = op_table[i].name;
    return nearest_name(name, names, n);
}

static bool is_optional(const char *word) { return word[strcspn(word, " ") - 1] == '?'; }

/* Words of "X W B?" and how many of them there are up to the last that is required. "Y..." stands for any number of words,
 * none among them. */
static void count_words(const char *words, int *min, int *max)
{
    *min = *max = 0;
    while (*words) {
        size_t n = strcspn(words, " ");
        bool repeats = n > 3 && strncmp(words + n - 3, "...", 3) == 0;
        *max = repeats ? INT_MAX : *max + 1;
        if (!is_optional(words) && !repeats)
            *min = *max;
        words += n + (words[n] == ' ');
    }
}

#define COUNT(field, which)             \
    int min, max;                       \
    count_words(op->field, &min, &max); \
    return which

bool op_requires_input(const Op *op, int64_t index)
{
    const char *word = op->inputs;
    for (; index && *word; index--)
        word += strcspn(word, " ") + (strchr(word, ' ') != NULL);
    return *word && !is_optional(word);
}

int op_min_inputs(const Op *op) { COUNT(inputs, min); }
int op_max_inputs(const Op *op) { COUNT(inputs, max); }
int op_min_outputs(const Op *op) { COUNT(outputs, min); }
int op_max_outputs(const Op *op) { COUNT(outputs, max); }

static AttrKind kind_from_name(const char *name, size_t n)
{
    static const struct {
        const char *name;
        AttrKind kind;
    } kinds[] = {
        {"float", ATTR_FLOAT}, {"int", ATTR_INT},       {"string", ATTR_STRING}, {"tensor", ATTR_TENSOR},
        {"graph", ATTR_GRAPH}, {"floats", ATTR_FLOATS}, {"ints", ATTR_INTS},     {"strings", ATTR_STRINGS},
    };
    for (int64_t i = 0; i < countof(kinds); i++)
        if (strlen(kinds[i].name) == n && strncmp(kinds[i].name, name, n) == 0)
            return kinds[i].kind;
    unreachable();
}

static void parse_spec(const char *word, size_t n, AttrSpec *spec)
{
    memset(spec, 0, sizeof *spec);
    size_t name = strcspn(word, ":"), kind = strcspn(word + name + 1, " =!");
    memcpy(spec->name, word, name);
    spec->kind = kind_from_name(word + name + 1, kind);
    const char *rest = word + name + 1 + kind;
    spec->required = *rest == '!';
    spec->has_default = *rest == '=';
    if (spec->has_default)
        memcpy(spec->default_text, rest + 1, (size_t)(word + n - rest - 1));
}

bool op_attr_at(const Op *op, int index, AttrSpec *spec)
{
    const char *word = op->attrs;
    for (; *word; index--) {
        size_t n = strcspn(word, " ");
        if (index == 0) {
            parse_spec(word, n, spec);
            return true;
        }
        word += n + (word[n] == ' ');
    }
    return false;
}

bool op_attr_spec(const Op *op, const char *name, AttrSpec *spec)
{
    for (int i = 0; op_attr_at(op, i, spec); i++)
        if (strcmp(spec->name, name) == 0)
            return true;
    return false;
}
