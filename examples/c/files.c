/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Classify pictures with a compiled model.
 *
 *   cnxc compile models/digits --emit=static --prefix=digits -o libdigits.a      writes libdigits.h, too
 *   cc -I. examples/c/files.c libdigits.a -lm -pthread -o files
 *   ./files models/digits/test/seven/3504.png
 *
 * One model serves any number of threads, each with a context of its own; here there is one of each. */
#include "libdigits.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    digits_options options = {.struct_size = sizeof options, .n_threads = 2};
    digits_model *model;
    digits_context *context;
    digits_status status = digits_create(&options, &model);
    if (status != DIGITS_OK) {
        fprintf(stderr, "cannot load the model: %s\n", digits_last_error());
        return 1;
    }
    status = digits_context_create(model, NULL, 0, &context);
    if (status != DIGITS_OK) {
        fprintf(stderr, "cannot make a context: %s\n", digits_last_error());
        digits_destroy(model);
        return 1;
    }
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        digits_prediction best[3];
        int64_t n;
        status = digits_classify_file(context, argv[i], 3, best, &n);
        if (status != DIGITS_OK) {
            fprintf(stderr, "%s: %s (%s)\n", argv[i], digits_status_text(status), digits_context_error(context));
            failed = 1;
            continue;
        }
        for (int64_t j = 0; j < n; j++)
            printf("%s\t%s\t%.6f\n", argv[i], best[j].label, (double)best[j].score);
    }
    digits_context_destroy(context);
    digits_destroy(model);
    return failed;
}
