/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Recipes: how an artifact was compiled and what its graph was, so that weights of another checkpoint can be packed for it. */
#ifndef CNXC_BUILD_RECIPE_H
#define CNXC_BUILD_RECIPE_H

#include "compiler/build/build.h"

#include <jansson.h>

/* A graph's constants of more than one element, "96x3x4x4 NAME" each. */
StrList recipe_tensors(const Graph *graph, Arena *arena);

/* Of what has been built: its weights are written. */
const char *recipe_text(const Build *build);

/* The options that it was compiled with, as words of the command line. */
StrList recipe_options(const json_t *recipe, Arena *arena);

/* Sets the CPUs and the tiles to avoid. False after a diagnostic. */
bool recipe_follow(Build *build, const json_t *recipe);

#endif
