/* Graphs whose shapes, attributes and constants were not chosen by a friend, on their way through all passes and the
 * schedule: whatever is accepted as ONNX text either becomes a tile program or is refused with a diagnostic. */
#include "tests/fuzz/fuzz.h"

#include "compiler/passes/pipeline.h"
#include "compiler/schedule/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const PipelineOptions all = {.opt_level = 3, .verify_each = true};
    Fuzz fuzz = fuzz_begin();
    Source source = {"fuzz.onnxtxt", (const char *)data, (int64_t)size, false};
    const CpuProfile *cpu = cpu_find("x86-64-v3");
    Model *model = text_parse(&source, fuzz_folder(), fuzz.arena, &fuzz.diag);
    bool sound = model && fuzz_check_model(&fuzz, model);
    if (sound && pipeline_optimize(model, &all))
        fuzz_require_said(&fuzz, schedule_graph(model->graph, DT_FLOAT, cpu, &(TileLimits){0}, fuzz.arena, &fuzz.diag) != NULL);
    else
        fuzz_require_said(&fuzz, false);
    fuzz_end(&fuzz);
    return 0;
}
