/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What a matrix product multiplies and adds up, and how a CPU does it: one value that profiles, the schedule, kernels and
 * the code generator speak of.
 *
 *   precision   a      b      sum   k_pack   one instruction
 *   f32         f32    f32    f32   1        fma
 *   bf16        bf16   bf16   f32   2        vdpbf16ps; tdpbf16ps on a matrix unit
 *                                   4        bfmmla
 *   int8        u8     s8     s32   4        vpdpbusd; tdpbusd on a matrix unit
 *               s8                  4, 8     sdot; smmla
 *
 * The k_pack neighbours of K that an instruction adds up in one sum are a group. A group lies side by side, in A's rows and in
 * the panels of B, so that a product of K/k_pack groups has the loops, panels and strides of any other; only the element and
 * the inner step differ. Sums of integers have the same bits on every CPU.
 *
 * A group of 32 bits fits a lane, beside its sum: one of A meets a vector of B's. bfmmla and smmla take groups of 64, two rows of
 * A by two columns of B, and have the four sums in a vector. */
#ifndef CNXC_TARGET_PRODUCT_H
#define CNXC_TARGET_PRODUCT_H

#include "compiler/target/cpu.h"

typedef struct Product {
    DType a, b, sum;
    int64_t k_pack;
    int64_t unit;            /* of a matrix unit: rows, columns and groups of K in a tile; 0: vectors do it */
} Product;

/* Of the weights, as --precision= has it: f32, bf16, int8. NULL, or none of them: f32. */
const char *precision_name(DType precision);
DType precision_named(const char *name);

Product product_of(const CpuProfile *cpu, DType precision);
bool product_equal(Product x, Product y);

/* Whether the CPU has an instruction for it; else vectors of floats do it, group by group. */
bool product_is_native(const CpuProfile *cpu, Product product);

/* Rows of A that an instruction takes, and vectors of B to a vector of sums. */
static inline int64_t product_rows(Product p) { return p.k_pack * dtype_size(p.b) / 4; }

/* Whether its left operand has to be made of floats. */
static inline bool product_converts(Product p) { return p.a != DT_FLOAT; }

static inline int64_t product_groups(Product p, int64_t k) { return (k + p.k_pack - 1) / p.k_pack; } /* of k elements */
static inline int64_t product_group_bytes(Product p) { return p.k_pack * dtype_size(p.b); } /* in the panels of B; in A as many */
static inline int64_t product_sum_bytes(Product p) { return dtype_size(p.sum); }

#endif
