/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What fits into a CPU's vector registers, as LLVM hands them out. */
#ifndef CNXC_TARGET_REGISTERS_H
#define CNXC_TARGET_REGISTERS_H

#include "compiler/target/product.h"

/* Registers that a product's tile of rows × vectors takes. */
int64_t registers_of_tile(const CpuProfile *cpu, Product product, int64_t rows, int64_t vectors);
/* The most rows of such a tile, at least 1. */
int64_t registers_tile_rows(const CpuProfile *cpu, Product product, int64_t vectors);
/* Vectors of B in a tile, the better first. */
enum { N_PANEL_WIDTHS = 4 };
const int64_t *registers_panel_widths(const CpuProfile *cpu);
/* The most columns of a depthwise convolution's tile, whose kernel has so many taps in a row; at least 2. */
int64_t registers_depthwise_columns(const CpuProfile *cpu, int64_t taps);

#endif
