/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The pipeline: the ordered table of passes. What runs when is to be read off the table, nothing else decides it.
 *
 * After each pass --print-after prints the model, which is valid input again, debug builds and --verify-each check it,
 * --time-passes notes how long it took, and `cnxc explain` looks what became of a value. */
#include "compiler/passes/pipeline.h"

#include "compiler/passes/legalize.h"
#include "compiler/passes/passes.h"
#include "ir/base/clock.h"
#include "ir/base/str.h"
#include "ir/infer.h"
#include "ir/print.h"
#include "ir/verify.h"

#include <assert.h>

typedef struct Pass {
    const char *name;
    bool (*run)(Graph *graph); /* true: it changed something */
    bool portable;             /* leaves plain ONNX of the model's own opset */
    int min_level;             /* of -O */
    bool (*planned)(Graph *graph, const QuantizePlan *plan); /* in run's place, for int8 alone */
} Pass;

static const Pass passes[] = {
    {"canonicalize", pass_canonicalize, true, 0, NULL}, /* first: later passes know one spelling */
    {"fold", pass_fold, true, 0, NULL},                 /* arithmetic on constants and shapes */
    /* beyond this point the graph is of opset 20, and each node has its one legal form (legalize.c) */
    {"legalize", pass_legalize, false, 0, NULL},
    {"widen", pass_widen, false, 1, NULL},              /* before all that asks for floats */
    {"layout", pass_layout, false, 1, NULL},            /* before recognition: a channel axis becomes the last one */
    {"recognize", pass_recognize, false, 1, NULL},
    {"affine", pass_affine, false, 1, NULL},            /* needs LayerNorms to be whole */
    {"weights", pass_weights, false, 0, NULL},          /* Transposes that affine did not take along */
    {"quantize", NULL, false, 0, pass_quantize}, /* beyond this point no pass changes what is computed */
    {"fuse", pass_fuse, false, 1, NULL},                /* nothing but the next looks into bodies after it */
    {"precision", NULL, false, 1, pass_precision},
    {"fuse-block", pass_fuse_block, false, 2, NULL},
};

/* ── Around each pass ────────────────────────────────────────────────────────────────────────────────── */

static bool must_verify(const PipelineOptions *options)
{
#ifndef NDEBUG
    (void)options;
    return true;
#else
    return options->verify_each;
#endif
}

static void verify_after(const Pass *pass, Model *model)
{
    const char *problem;
    if (!graph_verify(model->graph, &problem) || (!pass->portable && !graph_is_legal(model->graph, &problem)))
        diag_bug(__FILE__, __LINE__, arena_printf(model->arena, "after %s: %s", pass->name, problem));
}

static void print_after(const Pass *pass, const Model *model, bool changed)
{
    fprintf(stderr, "# after %s (%s)\n", pass->name, changed ? "changed" : "unchanged");
    model_print(model, stderr, NULL);
}

static void run_pass(const Pass *pass, Model *model, const PipelineOptions *options)
{
    double start = clock_seconds();
    assert(pass->run || pass->planned);
    bool changed = pass->run ? pass->run(model->graph) : pass->planned(model->graph, options->plan);
    if (options->time_passes)
        fprintf(stderr, "%10.3f ms    pass %s%s\n", (clock_seconds() - start) * 1e3, pass->name, changed ? "" : " (unchanged)");
    if (must_verify(options) && !diag_failed(model->diag))
        verify_after(pass, model);
    if (str_equal(options->print_after, pass->name) || str_equal(options->print_after, "all"))
        print_after(pass, model, changed);
    if (options->after)
        options->after(options->context, pass->name, model);
}

static bool runs(const Pass *pass, const PipelineOptions *options)
{
    return options->opt_level >= pass->min_level && (pass->run || options->precision == DT_INT8);
}

static bool run_passes(Model *model, const PipelineOptions *options, bool portable)
{
    for (int64_t i = 0; i < countof(passes) && !diag_failed(model->diag); i++) {
        if (options->before_quantize && passes[i].planned)
            break;
        if (passes[i].portable == portable && runs(&passes[i], options))
            run_pass(&passes[i], model, options);
    }
    return !diag_failed(model->diag);
}

/* ── For the driver ──────────────────────────────────────────────────────────────────────────────────── */

bool pipeline_portable(Model *model, const PipelineOptions *options) { return run_passes(model, options, true); }

/* Running the portable passes a second time changes nothing. */
bool pipeline_optimize(Model *model, const PipelineOptions *options)
{
    return pipeline_portable(model, options) && graph_check_dims(model->graph, model->diag) && run_passes(model, options, false);
}

int64_t pipeline_pass_names(const char *const **names)
{
    static const char *all[countof(passes)];
    for (int64_t i = 0; i < countof(passes); i++)
        all[i] = passes[i].name;
    *names = all;
    return countof(passes);
}
