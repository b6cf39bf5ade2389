/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Packed weights as an object file, without an assembler in between. */
#ifndef CNXC_LINK_WEIGHTS_OBJECT_H
#define CNXC_LINK_WEIGHTS_OBJECT_H

#include <stdint.h>

enum { WEIGHTS_OBJECT_HEAD = 4096 }; /* bytes in front of the weights; a page, so that they are mapped in place */

/* What stands in front of `bytes` of packed weights and makes them an object that defines cnxrt_weights. */
void weights_object_head(uint8_t head[WEIGHTS_OBJECT_HEAD], int64_t bytes, uint16_t elf_machine);

#endif
