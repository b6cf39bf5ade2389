/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Explain: one value's story, from the user's graph to bytes of the compiled program.
 *
 *   $ cnxc explain model/ encoder.stages.0.layers.0.pwconv1.weight
 *   encoder.stages.0.layers.0.pwconv1.weight: an initializer, float[96,24]
 *     from         9216 bytes at 27056 of model/model.safetensors; read by Transpose …pwconv1.weight.T
 *     fold         becomes …pwconv1.weight.T, float[24,96], its elements in another order
 *     affine       becomes …pwconv1.weight.T_folded, float[24,96], scaled, with …layernorm.weight
 *     region       encoder.stages.0.layers.0_1: block of ConvNHWC LayerNormalization …; phase 2: 2 chunks of …
 *     memory       …pwconv1.weight.T_folded: 9344 to 18560 of the packed weights: float as 3 x 24 x 32, panels of 32
 *     error        of …pwconv1.matmul, which is computed from it: at most 2.4e-07 where values reach 3.1 …
 *
 * All of it is one JSON object first, in which each part has its sentence; the text is these sentences. What passes did is seen from
 * outside (history.c), the rest is read off the fused graph and the tile program. */
#include "compiler/report/explain.h"
#include "compiler/passes/passes.h"
#include "compiler/report/graph_cost.h"
#include "compiler/report/history.h"
#include "compiler/report/json.h"
#include "compiler/report/regions.h"
#include "ir/base/escape.h"
#include "ir/op.h"

#include <stdlib.h>
#include <string.h>

static const double INTERPRETED = 2e8;    /* multiply-adds a second, about (measured) */
static const int64_t FAST = 40000000;     /* those that nobody minds waiting for */

/* ── Which value ─────────────────────────────────────────────────────────────────────────────────────── */

static bool ends_in(const char *name, const char *word)
{
    size_t n = strlen(name), m = strlen(word);
    return n > m && name[n - m - 1] == '.' && str_ends_with(name, word);
}

typedef struct Names {
    Arena *arena;
    const char *word;
    StrList all;
    const Value *found;     /* so called, or the output of the node so called */
    const Value *ending;    /* the first whose name ends so */
    int64_t n_ending;
} Names;

static void consider(Names *names, const Value *value, const char *node)
{
    if (!value)
        return;
    const char *tail = strchr(value->name, '.');
    vec_push(names->arena, &names->all, value->name);
    if (tail)
        vec_push(names->arena, &names->all, tail + 1);
    if (*node)
        vec_push(names->arena, &names->all, node);
    if (str_equal(value->name, names->word) || (str_equal(node, names->word) && !names->found))
        names->found = value;
    if (!ends_in(value->name, names->word))
        return;
    names->ending = names->n_ending++ ? names->ending : value;
}

static const Value *value_named(const Graph *graph, const char *word, Arena *arena, Diag *diag)
{
    Names names = {.arena = arena, .word = word};
    for (int64_t i = 0; i < graph->inputs.len; i++)
        consider(&names, graph->inputs.at[i], "");
    for (int64_t i = 0; i < graph->constants.len; i++)
        consider(&names, graph->constants.at[i], "");
    FOR_NODES (node, graph)
        for (int64_t i = 0; i < node->outputs.len; i++)
            consider(&names, node->outputs.at[i], i ? "" : node->name);
    if (names.found || names.n_ending == 1)
        return names.found ? names.found : names.ending;
    const char *near = names.n_ending ? names.ending->name : nearest_name(word, names.all.at, names.all.len);
    if (names.n_ending)
        diag_error(diag, NO_SPAN, "%lld values are called …%s; one is '%s'", (long long)names.n_ending, word, near);
    else if (near)
        diag_error(diag, NO_SPAN, "the graph has no value '%s'; did you mean '%s'?", word, near);
    else
        diag_error(diag, NO_SPAN, "the graph has no value '%s'; cnxc compile --emit=onnxtxt prints it", word);
    return NULL;
}

/* ── Where it comes from ─────────────────────────────────────────────────────────────────────────────── */

static const char *kind_of(const Value *value)
{
    return value->constant    ? "an initializer"
           : value->is_input  ? "an input"
           : value->is_output ? "an output"
                              : "a computed value";
}

