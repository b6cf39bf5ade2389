/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The report: all that is known of a model, measured on this machine, as one JSON object; page.c shows it to people.
 *
 *   {"format": "cnxc-report", "version": 1,
 *    "model": {what `cnxc info --json` says, but for regions}, "how": {what it takes to get it again: versions, options, machine, hashes},
 *    "peaks": {of this machine, on as many threads}, "graph": {"nodes": [fused, in topological order]},
 *    "regions": [{"output", "kind", "body", "ms", "predicted_ms", "gflops", "intensity", "origin": [the user's nodes], "phases": […]}],
 *    "unfused": [{"output", "op", "reason"}], "time": {of a run}, "timeline": {"threads": [[of a run, phase by phase]]},
 *    "memory": {"arena": [by lifetime], "weights": [by layer]}, "program": {"bytes"}, "precision": {…}, "comparison": {with another report}}
 *
 * Times are in ms, sizes in bytes, rates in 10^9 a second. Regions are what runs on its own: those of the fused graph, nodes that
 * stand alone and copies; a node's "region", a weight's and a phase's of the timeline count in that list. Beyond the phases of `cnxc
 * info --json` each phase has its "index" in a run. The program is compiled anew, so that its schedule is the one that was measured. */
#include "compiler/report/report.h"

#include "compiler/report/bench.h"
#include "compiler/report/estimate.h"
#include "compiler/report/info.h"
#include "compiler/report/json.h"
#include "compiler/report/machine.h"
#include "compiler/report/parts.h"

#include <string.h>
#include <sys/stat.h>

typedef struct Report {
    Build *build;
    const ReportOptions *options;
    Layers layers;         /* of the graph as it was read, as are the origins */
    Origins origins;
    const char *program;   /* the executable */
    const char *trace;     /* the file that it writes a run to */
    json_t *root, *answer; /* what the program has measured */
} Report;

static double number(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

/* ── How to get it again ─────────────────────────────────────────────────────────────────────────────── */

static void add_word(StrBuf *line, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./=,:+@%-";
    sb_put(line, line->len ? " " : "");
    if (*word && !word[strspn(word, plain)]) {
        sb_put(line, word);
        return;
    }
    sb_put(line, "'");
    for (const char *c = word; *c; c++)
        sb_printf(line, *c == '\'' ? "'\\''" : "%c", *c);
    sb_put(line, "'");
}

/* The options that decide code, as a shell takes them; the target is this machine. */
static const char *command_line(const Report *r)
{
    const BuildOptions *o = &r->build->options;
    StrBuf line = {.arena = r->build->arena};
    sb_put(&line, "cnxc report");
    add_word(&line, o->input);
    for (int64_t i = 0; i < o->words.len; i++)
        if (!str_starts_with(o->words.at[i], "--target="))
            add_word(&line, o->words.at[i]);
    if (r->options->cpu)
        add_word(&line, arena_printf(line.arena, "-mcpu=%s", r->options->cpu));
    if (o->calibrate)
        add_word(&line, arena_printf(line.arena, "--calibrate=%s", o->calibrate));
    add_word(&line, arena_printf(line.arena, "--threads=%lld", (long long)r->options->threads));
    for (int64_t i = 0; i < r->options->snr.len; i++)
        add_word(&line, arena_printf(line.arena, "--snr=%s", r->options->snr.at[i]));
    return line.text;
}

static json_t *options_json(const Report *r)
{
    const PipelineOptions *pipeline = &r->build->options.pipeline;
    return json_pack("{s:i, s:s, s:s, s:O, s:O, s:s?, s:b}", "level", pipeline->opt_level, "precision",
                     precision_name(pipeline->precision), "mcpu", r->build->cpu->name, "threads",
                     json_object_get(r->answer, "threads"), "batch", json_object_get(r->answer, "batch"), "preproc",
                     json_string_value(json_object_get(json_object_get(r->root, "model"), "pictures")), "calibrated",
                     r->build->options.calibrate != NULL);
}

static bool add_how(Report *r)
{
    json_t *info = machine_program(r->program, r->build->arena, r->build->diag);
    if (!info)
        return false;
    json_object_set_new(r->root, "how",
                        json_pack("{s:s, s:s, s:o, s:o, s:o, s:O}", "cnxc", CNXC_VERSION, "llvm",
                                  codegen_llvm_version(r->build->arena), "command", json_text(command_line(r)), "options",
                                  options_json(r), "machine", machine_json(), "hashes", json_object_get(info, "hashes")));
    json_decref(info);
    return true;
}

/* ── What was measured ───────────────────────────────────────────────────────────────────────────────── */

static json_t *program_json(const char *path)
{
    struct stat info;
    return json_pack("{s:I}", "bytes", (json_int_t)(stat(path, &info) == 0 ? info.st_size : 0));
}

static const char *const time_keys[] = {"median_ms", "p90_ms", "p99_ms", "runs",
                                        "threads",   "batch",  "gflops", "fraction_of_peak"};

static json_t *time_json(const Report *r, int64_t cores)
{
    json_t *time = json_object();
    for (int64_t i = 0; i < countof(time_keys); i++)
        json_object_set(time, time_keys[i], json_object_get(r->answer, time_keys[i]));
    json_object_set_new(time, "predicted_ms", json_real(estimate_program(r->build->program, cores).ms));
    return time;
}

static bool add_timeline(Report *r, const Groups *groups)
{
    json_t *timeline = parts_timeline(r->trace, groups, r->build->diag);
    if (timeline)
        parts_account(timeline, json_object_get(r->root, "time"));
    json_object_set_new(r->root, "timeline", timeline);
    return timeline;
}

static bool add_measured(Report *r)
{
    const Build *build = r->build;
    int64_t cores = (int64_t)number(r->answer, "cores");
    json_t *peaks = machine_peaks(cores);
    Groups groups = parts_groups(build);
    PartsMeasured measured = {json_object_get(r->answer, "per_op"), peaks, cores};
    bench_add_rates(build, r->answer, 1e9 * parts_peak(peaks, precision_name(build->options.pipeline.precision)));
    json_object_set_new(r->root, "peaks", peaks);
    json_object_set_new(r->root, "graph", parts_graph(build, &groups));
    json_object_set_new(r->root, "regions", parts_regions(build, &groups, &r->origins, &measured));
    json_object_set(r->root, "unfused", json_object_get(json_object_get(r->root, "model"), "unfused"));
    json_object_set_new(r->root, "time", time_json(r, cores));
    if (!add_timeline(r, &groups))
        return false;
    json_object_set_new(r->root, "memory", parts_memory(build, &groups));
    json_object_set_new(r->root, "program", program_json(r->program));
    json_object_set_new(r->root, "precision", json_null());
    json_object_set_new(r->root, "precision_why",
                        json_string("signal to noise was not measured: --snr=bf16,int8 has the interpreter compute each region"));
    json_object_set_new(r->root, "comparison", json_null());
    return true;
}

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

static bool compile(Report *r)
{
    Build *build = r->build;
    if (!build_load(build))
        return false;
    r->layers = layers_of(build->model->graph);
    r->origins = origins_of(build->model->graph, build->arena);
    r->program = build_optimize(build) ? build_linked(build, ARTIFACT_EXE, r->options->dir, "model") : NULL;
    r->trace = arena_printf(build->arena, "%s/trace.json", r->options->dir);
    build_progress(build, -1, "measure");
    return r->program;
}

static bool fill(Report *r)
{
    json_t *model = info_json(r->build, &r->layers);
    json_object_del(model, "regions");
    r->root = json_pack("{s:s, s:i, s:o}", "format", "cnxc-report", "version", 1, "model", model);
    bool ok = add_how(r) && add_measured(r);
    json_object_del(model, "unfused");
    return ok;
}

json_t *report_make(Build *build, const ReportOptions *options)
{
    Report r = {.build = build, .options = options};
    r.answer = compile(&r)
                   ? bench_ask(build, r.program, &(BenchOptions){.threads = options->threads, .per_op = true, .trace = r.trace})
                   : NULL;
    bool ok = r.answer && fill(&r);
    json_decref(r.answer);
    if (ok)
        return r.root;
    json_decref(r.root);
    return NULL;
}

/* ── A program alone ─────────────────────────────────────────────────────────────────────────────────── */

static json_t *lone_phases(const json_t *answer)
{
    size_t i;
    const json_t *phase;
    json_t *list = json_array();
    json_array_foreach (json_object_get(answer, "per_op"), i, phase)
        json_array_append_new(
            list, json_pack("{s:O, s:s, s:O, s:O, s:[{s:O, s:O, s:i}]}", "output", json_object_get(phase, "name"), "kind",
                            "phase", "ms", json_object_get(phase, "ms"), "gflops", json_object_get(phase, "gflops"), "phases",
                            "name", json_object_get(phase, "name"), "ms", json_object_get(phase, "ms"), "index", (int)i));
    return list;
}

static json_t *lone_report(const char *program, const json_t *info, const json_t *answer)
{
    json_t *time = json_object();
    for (int64_t i = 0; i < countof(time_keys); i++)
        json_object_set(time, time_keys[i], json_object_get(answer, time_keys[i]));
    json_t *options = json_pack("{s:O?, s:O?, s:O?, s:O}", "level", json_object_get(info, "opt_level"), "precision",
                                json_object_get(info, "precision"), "mcpu", json_object_get(info, "cpu"), "threads",
                                json_object_get(answer, "threads"));
    json_t *how = json_pack("{s:O?, s:o, s:o, s:O}", "cnxc", json_object_get(info, "version"), "options", options, "machine",
                            machine_json(), "hashes", json_object_get(info, "hashes"));
    return json_pack("{s:s, s:i, s:{s:o, s:O?}, s:o, s:n, s:{s:[]}, s:o, s:[], s:o, s:n, s:n, s:o, s:n, s:s, s:n}", "format",
                     "cnxc-report", "version", 1, "model", "model", json_text(program), "task", json_object_get(info, "task"),
                     "how", how, "peaks", "graph", "nodes", "regions", lone_phases(answer), "unfused", "time", time, "timeline",
                     "memory", "program", program_json(program), "precision", "precision_why",
                     "a program does not hold its graph", "comparison");
}

json_t *report_of_program(const char *program, const ReportOptions *options, Arena *arena, Diag *diag)
{
    Build build = {.arena = arena, .diag = diag};
    json_t *info = machine_program(program, arena, diag);
    json_t *answer = info ? bench_ask(&build, program, &(BenchOptions){.threads = options->threads, .per_op = true}) : NULL;
    json_t *report = answer ? lone_report(program, info, answer) : NULL;
    json_decref(info);
    json_decref(answer);
    return report;
}
