/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Labels, in each form that they are kept in beside a graph.
 *
 *   tench            ["tench", "goldfish", …]      {"id2label": {"0": "tench", "1": "goldfish", …}, …}
 *   goldfish         {"0": "tench", "1": …}        {"pretrained_cfg": {"label_names": ["tench", …]}, …}
 *   …
 *
 * They are somebody's bytes that will be printed: UTF-8 without NUL, and no line empty, lest all that follow belong to other
 * classes. Two classes of one name are told, and taken: published lists have them.
 *
 *   labels.txt:518:1: warning: class 517 has the label of class 134: crane */
#include "compiler/frontend/input/labels.h"
#include "compiler/frontend/input/foreign.h"
#include "compiler/frontend/input/source.h"
#include "compiler/frontend/input/timm.h"
#include "ir/base/listing.h"
#include "ir/base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* ── Lines ── */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static bool check_bytes(const Source *source, Diag *diag)
{
    if (foreign_kind(source))
        return foreign_refuse(source, "labels, one a line, a JSON list or id2label", diag);
    int64_t good = utf8_span(source->text, source->length);
    if (good == source->length)
        return true;
    diag_error(diag, (Span){source, good, good + 1}, "byte 0x%02x is not UTF-8 text, expected a label a line",
               (unsigned char)source->text[good]);
    return false;
}

static bool add(Labels *labels, const char *name, Span span, Arena *arena, Diag *diag)
{
    if (labels->names.len == MAX_LABELS)
        diag_error(diag, span, "more than %d labels", MAX_LABELS);
    else if (!name[strspn(name, " \t")])
        diag_error(diag, span, "an empty label");
    else {
        vec_push(arena, &labels->names, name);
        vec_push(arena, &labels->spans, span);
        return true;
    }
    return false;
}

/* Empty lines at the end mean nothing. */
static bool read_lines(const Source *source, Labels *labels, Arena *arena, Diag *diag)
{
    int64_t end = source->length, next;
    if (!check_bytes(source, diag))
        return false;
    while (end > 0 && is_blank(source->text[end - 1]))
        end--;
    for (int64_t at = source_mark(source); at < end; at = next + 1) {
        const char *newline = memchr(source->text + at, '\n', (size_t)(end - at));
        next = newline ? newline - source->text : end;
        int64_t length = next - at - (next > at && source->text[next - 1] == '\r');
        const char *name = arena_strndup(arena, source->text + at, (size_t)length);
        if (!add(labels, name, (Span){source, at, at + length}, arena, diag))
            return false;
    }
    return true;
}

/* ── JSON ── */

static bool read_list(const Source *source, Labels *labels, Arena *arena, Diag *diag)
{
    const json_t *list = json_parse(source, arena, diag);
    int64_t place = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *name = json_array_get(list, i);
        Span span = json_next_item(source, &place);
        if (!json_is_string(name)) {
            diag_error(diag, span, "label %zu is not a string", i);
            return false;
        }
        if (!add(labels, json_string_value(name), span, arena, diag))
            return false;
    }
    return list;
}

bool label_index(const char *key, int64_t count, int64_t *index)
{
    char *end;
    *index = strtoll(key, &end, 10);
    return *key >= '0' && *key <= '9' && *end == '\0' && *index < count;
}

bool labels_of_map(const JsonFile *json, const char *key, StrList *names)
{
    json_t *map = key_get(json, key), *label;
    int64_t count = (int64_t)json_object_size(map);
    const char *number, **found = NEW_ARRAY(json->arena, const char *, count);
    if (!json_is_object(map))
        return key_wrong_type(json, key, map, "an object");
    json_object_foreach (map, number, label) {
        int64_t index;
        if (!json_is_string(label))
            return key_wrong_type(json, key, label, "strings");
        if (!label_index(number, count, &index) || found[index])
            return key_error(json, key, "has the key \"%s\" among %lld, expected 0 to %lld, each once", number, (long long)count,
                             (long long)count - 1);
        found[index] = json_string_value(label);
    }
    for (int64_t i = 0; i < count; i++)
        vec_push(json->arena, names, found[i]);
    return true;
}

bool labels_problem_type(const JsonFile *json, const char **type)
{
    static const char *const known[] = {"regression", "single_label_classification", "multi_label_classification"};
    if (!key_string(json, "problem_type", type))
        return false;
    for (int64_t i = 0; i < countof(known); i++)
        if (!*type || strcmp(*type, known[i]) == 0)
            return true;
    diag_error(json->diag, key_span(json, "problem_type"),
               "unknown problem_type \"%s\", expected regression, single_label_classification or multi_label_classification",
               *type);
    return false;
}

/* Lets json have id2label, whatever its labels are called. */
static void translate(JsonFile *json)
{
    json_t *out = json_new_object(json->arena);
    if (json_is_timm(json))
        timm_translate_labels(json, out);
    else {
        json_put(out, "id2label", json_deep_copy(json->root));
        key_set_origin(json, "id2label", "the object", "0");
    }
    json->root = out;
}

static bool read_object(const Source *source, Labels *labels, Arena *arena, Diag *diag)
{
    JsonFile *json = json_file_of(source, arena, diag);
    int64_t errors = diag->n_errors;
    if (!json || !labels_problem_type(json, &labels->problem_type))
        return false;
    if (!key_get(json, "id2label") && (json_is_timm(json) || key_get(json, "0")))
        translate(json);
    labels->span = key_span(json, "id2label");
    bool ok = !key_get(json, "id2label") || labels_of_map(json, "id2label", &labels->names);
    return ok && diag->n_errors == errors;
}

/* ── All of it ── */

Span labels_span(const Labels *labels, int64_t class) { return labels->spans.len ? labels->spans.at[class] : labels->span; }

/* Answers don't tell them apart. One is enough to say. */
static void warn_twins(const Labels *labels, Diag *diag)
{
    Arena *scratch = arena_new();
    StrMap classes = {.arena = scratch};
    for (int64_t i = 0; i < labels->names.len; i++) {
        const char *name = labels->names.at[i];
        const int64_t *twin = strmap_get(&classes, name);
        int64_t *class = NEW(scratch, int64_t);
        *class = i;
        strmap_put(&classes, name, class);
        if (!twin)
            continue;
        diag_warning(diag, labels_span(labels, i), "class %lld has the label of class %lld: %s", (long long)i, (long long)*twin,
                     name);
        break;
    }
    arena_free(scratch);
}

bool labels_read(const char *path, Labels *labels, Arena *arena, Diag *diag)
{
    const Source *source = source_open(path_is_dir(path) ? arena_printf(arena, "%s/config.json", path) : path, arena, diag);
    if (!source)
        return false;
    *labels = (Labels){.span = {source, 0, 1}};
    int64_t at = source_first(source);
    const char *first = at < source->length ? source->text + at : "";
    bool ok = *first == '['   ? read_list(source, labels, arena, diag)
              : *first == '{' ? read_object(source, labels, arena, diag)
                              : read_lines(source, labels, arena, diag);
    if (ok)
        warn_twins(labels, diag);
    return ok;
}

const char *labels_write(const char *const *names, int64_t count, Arena *arena)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < count; i++)
        if (!list || json_array_append_new(list, json_string(names[i])))
            out_of_memory();
    char *text = json_dumps(list, 0);
    if (!text)
        out_of_memory();
    const char *copy = arena_strdup(arena, text);
    free(text);
    json_decref(list);
    return copy;
}