/* Keys of config.json that decide a part of the network, by what its values are called. */
static const struct {
    const char *part;
    const char *keys[3];
} config_keys[] = {
    {"patch_embeddings", {"num_channels", "patch_size", "hidden_sizes"}},
    {"layernorm", {"layer_norm_eps"}},
    {"layer_scale", {"layer_scale_init_value"}},
    {".scaled", {"layer_scale_init_value"}},
    {".act", {"hidden_act"}},
    {"encoder.stages", {"depths", "hidden_sizes"}},
    {"logits", {"id2label", "num_labels"}},
    {"classifier", {"id2label", "num_labels"}},
};

/* Those that are there, with what they say. */
static json_t *config_of(const Source *source, const char *name)
{
    json_t *found = json_object(), *config = json_loadb(source->text ? source->text : "", (size_t)source->length, 0, NULL);
    for (int64_t i = 0; i < countof(config_keys) && !json_object_size(found); i++)
        for (int k = 0; strstr(name, config_keys[i].part) && k < countof(config_keys[i].keys); k++) {
            const char *key = config_keys[i].keys[k];
            json_t *value = key ? json_object_get(config, key) : NULL;
            if (value && !json_is_object(value))
                json_object_set(found, key, value);
            else if (value)
                json_object_set_new(found, key, json_null());
        }
    json_decref(config);
    return found;
}

static void say_config(StrBuf *text, const json_t *config, const char *path)
{
    const char *key;
    json_t *value;
    sb_printf(text, "built from %s", path);
    const char *separator = ": ";
    json_object_foreach ((json_t *)(uintptr_t)config, key, value) {
        char *words = json_is_null(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(7));
        sb_printf(text, "%s%s%s%s", separator, key, words ? " = " : "", words ? words : "");
        free(words);
        separator = ", ";
    }
}

static void say_stored(StrBuf *text, json_t *json, const Tensor *tensor)
{
    int64_t bytes = tensor_file_bytes(tensor);
    if (!tensor->location)
        return;
    sb_printf(text, "%lld bytes at %lld of %s", (long long)bytes, (long long)tensor->offset, tensor->location);
    json_object_set_new(json, "file", json_text(tensor->location));
    json_object_set_new(json, "offset", json_integer((json_int_t)tensor->offset));
    json_object_set_new(json, "bytes", json_integer((json_int_t)bytes));
}

static void say_node(StrBuf *text, json_t *json, const Node *node)
{
    sb_printf(text, "made by %s%s%s", node->op->name, *node->name ? " " : "", node->name);
    json_object_set_new(json, "op", json_string(node->op->name));
    if (*node->name)
        json_object_set_new(json, "node", json_string(node->name));
    for (int64_t i = 0; i < node->inputs.len; i++)
        if (node->inputs.at[i])
            sb_printf(text, "%s%s", i ? ", " : " of ", node->inputs.at[i]->name);
}

static void say_place(StrBuf *text, json_t *json, Span span, Arena *arena)
{
    if (!span.source)
        return;
    const char *place = span_place(arena, span);
    sb_printf(text, "%s%s", text->len ? ", " : "", place);
    json_object_set_new(json, "place", json_text(place));
}

enum { MOST_READERS = 4 };

static void say_readers(StrBuf *text, json_t *json, const Value *value)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < value->users.len; i++) {
        const Value *made = value->users.at[i]->outputs.at[0];
        json_array_append_new(list, json_string(made ? made->name : value->users.at[i]->name));
        if (made && i < MOST_READERS)
            sb_printf(text, "%s%s %s",
                      i           ? ", "
                      : text->len ? "; read by "
                                  : "read by ",
                      value->users.at[i]->op->name, made->name);
    }
    if (value->users.len > MOST_READERS)
        sb_printf(text, " and %lld more", (long long)value->users.len - MOST_READERS);
    json_object_set_new(json, "read_by", list);
}

static json_t *from_json(const Build *build, const Value *value)
{
    Arena *arena = build->arena;
    StrBuf text = {.arena = arena};
    json_t *json = json_object();
    Span span = value->producer && value->producer->span.source ? value->producer->span : value->span;
    if (value->constant)
        say_stored(&text, json, value->constant);
    if (value->producer)
        say_node(&text, json, value->producer);
    if (span.source != build->model->source || !value->constant || !value->constant->location)
        say_place(&text, json, span, arena);
    if (!span.source && build->model->source) {
        json_t *config = config_of(build->model->source, value->name);
        sb_put(&text, text.len ? "; " : "");
        say_config(&text, config, build->model->source->path);
        json_object_set_new(json, "config", config);
    }
    say_readers(&text, json, value);
    json_object_set_new(json, "text", json_text(text.text ? text.text : "nothing says"));
    return json;
}

