/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The numbers of a profile: where each stands in the XML and in CpuProfile, and what it may be. Reading, checking and
 * writing go by this table, so that what is written reads back. */
#include "compiler/target/profile.h"

#include "ir/base/vec.h"

#include <stddef.h>

#define KIB ((int64_t)1 << 10)
#define GIB ((int64_t)1 << 30)
#define AT(field) offsetof(CpuProfile, field)

const ProfileNumber profile_numbers[] = {
    {"vectors", "bytes", AT(vector_bytes), 16, 64, false, true},
    {"vectors", "registers", AT(n_vectors), 16, 32, false, true},
    {"vectors", "fma-per-cycle", AT(fma_per_cycle), 1, 16, false, true},
    {"vectors", "fma-latency", AT(fma_latency), 1, 64, false, true},
    {"vectors", "datapath", AT(datapath_bytes), 16, 64, false, false},
    {"tiles", "registers", AT(matrix_registers), 0, 64, false, false},
    {"tiles", "rows", AT(matrix_rows), 1, 1024, false, false},
    {"tiles", "row-bytes", AT(matrix_row_bytes), 1, 4096, false, false},
    {"l1d", "size", AT(l1d_bytes), KIB, GIB, true, true},
    {"l1d", "line", AT(line_bytes), 16, 1024, false, true},
    {"l2", "size", AT(l2_bytes), KIB, 64 * GIB, true, true},
    {"l2", "shared-by", AT(l2_shared_by), 1, 65536, false, true},
    {"l3", "size", AT(l3_bytes), KIB, 64 * GIB, true, false},
    {"l3", "shared-by", AT(l3_shared_by), 1, 65536, false, false},
    {"cores", "count", AT(cores), 1, 65536, false, true},
    {"cores", "mhz", AT(mhz), 1, 100000, false, false},
    {"bandwidth", "l1", AT(l1_bandwidth), 1, 65536, false, false},
    {"bandwidth", "l2", AT(l2_bandwidth), 1, 65536, false, false},
    {"bandwidth", "l3", AT(l3_bandwidth), 1, 65536, false, false},
    {"bandwidth", "memory", AT(memory_bandwidth), 1, 1000000, false, false},
};
const int64_t n_profile_numbers = countof(profile_numbers);

const ShapeForm shape_forms[] = {
    {"gemm", SCHEDULE_GEMM, DT_FLOAT, 3},         {"block", SCHEDULE_BLOCK, DT_FLOAT, 5},
    {"gemm-bf16", SCHEDULE_GEMM, DT_BFLOAT16, 3}, {"block-bf16", SCHEDULE_BLOCK, DT_BFLOAT16, 5},
    {"gemm-int8", SCHEDULE_GEMM, DT_INT8, 3},     {"block-int8", SCHEDULE_BLOCK, DT_INT8, 5},
};
const int64_t n_shape_forms = countof(shape_forms);
