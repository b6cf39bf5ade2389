/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What docs/user-guide.md compiles with libtiny.a and libtiny.so. */
#include "libtiny.h"

int main(void)
{
    tiny_model *model;
    return tiny_create(0, &model);
}
