/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "digits.h"
#include <stdio.h>

int main(int argc, char **argv)
{
    digits_model *model;
    digits_context *context;
    digits_prediction best;
    int64_t n;
    if (digits_create(NULL, &model) || digits_context_create(model, NULL, 0, &context))
        return puts(digits_last_error()), 1;
    for (int i = 1; i < argc; i++) {
        if (digits_classify_file(context, argv[i], 1, &best, &n))
            return puts(digits_context_error(context)), 1;
        printf("%s %.2f\n", best.label, best.score);
    }
    digits_context_destroy(context);
    digits_destroy(model);
    return 0;
}
