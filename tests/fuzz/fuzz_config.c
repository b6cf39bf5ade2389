/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* config.json and, behind a NUL, preprocessor_config.json: to a graph without weights, and to the runtime's settings. */
#include "tests/fuzz/fuzz.h"

#include "compiler/frontend/frontend.h"
#include "compiler/frontend/input/pictures.h"
#include "compiler/frontend/input/processor.h"

#include <string.h>

static void read_graph(void)
{
    Fuzz fuzz = fuzz_begin();
    Model *model = frontend_from_config(fuzz_folder(), fuzz_folder(), &(FrontendOptions){0}, fuzz.arena, &fuzz.diag);
    fuzz_require_said(&fuzz, model != NULL);
    if (model)
        fuzz_check_model(&fuzz, model);
    fuzz_end(&fuzz);
}

static void read_settings(int64_t num_channels)
{
    Fuzz fuzz = fuzz_begin();
    Pictures pictures = {0};
    const JsonFile *json = json_file_open(fuzz_folder(), "preprocessor_config.json", fuzz.arena, &fuzz.diag);
    bool ok = json && processor_read(json, "ConvNextImageProcessor", num_channels, &pictures);
    fuzz_require_said(&fuzz, ok);
    Model *model = model_new(fuzz.arena, &fuzz.diag);
    if (ok && pictures.settings) {
        model_set_prop(model, "cnxc.preprocessor", pictures.settings);
        fuzz_require(pictures_read(model, &fuzz.diag) != NULL, "settings that were accepted can be used");
    }
    fuzz_end(&fuzz);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = memchr(data, 0, size);
    size_t config = nul ? (size_t)(nul - data) : size;
    fuzz_write("config.json", data, config);
    fuzz_write("preprocessor_config.json", nul ? nul + 1 : data, nul ? size - config - 1 : 0);
    read_graph();
    read_settings(3);
    read_settings(1);
    return 0;
}
