/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Packages: a compiled model as a folder that C, C++, CMake, pkg-config, Python and Rust take as it is. */
#ifndef CNXC_PACKAGE_PACKAGE_H
#define CNXC_PACKAGE_PACKAGE_H

#include "compiler/build/build.h"

/* Is prefix a name in all of these languages? NULL: it is; else the language that it is a keyword of. */
const char *package_refuses_name(const char *prefix);

/* May a package stand at path: is there nothing, an empty folder or a package, and is the model outside? False after a diagnostic. */
bool package_check_place(const char *path, const Build *build);

/* Makes the folder, of what build_objects has made. A dry run only prints the link's commands. False after a diagnostic. */
bool package_write(Build *build, const char *folder);

/* Moves the finished folder to its place; an older package there comes to lie where the new one was. False after a diagnostic. */
bool package_commit(const char *from, const char *to, Diag *diag);

#endif
