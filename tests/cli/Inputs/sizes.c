/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Uses the library that a test made as `lib`: each of its sizes on made-up pixels, in a workspace of the caller's; prints the
 * logits' bits, then what is said of a size that is not there. */
#include "lib.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    static char workspace[LIB_WORKSPACE_BYTES(1)] __attribute__((aligned(LIB_WORKSPACE_ALIGNMENT)));
    static float pixels[3 * 64 * 64], logits[5];
    lib_model *model;
    lib_context *context;
    int64_t height, width;
    if (lib_create(NULL, &model) != LIB_OK || lib_workspace_bytes(model) > sizeof workspace ||
        lib_context_create(model, workspace, sizeof workspace, &context) != LIB_OK)
        return 1;
    for (int i = 0; i < 3 * 64 * 64; i++)
        pixels[i] = (float)(i % 17) / 8 - 1;
    for (int64_t i = 0; lib_image_size(i, &height, &width) == LIB_OK; i++) {
        if (lib_context_set_image_size(context, height, width) != LIB_OK ||
            lib_run(context, (const void *[]){pixels}, 1, (void *[]){logits}) != LIB_OK)
            return 1;
        printf("%" PRId64 "x%" PRId64, height, width);
        for (int j = 0; j < 5; j++) {
            uint32_t bits;
            memcpy(&bits, &logits[j], sizeof bits);
            printf(" %08" PRIx32, bits);
        }
        puts("");
    }
    if (lib_context_set_image_size(context, 44, 44) != LIB_ERROR_UNSUPPORTED)
        return 1;
    puts(lib_context_error(context));
    lib_context_destroy(context);
    lib_destroy(model);
    return 0;
}