/* ── What passes did ─────────────────────────────────────────────────────────────────────────────────── */

static json_t *changes_json(const History *history)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < history->changes.len; i++) {
        const Change *change = &history->changes.at[i];
        json_t *with = json_array(),
               *json = json_pack("{s:s, s:s, s:s?}", "pass", change->pass, "how", change->how, "into", change->into);
        for (int64_t j = 0; j < change->with.len; j++)
            json_array_append_new(with, json_string(change->with.at[j]));
        json_object_set_new(json, "with", with);
        json_object_set_new(json, "text", json_string(change->text));
        json_array_append_new(list, json);
    }
    return list;
}

/* ── The region ──────────────────────────────────────────────────────────────────────────────────────── */

/* Of the optimised graph: the node that computes it, or the one that reads it where nothing does. */
static const Node *node_of(const Graph *graph, const Seen *seen)
{
    if (!seen->op && seen->readers.len)
        seen = seen->readers.at[0];
    const Value *value = graph_find(graph, seen->name);
    return seen->region ? seen->region : value ? value->producer : NULL;
}

static void say_kernels(StrBuf *text, const json_t *phase)
{
    json_t *kernels = json_object_get(phase, "kernels"), *kernel;
    size_t i;
    json_array_foreach (kernels, i, kernel)
        sb_printf(text, "%s%s", i ? ", " : " of ", json_string_value(json_object_get(kernel, "form")));
}

/* "phase 4: 14 chunks of dwconv_…, layernorm_…" for each of the node's phases. */
static void say_phases(StrBuf *text, const PhaseList *phases, const Node *node, const json_t *region)
{
    int64_t n = 0;
    for (int64_t i = 0; i < phases->len; i++) {
        if (phases->at[i]->origin != node)
            continue;
        int64_t chunks = phase_chunks(phases->at[i]);
        sb_printf(text, "; phase %lld: %lld %s", (long long)i, (long long)chunks, COUNTED(chunks, "chunk"));
        say_kernels(text, json_array_get(json_object_get(region, "phases"), (size_t)n++));
    }
}

static const char *ops_text(const json_t *region, Arena *arena)
{
    StrBuf text = {.arena = arena};
    size_t i;
    json_t *op;
    json_array_foreach (json_object_get(region, "ops"), i, op)
        sb_printf(&text, "%s%s", i ? " " : "", json_string_value(op));
    return text.text ? text.text : "";
}

static json_t *region_of(const Build *build, const Node *node, const PhaseList *phases)
{
    StrBuf text = {.arena = build->arena};
    const Value *output = node_output(node, 0);
    const char *reason = fuse_reason(node, build->arena);
    bool fused = node->op->kind == OP_Region;
    json_t *json = region_json(build, node, phases);
    if (reason)
        json_object_set_new(json, "reason", json_string(reason));
    if (fused)
        sb_printf(&text, "%s: %s of %s", output ? output->name : node->name, node_attr_string(node, "kind"),
                  ops_text(json, build->arena));
    else
        sb_printf(&text, "none: %s of %s stands alone%s%s", node->op->name, output ? output->name : node->name,
                  reason ? ": " : "", reason ? reason : "");
    say_phases(&text, phases, node, json);
    json_object_set_new(json, "text", json_string(text.text));
    return json;
}

/* ── Its bytes ───────────────────────────────────────────────────────────────────────────────────────── */

static const char *phase_name(const PhaseList *phases, int64_t at, Arena *arena)
{
    return arena_printf(arena, "%lld (%s)", (long long)at, escaped(arena, phases->at[at]->name));
}

static void say_arena(StrBuf *text, const Build *build, const Buffer *buffer, const PhaseList *phases)
{
    sb_printf(text, "%lld bytes at %lld of the arena%s", (long long)buffer->bytes, (long long)buffer->offset,
              build->program->by_image ? " (each thread's own)" : "");
    if (buffer->first < 0)
        return;
    sb_printf(text, ", from phase %s", phase_name(phases, buffer->first, build->arena));
    if (buffer->last > buffer->first)
        sb_printf(text, " to %s", phase_name(phases, buffer->last, build->arena));
}

