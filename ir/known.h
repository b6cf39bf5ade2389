/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What is known of values' elements, as inference notes it. */
#ifndef CNXC_IR_KNOWN_H
#define CNXC_IR_KNOWN_H

#include "ir/infer.h"

bool dtype_is_integer(DType dtype);                        /* bool, too */
Known *known_new(Arena *arena, int64_t count);       /* of so many integers, none known yet */
Known *known_tensor(Arena *arena, Tensor *tensor);   /* all of it */
Tensor *constant_tensor(const Node *node);           /* of a Constant node; NULL for strings */
const Known *value_known(const Value *value);        /* elements of a small integer value; NULL: nothing known */

#endif
