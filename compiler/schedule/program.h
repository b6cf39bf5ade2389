/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Tile programs: what the schedule hands to the code generator.
 *
 * A Program is a list of phases; a phase is a list of parallel loops whose iterations (chunks) may run on any
 * thread; inside are loops with constant extents and kernel calls on buffers, addressed by offsets that are
 * affine in the loop variables. Every extent, stride and tile is a constant.
 *
 *   phase "pw1" flops 1234
 *     parallel i0 in 56
 *       for i1 in 4
 *         cnx_gemm_f32_14x32_k96__avx512(act0 + i0*21504 + i1*5376, w3, act1 + i0*86016, bias3)
 *
 * Who decides: schedule/ decides loops, buffers, tiles and order. codegen/ turns calls into code and decides
 * nothing. Offsets and strides are in bytes throughout; sizes named n, k, width are in elements. */
#ifndef CNXC_SCHEDULE_PROGRAM_H
#define CNXC_SCHEDULE_PROGRAM_H

#include "compiler/target/product.h"
#include "ir/graph.h"
#include "ir/op.h"
#include "ir/region.h"

/* ── Buffers ─────────────────────────────────────────────────────────────────────────────────────────── */

typedef enum Space {
    SPACE_TENSOR,  /* a graph input or output; index says which, inputs first */
    SPACE_ARENA,   /* of the context, shared by threads; placed by memory planning */
    SPACE_SCRATCH, /* each thread's own; lives within one chunk */
    SPACE_WEIGHTS, /* packed constants */
} Space;

/* How packed weights are made from a constant tensor: a loop nest that writes in order, reading
 * source[base + Σ axis_index * stride] or writing zero where an axis index is past its size.
 *   panels of 32 columns of a [K,N] matrix: axes k (size K, stride N), n (size N, stride 1);
 *   loops n by 32 × N/32, k by 1 × K, n by 1 × 32. */
typedef struct Pack {
    const Tensor *source;  /* NULL: all zero */
    int64_t base;          /* elements */
    int n_axes, n_loops;
    struct {
        int64_t size, stride;
    } axes[4];           /* in elements of the source */
    struct {
        int axis;
        int64_t step, extent;
    } loops[8]; /* outermost first */
    DType dtype;           /* of the packed elements; float unless a precision says otherwise */
} Pack;

typedef struct Buffer {
    const char *name;
    Space space;
    DType dtype;
    int64_t index;         /* SPACE_TENSOR: which */
    int64_t bytes;
    int64_t offset;        /* in its space; a multiple of 64; set by memory planning */
    Pack *pack;            /* SPACE_WEIGHTS */
    int64_t first, last;   /* SPACE_ARENA: phases (counted over begin, image, end) between which it lives */
} Buffer;

typedef struct Stmt Stmt;

/* An address: buffer + offset + Σ loop variable * stride. */
typedef struct Ref {
    Buffer *buffer;        /* NULL: an argument left out */
    int64_t offset;
    int n_terms;
    struct {
        const Stmt *loop;
        int64_t stride;
    } terms[12];
} Ref;

/* ── Scalar expressions ──────────────────────────────────────────────────────────────────────────────── */

/* What happens to each element: epilogues and elementwise kernels. SSA over values: 0 … n_operands-1 are the
 * operands, then one value for each step; the last value is the result. */
typedef struct ExprStep {
    OpKind op;             /* an elementwise operator, or OP_Constant (imm[0] is the value) */
    int in[3];             /* values */
    double imm[2];         /* attributes: Gelu: 1 for tanh, 1 where it may be coarse; LeakyRelu alpha; Selu alpha, gamma; Clip
                              bounds; Cast: CAST_ … */
    DType dtype;           /* of the result */
} ExprStep;

/* How a Cast rounds: as ONNX says, or as instructions that make operands of a product do (bf16: subnormals become zero). */
enum { CAST_OF_ONNX, CAST_OF_PRODUCT };

typedef struct Expr {
    int n_operands, n_steps;
    ExprStep steps[MAX_STEPS];
} Expr;

/* How a kernel walks one operand of its expression: rows (outer) and elements (inner). */
typedef struct Operand {
    DType dtype;
    int64_t row;           /* bytes from one row to the next; 0: the same row each time */
    int64_t step;          /* bytes from one element to the next: the dtype's size (contiguous), 0 (broadcast), other */
} Operand;

/* ── Kernels ─────────────────────────────────────────────────────────────────────────────────────────── */

typedef enum KernelKind {
#define KERNEL(KIND, name, params, rows, n) KERNEL_##KIND,
#include "compiler/schedule/kernels.def"
} KernelKind;

/* Numbers of a kind's own arguments: GEMM_A, GEMM_B, …, N_GEMM_ARGS. */
#define KERNEL(KIND, name, params, rows, n) enum {
#define ARG(KIND, ARGUMENT, extent, optional) KIND##_##ARGUMENT,
/* clang-format off */
#define KERNEL_END(KIND) N_##KIND##_ARGS };
/* clang-format on */
#include "compiler/schedule/kernels.def"

typedef enum GemmInit { GEMM_INIT_ZERO, GEMM_INIT_BIAS, GEMM_INIT_C } GemmInit; /* C: adds to what C holds (raw sums) */

