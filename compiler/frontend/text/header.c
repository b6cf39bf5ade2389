/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Headers: what stands between < and > before a graph or a function.
 *
 *   <ir_version: 8, opset_import: ["" : 17, "local" : 1], metadata_props: ["cnxc.task": "raw"]>
 *
 * As onnx reads them: a repeated key's last value counts. Unlike onnx, an opset imported twice is an error, and
 * so is a version that nobody has published. */
#include "compiler/frontend/text/tree.h"

#include <inttypes.h>
#include <string.h>

enum { OLDEST_IR = 3, NEWEST_IR = 14, NEWEST_OPSET = 28 }; /* onnx 1.23; IR 3 is the first one with opsets */

typedef struct HeaderKey {
    const char *name;
    int kind;
} HeaderKey;
static const HeaderKey model_keys[] = {
    {"ir_version", HEADER_INT},          {"opset_import", HEADER_PAIRS},   {"producer_name", HEADER_STRING},
    {"producer_version", HEADER_STRING}, {"domain", HEADER_STRING},        {"model_version", HEADER_INT},
    {"doc_string", HEADER_STRING},       {"metadata_props", HEADER_PAIRS},
};
static const HeaderKey function_keys[] = {
    {"opset_import", HEADER_PAIRS},
    {"domain", HEADER_STRING},
    {"overload", HEADER_STRING},
    {"doc_string", HEADER_STRING},
};

/* Is the key known, and its value of the right kind? */
static bool check_key(const TextParser *p, const TextHeader *header, const HeaderKey *keys, int64_t n_keys)
{
    static const char *const kinds[] = {"an integer", "a string", "a list in brackets"};
    const char *names[countof(model_keys)];
    for (int64_t i = 0; i < n_keys; i++) {
        names[i] = keys[i].name;
        if (strcmp(keys[i].name, header->key) != 0)
            continue;
        if (keys[i].kind == (int)header->kind)
            return true;
        diag_error(p->diag, header->value_span, "%s: expected %s, found %s", header->key, kinds[keys[i].kind],
                   kinds[header->kind]);
        return false;
    }
    const char *near = nearest_name(header->key, names, n_keys);
    StrBuf known = {.arena = p->arena};
    for (int64_t i = 0; i < n_keys; i++)
        sb_printf(&known, "%s%s", i ? ", " : "", names[i]);
    diag_error(p->diag, header->span, "unknown header key %.40s, %s%s", header->key, near ? "did you mean " : "expected one of ",
               near ? near : known.text);
    return false;
}

static const char *opset_domain(const char *domain) { return strcmp(domain, "ai.onnx") == 0 ? "" : domain; }

static bool check_opset(const TextParser *p, const TextPair *pair)
{
    bool onnx = !*opset_domain(pair->key);
    if (pair->string) {
        diag_error(p->diag, pair->value_span, "opset \"%.40s\": expected an integer, found a string", pair->key);
        return false;
    }
    int64_t version;
    if (!text_int((TextParser *)p, pair->value_span, 1, INT64_MAX, "opset version", &version))
        return false;
    if (onnx && version > NEWEST_OPSET) {
        diag_unsupported(p->diag, pair->value_span, "opset %" PRId64 " is not known, the newest one is %d", version,
                         NEWEST_OPSET);
        return false;
    }
    return true;
}

static int64_t opset_version(const TextParser *p, const TextPair *pair)
{
    int64_t version = 0;
    for (int64_t i = pair->value_span.begin; i < pair->value_span.end; i++)
        version = version * 10 + (p->source->text[i] - '0');
    return version; /* check_opset has seen that it fits */
}

