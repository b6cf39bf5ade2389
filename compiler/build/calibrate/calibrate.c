/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Calibration: int8's products find their scales while running; what is left to know comes from pictures.
 *
 *   cnxc compile model/ --precision=int8 --calibrate=pictures/ -o tiny
 *
 *   pictures → set.c     which, in what order; every second one judges
 *            → observe.c the float model's products: their largest columns, some of their rows
 *            → improve.c of each product multipliers, rounding and a correction of the bias, each kept where it helps
 *            → mix.c     with --max-drop: the layers that are better left to bf16 or float32
 *            → a plan for the quantize pass (passes/quantize.h), by names of values
 *
 * Nothing depends on the number of threads, nor on the order of a folder. */
#include "compiler/build/calibrate/calibrate.h"
#include "compiler/build/calibrate/improve.h"
#include "compiler/build/calibrate/mix.h"
#include "compiler/build/calibrate/observe.h"
#include "compiler/build/output.h"

static QuantizePlan *plan_products(const Observation *o, const Build *build)
{
    QuantizePlan *plan = NEW(build->arena, QuantizePlan);
    plan->products.arena = build->arena;
    for (int64_t i = 0; i < o->products.len; i++) {
        const Observed *product = &o->products.at[i];
        const char *said;
        build_progress(&o->build, (double)i / (double)o->products.len,
                       arena_printf(build->arena, "product %lld of %lld", (long long)i + 1, (long long)o->products.len));
        const ProductPlan *like = build->like ? strmap_get(&build->like->products, product->name) : NULL;
        strmap_put(&plan->products, product->name, improve(product, like, build->arena, &said));
        vec_push(build->arena, &plan->names, arena_strdup(build->arena, product->name));
        if (build->options.verbose)
            fprintf(stderr, "cnxc: %s  %s dB\n", escaped(build->arena, product->name), said);
    }
    return plan;
}

static bool make_plan(Build *build, const char *dir, Arena *arena)
{
    CalibrationSet set = {0};
    Observation o = {0};
    if (!set_read(&set, build->options.calibrate, arena, build->diag) || !observe(&o, build, &set, dir, arena))
        return false;
    if (!o.products.len)
        diag_warning(build->diag, NO_SPAN, "the model has no products that can be calibrated");
    QuantizePlan *plan = plan_products(&o, build);
    build->options.pipeline.plan = plan;
    return build->like || build->options.budget <= 0 || mix_precisions(&o, build, plan, arena);
}

bool calibrate(Build *build)
{
    Arena *arena = arena_new();
    const char *dir = build->temp_dir ? build->temp_dir : output_temp_dir(NULL, arena, build->diag);
    bool ok = dir && make_plan(build, dir, arena);
    if (!build->temp_dir)
        output_cleanup();
    arena_free(arena);
    return ok;
}
