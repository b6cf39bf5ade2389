/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The regions of a model and their schedules, for `cnxc info`. */
#ifndef CNXC_REPORT_REGIONS_H
#define CNXC_REPORT_REGIONS_H

#include "compiler/build/build.h"

#include <jansson.h>

void regions_print(const Build *build);
json_t *regions_json(const Build *build);
json_t *caches_json(const Build *build);

#endif
