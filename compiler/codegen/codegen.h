/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The code generator: a tile program → LLVM IR → assembly or object, for the program's CPU profile. */
#ifndef CNXC_CODEGEN_CODEGEN_H
#define CNXC_CODEGEN_CODEGEN_H

#include "compiler/schedule/program.h"

/* What is different in each size of pictures, beside its programs. */
typedef struct ArtifactSize {
    const Graph *graph;          /* names and types of inputs and outputs */
    const struct CnxrtPreprocessor *preprocessor; /* NULL: none */
} ArtifactSize;

/* What the descriptor (runtime/model.h, cnxrt_model) says beside the program. */
typedef struct ArtifactInfo {
    const char *name;            /* prefix */
    const char *version;
    const char *info_json;
    const void *record;          /* record_bytes, which info_json lies in; NULL: it stands alone (build/record.h) */
    int64_t record_bytes;
    const char *weights_file;    /* NULL: embedded, symbol cnxrt_weights */
    uint64_t graph_hash, weights_hash;
    int64_t weights_bytes;       /* header included */
    int64_t weights_in_common;   /* bytes that all sizes use */
    int64_t pixel_input, size_input, logits_output, mask_output, scores;
    const char *const *labels;
    int64_t n_labels;
    const ArtifactSize *sizes;
    int64_t n_sizes;             /* 1, or as many as --image-size lists */
    int64_t n_variants;          /* programs of each size, one for each CPU; the most demanding first */
    bool batch_free;
} ArtifactInfo;

typedef enum CodeKind { CODE_LLVM, CODE_ASM, CODE_OBJECT } CodeKind;

/* What goes into one file: a program, as the artifact's given variant (cnxrt_variant_N); cnxrt_model, which refers to all
 * variants and holds hashes of the weights; or both. */
typedef enum CodeParts { CODE_PROGRAM = 1, CODE_DESCRIPTOR = 2, CODE_BOTH = 3 } CodeParts;

typedef struct KernelReport {
    const char *kernel;
    int64_t spills;              /* vector registers moved to or from the stack */
} KernelReport;

typedef struct CodeReport {      /* of CODE_OBJECT only */
    int64_t n_kernels, code_bytes;
    VEC(KernelReport) kernels;
} CodeReport;

/* Writes path. Variants are counted over all sizes, CPU by CPU; of info a program needs only the name. False after a
 * diagnostic. opt_level is 0 … 3; report, of programs alone, may be NULL. */
bool codegen_emit(CodeParts parts, const Program *program, int64_t variant, const ArtifactInfo *info, int opt_level,
                  CodeKind kind, const char *path, CodeReport *report, Arena *arena, Diag *diag);

/* Vector registers that a kernel moves to or from the stack; 0 is what a tile should have. Generates the kernel, which
 * takes some milliseconds: callers remember the answer by the kernel's name. */
int64_t codegen_kernel_spills(const Kernel *kernel, const CpuProfile *cpu);

const char *codegen_llvm_version(Arena *arena); /* of the LLVM that makes the code: "19.1.7" */

#endif
