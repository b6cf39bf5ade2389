/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The parts of config.json that name things: labels, and the stages a backbone returns.
 *
 *   {"id2label": {"0": "cat", "1": "dog"}}        →  labels cat, dog
 *   {}                                            →  LABEL_0, LABEL_1: a two-label model saved with default names
 *   {"out_indices": [1, -1]}, four stages         →  hidden states 1 and 4 */
#include "compiler/frontend/convnext/convnext.h"
#include "compiler/frontend/input/labels.h"

#include <string.h>

static bool read_id2label(HfConfig *config)
{
    StrList names = {0};
    if (!labels_of_map(config->json, "id2label", &names))
        return false;
    config->labels = names.at;
    config->num_labels = names.len;
    return true;
}

/* "3" or 3; -1: neither. */
static int64_t label_number(const json_t *value)
{
    int64_t number = -1;
    if (json_is_string(value) && !label_index(json_string_value(value), MAX_LABELS, &number))
        return -1;
    return json_is_integer(value) ? json_integer_value(value) : number;
}

/* Where two classes have one name, label2id has fewer entries than id2label; those it has should agree with it. */
static bool check_label2id(const HfConfig *config)
{
    const JsonFile *json = config->json;
    json_t *map = key_get(json, "label2id"), *value;
    const char *label;
    if (map && !json_is_object(map))
        return key_wrong_type(json, "label2id", map, "an object");
    json_object_foreach (map, label, value) {
        int64_t number = label_number(value);
        if (number < 0)
            return key_wrong_type(json, "label2id", value, "class numbers");
        if (!config->labels || (number < config->num_labels && strcmp(config->labels[number], label) == 0))
            continue;
        diag_warning(json->diag, key_span(json, "label2id"),
                     "label2id says that \"%s\" is %lld, but id2label does not; id2label wins", label, (long long)number);
        return true;
    }
    return true;
}

bool hf_config_labels(HfConfig *config)
{
    const JsonFile *json = config->json;
    json_t *map = key_get(json, "id2label");
    int64_t count = -1;
    bool ok = key_int(json, "num_labels", 0, MAX_LABELS, &count);
    if (map)
        ok = read_id2label(config) && ok;
    if (!check_label2id(config) || !ok)
        return false;
    config->counts_labels = true;
    if (map && (count < 0 || count == config->num_labels))
        return true;
    if (map)
        diag_warning(json->diag, key_span(json, "num_labels"), "%s is %lld, but %s has %lld entries; %s wins, labels are LABEL_i",
                     key_name(json, "num_labels"), (long long)count, key_name(json, "id2label"), (long long)config->num_labels,
                     key_name(json, "num_labels"));
    config->counts_labels = count >= 0;
    config->num_labels = count < 0 ? 2 : count;
    config->labels = NULL;
    return true;
}

/* "stem" → 0, "stage2" → 2; -1: no such stage. */
static int64_t stage_number(const HfConfig *config, const char *name)
{
    for (int64_t i = 1; i <= config->num_stages; i++) {
        char stage[32];
        snprintf(stage, sizeof stage, "stage%lld", (long long)i);
        if (strcmp(name, stage) == 0)
            return i;
    }
    return strcmp(name, "stem") == 0 ? 0 : -1;
}

static bool read_out_features(const HfConfig *config, Ints *stages)
{
    const JsonFile *json = config->json;
    const json_t *list = key_get(json, "out_features");
    if (list && !json_is_array(list))
        return key_wrong_type(json, "out_features", list, "a list of stage names");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *name = json_array_get(list, i);
        if (!json_is_string(name))
            return key_wrong_type(json, "out_features", name, "stage names");
        int64_t stage = stage_number(config, json_string_value(name));
        if (stage < 0)
            return key_error(json, "out_features", "names \"%s\", expected stem or stage1 to stage%lld", json_string_value(name),
                             (long long)config->num_stages);
        vec_push(json->arena, stages, stage);
    }
    return true;
}

static bool in_order(const HfConfig *config, const char *key, const Ints *stages)
{
    for (int64_t i = 1; i < stages->len; i++)
        if (stages->at[i] <= stages->at[i - 1])
            return key_error(config->json, key, "must list stages in order, each once");
    return true;
}

static bool same(const Ints *a, const Ints *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->at, b->at, (size_t)a->len * sizeof *a->at) == 0);
}

void hf_config_features(HfConfig *config)
{
    const JsonFile *json = config->json;
    Ints indices = {0}, features = {0};
    bool ok = read_out_features(config, &features) && in_order(config, "out_features", &features);
    ok = key_ints(json, "out_indices", -config->num_stages - 1, config->num_stages, &indices) && ok;
    for (int64_t i = 0; i < indices.len; i++)
        indices.at[i] += indices.at[i] < 0 ? config->num_stages + 1 : 0;
    ok = in_order(config, "out_indices", &indices) && ok;
    if (ok && features.len && indices.len && !same(&features, &indices))
        key_error(json, "out_indices", "and out_features name different stages");
    config->features = features.len ? features : indices;
    if (!key_get(json, "out_features") && !key_get(json, "out_indices"))
        vec_push(json->arena, &config->features, config->num_stages);
}
