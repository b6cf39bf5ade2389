/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Uses the library that a test made as `lib`: one run on made-up pixels, in a workspace of the caller's; prints the logits. */
#include "lib.h"
#include <stdio.h>

int main(void)
{
    lib_model *model = NULL;
    lib_context *context;
    lib_status status = lib_create(NULL, &model);
    static char workspace[LIB_WORKSPACE_BYTES(1)] __attribute__((aligned(LIB_WORKSPACE_ALIGNMENT)));
    static float pixels[3 * 32 * 32], logits[10];
    if (status != LIB_OK)
        return printf("%s\n", status == LIB_ERROR_CPU ? "no CPU for it" : lib_status_text(status)), model != NULL;
    if (lib_context_create(model, workspace, sizeof workspace, &context) != LIB_OK)
        return 1;
    for (int i = 0; i < 3 * 32 * 32; i++)
        pixels[i] = (float)(i % 17) / 8 - 1;
    status = lib_run(context, (const void *[]){pixels}, 1, (void *[]){logits});
    for (int i = 0; i < 10; i++)
        printf("%.4f ", logits[i]);
    return status != LIB_OK;
}
