/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A recipe is JSON:
 *
 *   {"options": ["--target=x86_64-linux-gnu", "--precision=bf16"], "calibrated": false, "cpus": ["haswell", "<cpu name=\"mine\" …"],
 *    "plan": ["multipliers layers.0.pwconv1.matmul", "bf16 …"],                         with --calibrate
 *    "limits": [[[0, 16, 1, 1, …]], []],     tiles that spilled: who schedules again need not generate code to find them
 *    "code": ["5d1e03aa…"], "phases": ["9f86d081… layers.0", …],          hashes: of each CPU's program, of the first one's phases
 *    "scores": 1, "pictures": {"shortest_edge": 224, …}, "tensors": ["96x3x4x4 embeddings.patch_embeddings.weight", …]}
 *
 * The first half is followed, the rest is compared (swap.c). It may come from elsewhere and is read like any input. */
#include "compiler/build/recipe.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdlib.h>
#include <string.h>

/* ── Writing ─────────────────────────────────────────────────────────────────────────────────────────── */

static json_t *strings_json(const StrList *strings)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < strings->len; i++)
        json_array_append_new(list, json_string(strings->at[i]));
    return list;
}

/* A shipped profile by its name, another one whole. */
static json_t *cpu_json(const CpuProfile *cpu)
{
    Printed printed;
    if (cpu_find(cpu->name) == cpu)
        return json_string(cpu->name);
    printed_begin(&printed);
    cpu_write(cpu, printed.out);
    printed_end(&printed);
    json_t *text = json_string(printed.text);
    free(printed.text);
    return text;
}

static json_t *cpus_json(const Build *build)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < build->cpus.len; i++)
        json_array_append_new(list, cpu_json(build->cpus.at[i]));
    return list;
}

static json_t *limit_json(const TileLimit *limit)
{
    const Product *p = &limit->product;
    const int64_t numbers[] = {limit->kind, p->a, p->b, p->sum, p->k_pack, p->unit, limit->key, limit->size};
    json_t *list = json_array();
    for (int64_t i = 0; i < countof(numbers); i++)
        json_array_append_new(list, json_integer(numbers[i]));
    return list;
}

static json_t *limits_json(const Build *build)
{
    json_t *all = json_array();
    for (int64_t i = 0; i < build->programs.len; i++) {
        json_t *list = json_array();
        for (int64_t j = 0; j < build->limits[i].len; j++)
            json_array_append_new(list, limit_json(&build->limits[i].at[j]));
        json_array_append_new(all, list);
    }
    return all;
}

static unsigned long long hash_printed(Printed *printed)
{
    unsigned long long hash = XXH3_64bits(printed->text, printed->length);
    free(printed->text);
    return hash;
}

static json_t *code_json(const Build *build)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < build->programs.len; i++) {
        Printed printed;
        printed_begin(&printed);
        program_print_code(build->programs.at[i], printed.out);
        printed_end(&printed);
        json_array_append_new(list, json_string(arena_printf(build->arena, "%016llx", hash_printed(&printed))));
    }
    return list;
}

static void add_phase(json_t *list, const Phase *phase, Arena *arena)
{
    Printed printed;
    printed_begin(&printed);
    phase_print_code(phase, printed.out);
    printed_end(&printed);
    json_array_append_new(list, json_string(arena_printf(arena, "%016llx %s", hash_printed(&printed), phase->name)));
}

static json_t *phases_json(const Program *program)
{
    Arena *scratch = arena_new();
    json_t *list = json_array();
    PhaseList phases = program_phases(program, scratch);
    for (int64_t i = 0; i < phases.len; i++)
        add_phase(list, phases.at[i], scratch);
    arena_free(scratch);
    return list;
}

/* Of each product what calibration has decided that is code. */
static json_t *plan_json(const Build *build)
{
    const QuantizePlan *plan = build->options.pipeline.plan;
    json_t *list = json_array();
    for (int64_t i = 0; plan && i < plan->names.len; i++) {
        const ProductPlan *p = strmap_get(&plan->products, plan->names.at[i]);
        const char *code = p->precision ? precision_name(p->precision) : p->multipliers ? "multipliers" : "int8";
        json_array_append_new(list, json_string(arena_printf(build->arena, "%s %s", code, plan->names.at[i])));
    }
    return list;
}

