/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A checkpoint alone: names and shapes of strangers become a configuration, and that a network. */
#include "tests/fuzz/fuzz.h"

#include "compiler/frontend/checkpoint/checkpoint.h"
#include "compiler/frontend/convnext/convnext.h"
#include "compiler/frontend/input/foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz fuzz = fuzz_begin();
    Source source = {"fuzz.pth", (const char *)data, (int64_t)size, true};
    bool ok = false;
    bool h5 = size && data[0] == 0x89; /* a process for each, and another target's */
    if (!h5 && checkpoint_probe(&source)) {
        Model *model = hf_load_alone(&source, &(FrontendOptions){0}, fuzz.arena, &fuzz.diag);
        ok = model && graph_infer(model->graph, &fuzz.diag);
        if (ok)
            fuzz_check_model(&fuzz, model);
    } else {
        foreign_refuse(&source, "a checkpoint", &fuzz.diag);
    }
    fuzz_require_said(&fuzz, ok);
    fuzz_end(&fuzz);
    return 0;
}