static bool import_opsets(const TextParser *p, const TextPairs *pairs, Model *model)
{
    bool ok = true;
    for (int64_t i = 0; i < pairs->len; i++) {
        const char *domain = opset_domain(pairs->at[i].key);
        if (!check_opset(p, &pairs->at[i])) {
            ok = false;
        } else if (model_opset(model, domain)) {
            diag_error(p->diag, pairs->at[i].span, "opset \"%.40s\" is imported twice", pairs->at[i].key);
            ok = false;
        } else {
            model_set_opset(model, domain, opset_version(p, &pairs->at[i]));
        }
    }
    return ok;
}

static bool set_props(const TextParser *p, const TextPairs *pairs, Model *model)
{
    for (int64_t i = 0; i < pairs->len; i++) {
        const TextPair *pair = &pairs->at[i];
        if (!pair->string) {
            diag_error(p->diag, pair->value_span, "metadata_props: expected a string, found an integer");
            return false;
        }
        model_set_prop(model, pair->key, pair->string);
    }
    return true;
}

static bool set_ir_version(const TextParser *p, const TextHeader *header, Model *model)
{
    model->ir_version = header->integer;
    if (header->integer >= OLDEST_IR && header->integer <= NEWEST_IR)
        return true;
    diag_error(p->diag, header->value_span, "unknown ir_version %" PRId64 ", expected %d to %d", header->integer, OLDEST_IR,
               NEWEST_IR);
    return false;
}

static bool model_header(const TextParser *p, const TextHeader *header, Model *model)
{
    if (strcmp(header->key, "ir_version") == 0)
        return set_ir_version(p, header, model);
    if (strcmp(header->key, "opset_import") == 0)
        return import_opsets(p, header->pairs, model);
    if (strcmp(header->key, "metadata_props") == 0)
        return set_props(p, header->pairs, model);
    if (strcmp(header->key, "model_version") == 0)
        model->model_version = header->integer;
    else if (strcmp(header->key, "producer_name") == 0)
        model->producer_name = header->string;
    else if (strcmp(header->key, "producer_version") == 0)
        model->producer_version = header->string;
    else if (strcmp(header->key, "domain") == 0)
        model->domain = header->string;
    else
        model->doc_string = header->string;
    return true;
}

bool text_model_headers(const TextParser *p, Model *model)
{
    bool ok = true;
    for (int64_t i = 0; p->headers && i < p->headers->len; i++) {
        const TextHeader *header = &p->headers->at[i];
        ok &= check_key(p, header, model_keys, countof(model_keys)) && model_header(p, header, model);
    }
    return ok;
}

/* A function is inlined into the graph, so it must mean the same operators as the graph does. */
static bool agree_on_opsets(const TextParser *p, const TextPairs *pairs, Model *model)
{
    for (int64_t i = 0; i < pairs->len; i++) {
        if (!check_opset(p, &pairs->at[i]))
            return false;
        const char *domain = opset_domain(pairs->at[i].key);
        int64_t version = opset_version(p, &pairs->at[i]), ours = model_opset(model, domain);
        if (ours && ours != version) {
            diag_unsupported(p->diag, pairs->at[i].span,
                             "the function imports opset \"%.40s\" version %" PRId64 ", the model version %" PRId64
                             ": different versions are not supported",
                             domain, version, ours);
            return false;
        }
        model_set_opset(model, domain, version);
    }
    return true;
}

bool text_function_headers(const TextParser *p, const TextFunction *tree, Model *model, Function *function)
{
    bool ok = true;
    *function = (Function){.domain = "", .name = tree->graph->name, .overload = ""};
    for (int64_t i = 0; tree->headers && i < tree->headers->len; i++) {
        const TextHeader *header = &tree->headers->at[i];
        if (!check_key(p, header, function_keys, countof(function_keys)))
            ok = false;
        else if (strcmp(header->key, "opset_import") == 0)
            ok &= agree_on_opsets(p, header->pairs, model);
        else if (strcmp(header->key, "domain") == 0)
            function->domain = header->string;
        else if (strcmp(header->key, "overload") == 0)
            function->overload = header->string;
    }
    return ok;
}
