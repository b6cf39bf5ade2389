/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Swapping weights: those of another checkpoint, packed for a program that is compiled already. */
#ifndef CNXC_BUILD_SWAP_H
#define CNXC_BUILD_SWAP_H

#include "compiler/build/record.h"
#include "compiler/build/build.h"

/* The program's record says that weights can be packed for it here. False after a diagnostic. */
bool swap_begin(const Record *record, Diag *diag);

/* Packs the weights of the build's model, whose options are the program's, into build->weights_path. False after a diagnostic
 * that says what makes them unfit for it. */
bool swap_pack(Build *build, const Record *record);

#endif
