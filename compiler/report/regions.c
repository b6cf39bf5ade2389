/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Regions, as `cnxc info` shows them: what was fused, how it is scheduled, and what that asks of the caches.
 *
 *   encoder.stages.0.layers.0_1  block of ConvNHWC LayerNormalization MatMul Add Gelu MatMul Add Add, 245.7 MMAC, f32
 *     14 chunks, blocks of 4 rows (224 pixels), 384 hidden columns at a time
 *     288 x dwconv_f32_14x16_k7x7 (and 11 more forms), 14 x layernorm_f32_224x96, 2688 x gemm_f32_14x32_k96 …
 *     a chunk: scratch 430.1 kB + data 258.0 kB = 66 % of L2, weights 307.6 kB; tile 21.5 kB = 66 % of L1 */
#include "compiler/report/regions.h"
#include "compiler/report/graph_cost.h"
#include "compiler/report/survey.h"
#include "compiler/passes/passes.h"

#include "ir/op.h"

#include <string.h>

/* ── What a region holds ─────────────────────────────────────────────────────────────────────────────── */

typedef struct Nodes {
    Arena *arena;
    VEC(const Node *) nodes;
} Nodes;

/* The operators of a body, of regions in it theirs; of a node that is no region, itself. */
static void add_nodes(Nodes *list, const Node *node)
{
    if (node->op->kind != OP_Region) {
        vec_push(list->arena, &list->nodes, node);
        return;
    }
    FOR_NODES (inner, node_attr_graph(node, "body"))
        add_nodes(list, inner);
}

static Nodes nodes_of(const Node *region, Arena *arena)
{
    Nodes list = {.arena = arena};
    add_nodes(&list, region);
    return list;
}

static const char *body_ops(const Node *region, Arena *arena)
{
    StrBuf text = {.arena = arena};
    Nodes list = nodes_of(region, arena);
    for (int64_t i = 0; i < list.nodes.len; i++)
        sb_printf(&text, "%s%s", text.len ? " " : "", list.nodes.at[i]->op->name);
    return text.text ? text.text : "";
}

/* Rows of the picture in a block of pixels; 0: not whole rows. */
static int64_t block_rows(const Node *region, int64_t pixels)
{
    const Value *output = region ? node_output(region, 0) : NULL;
    const Shape *shape = output ? &output->type.shape : NULL;
    int64_t width = shape && shape->rank == 4 ? shape->dims[2].size : 0;
    return width > 0 && pixels % width == 0 ? pixels / width : 0;
}

typedef VEC(Survey) Surveys;

static Surveys surveys_of(const Build *build, const Node *region, const PhaseList *phases)
{
    Surveys list = {0};
    for (int64_t i = 0; i < phases->len; i++)
        if (phases->at[i]->origin == region)
            vec_push(build->arena, &list, survey_phase(build->program, phases->at[i], build->arena));
    return list;
}

/* Of its products: "int8", or "f32 and bf16" where they differ; NULL: there are none. */
static const char *precision_of(const Surveys *surveys, Arena *arena)
{
    StrBuf names = {.arena = arena};
    for (int64_t i = 0; i < surveys->len; i++) {
        const char *name = surveys->at[i].precision ? precision_name(surveys->at[i].precision) : NULL;
        if (name && !(names.len && strstr(names.text, name)))
            sb_printf(&names, "%s%s", names.len ? " and " : "", name);
    }
    return names.text;
}

/* The least signal to noise of its integer products on pictures; 0: none was measured. Values keep their names. */
static double decibels_of(const Build *build, const Node *region)
{
    const QuantizePlan *plan = build->options.pipeline.plan;
    Nodes nodes = nodes_of(region, build->arena);
    double least = 0;
    for (int64_t i = 0; plan && i < nodes.nodes.len; i++) {
        const ProductPlan *of = strmap_get(&plan->products, nodes.nodes.at[i]->outputs.at[0]->name);
        if (of && !of->precision && (!least || of->decibels < least))
            least = of->decibels;
    }
    return least;
}

/* ── Text ────────────────────────────────────────────────────────────────────────────────────────────── */

static double percent_of(int64_t bytes, int64_t cache) { return cache > 0 ? 100.0 * (double)bytes / (double)cache : 0; }

static void print_steps(const Survey *survey)
{
    for (int64_t i = 0; i < survey->steps.len; i++) {
        const SurveyStep *step = &survey->steps.at[i];
        printf("%s%lld x %s", i ? ", " : "      ", (long long)step->calls, step->form);
        if (step->forms > 1)
            printf(" (and %lld more form%s)", (long long)step->forms - 1, step->forms == 2 ? "" : "s");
    }
    putchar('\n');
}

static void print_survey(const Build *build, const Node *region, const Survey *survey)
{
    const CpuProfile *cpu = build->cpu;
    int64_t held = survey->scratch_bytes + survey->data_bytes, rows = block_rows(region, survey->pixels);
    printf("    %lld %s", (long long)survey->chunks, COUNTED(survey->chunks, "chunk"));
    if (rows)
        printf(", blocks of %lld %s (%lld %s)", (long long)rows, COUNTED(rows, "row"), (long long)survey->pixels,
               COUNTED(survey->pixels, "pixel"));
    else if (survey->pixels)
        printf(", blocks of %lld pixels", (long long)survey->pixels);
    if (survey->hidden)
        printf(", %lld hidden columns at a time", (long long)survey->hidden);
    putchar('\n');
    print_steps(survey);
    printf("      a chunk: scratch %.1f kB + data %.1f kB = %.0f %% of L2, weights %.1f kB", (double)survey->scratch_bytes * 1e-3,
           (double)survey->data_bytes * 1e-3, percent_of(held, cpu->l2_bytes), (double)survey->weight_bytes * 1e-3);
    if (survey->tile_bytes)
        printf("; tile %.1f kB = %.0f %% of L1", (double)survey->tile_bytes * 1e-3,
               percent_of(survey->tile_bytes, cpu->l1d_bytes));
    putchar('\n');
}

