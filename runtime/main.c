/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* main, in an object of its own: an archive's member is linked only where something calls for it, so libraries that
 * are made from the runtime do not get one. */
#include "runtime/cli/cli.h"

int main(int argc, char **argv) { return cnxrt_main(argc, argv); }
