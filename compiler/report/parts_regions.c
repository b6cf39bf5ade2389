/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Regions as a report has them: what `cnxc info --json` says of them, the text of their bodies, where they come from in the user's
 * graph, and what was measured. */
#include "compiler/report/parts.h"

#include "compiler/report/estimate.h"
#include "compiler/report/json.h"
#include "compiler/report/regions.h"
#include "ir/print.h"

#include <stdlib.h>
#include <string.h>

static double number(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

Groups parts_groups(const Build *build)
{
    Groups groups = groups_of(build->program, build->arena);
    int64_t running = groups.len;
    FOR_NODES (node, build->model->graph) {
        bool found = node->op->kind != OP_Region;
        for (int64_t i = 0; i < running && !found; i++)
            found = groups.at[i].origin == node;
        const Value *output = node_output(node, 0);
        if (!found)
            vec_push(build->arena, &groups,
                     ((Group){.origin = node, .output = output ? output->name : "", .kind = node_attr_string(node, "kind")}));
    }
    return groups;
}

/* ── Where it comes from ─────────────────────────────────────────────────────────────────────────────── */

static json_t *body_json(const Node *node)
{
    Printed printed;
    printed_begin(&printed);
    node_print_brief(node, printed.out);
    printed_end(&printed);
    json_t *text = json_string(printed.text);
    free(printed.text);
    return text;
}

static json_t *origin_json(const Origin *origin)
{
    int64_t line, column;
    bool known = span_position(origin->span, &line, &column);
    bool binary = origin->span.source && origin->span.source->binary;
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "op", origin->op, "name", origin->name, "file",
                     origin->span.source ? json_text(origin->span.source->path) : json_null(), "line",
                     known ? json_integer((json_int_t)line) : json_null(), "column",
                     known ? json_integer((json_int_t)column) : json_null(), "byte",
                     binary ? json_integer((json_int_t)origin->span.begin) : json_null());
}

static json_t *origins_json(const Node *node, const Origins *all, Arena *arena)
{
    json_t *list = json_array();
    Origins origins = node_origins(node, all, arena);
    for (int64_t i = 0; i < origins.len; i++)
        json_array_append_new(list, origin_json(&origins.at[i]));
    return list;
}

/* ── What was measured ───────────────────────────────────────────────────────────────────────────────── */

static void put_rates(json_t *object, double ms, double flops)
{
    json_object_set_new(object, "ms", json_real(ms));
    json_object_set_new(object, "gflops", json_real(ms > 0 ? flops / ms * 1e-6 : 0));
}

static double measured_ms(const PartsMeasured *measured, int64_t phase)
{
    return number(json_array_get(measured->phases, (size_t)phase), "ms");
}

static double measure_phases(const Build *build, const Group *group, const PartsMeasured *measured, json_t *phases,
                             double *predicted)
{
    double sum = 0;
    for (int64_t i = 0; i < group->phases.len; i++) {
        const Phase *phase = group->phases.at[i];
        json_t *json = json_array_get(phases, (size_t)i);
        double ms = measured_ms(measured, group->at.at[i]), estimate = estimate_phase(build->program, phase, measured->cores).ms;
        put_rates(json, ms, (double)phase->flops);
        json_object_set_new(json, "index", json_integer((json_int_t)group->at.at[i]));
        json_object_set_new(json, "flops", json_integer((json_int_t)phase->flops));
        json_object_set_new(json, "predicted_ms", json_real(estimate));
        sum += ms;
        *predicted += estimate;
    }
    return sum;
}

static const struct {
    const char *precision, *key;
} peak_keys[] = {{"bf16", "bf16_gflops"}, {"int8", "int8_gops"}};

double parts_peak(const json_t *peaks, const char *precision)
{
    double peak = 0;
    for (int64_t i = 0; precision && i < countof(peak_keys); i++)
        if (strcmp(precision, peak_keys[i].precision) == 0)
            peak = number(peaks, peak_keys[i].key);
    return peak > 0 ? peak : number(peaks, "f32_gflops");
}

static void measure(const Build *build, const Group *group, const PartsMeasured *measured, json_t *region)
{
    double predicted = 0, flops = 0, bytes = (double)estimate_bytes(&group->phases);
    double ms = measure_phases(build, group, measured, json_object_get(region, "phases"), &predicted);
    double peak = parts_peak(measured->peaks, json_string_value(json_object_get(region, "precision")));
    for (int64_t i = 0; i < group->phases.len; i++)
        flops += (double)group->phases.at[i]->flops;
    put_rates(region, ms, flops);
    json_object_set_new(region, "flops", json_integer((json_int_t)flops));
    json_object_set_new(region, "bytes", json_integer((json_int_t)bytes));
    json_object_set_new(region, "intensity", json_real(bytes > 0 ? flops / bytes : 0));
    json_object_set_new(region, "predicted_ms", json_real(predicted));
    json_object_set_new(region, "fraction_of_peak", json_real(peak > 0 ? number(region, "gflops") / peak : 0));
}

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

/* A copy comes from no node. */
static json_t *copy_json(const Build *build, const Group *group)
{
    json_t *phases = json_array();
    for (int64_t i = 0; i < group->phases.len; i++)
        json_array_append_new(phases, phase_json(build, NULL, group->phases.at[i]));
    return json_pack("{s:s, s:s, s:[], s:I, s:o, s:s, s:[]}", "output", group->output, "kind", group->kind, "ops", "macs",
                     (json_int_t)0, "phases", phases, "body", "", "origin");
}

static json_t *group_json(const Build *build, const Group *group, const Origins *origins)
{
    if (!group->origin)
        return copy_json(build, group);
    json_t *region = region_json(build, group->origin, &group->phases);
    json_object_set_new(region, "body", body_json(group->origin));
    json_object_set_new(region, "origin", origins_json(group->origin, origins, build->arena));
    return region;
}

json_t *parts_regions(const Build *build, const Groups *groups, const Origins *origins, const PartsMeasured *measured)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < groups->len; i++) {
        json_t *region = group_json(build, &groups->at[i], origins);
        json_t *calibrated = json_object_get(region, "snr_db"); /* of the plan; a report's is of what was compared */
        if (calibrated)
            json_object_set(region, "calibrated_snr_db", calibrated);
        json_object_set_new(region, "snr_db", json_pack("{s:n, s:n}", "bf16", "int8"));
        measure(build, &groups->at[i], measured, region);
        json_array_append_new(list, region);
    }
    return list;
}