/* "float as 3 x 24 x 32, panels of 32": the loops that packed it, outermost first. */
static void say_packed(StrBuf *text, const Buffer *buffer)
{
    const Pack *pack = buffer->pack;
    sb_printf(text, "%lld to %lld of the packed weights: %s as ", (long long)buffer->offset,
              (long long)(buffer->offset + buffer->bytes), dtype_name(buffer->dtype));
    const char *separator = "";
    for (int i = 0; i < pack->n_loops; i++)
        if (pack->loops[i].extent > 1 || pack->n_loops == 1) {
            sb_printf(text, "%s%lld", separator, (long long)pack->loops[i].extent);
            separator = " x ";
        }
    for (int i = 0; i < pack->n_loops; i++)
        if (pack->loops[i].step > 1) {
            sb_printf(text, ", panels of %lld", (long long)pack->loops[i].step);
            break;
        }
}

static json_t *buffer_json(const Build *build, const Buffer *buffer, const PhaseList *phases)
{
    static const char *const spaces[] = {
        [SPACE_TENSOR] = "tensor", [SPACE_ARENA] = "arena", [SPACE_SCRATCH] = "scratch", [SPACE_WEIGHTS] = "weights"};
    StrBuf text = {.arena = build->arena};
    json_t *json =
        json_pack("{s:s, s:s, s:I}", "buffer", buffer->name, "space", spaces[buffer->space], "bytes", (json_int_t)buffer->bytes);
    if (buffer->space == SPACE_TENSOR)
        sb_printf(&text, "%lld bytes an image in the caller's tensor", (long long)buffer->bytes);
    else
        json_object_set_new(json, "offset", json_integer((json_int_t)buffer->offset));
    if (buffer->space == SPACE_ARENA) {
        say_arena(&text, build, buffer, phases);
        json_object_set_new(json, "first_phase", json_integer((json_int_t)buffer->first));
        json_object_set_new(json, "last_phase", json_integer((json_int_t)buffer->last));
    }
    if (buffer->space == SPACE_WEIGHTS)
        say_packed(&text, buffer);
    json_object_set_new(json, "text", json_string(text.text));
    return json;
}

static bool is_of(const Buffer *buffer, const Seen *seen)
{
    if (seen->constant)
        return buffer->pack && buffer->pack->source && buffer->pack->source->data == seen->constant->data;
    return (buffer->space == SPACE_ARENA || buffer->space == SPACE_TENSOR) && str_equal(buffer->name, seen->name);
}

static const char *nowhere(const Seen *seen)
{
    double number;
    if (seen->constant && tensor_is_scalar(seen->constant, &number))
        return "none: a number in the code";
    if (seen->constant)
        return "none: no kernel reads it";
    if (seen->region)
        return "none of its own: its region keeps it in scratch or registers";
    return "none of its own: its readers read what it was made from";
}

static json_t *memory_of(const Build *build, const Seen *seen, const PhaseList *phases)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < build->program->buffers.len; i++)
        if (is_of(build->program->buffers.at[i], seen))
            json_array_append_new(list, buffer_json(build, build->program->buffers.at[i], phases));
    if (!json_array_size(list))
        json_array_append_new(list, json_pack("{s:s}", "text", nowhere(seen)));
    return list;
}

static json_t *end_json(const Build *build, const Seen *seen)
{
    PhaseList phases = program_phases(build->program, build->arena);
    const Node *node = node_of(build->model->graph, seen);
    json_t *json = json_pack("{s:s, s:s}", "value", seen->name, "type", type_text(build->arena, &seen->type));
    if (node)
        json_object_set_new(json, "region", region_of(build, node, &phases));
    json_object_set_new(json, "memory", memory_of(build, seen, &phases));
    return json;
}

static json_t *ends_json(const Build *build, const History *history)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < history->ends.len; i++)
        json_array_append_new(list, end_json(build, history->ends.at[i]));
    return list;
}

/* ── Its error ───────────────────────────────────────────────────────────────────────────────────────── */

/* What verify can compare: itself, or what is made of it. NULL: nothing that is computed. */
static const Value *compared(const Value *value)
{
    while (value && !value->producer)
        value = value->users.len ? node_output(value->users.at[0], 0) : NULL;
    while (value && value->users.len && value->producer->inputs.len && value->producer->inputs.at[0]->constant &&
           value->producer->op->class == CLASS_MOVE) /* a weight that is turned */
        value = node_output(value->users.at[0], 0);
    return value;
}

/* Multiply-adds before a value. */
static int64_t macs_before(const Value *value)
{
    Graph *graph = value->graph;
    int64_t macs = 0;
    FOR_NODES (node, graph)
        node->mark = 0;
    value->producer->mark = 1;
    for (Node *node = graph->last; node; node = node->prev) {
        macs += node->mark ? node_macs(node) : 0;
        for (int64_t i = 0; node->mark && i < node->inputs.len; i++)
            if (node->inputs.at[i] && node->inputs.at[i]->producer)
                node->inputs.at[i]->producer->mark = 1;
    }
    return macs;
}