static json_t *recipe_json(const Build *build)
{
    const char *pictures = build->info.sizes->preprocessor ? model_prop(build->model, "cnxc.preprocessor") : NULL;
    json_t *root = json_object();
    json_object_set_new(root, "options", strings_json(&build->options.words));
    json_object_set_new(root, "calibrated", json_boolean(build->options.calibrate != NULL));
    json_object_set_new(root, "plan", plan_json(build));
    json_object_set_new(root, "cpus", cpus_json(build));
    json_object_set_new(root, "limits", limits_json(build));
    json_object_set_new(root, "code", code_json(build));
    json_object_set_new(root, "phases", phases_json(build->program));
    json_object_set_new(root, "scores", json_integer(build->info.scores));
    json_object_set_new(root, "pictures", pictures ? json_loads(pictures, 0, NULL) : json_null());
    json_object_set_new(root, "tensors", strings_json(&build->tensors));
    return root;
}

const char *recipe_text(const Build *build)
{
    json_t *root = recipe_json(build);
    char *text = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (!text)
        out_of_memory();
    const char *copy = arena_strdup(build->arena, text);
    free(text);
    json_decref(root);
    return copy;
}

StrList recipe_tensors(const Graph *graph, Arena *arena)
{
    StrList tensors = {0};
    for (int64_t i = 0; i < graph->constants.len; i++) {
        const Tensor *t = graph->constants.at[i]->constant;
        StrBuf sb = {.arena = arena};
        for (int j = 0; t && t->count > 1 && j < t->rank; j++)
            sb_printf(&sb, "%s%lld", j ? "x" : "", (long long)t->dims[j]);
        if (sb.len)
            vec_push(arena, &tensors, arena_printf(arena, "%s %s", sb.text, graph->constants.at[i]->name));
    }
    return tensors;
}

/* ── Following ───────────────────────────────────────────────────────────────────────────────────────── */

StrList recipe_options(const json_t *recipe, Arena *arena)
{
    StrList words = {0};
    size_t i;
    const json_t *word, *list = json_object_get(recipe, "options");
    json_array_foreach (list, i, word)
        if (json_is_string(word))
            vec_push(arena, &words, arena_strdup(arena, json_string_value(word)));
    return words;
}

static const CpuProfile *cpu_of(const Build *build, const char *text)
{
    if (text && *text == '<')
        return cpu_read_text(text, build->arena, build->diag);
    return text ? cpu_find(arena_strdup(build->arena, text)) : NULL;
}

static bool follow_cpus(Build *build, const json_t *list)
{
    size_t i;
    const json_t *item;
    json_array_foreach (list, i, item) {
        const CpuProfile *cpu = cpu_of(build, json_string_value(item));
        if (!cpu || cpu->arch != build->options.system->arch)
            return false;
        vec_push(build->arena, &build->cpus, cpu);
    }
    return build->cpus.len > 0;
}

static TileLimit limit_of(const json_t *list)
{
    int64_t n[8];
    for (int64_t i = 0; i < countof(n); i++)
        n[i] = json_integer_value(json_array_get(list, (size_t)i));
    return (TileLimit){(KernelKind)n[0], {(DType)n[1], (DType)n[2], (DType)n[3], n[4], n[5]}, n[6], n[7] > 0 ? n[7] : 1};
}

static void follow_limits(Build *build, const json_t *all)
{
    build->limits = NEW_ARRAY(build->arena, TileLimits, build_variants(build));
    for (int64_t i = 0; i < build_variants(build); i++) {
        size_t j;
        const json_t *limit, *list = json_array_get(all, (size_t)i);
        json_array_foreach (list, j, limit)
            vec_push(build->arena, &build->limits[i], limit_of(limit));
    }
}

/* As plan_json has it. */
static ProductPlan *product_like(const Build *build, const char *code)
{
    static const float marked;
    ProductPlan *plan = NEW(build->arena, ProductPlan);
    bool multiplied = strcmp(code, "multipliers") == 0;
    plan->multipliers = multiplied ? &marked : NULL;
    plan->precision = multiplied || strcmp(code, "int8") == 0 ? DT_UNDEFINED : precision_named(code);
    return plan;
}

static void follow_plan(Build *build, const json_t *list)
{
    QuantizePlan *like = NEW(build->arena, QuantizePlan);
    size_t i;
    const json_t *item;
    like->products.arena = build->arena;
    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item), *space = text ? strchr(text, ' ') : NULL;
        if (space)
            strmap_put(&like->products, space + 1,
                       product_like(build, arena_strndup(build->arena, text, (size_t)(space - text))));
    }
    build->like = like;
}

bool recipe_follow(Build *build, const json_t *recipe)
{
    if (!follow_cpus(build, json_object_get(recipe, "cpus"))) {
        diag_error(build->diag, NO_SPAN, "what the program says of the CPUs it was compiled for is damaged");
        return false;
    }
    follow_limits(build, json_object_get(recipe, "limits"));
    follow_plan(build, json_object_get(recipe, "plan"));
    return true;
}
