/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc weights: those of another checkpoint, packed for a program that was compiled with --weights=FILE.
 *
 *   PROGRAM's record → its options → MODEL loaded, optimised, scheduled → compared → FILE
 *
 * What is written is what `cnxc compile MODEL` with the program's options would write, to the last bit. */
#include "compiler/build/output.h"
#include "compiler/build/swap.h"
#include "compiler/build/recipe.h"
#include "compiler/driver/driver.h"
#include "ir/base/path.h"
#include "ir/base/progress.h"

static bool check_words(Driver *driver)
{
    const Options *o = &driver->options;
    const char *model = o->arguments.at[0];
    if (!o->program || !o->output)
        usage_error(driver, "%s", o->program ? "where to write: -o FILE" : "which program the weights are for: --for=PROGRAM");
    else if (output_is_stream(o->output))
        usage_error(driver, "weights need a file for -o; '%s' is none", o->output);
    return !diag_failed(&driver->diag) && output_check(o->output, model, &driver->diag) &&
           output_check(o->output, o->program, &driver->diag);
}

/* A calibrated program's weights are rounded, and multiplied, by pictures, too. */
static bool check_pictures(Driver *driver, const Record *record)
{
    const char *dir = driver->options.calibrate;
    bool calibrated = json_is_true(json_object_get(record->recipe, "calibrated"));
    if (calibrated && !dir)
        usage_error(driver, "the program was compiled with --calibrate: --calibrate=DIR says with which pictures");
    else if (!calibrated && dir)
        usage_error(driver, "the program was compiled without --calibrate");
    return !diag_failed(&driver->diag);
}

static bool write_weights(Driver *driver, Build *build, const Record *record)
{
    const char *output = driver->options.output;
    build->weights_name = path_base(output);
    build->prefix = json_string_value(json_object_get(record->info, "name"));
    build->temp_dir = output_temp_dir(output, driver->arena, &driver->diag);
    return build->temp_dir && swap_pack(build, record) &&
           output_check_parts(output, &build->options, driver->arena, &driver->diag) &&
           output_commit(build->weights_path, output, &driver->diag);
}

ExitCode subcommand_weights(Driver *driver)
{
    Record record;
    if (!check_words(driver) || !record_find(&record, driver->options.program, driver->arena, &driver->diag) ||
        !swap_begin(&record, &driver->diag) || !check_pictures(driver, &record))
        return driver_exit_code(driver);
    options_repeat(driver, recipe_options(record.recipe, driver->arena));
    if (diag_failed(&driver->diag))
        return driver_exit_code(driver);
    Build build = options_build(driver);
    progress_begin("weights");
    write_weights(driver, &build, &record);
    progress_end();
    return driver_exit_code(driver);
}
