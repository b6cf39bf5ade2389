/* What makes a product of integers better on pictures. */
#ifndef CNXC_BUILD_CALIBRATE_IMPROVE_H
#define CNXC_BUILD_CALIBRATE_IMPROVE_H

#include "compiler/build/calibrate/observe.h"

/* The plan, in the arena; said: what was gained by what. */
ProductPlan *improve(const Observed *product, Arena *arena, const char **said);

#endif
