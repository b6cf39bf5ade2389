/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What is compiled stays, so nothing in it may be another than MODEL would have:
 *
 *   code      the same tile programs, to the letter: loops, kernels and all numbers in them, places of weights; names do not count
 *   the rest  inputs, outputs, how scores are made, settings of pictures, labels
 *
 * The program is scheduled again, by its own options and without the tiles that spilled then, which gives the packing; no code is
 * generated. Where hashes differ, so do tensors' names or shapes; or numbers of a checkpoint are code (a scalar) or decide it (a
 * scale of all ones is left out), and the phase where they do is named. */
#include "compiler/build/swap.h"
#include "compiler/build/recipe.h"

#include <stdlib.h>
#include <string.h>

static const char *text_at(const json_t *list, size_t i)
{
    const char *text = json_string_value(json_array_get(list, i));
    return text ? text : "";
}

static bool refuse(const Build *build, const char *what)
{
    diag_error(build->diag, NO_SPAN, "the program can't take the weights of '%s': %s", build->options.input, what);
    return false;
}

bool swap_begin(const Record *record, Diag *diag)
{
    const char *version = json_string_value(json_object_get(record->info, "version"));
    if (str_equal(version, CNXC_VERSION))
        return true;
    diag_unsupported(diag, NO_SPAN,
                     "the program was compiled by cnxc %s, which must pack its weights, too; this is cnxc " CNXC_VERSION,
                     version ? version : "of an unknown version");
    return false;
}

/* ── Tensors ─────────────────────────────────────────────────────────────────────────────────────────── */

/* "96x3x4x4 NAME": what stands behind the first space. */
static const char *name_in(const char *text)
{
    const char *space = strchr(text, ' ');
    return space ? space + 1 : text;
}

static StrMap by_name(const Build *build, const json_t *list)
{
    StrMap map = {.arena = build->arena};
    for (size_t i = 0; i < json_array_size(list); i++)
        strmap_put(&map, name_in(text_at(list, i)), (void *)(uintptr_t)text_at(list, i));
    return map;
}

static const char *shape_in(const Build *build, const char *text)
{
    return arena_strndup(build->arena, text, strcspn(text, " "));
}

/* How a tensor of MODEL's is another one in the program's graph; NULL: it is not. */
static const char *tensor_difference(const Build *build, const StrMap *theirs, const char *tensor)
{
    const char *name = name_in(tensor), *its = strmap_get(theirs, name);
    if (!its)
        return arena_printf(build->arena, "the program's graph has no tensor '%s' (%s)", name, shape_in(build, tensor));
    if (strcmp(its, tensor) == 0)
        return NULL;
    return arena_printf(build->arena, "'%s' is %s in the program's graph and %s here", name, shape_in(build, its),
                        shape_in(build, tensor));
}

static const char *missing_tensor(const Build *build, const json_t *list)
{
    StrMap ours = {.arena = build->arena};
    for (int64_t i = 0; i < build->tensors.len; i++)
        strmap_put(&ours, name_in(build->tensors.at[i]), &ours);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!strmap_get(&ours, name_in(text_at(list, i))))
            return arena_printf(build->arena, "its graph has no tensor '%s' (%s)", name_in(text_at(list, i)),
                                shape_in(build, text_at(list, i)));
    return NULL;
}

static bool same_tensors(const Build *build, const json_t *recipe)
{
    const json_t *list = json_object_get(recipe, "tensors");
    StrMap theirs = by_name(build, list);
    const char *first = NULL;
    int64_t more = 0;
    for (int64_t i = 0; i < build->tensors.len; i++) {
        const char *difference = tensor_difference(build, &theirs, build->tensors.at[i]);
        more += first && difference;
        first = first ? first : difference;
    }
    if (!first)
        first = missing_tensor(build, list);
    return !first ||
           refuse(build, more ? arena_printf(build->arena, "%s; %lld more tensors differ", first, (long long)more) : first);
}

/* ── Code ────────────────────────────────────────────────────────────────────────────────────────────── */

static bool another_phase(const Build *build, const json_t *recipe, const json_t *ours)
{
    const json_t *theirs = json_object_get(recipe, "phases"), *here = json_object_get(ours, "phases");
    size_t i = 0, n = json_array_size(here);
    while (i < n && strcmp(text_at(theirs, i), text_at(here, i)) == 0)
        i++;
    if (i == n)
        return refuse(build, "the packing is another one");
    return refuse(build,
                  arena_printf(build->arena,
                               "the code of '%s' would be another one, as numbers of a checkpoint become part of it or decide "
                               "it (scalars, scales of all ones%s); compile it anew",
                               name_in(text_at(here, i)), build->planner ? ", what calibration finds" : ""));
}

