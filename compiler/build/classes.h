/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Folders that are named by the labels of what is in them. */
#ifndef CNXC_BUILD_CLASSES_H
#define CNXC_BUILD_CLASSES_H

#include "ir/base/str.h"

/* The class of each folder, by a label or by its number; -1: none. folders are sorted. */
int64_t *classes_of_folders(const char *const *labels, int64_t n_labels, const StrList *folders, Arena *arena);

#endif
