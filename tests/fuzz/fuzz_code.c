/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Models to the end: a file, .onnx or text, is loaded as the command does it, optimised, scheduled and made code and packed
 * weights, everything but the link, for some CPU. What is large, and so takes long in LLVM, is left out. */
#include "tests/fuzz/fuzz.h"

#include "compiler/build/build.h"

enum { MOST_NODES = 60, MOST_KERNELS = 12, MOST_PACKED = 1 << 20 };

static bool is_small(const Build *build)
{
    return build->program->kernels.len <= MOST_KERNELS && build->program->weights_bytes <= MOST_PACKED;
}

static void compile(Build *build, const Fuzz *fuzz)
{
    bool ok = build_load(build);
    if (ok && build->model->graph->n_nodes > MOST_NODES)
        return;
    ok = ok && build_program(build);
    if (!ok || is_small(build))
        fuzz_require_said(fuzz, ok && build_objects(build));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz fuzz = fuzz_begin();
    FuzzChoice choice = fuzz_choose(data, size);
    fuzz_write("model", data, size);
    Build build = {.options = {.input = arena_printf(fuzz.arena, "%s/model", fuzz_folder()),
                               .system = system_of(choice.cpu->arch),
                               .pipeline = {.opt_level = choice.opt_level, .precision = choice.precision, .verify_each = true}},
                   .arena = fuzz.arena,
                   .diag = &fuzz.diag,
                   .temp_dir = fuzz_folder(),
                   .prefix = "fuzz"};
    vec_push(fuzz.arena, &build.cpus, choice.cpu);
    compile(&build, &fuzz);
    fuzz_end(&fuzz);
    return 0;
}
