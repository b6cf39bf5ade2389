/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* JSON files beside a model: typed access by key, whose errors point at the key's line. */
#ifndef CNXC_FRONTEND_INPUT_JSON_H
#define CNXC_FRONTEND_INPUT_JSON_H

#include "ir/base/diag.h"
#include "ir/base/str.h"
#include "ir/base/vec.h"

#include <jansson.h>

typedef struct JsonFile {
    const Source *source;
    json_t *root;          /* an object */
    StrMap origins;        /* key → KeyOrigin, of keys that root has and the text does not */
    Arena *arena;
    Diag *diag;
} JsonFile;

/* Where a key's value comes from, if the file was translated from other words. */
typedef struct KeyOrigin {
    const char *name;      /* as messages call it: "model_args.dims" */
    const char *path;      /* the key in the text that it comes from */
} KeyOrigin;

/* Each is NULL after a diagnostic, and freed with the arena. */
json_t *json_parse(const Source *source, Arena *arena, Diag *diag);
JsonFile *json_file_of(const Source *source, Arena *arena, Diag *diag); /* whose root must be an object */
JsonFile *json_open(const char *path, Arena *arena, Diag *diag);
JsonFile *json_file_open(const char *dir, const char *name, Arena *arena, Diag *diag);
bool json_file_exists(const char *dir, const char *name);

/* The object that key holds, whose keys are then named "key.…"; NULL after a diagnostic. */
JsonFile *json_part(const JsonFile *json, const char *key);

/* A key is one of the outermost object, or two with a dot between: one of an object in it. */
json_t *key_get(const JsonFile *json, const char *key);           /* NULL: absent or null */
const char *key_name(const JsonFile *json, const char *key);      /* as the user's file has it */
Span key_span(const JsonFile *json, const char *key);
/* Of a text that is a list of strings, the next one after *place, which begins as 0; where another value stands, its beginning. */
Span json_next_item(const Source *source, int64_t *place);
void key_set_origin(JsonFile *json, const char *key, const char *name, const char *path);

/* For translators, which make objects in other words. */
json_t *json_new_object(Arena *arena); /* freed with the arena */
void json_put(json_t *object, const char *key, json_t *value); /* takes value over */
/* Lets object's key have the value of from, a key of the file. False: there is none. */
bool key_carry(JsonFile *json, json_t *object, const char *key, const char *from);

/* Each leaves *value alone if the key is absent or null, or after a diagnostic, which false means. */
bool key_int(const JsonFile *json, const char *key, int64_t low, int64_t high, int64_t *value);
bool key_number(const JsonFile *json, const char *key, double *value);
bool key_bool(const JsonFile *json, const char *key, int64_t *value);
bool key_string(const JsonFile *json, const char *key, const char **value);
typedef VEC(int64_t) Ints;
bool key_ints(const JsonFile *json, const char *key, int64_t low, int64_t high, Ints *values);
/* The number of the string among count names; absent: where nothing is said; -1 after a diagnostic. */
int64_t key_choice(const JsonFile *json, const char *key, const char *const *names, int64_t count, int64_t absent);

/* An error at the key, whose message begins with its name. Always false. */
bool key_error(const JsonFile *json, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool key_unsupported(const JsonFile *json, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* value, which key holds (somewhere inside), is of another type than expected. */
bool key_wrong_type(const JsonFile *json, const char *key, const json_t *value, const char *expected);

#endif