typedef enum ReduceOp {
    REDUCE_SUM,
    REDUCE_MEAN,
    REDUCE_L2,
    REDUCE_L1,
    REDUCE_MAX,
    REDUCE_MIN,
    REDUCE_PROD,
    REDUCE_SUM_SQUARE,
} ReduceOp;

typedef enum ScatterOp { SCATTER_PUT, SCATTER_ADD, SCATTER_MUL, SCATTER_MAX, SCATTER_MIN } ScatterOp;

/* A kernel is its parameters; two with equal names are the same function and are emitted once. Operand 0 of the expression
 * is the kernel's own result for the element; operands[i] describes operand i, whose argument follows the kind's own
 * arguments, in order. The expression of a MAP has no such result: all of its operands are arguments. */
typedef struct Kernel {
    KernelKind kind;
    const char *name;      /* cnx_gemm_f32_14x32_…__avx512; from kernel_intern */
    Expr expr;             /* n_operands 0 or n_steps 0: none, the result is stored as it is */
    Operand operands[MAX_OPERANDS]; /* of expr, from kernel_first_operand on */
    union {
#define PARAMS(params) struct {
#define PARAM(params, type, field) type field;
/* clang-format off */
#define PARAMS_END(params) } params;
/* clang-format on */
#include "compiler/schedule/kernels.def"
    };
} Kernel;

/* LAYERNORM, LAYERNORM_QUANTIZE: their rows lose their mean; those of RMSNORM, RMSNORM_QUANTIZE and SIMPLENORM keep it. */
static inline bool kernel_is_centred(const Kernel *kernel)
{
    return kernel->kind == KERNEL_LAYERNORM || kernel->kind == KERNEL_LAYERNORM_QUANTIZE;
}

static inline int kernel_first_operand(const Kernel *kernel) { return kernel->kind == KERNEL_MAP ? 0 : 1; }

/* ── Statements, phases, programs ────────────────────────────────────────────────────────────────────── */

enum { MAX_ARGS = 16 };

struct Stmt {
    enum { STMT_LOOP, STMT_CALL } kind;
    const char *var;       /* LOOP: for printing */
    int64_t extent;
    VEC(Stmt *) body;
    const Kernel *kernel;  /* CALL */
    Ref *args;
    int n_args;
};

typedef struct Phase {
    const char *name;      /* the region's or node's output, for reports */
    const Node *origin;
    VEC(Stmt *) sections;  /* loops; the chunks of all sections are counted in a row */
    int64_t flops;
    bool shaped;           /* a choice of the profile can be for its */
    ScheduleShape shape;
} Phase;

typedef struct Program {
    Arena *arena;
    const CpuProfile *cpu;
    DType precision;                /* of pointwise and patch layers: float or bf16 */
    VEC(Phase *) begin, image, end; /* once before, for each image, once after */
    VEC(Buffer *) buffers;
    VEC(Kernel *) kernels;          /* in order of first use, distinct names */
    StrMap named;                   /* the same, by name */
    int64_t arena_bytes, scratch_bytes, weights_bytes; /* set by memory planning; weights without the header */
    bool batch_free;                /* image phases run once for each image of a free batch */
    bool by_image;                  /* threads share out a batch's images, each with an arena of its own */
} Program;

/* Names the kernel by its parameters and returns the program's one with that name (schedule/kernel.c). */
const Kernel *kernel_intern(Program *program, const Kernel *kernel);
/* Every parameter of the kernel, as text: equal texts are equal kernels. */
const char *kernel_text(Arena *arena, const Kernel *kernel);

typedef VEC(const Phase *) PhaseList;
PhaseList program_phases(const Program *program, Arena *arena); /* all of them, in the order in which they run */

int64_t phase_chunks(const Phase *phase);
bool phase_uses_tiles(const Phase *phase);           /* a kernel that wants the matrix unit configured */
int64_t program_cpu_features(const Program *program); /* CNXRT_CPU_ bits that it needs: a matrix unit only if used */

typedef struct Extent {
    int64_t low, high;
} Extent; /* bytes touched, relative to an address: [low, high) */
enum { EXTENT_ANYWHERE = -1 }; /* as high: nothing is read, so it need not lie in the buffer */

int kernel_n_args(const Kernel *kernel); /* its own and its operands' */
/* What a call of the kernel touches around each of its arguments, and which may be left out (both MAX_ARGS +
 * MAX_OPERANDS long); returns how many arguments there are. lanes: of the CPU's vectors. */
int kernel_extents(const Kernel *kernel, int64_t lanes, Extent *extents, bool *optional);

/* Checks what the code generator relies on: every ref stays inside its buffer for all loop values, argument counts,
 * expression operands. The first violation is described in *problem. */
bool program_verify(const Program *program, const char **problem);

void program_print(const Program *program, FILE *out); /* --emit=tile */
void phase_print(const Phase *phase, FILE *out);       /* its sections, as there */
/* What becomes code and nothing else, so no names: programs, or phases, whose texts are equal get the same. A phase's leaves out
 * where buffers lie. */
void program_print_code(const Program *program, FILE *out);
void phase_print_code(const Phase *phase, FILE *out);

/* Writes the packed weights, 64-byte aligned each at its offset, streaming. False: errno says why. Several programs
 * share what share_weights found to be equal; n is at least 1. */
bool programs_write_weights(Program *const *programs, int64_t n, FILE *out);

#endif
