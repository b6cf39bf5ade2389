/* The regions of a model and their schedules, for `cnxc info`. */
#ifndef CNXC_DRIVER_INFOREGIONS_H
#define CNXC_DRIVER_INFOREGIONS_H

#include "compiler/driver/build.h"

#include <jansson.h>

void regions_print(const Build *build);
json_t *regions_json(const Build *build);
json_t *caches_json(const Build *build);

#endif
