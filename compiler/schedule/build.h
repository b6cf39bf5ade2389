/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Building programs: buffers, phases, loops, calls, and the addresses that loops move. */
#ifndef CNXC_SCHEDULE_BUILD_H
#define CNXC_SCHEDULE_BUILD_H

#include "compiler/schedule/program.h"

typedef struct Lowering Lowering; /* the state of it all: lower.h */

/* An affine position: at + Σ loop * step, in units of the dimension it indexes. */
typedef struct Pos {
    int64_t at;
    int n_terms;
    struct {
        const Stmt *loop;
        int64_t step;
    } terms[MAX_RANK - 2];
} Pos;

Buffer *buffer_new(Lowering *l, const char *name, Space space, DType dtype, int64_t bytes);
Buffer *buffer_packed(Lowering *l, const char *name, Pack *pack); /* bytes from its loops */
Buffer *buffer_constant(Lowering *l, const char *name, const Tensor *tensor, int64_t padded); /* elements; 0: as it is */

void phase_open(Lowering *l, const char *name, int64_t flops);
void phase_shape(Lowering *l, const ScheduleShape *shape); /* what a choice for it is called by */
Stmt *section_open(Lowering *l, int64_t extent); /* a parallel loop of the open phase */
/* What is opened between these two is small: it runs as one phase, in order, on one thread. */
void phases_join(Lowering *l, const char *name);
void phases_joined(Lowering *l);
/* Around number i of `count` phases that don't wait for each other: where they are very many, each chunk of one phase is several. */
void bundle_open(Lowering *l, const char *name, int64_t i, int64_t count);
void bundle_close(Lowering *l, int64_t i, int64_t count);
Stmt *loop_open(Lowering *l, int64_t extent); /* NULL if extent is 1; close it all the same */
Stmt *any_open(Lowering *l, int64_t extent); /* a section where none is open, else a loop */
void loop_close(Lowering *l); /* the innermost loop or section */
void emit_call(Lowering *l, const Kernel *kernel, const Ref *args, int n_args);

Ref ref_to(Buffer *buffer);
Ref ref_shift(Ref ref, int64_t bytes);
Ref ref_loop(Ref ref, const Stmt *loop, int64_t stride); /* loop NULL: unchanged */
Ref ref_pos(Ref ref, Pos pos, int64_t stride);
Pos pos_at(int64_t at);
Pos pos_loop(Pos pos, const Stmt *loop, int64_t step);
Pos pos_add(Pos a, Pos b);

/* n cut into parts of at most `most`, as equal as can be: big × (small + 1 or small). */
typedef struct Tiling {
    struct {
        int64_t start, size, count;
    } parts[2];
} Tiling;
Tiling tile_even(int64_t n, int64_t most);
Tiling tile_blocks(int64_t n, int64_t block); /* full blocks, then one with the rest */
Tiling tile_product(Product product, int64_t m, int64_t most); /* rows: even, or whole pairs but for the last's (product_rows) */

/* How many threads should finish together: the CPU's cores, but 2 to 8, for more chunks would be small. */
int64_t schedule_threads(const CpuProfile *cpu);

/* Rows to a block, at most `most`, so that `threads` threads finish n rows soonest; of equals the most rows. */
int64_t fair_rows(int64_t n, int64_t most, int64_t threads);

#endif
