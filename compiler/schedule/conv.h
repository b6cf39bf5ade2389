/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Convolutions, and what a block needs of its own. */
#ifndef CNXC_SCHEDULE_CONV_H
#define CNXC_SCHEDULE_CONV_H

#include "compiler/schedule/dwconv.h"

bool conv_lower(Lowering *l, const Node *node, Epilogue *epilogue); /* Conv or ConvNHWC; NULL: no epilogue */

/* A channels-last depthwise convolution's weights and bias, and what the epilogue leaves once the bias is taken from
 * it; x and out are the caller's. False: the node is another convolution. */
bool depthwise_of(Lowering *l, const Node *node, const Fusion *epilogue, Window *window, Depthwise *d);

#endif