static void print_region(const Build *build, const Node *region, const PhaseList *phases)
{
    Arena *arena = build->arena;
    const Value *output = node_output(region, 0);
    Surveys surveys = surveys_of(build, region, phases);
    const char *precision = precision_of(&surveys, arena);
    double decibels = decibels_of(build, region);
    printf("  %s  %s of %s, %.1f MMAC", output ? escaped(arena, output->name) : "", node_attr_string(region, "kind"),
           body_ops(region, arena), (double)node_macs(region) * 1e-6);
    if (precision)
        printf(", %s", precision);
    if (decibels > 0)
        printf(", %.1f dB", decibels);
    putchar('\n');
    for (int64_t i = 0; i < surveys.len; i++)
        print_survey(build, region, &surveys.at[i]);
}

static void print_unfused(const Build *build)
{
    FOR_NODES (node, build->model->graph) {
        const char *reason = fuse_reason(node, build->arena);
        const Value *output = node_output(node, 0);
        if (reason)
            printf("  %s  %s, alone: %s\n", escaped(build->arena, output ? output->name : node->name), node->op->name, reason);
    }
}

void regions_print(const Build *build)
{
    PhaseList phases = program_phases(build->program, build->arena);
    int64_t regions = 0, alone = 0;
    FOR_NODES (node, build->model->graph)
        *(node->op->kind == OP_Region ? &regions : &alone) += 1;
    printf("%-12s %lld %s, %lld %s alone, %lld %s\n", "fused", (long long)regions, COUNTED(regions, "region"), (long long)alone,
           alone == 1 ? "node stands" : "nodes stand", (long long)phases.len, COUNTED(phases.len, "phase"));
    FOR_NODES (node, build->model->graph)
        if (node->op->kind == OP_Region)
            print_region(build, node, &phases);
    print_unfused(build);
}

/* ── JSON ────────────────────────────────────────────────────────────────────────────────────────────── */

static json_t *survey_json(const Node *region, const Survey *survey)
{
    json_t *kernels = json_array();
    for (int64_t i = 0; i < survey->steps.len; i++) {
        const SurveyStep *step = &survey->steps.at[i];
        json_array_append_new(kernels, json_pack("{s:s, s:s, s:I, s:I}", "form", step->form, "name", step->kernel->name, "calls",
                                                 (json_int_t)step->calls, "forms", (json_int_t)step->forms));
    }
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I}", "name", survey->phase->name, "chunks",
                     (json_int_t)survey->chunks, "sections", (json_int_t)survey->sections, "block_pixels",
                     (json_int_t)survey->pixels, "block_rows", (json_int_t)block_rows(region, survey->pixels), "hidden_columns",
                     (json_int_t)survey->hidden, "kernels", kernels, "scratch_bytes", (json_int_t)survey->scratch_bytes,
                     "data_bytes", (json_int_t)survey->data_bytes, "weights_bytes", (json_int_t)survey->weight_bytes,
                     "tile_bytes", (json_int_t)survey->tile_bytes);
}

json_t *phase_json(const Build *build, const Node *region, const Phase *phase)
{
    Survey survey = survey_phase(build->program, phase, build->arena);
    return survey_json(region, &survey);
}

json_t *region_json(const Build *build, const Node *region, const PhaseList *phases)
{
    Arena *arena = build->arena;
    const Value *output = node_output(region, 0);
    json_t *ops = json_array(), *list = json_array();
    Nodes nodes = nodes_of(region, arena);
    for (int64_t i = 0; i < nodes.nodes.len; i++)
        json_array_append_new(ops, json_string(nodes.nodes.at[i]->op->name));
    Surveys surveys = surveys_of(build, region, phases);
    for (int64_t i = 0; i < surveys.len; i++)
        json_array_append_new(list, survey_json(region, &surveys.at[i]));
    const char *kind = region->op->kind == OP_Region ? node_attr_string(region, "kind") : region->op->name;
    json_t *json = json_pack("{s:s, s:s, s:o, s:I, s:o}", "output", output ? output->name : "", "kind", kind, "ops", ops, "macs",
                             (json_int_t)node_macs(region), "phases", list);
    const char *precision = precision_of(&surveys, arena);
    double decibels = decibels_of(build, region);
    if (precision)
        json_object_set_new(json, "precision", json_string(precision));
    if (decibels > 0)
        json_object_set_new(json, "snr_db", json_real(decibels));
    return json;
}

json_t *regions_json(const Build *build)
{
    PhaseList phases = program_phases(build->program, build->arena);
    json_t *list = json_array();
    FOR_NODES (node, build->model->graph)
        if (node->op->kind == OP_Region)
            json_array_append_new(list, region_json(build, node, &phases));
    return list;
}

json_t *caches_json(const Build *build)
{
    const CpuProfile *cpu = build->cpu;
    return json_pack("{s:I, s:I, s:I, s:I}", "l1d_bytes", (json_int_t)cpu->l1d_bytes, "l2_bytes", (json_int_t)cpu->l2_bytes,
                     "l3_bytes", (json_int_t)cpu->l3_bytes, "cores", (json_int_t)cpu->cores);
}
