/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The schedule: a graph of regions and nodes → a tile program, for one CPU profile. */
#ifndef CNXC_SCHEDULE_SCHEDULE_H
#define CNXC_SCHEDULE_SCHEDULE_H

#include "compiler/schedule/program.h"

/* A bound on tiles, found while compiling: code for larger ones spilled registers. */
typedef struct TileLimit {
    KernelKind kind;
    Product product;             /* GEMM */
    int64_t key, size;           /* a product's panel columns and most rows; a kernel's width and most columns */
} TileLimit;
typedef VEC(TileLimit) TileLimits;

/* NULL after diagnostics (an op that mixes the images of a free batch, a dtype that is not computed). The
 * program is verified and its memory planned. precision is that of pointwise and patch layers: float or bf16. shared: weights
 * lie in an order that programs for other sizes of pictures can use, too. */
Program *schedule_graph(Graph *graph, DType precision, const CpuProfile *cpu, const TileLimits *limits, bool shared, Arena *arena,
                        Diag *diag);

/* The index-th thing worth trying in place of `choice`, for its shape; false: the list ends before. What is tried may turn
 * out to be what the schedule does anyway. */
bool schedule_candidate(const CpuProfile *cpu, const ScheduleChoice *choice, int64_t index, ScheduleChoice *candidate);

/* Keeps the schedule from the tile of a kernel, which spilled; false: it has none smaller. */
bool limits_add(TileLimits *limits, const Kernel *kernel, Arena *arena);
/* size, or less where larger tiles are to be avoided; product, key: see TileLimit. */
int64_t limits_most(const TileLimits *limits, KernelKind kind, Product product, int64_t key, int64_t size);

/* Places arena buffers by lifetime, scratch and weights in order; sets the three sizes. */
void plan_memory(Program *program);

/* Gives several programs of one model, planned, the same weights: equal packs of a constant lie at the same place.
 * One program stays as it is. */
void share_weights(Program *const *programs, int64_t n);
/* Bytes of these weights that each group of so many programs uses: what is shared by all sizes. */
int64_t weights_in_common(Program *const *programs, int64_t n, int64_t group);

#endif