static bool same_code(const Build *build, const json_t *recipe, const json_t *ours)
{
    return json_equal(json_object_get(recipe, "code"), json_object_get(ours, "code")) ||
           (same_tensors(build, recipe) && another_phase(build, recipe, ours));
}

/* ── What else a program says ────────────────────────────────────────────────────────────────────────── */

static const char *dump(const Build *build, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    const char *copy = text ? arena_strdup(build->arena, text) : "nothing";
    free(text);
    return copy;
}

/* Of two objects the first key that is not the same in both; NULL: there is none. */
static const char *different_key(const Build *build, json_t *theirs, json_t *ours, const char *what)
{
    const char *key;
    json_t *value;
    json_object_foreach (ours, key, value)
        if (!json_equal(value, json_object_get(theirs, key)))
            return arena_printf(build->arena, "%s: %s is %s in the program and %s here", what, key,
                                dump(build, json_object_get(theirs, key)), dump(build, value));
    return json_object_size(theirs) == json_object_size(ours) ? NULL : arena_printf(build->arena, "%s are others", what);
}

static bool same_pictures(const Build *build, const json_t *recipe, const json_t *ours)
{
    json_t *theirs = json_object_get(recipe, "pictures"), *here = json_object_get(ours, "pictures");
    if (json_is_null(here) || build->model->assumes_pictures) /* a training run often leaves them out; the program has its own */
        return true;
    const char *difference = different_key(build, theirs, here, "settings of pictures");
    return !difference || refuse(build, difference);
}

static bool same_scores(const Build *build, const json_t *recipe)
{
    static const char *const kinds[] = {"the logits themselves", "a softmax", "sigmoids"};
    int64_t theirs = json_integer_value(json_object_get(recipe, "scores")), ours = build->info.scores;
    if (theirs == ours || theirs < 0 || theirs >= countof(kinds))
        return theirs == ours || refuse(build, "scores are others");
    return refuse(
        build, arena_printf(build->arena, "scores are %s in the program and %s here (problem_type)", kinds[theirs], kinds[ours]));
}

/* LABEL_0, LABEL_1 …: what stands for labels where there are none. */
static bool names_labels(const Build *build)
{
    bool named = false;
    for (int64_t i = 0; i < build->info.n_labels && !named; i++)
        named = strcmp(build->info.labels[i], arena_printf(build->arena, "LABEL_%lld", (long long)i)) != 0;
    return named;
}

/* Labels are the program's: a model without any takes them, one with others would be answered wrongly. */
static bool same_labels(const Build *build, const json_t *info)
{
    const json_t *theirs = json_object_get(info, "labels");
    for (int64_t i = 0; names_labels(build) && i < build->info.n_labels; i++)
        if (strcmp(text_at(theirs, (size_t)i), build->info.labels[i]) != 0)
            return refuse(build, arena_printf(build->arena, "label %lld is '%s' in the program and '%s' here; compile it anew",
                                              (long long)i, text_at(theirs, (size_t)i), build->info.labels[i]));
    return true;
}

static bool same_rest(const Build *build, const Record *record, const Record *ours)
{
    static const char *const keys[] = {"task", "inputs", "outputs"};
    const char *difference = NULL;
    for (int64_t i = 0; i < countof(keys) && !difference; i++) {
        const json_t *theirs = json_object_get(record->info, keys[i]), *here = json_object_get(ours->info, keys[i]);
        if (!json_equal(theirs, here))
            difference = arena_printf(build->arena, "its %s: %s in the program and %s here", keys[i], dump(build, theirs),
                                      dump(build, here));
    }
    if (difference)
        return refuse(build, difference);
    return same_scores(build, record->recipe) && same_pictures(build, record->recipe, ours->recipe) &&
           same_labels(build, record->info);
}

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

bool swap_pack(Build *build, const Record *record)
{
    const char *hash = json_string_value(json_object_get(record->info, "graph_hash"));
    build->graph_hash = hash ? strtoull(hash, NULL, 16) : 0;
    Record ours;
    return recipe_follow(build, record->recipe) && build_load(build) && build_optimize(build) && build_weights(build) &&
           record_read(&ours, build->info.record, build->info.record_bytes, build->arena) &&
           same_code(build, record->recipe, ours.recipe) && same_rest(build, record, &ours);
}
