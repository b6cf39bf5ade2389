/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Running a program on all of a set. */
#ifndef CNXC_BUILD_CALIBRATE_RUN_H
#define CNXC_BUILD_CALIBRATE_RUN_H

#include "compiler/build/build.h"
#include "compiler/build/calibrate/set.h"

typedef struct SetRun {
    const CalibrationSet *set;
    const Build *build;      /* of the program */
    const char *program, *dir; /* an executable; a folder for temporary files */
    VEC(const Value *) values; /* float outputs that it is asked for, with images along dimension 0 */
    const char *what;        /* is done, for a line on a terminal */
    /* Images from number `first` on, of values.at[index]. */
    void (*take)(void *context, int64_t index, const Tensor *images, int64_t first);
    void *context;
} SetRun;

bool set_run(const SetRun *run); /* false after a diagnostic */

#endif
