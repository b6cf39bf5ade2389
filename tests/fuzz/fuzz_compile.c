/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Graphs whose shapes, attributes and constants were not chosen by a friend, on their way through all passes and the schedule
 * of some CPU: whatever is accepted as ONNX text either becomes a tile program or is refused with a diagnostic. */
#include "tests/fuzz/fuzz.h"

#include "compiler/passes/pipeline.h"
#include "compiler/schedule/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz fuzz = fuzz_begin();
    FuzzChoice choice = fuzz_choose(data, size);
    PipelineOptions all = {.opt_level = choice.opt_level, .precision = choice.precision, .verify_each = true};
    Source source = {"fuzz.onnxtxt", (const char *)data, (int64_t)size, false};
    Model *model = text_parse(&source, fuzz_folder(), fuzz.arena, &fuzz.diag);
    bool sound = model && fuzz_check_model(&fuzz, model);
    fuzz_require_said(&fuzz, sound && pipeline_optimize(model, &all) &&
                                 schedule_graph(model->graph, choice.precision, choice.cpu, &(TileLimits){0}, false, fuzz.arena,
                                                &fuzz.diag) != NULL);
    fuzz_end(&fuzz);
    return 0;
}
