/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Labels: what a classifier's classes are called. */
#ifndef CNXC_FRONTEND_INPUT_LABELS_H
#define CNXC_FRONTEND_INPUT_LABELS_H

#include "compiler/frontend/input/json.h"

enum { MAX_LABELS = 1 << 20 };

typedef struct Labels {
    StrList names;            /* by class */
    VEC(Span) spans;          /* of each; empty: of all there is one place */
    Span span;                /* of all */
    const char *problem_type; /* as config.json says; NULL: it does not */
} Labels;

/* A file of a label a line, of a JSON list, or of an object that has id2label or timm's label_names, or is such a map itself; or
 * a folder's config.json. False after a diagnostic; no names: an object that has none. */
bool labels_read(const char *path, Labels *labels, Arena *arena, Diag *diag);

Span labels_span(const Labels *labels, int64_t class); /* where a class's label stands */

/* The values of key, a map whose keys are 0 to n - 1, each once. False after a diagnostic. */
bool labels_of_map(const JsonFile *json, const char *key, StrList *names);
/* The key problem_type, which must be a known one. False after a diagnostic. */
bool labels_problem_type(const JsonFile *json, const char **type);
bool label_index(const char *key, int64_t count, int64_t *index); /* "3" → 3, if that is less than count */

const char *labels_write(const char *const *names, int64_t count, Arena *arena); /* the JSON list that "cnxc.labels" holds */

#endif
