/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The regions of a model and their schedules, for `cnxc info`. */
#ifndef CNXC_REPORT_REGIONS_H
#define CNXC_REPORT_REGIONS_H

#include "compiler/build/build.h"

#include <jansson.h>

void regions_print(const Build *build);
json_t *regions_json(const Build *build);
/* Of a region, or of a node that stands alone; phases: the program's, of which it takes its own. */
json_t *region_json(const Build *build, const Node *region, const PhaseList *phases);
json_t *phase_json(const Build *build, const Node *region, const Phase *phase); /* region NULL: of a copy */
json_t *caches_json(const Build *build);

#endif
