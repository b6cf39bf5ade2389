/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* JSON with places.
 *
 * Problem: jansson is strict but forgets where a value stood, and a wrong config wants its line shown. Idea: on
 * an error, look the key up once more in the text, skipping strings and nested values.
 *
 *   config.json:4:3: error: num_stages is a string, expected an integer
 *
 * A file in other words than those its reader knows is translated first; its keys then have an origin:
 *
 *   config.json:7:5: error: model_args.dims is a string, expected a list of integers       (read as hidden_sizes) */
#include "compiler/frontend/input/json.h"
#include "compiler/frontend/input/foreign.h"
#include "compiler/frontend/input/source.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

bool json_file_exists(const char *dir, const char *name)
{
    Arena *scratch = arena_new();
    struct stat status;
    bool exists = stat(arena_printf(scratch, "%s/%s", dir, name), &status) == 0;
    arena_free(scratch);
    return exists;
}

static void release(void *root) { json_decref(root); }

json_t *json_parse(const Source *source, Arena *arena, Diag *diag)
{
    json_error_t error;
    const char *text = source->text ? source->text : "";
    json_t *root = json_loadb(text, (size_t)source->length, JSON_REJECT_DUPLICATES, &error);
    int64_t first = source_first(source);
    if (!root && (source->length == 0 || (first < source->length && text[first] != '{' && foreign_kind(source)))) {
        foreign_refuse(source, "JSON", diag);
        return NULL;
    }
    if (!root) {
        int64_t at = error.position < 0 || error.position > source->length ? source->length : error.position;
        diag_error(diag, (Span){source, at > 0 ? at - 1 : 0, at}, "not valid JSON: %s", error.text);
        return NULL;
    }
    arena_on_free(arena, release, root);
    return root;
}

JsonFile *json_file_of(const Source *source, Arena *arena, Diag *diag)
{
    json_t *root = json_parse(source, arena, diag);
    if (!root)
        return NULL;
    if (!json_is_object(root)) {
        diag_error(diag, (Span){source, 0, 1}, "expected a JSON object");
        return NULL;
    }
    JsonFile *json = NEW(arena, JsonFile);
    *json = (JsonFile){.source = source, .root = root, .origins = {.arena = arena}, .arena = arena, .diag = diag};
    return json;
}

JsonFile *json_open(const char *path, Arena *arena, Diag *diag)
{
    const Source *source = source_open(path, arena, diag);
    return source ? json_file_of(source, arena, diag) : NULL;
}

JsonFile *json_file_open(const char *dir, const char *name, Arena *arena, Diag *diag)
{
    return json_open(arena_printf(arena, "%s/%s", dir, name), arena, diag);
}

/* ── Places ── */

/* The index after the string that begins at i, a quote. */
static int64_t skip_string(const Source *source, int64_t i)
{
    for (i++; i < source->length && source->text[i] != '"'; i++)
        i += source->text[i] == '\\';
    return i + 1;
}

Span json_next_item(const Source *source, int64_t *place)
{
    int64_t begin = *place;
    bool outside = begin == 0;
    for (; begin < source->length && memchr(outside ? " \t\r\n[" : " \t\r\n,", source->text[begin], 5); begin++)
        outside = outside && source->text[begin] != '[';
    bool string = begin < source->length && source->text[begin] == '"';
    *place = string ? skip_string(source, begin) : begin + 1;
    return (Span){source, begin, *place};
}

/* The key of the object that begins at i or behind blanks and a colon; a span without source: there is none. */
static Span find_key(const Source *source, int64_t i, const char *key, int64_t length)
{
    int64_t depth = 1;
    bool at_key = true; /* of the object's member, a string before the colon */
    while (i < source->length && memchr(" \t\r\n:", source->text[i], 5))
        i++;
    if (i >= source->length || source->text[i] != '{')
        return NO_SPAN;
    i++;
    while (i < source->length && depth > 0) {
        char c = source->text[i];
        if (c == '"') {
            int64_t end = skip_string(source, i);
            if (depth == 1 && at_key && end - i == length + 2 && memcmp(source->text + i + 1, key, (size_t)length) == 0)
                return (Span){source, i, end};
            i = end;
            continue;
        }
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        at_key = depth == 1 && c == ':' ? false : depth == 1 && c == ',' ? true : at_key;
        i++;
    }
    return NO_SPAN;
}

static Span find_path(const Source *source, const char *path)
{
    int64_t length = (int64_t)strcspn(path, ".");
    Span outer = find_key(source, 0, path, length);
    if (!outer.source || !path[length])
        return outer;
    const char *rest = path + length + 1;
    Span inner = find_key(source, outer.end, rest, (int64_t)strlen(rest));
    return inner.source ? inner : outer;
}

Span key_span(const JsonFile *json, const char *key)
{
    const KeyOrigin *origin = strmap_get(&json->origins, key);
    Span span = find_path(json->source, origin ? origin->path : key);
    return span.source ? span : (Span){json->source, 0, 1};
}

const char *key_name(const JsonFile *json, const char *key)
{
    const KeyOrigin *origin = strmap_get(&json->origins, key);
    return origin ? origin->name : key;
}

void key_set_origin(JsonFile *json, const char *key, const char *name, const char *path)
{
    KeyOrigin *origin = NEW(json->arena, KeyOrigin);
    *origin = (KeyOrigin){name, path};
    strmap_put(&json->origins, key, origin);
}

