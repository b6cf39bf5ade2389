/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Calibration: what pictures say of a model's products in integers. */
#ifndef CNXC_BUILD_CALIBRATE_H
#define CNXC_BUILD_CALIBRATE_H

#include "compiler/build/build.h"

/* Plans the products of the loaded model by the pictures in options.calibrate, into options.pipeline.plan. False after a
 * diagnostic. */
bool calibrate(Build *build);

#endif