typedef struct ErrorOf {
    const char *name; /* of the value that is compared; NULL: there is none */
    bool itself;
    int64_t macs;
} ErrorOf;

static ErrorOf error_of(const Value *value)
{
    const Value *other = value->is_input ? NULL : compared(value);
    return other ? (ErrorOf){other->name, other == value, macs_before(other)} : (ErrorOf){0};
}

static json_t *error_text(const char *text) { return json_pack("{s:s}", "text", text); }

static json_t *measured(Explain *e, const ErrorOf *of)
{
    Verify *v = &e->verify;
    Arena *arena = e->build.arena;
    v->reference.options.frontend.outputs = v->compiled.options.frontend.outputs = &of->name;
    v->reference.options.frontend.n_outputs = v->compiled.options.frontend.n_outputs = 1;
    if (!verify_run(v))
        return NULL;
    const Comparison *c = &v->values.at[0];
    const char *what = of->itself ? "" : arena_printf(arena, "of %s, which is computed from it: ", of->name);
    const char *text = arena_printf(arena, "%sat most %.2e where values reach %.3g, compiled code beside the interpreter%s", what,
                                    c->error, c->magnitude, c->ok ? "" : ": WRONG");
    return json_pack("{s:s, s:o, s:o, s:b, s:s}", "value", of->name, "max_error", json_finite(c->error), "max_magnitude",
                     json_finite(c->magnitude), "ok", (int)c->ok, "text", text);
}

static json_t *error_json(Explain *e, const ErrorOf *of)
{
    if (!of->name)
        return error_text("none: it is given, not computed");
    if (of->macs <= FAST || e->measures)
        return measured(e, of);
    return error_text(arena_printf(e->build.arena, "not measured: --error interprets %.2f GMAC, some %.0f s",
                                   (double)of->macs * 1e-9, (double)of->macs / INTERPRETED));
}

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

static void say(const char *label, const json_t *part)
{
    printf("  %-12s ", label);
    put_escaped(stdout, json_string_value(json_object_get(part, "text")));
    putchar('\n');
}

static void say_ends(const json_t *ends)
{
    const char *said = "";
    size_t i, j;
    json_t *end, *place;
    json_array_foreach (ends, i, end) {
        const char *name = json_string_value(json_object_get(end, "value"));
        const char *text = json_string_value(json_object_get(json_object_get(end, "region"), "text"));
        if (text && strcmp(text, said) != 0)
            say("region", json_object_get(end, "region"));
        said = text ? text : said;
        json_array_foreach (json_object_get(end, "memory"), j, place) {
            printf("  %-12s ", "memory");
            put_escaped(stdout, name);
            printf(": %s\n", json_string_value(json_object_get(place, "text")));
        }
    }
}

static void print_story(const json_t *story)
{
    size_t i;
    json_t *change;
    put_escaped(stdout, json_string_value(json_object_get(story, "value")));
    printf(": %s, %s\n", json_string_value(json_object_get(story, "what")), json_string_value(json_object_get(story, "type")));
    say("from", json_object_get(story, "from"));
    json_array_foreach (json_object_get(story, "passes"), i, change)
        say(json_string_value(json_object_get(change, "pass")), change);
    say_ends(json_object_get(story, "ends"));
    say("error", json_object_get(story, "error"));
}

bool explain_run(Explain *e)
{
    Build *build = &e->build;
    History history = {0};
    const Value *value = build_load(build) ? value_named(build->model->graph, e->name, build->arena, build->diag) : NULL;
    if (!value)
        return false;
    json_t *story = json_pack("{s:s, s:s, s:s, s:o}", "value", value->name, "what", kind_of(value), "type",
                              type_text(build->arena, &value->type), "from", from_json(build, value));
    ErrorOf of = error_of(value);
    json_t *error = NULL;
    if (history_trace(build, &e->fresh, value, &history) && build_schedules(build)) {
        json_object_set_new(story, "passes", changes_json(&history));
        json_object_set_new(story, "ends", ends_json(build, &history));
        error = error_json(e, &of);
        json_object_set_new(story, "error", error);
    }
    if (error && e->json)
        json_print(json_incref(story), 17);
    else if (error)
        print_story(story);
    json_decref(story);
    return error;
}
