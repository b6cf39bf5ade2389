/* JSON files of a Hugging Face folder: typed access whose errors point at the key's line. */
#ifndef CNXC_FRONTEND_INPUT_JSON_H
#define CNXC_FRONTEND_INPUT_JSON_H

#include "ir/base/diag.h"
#include "ir/base/vec.h"

#include <jansson.h>

typedef struct HfJson {
    const Source *source;
    json_t *root;          /* an object; freed with the arena */
    Arena *arena;
    Diag *diag;
} HfJson;

bool hf_file_exists(const char *dir, const char *name);
HfJson *hf_json_open(const char *dir, const char *name, Arena *arena, Diag *diag); /* NULL after a diagnostic */

Span hf_key_span(const HfJson *json, const char *key); /* of a key of the outermost object */
json_t *hf_get(const HfJson *json, const char *key);   /* NULL: absent or null */

/* Each leaves *value alone if the key is absent or null. False after a diagnostic. */
bool hf_int(const HfJson *json, const char *key, int64_t low, int64_t high, int64_t *value);
bool hf_number(const HfJson *json, const char *key, double *value);
bool hf_bool(const HfJson *json, const char *key, int64_t *value);
bool hf_string(const HfJson *json, const char *key, const char **value);
typedef VEC(int64_t) Ints;
bool hf_ints(const HfJson *json, const char *key, int64_t low, int64_t high, Ints *values);

/* value, which key holds (somewhere inside), is of another type than expected. Always false. */
bool hf_wrong_type(const HfJson *json, const char *key, const json_t *value, const char *expected);

#endif
