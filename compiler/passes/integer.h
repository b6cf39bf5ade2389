/* Products of integers said in products of floats that are exact. */
#ifndef CNXC_PASSES_INTEGER_H
#define CNXC_PASSES_INTEGER_H

#include "ir/graph.h"

void integer_matmul_by_floats(Node *node); /* MatMulInteger */
void integer_conv_by_floats(Node *node);   /* ConvInteger; unsupported where a group's sums are too long */

#endif