JsonFile *json_part(const JsonFile *json, const char *key)
{
    json_t *root = key_get(json, key), *value;
    const char *member;
    if (!json_is_object(root)) {
        key_wrong_type(json, key, root, "an object");
        return NULL;
    }
    JsonFile *part = NEW(json->arena, JsonFile);
    *part = (JsonFile){
        .source = json->source, .root = root, .origins = {.arena = json->arena}, .arena = json->arena, .diag = json->diag};
    json_object_foreach (root, member, value) {
        const char *path = arena_printf(json->arena, "%s.%s", key, member);
        key_set_origin(part, member, path, path);
    }
    return part;
}

/* ── Translating ── */

json_t *json_new_object(Arena *arena)
{
    json_t *object = json_object();
    if (!object)
        out_of_memory();
    arena_on_free(arena, release, object);
    return object;
}

void json_put(json_t *object, const char *key, json_t *value)
{
    if (!value || json_object_set_new(object, key, value) != 0)
        out_of_memory();
}

/* A copy: the old root goes away. */
bool key_carry(JsonFile *json, json_t *object, const char *key, const char *from)
{
    const json_t *value = key_get(json, from);
    if (!value)
        return false;
    json_put(object, key, json_deep_copy(value));
    key_set_origin(json, key, from, from);
    return true;
}

/* ── Messages ── */

static json_t *look_up(const json_t *root, const char *key)
{
    const char *dot = strchr(key, '.');
    return dot ? json_object_get(json_object_getn(root, key, (size_t)(dot - key)), dot + 1) : json_object_get(root, key);
}

bool key_error(const JsonFile *json, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    diag_error(json->diag, key_span(json, key), "%s %s", key_name(json, key), arena_vprintf(json->arena, format, args));
    va_end(args);
    return false;
}

bool key_unsupported(const JsonFile *json, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    diag_unsupported(json->diag, key_span(json, key), "%s %s", key_name(json, key), arena_vprintf(json->arena, format, args));
    va_end(args);
    return false;
}

static const char *type_name(const json_t *value)
{
    static const char *const names[] = {"an object", "a list", "a string", "an integer", "a number", "true", "false", "null"};
    return value ? names[json_typeof(value)] : "absent";
}

bool key_wrong_type(const JsonFile *json, const char *key, const json_t *value, const char *expected)
{
    return key_error(json, key, "%s %s, expected %s", value == look_up(json->root, key) ? "is" : "holds", type_name(value),
                     expected);
}

/* ── Values ── */

json_t *key_get(const JsonFile *json, const char *key)
{
    json_t *value = look_up(json->root, key);
    return json_is_null(value) ? NULL : value;
}

/* value, an integer from low to high, which key holds. */
static bool check_int(const JsonFile *json, const char *key, const json_t *value, const char *expected, int64_t low, int64_t high)
{
    if (!json_is_integer(value))
        return key_wrong_type(json, key, value, expected);
    int64_t number = json_integer_value(value);
    if (number >= low && number <= high)
        return true;
    return key_error(json, key, "is %lld, expected %lld to %lld", (long long)number, (long long)low, (long long)high);
}

bool key_int(const JsonFile *json, const char *key, int64_t low, int64_t high, int64_t *value)
{
    const json_t *found = key_get(json, key);
    if (found && !check_int(json, key, found, "an integer", low, high))
        return false;
    if (found)
        *value = json_integer_value(found);
    return true;
}

bool key_number(const JsonFile *json, const char *key, double *value)
{
    const json_t *found = key_get(json, key);
    if (found && !json_is_number(found))
        return key_wrong_type(json, key, found, "a number");
    if (found)
        *value = json_number_value(found);
    return true;
}

bool key_bool(const JsonFile *json, const char *key, int64_t *value)
{
    const json_t *found = key_get(json, key);
    if (found && !json_is_boolean(found))
        return key_wrong_type(json, key, found, "true or false");
    if (found)
        *value = json_is_true(found);
    return true;
}

bool key_string(const JsonFile *json, const char *key, const char **value)
{
    const json_t *found = key_get(json, key);
    if (found && !json_is_string(found))
        return key_wrong_type(json, key, found, "a string");
    if (found)
        *value = json_string_value(found);
    return true;
}

/* The first wrong entry is named: a list often is wrong as a whole. */
int64_t key_choice(const JsonFile *json, const char *key, const char *const *names, int64_t count, int64_t absent)
{
    const json_t *value = key_get(json, key);
    const char *name = json_string_value(value);
    StrBuf list = {.arena = json->arena};
    for (int64_t i = 0; i < count; i++) {
        if (!value ? i == absent : str_equal(name, names[i]))
            return i;
        sb_printf(&list, "%s%s", i == 0 ? "" : i == count - 1 ? " or " : ", ", names[i]);
    }
    key_unsupported(json, key, "is %s, expected %s", name ? name : "no string", list.text);
    return -1;
}

bool key_ints(const JsonFile *json, const char *key, int64_t low, int64_t high, Ints *values)
{
    const json_t *found = key_get(json, key);
    Ints list = {0};
    if (!found)
        return true;
    if (!json_is_array(found))
        return key_wrong_type(json, key, found, "a list of integers");
    for (size_t i = 0; i < json_array_size(found); i++) {
        const json_t *item = json_array_get(found, i);
        if (!check_int(json, key, item, "integers", low, high))
            return false;
        vec_push(json->arena, &list, json_integer_value(item));
    }
    *values = list;
    return true;
}
