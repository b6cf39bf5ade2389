/* JSON with places.
 *
 * Problem: jansson is strict but forgets where a value stood, and a wrong config wants its line shown. Idea: on
 * an error, look the key up once more in the text, skipping strings and nested values.
 *
 *   config.json:4:3: error: num_stages is a string, expected an integer */
#include "compiler/frontend/input/json.h"
#include "compiler/frontend/input/source.h"

#include <string.h>
#include <sys/stat.h>

bool hf_file_exists(const char *dir, const char *name)
{
    Arena *scratch = arena_new();
    struct stat status;
    bool exists = stat(arena_printf(scratch, "%s/%s", dir, name), &status) == 0;
    arena_free(scratch);
    return exists;
}

static void release(void *root) { json_decref(root); }

HfJson *hf_json_open(const char *dir, const char *name, Arena *arena, Diag *diag)
{
    const Source *source = source_open(arena_printf(arena, "%s/%s", dir, name), arena, diag);
    json_error_t error;
    if (!source)
        return NULL;
    json_t *root = json_loadb(source->text ? source->text : "", (size_t)source->length, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        int64_t at = error.position < 0 || error.position > source->length ? source->length : error.position;
        diag_error(diag, (Span){source, at > 0 ? at - 1 : 0, at}, "not valid JSON: %s", error.text);
        return NULL;
    }
    arena_on_free(arena, release, root);
    if (!json_is_object(root)) {
        diag_error(diag, (Span){source, 0, 1}, "expected a JSON object");
        return NULL;
    }
    HfJson *json = NEW(arena, HfJson);
    *json = (HfJson){source, root, arena, diag};
    return json;
}

/* The index after the string that begins at i, a quote. */
static int64_t skip_string(const Source *source, int64_t i)
{
    for (i++; i < source->length && source->text[i] != '"'; i++)
        i += source->text[i] == '\\';
    return i + 1;
}

Span hf_key_span(const HfJson *json, const char *key)
{
    const Source *source = json->source;
    int64_t n = (int64_t)strlen(key), depth = 0;
    bool at_key = true; /* of an object's member, a string before the colon */
    for (int64_t i = 0; i < source->length;) {
        char c = source->text[i];
        if (c == '"') {
            int64_t end = skip_string(source, i);
            if (depth == 1 && at_key && end - i == n + 2 && memcmp(source->text + i + 1, key, (size_t)n) == 0)
                return (Span){source, i, end};
            i = end;
            continue;
        }
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        at_key = depth == 1 && c == ':' ? false : depth == 1 && c == ',' ? true : at_key;
        i++;
    }
    return (Span){source, 0, 1};
}

json_t *hf_get(const HfJson *json, const char *key)
{
    json_t *value = json_object_get(json->root, key);
    return json_is_null(value) ? NULL : value;
}

static const char *type_name(const json_t *value)
{
    static const char *const names[] = {"an object", "a list", "a string", "an integer", "a number", "true", "false", "null"};
    return value ? names[json_typeof(value)] : "absent";
}

bool hf_wrong_type(const HfJson *json, const char *key, const json_t *value, const char *expected)
{
    diag_error(json->diag, hf_key_span(json, key), "%s %s %s, expected %s", key,
               value == json_object_get(json->root, key) ? "is" : "holds", type_name(value), expected);
    return false;
}

static bool in_range(const HfJson *json, const char *key, int64_t value, int64_t low, int64_t high)
{
    if (value >= low && value <= high)
        return true;
    diag_error(json->diag, hf_key_span(json, key), "%s is %lld, expected %lld to %lld", key, (long long)value, (long long)low,
               (long long)high);
    return false;
}

bool hf_int(const HfJson *json, const char *key, int64_t low, int64_t high, int64_t *value)
{
    const json_t *found = hf_get(json, key);
    if (!found)
        return true;
    if (!json_is_integer(found))
        return hf_wrong_type(json, key, found, "an integer");
    *value = json_integer_value(found);
    return in_range(json, key, *value, low, high);
}

bool hf_number(const HfJson *json, const char *key, double *value)
{
    const json_t *found = hf_get(json, key);
    if (found && !json_is_number(found))
        return hf_wrong_type(json, key, found, "a number");
    if (found)
        *value = json_number_value(found);
    return true;
}

bool hf_bool(const HfJson *json, const char *key, int64_t *value)
{
    const json_t *found = hf_get(json, key);
    if (found && !json_is_boolean(found))
        return hf_wrong_type(json, key, found, "true or false");
    if (found)
        *value = json_is_true(found);
    return true;
}

bool hf_string(const HfJson *json, const char *key, const char **value)
{
    const json_t *found = hf_get(json, key);
    if (found && !json_is_string(found))
        return hf_wrong_type(json, key, found, "a string");
    if (found)
        *value = json_string_value(found);
    return true;
}

bool hf_ints(const HfJson *json, const char *key, int64_t low, int64_t high, Ints *values)
{
    const json_t *found = hf_get(json, key);
    if (!found)
        return true;
    if (!json_is_array(found))
        return hf_wrong_type(json, key, found, "a list of integers");
    values->len = 0;
    for (size_t i = 0; i < json_array_size(found); i++) {
        const json_t *item = json_array_get(found, i);
        if (!json_is_integer(item))
            return hf_wrong_type(json, key, item, "integers");
        if (!in_range(json, key, json_integer_value(item), low, high))
            return false;
        vec_push(json->arena, values, json_integer_value(item));
    }
    return true;
}
