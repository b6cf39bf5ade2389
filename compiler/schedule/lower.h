/* Lowering: what the files of this room share while they turn nodes into phases.
 *
 * A value of the graph becomes a View: a place in a buffer with a size and a stride for each dimension, so that
 * Transpose, Slice, Expand, Split, Squeeze and most reshapes cost nothing: they make another view of the same
 * bytes. Kernels that need contiguous elements ask for them (view_contiguous), which copies only if it must.
 *
 *   x: float[1,3,8,8] at x, strides 768 256 32 4  → Transpose(0,2,3,1) →  the same bytes, strides 768 32 4 256
 *
 * The free batch: a value with a symbolic dimension 0 is one image of it; that dimension is taken as 1. */
#ifndef CNXC_SCHEDULE_LOWER_H
#define CNXC_SCHEDULE_LOWER_H

#include "compiler/schedule/schedule.h"
#include "ir/infer.h"

enum { VIEW_RANK = 12 }; /* ONNX's 8 and the kernel's dimensions of a convolution's patches */

typedef enum When { WHEN_BEGIN, WHEN_IMAGE, WHEN_END } When; /* the list of phases that computes a value */

typedef struct View {
    Ref ref;                /* of element 0 */
    DType dtype;
    int rank;
    int64_t dims[VIEW_RANK];
    int64_t strides[VIEW_RANK]; /* bytes; 0: broadcast */
    When when;              /* in which phases it is computed; constants: WHEN_BEGIN */
    bool per_image;         /* dimension 0 is the free batch, here 1 */
    const Tensor *constant; /* of which this is all, row-major; NULL: not a constant */
} View;

/* An affine position: at + Σ loop * step, in units of the dimension it indexes. */
typedef struct Pos {
    int64_t at;
    int n_terms;
    struct {
        const Stmt *loop;
        int64_t step;
    } terms[4];
} Pos;

/* An elementwise expression in the making: the operands' views have the result's rank and dimensions. */
typedef struct Fusion {
    Expr expr;
    View operands[MAX_OPERANDS]; /* operand 0 may be a kernel's own result: then its view is not used */
    const Value *sources[MAX_OPERANDS];
    const Tensor *tensors[MAX_OPERANDS]; /* of operands that are constants, else NULL */
    const Value *result;    /* what it computes */
} Fusion;

typedef struct Lowering {
    Program *program;
    Graph *graph;
    const CpuProfile *cpu;
    Arena *arena;
    Diag *diag;
    VEC(View) views;        /* of values, by value->mark - 1 */
    const Node *node;       /* being lowered */
    const Node *region;     /* whose body is being lowered; NULL: none */
    const Node *anchor;     /* the node that may take `epilogue`; NULL: none */
    Fusion *epilogue;       /* elementwise work on the anchor's output; NULL: none, or taken */
    When when;              /* list to which phases go */
    When earliest;          /* of a region's nodes: when all of its inputs are there */
    Phase *phase;
    Buffer *sums;           /* scratch for a matrix unit's sums, of sums_phase; NULL: none yet */
    const Phase *sums_phase;
    bool joined;            /* phases that are opened become part of the open one, and sections of its one chunk */
    Stmt *open[16];         /* the loops around what is emitted; NULL: a loop of one iteration, left out */
    int depth;
    int64_t n_names;        /* for fresh buffer names */
} Lowering;

/* One lowering for each operator; false after a diagnostic. */
typedef bool Lower(Lowering *l, const Node *node);
bool lower_node(Lowering *l, const Node *node);
bool lower_elementwise(Lowering *l, const Node *node); /* every operator of CLASS_ELEMENTWISE */
/* lower_NAME for all the others: a row of the op table without one does not link. */
#define LOWER_CLASS_ELEMENTWISE(name)
#define LOWER_CLASS_MOVE(name) Lower lower_##name;
#define LOWER_CLASS_REDUCTION(name) Lower lower_##name;
#define LOWER_CLASS_CONTRACTION(name) Lower lower_##name;
#define LOWER_CLASS_META(name) Lower lower_##name;
#define LOWER_CLASS_OTHER(name) Lower lower_##name;
#define OP(name, domain, class, ...) LOWER_##class(name)
#include "ir/ops.def"
#undef OP

/* ── build.c: buffers, phases, statements, addresses ─────────────────────────────────────────────────── */

Buffer *buffer_new(Lowering *l, const char *name, Space space, DType dtype, int64_t bytes);
Buffer *buffer_packed(Lowering *l, const char *name, Pack *pack); /* bytes from its loops */
Buffer *buffer_constant(Lowering *l, const char *name, const Tensor *tensor, int64_t padded); /* elements; 0: as it is */

void phase_open(Lowering *l, const char *name, int64_t flops);
void phase_shape(Lowering *l, ScheduleOp op, const int64_t dims[SCHEDULE_DIMS]); /* what a choice for it is called by */
Stmt *section_open(Lowering *l, int64_t extent); /* a parallel loop of the open phase */
/* What is opened between these two is small: it runs as one phase, in order, on one thread. */
void phases_join(Lowering *l, const char *name);
void phases_joined(Lowering *l);
Stmt *loop_open(Lowering *l, int64_t extent);    /* NULL if extent is 1; close it all the same */
Stmt *any_open(Lowering *l, int64_t extent);     /* a section where none is open, else a loop */
void loop_close(Lowering *l);                    /* the innermost loop or section */
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

/* How many threads should finish together: the CPU's cores, but 2 to 8, for more chunks would be small. */
int64_t schedule_threads(const CpuProfile *cpu);

/* Rows to a block, at most `most`, so that `threads` threads finish n rows soonest; of equals the most rows. */
int64_t fair_rows(int64_t n, int64_t most, int64_t threads);

/* ── view.c: views and their algebra ─────────────────────────────────────────────────────────────────── */

const View *view_of(Lowering *l, const Value *value); /* of any value that is there; constants on first use */
void view_set(Lowering *l, const Value *value, View view);
View view_dense(Ref ref, DType dtype, int rank, const int64_t *dims);
View view_constant(Lowering *l, const Tensor *tensor, const char *name);
/* Where a node writes its output: the graph's own output if it is one and order is row-major, else the arena.
 * order: dimensions from outermost to innermost, NULL: row-major; pad: rows may get a gap that spares the cache. */
View view_output(Lowering *l, const Value *value, const int *order, bool pad);
/* The same for kernels that compute floats: what has another element type is computed aside and converted. */
View float_output(Lowering *l, const Value *value, const int *order, bool pad);
void float_output_set(Lowering *l, const Value *value, View computed);
View view_temp(Lowering *l, Space space, DType dtype, int rank, const int64_t *dims, bool pad);
int value_dims(const Value *value, int64_t *dims); /* rank; the free batch is 1 */
bool value_is_result(const Lowering *l, const Value *value); /* an output of the graph, also by way of a region */

int64_t view_count(const View *view);
View view_slice(View view, int dim, Pos start, int64_t size, int64_t step);
View view_drop(View view, int dim);                     /* element 0 of it */
View view_insert(View view, int dim, int64_t size, int64_t stride);
View view_permute(View view, const int *perm);
bool view_broadcast(View *view, int rank, const int64_t *dims); /* NumPy's rule; false: the free batch is misaligned */
bool view_reshape(View *view, int rank, const int64_t *dims);   /* false: needs a copy */
bool view_merge(const View *view, int first, int last, int64_t *stride); /* dimensions [first, last) as one */
bool view_is_dense(const View *view);
View view_contiguous(Lowering *l, View view);           /* row-major and dense, copied if need be */
View view_float(Lowering *l, View view);                /* as float, converted if need be */

/* ── expr.c: expressions ─────────────────────────────────────────────────────────────────────────────── */

/* Begins an expression over a space of `dims`; operand 0 is `first` if that is not NULL. */
void fusion_begin(Fusion *fusion, const Value *first);
/* Adds an elementwise node's computation; false: too big, or not a matter of expressions. */
bool fusion_node(Lowering *l, Fusion *fusion, const Node *node, int rank, const int64_t *dims);
bool fusion_step(Fusion *fusion, OpKind op, DType dtype, int a, int b, int c, double imm0, double imm1, int *value);
bool fusion_operand(Fusion *fusion, const Value *source, View view, const Tensor *tensor, int *value);
/* Replays a closed expression on `*value`, which stands for its operand 0. */
bool fusion_append(Fusion *fusion, const Fusion *rest, int *value);
bool fusion_constant(Fusion *fusion, double number, DType dtype, int *value);
/* Closes it: value ids become those of Expr. An expression that is just an operand gets no steps. */
void fusion_end(Fusion *fusion);
/* Takes "result + constant vector along the last dimension" off the front; false: it does not begin so. */
bool fusion_take_bias(Fusion *fusion, View *bias);
bool expr_wants_strip(const Expr *expr); /* worth a loop of its own over data in L1 rather than a GEMM's epilogue */

/* ── map.c: elementwise loops and copies ─────────────────────────────────────────────────────────────── */

/* out = expr(operands), where control is, or as a phase of its own. Views have equal dimensions. */
void map_emit(Lowering *l, const Expr *expr, View out, const View *operands);
void map_phase(Lowering *l, const char *name, const Expr *expr, View out, const View *operands);
void copy_emit(Lowering *l, View out, View in); /* converts if dtypes differ */
void copy_phase(Lowering *l, const char *name, View out, View in);
void fill_emit(Lowering *l, View out, double number);
void fill_phase(Lowering *l, const char *name, View out, double number);

/* ── gemm.c: matrix products ─────────────────────────────────────────────────────────────────────────── */

/* The right operand in panels of nr columns, [N/nr][K][nr]; what is left over is a narrower last panel. */
typedef struct Panels {
    int64_t k, n, nr, n_full, tail_n, tail_nr;
    Ref full, tail;
    int64_t panel_bytes;
    const ScheduleChoice *choice; /* of the profile, for this product; NULL: the model decides */
    bool constant;
    bool pairs;             /* of bf16: an element of K is two of them, and the left operand is bf16_pairs */
    int64_t unit;           /* for a matrix unit: rows, columns and pairs of its tiles; 0: for vectors */
} Panels;
/* How W's elements lie: element (t, c, n) of K = T × C and N at base + t*t_stride + c*c_stride + n*n_stride. */
typedef struct WeightLayout {
    int64_t base, t, c, n, t_stride, c_stride, n_stride, groups, group_stride;
} WeightLayout;

typedef struct Gemm {
    View a;                 /* [m, k], any strides */
    View c;                 /* [m, n], columns contiguous */
    const Panels *panels;
    int64_t first, count;   /* of the full panels; tail: the last, narrower one too */
    Pos panel;              /* the first panel's number, when it depends on a loop; added to first */
    bool tail;
    int init;               /* GEMM_INIT_ */
    Ref bias;               /* of column 0; buffer NULL: none */
    const Fusion *epilogue; /* NULL: none */
    View operands[MAX_OPERANDS]; /* of the epilogue, as [m, n], from 1 on */
    View strip;             /* [m, nr] floats for one panel's sums, when the epilogue makes another type of them in c;
                               buffer NULL: the sums go to c */
    Ref next;               /* what is read after the last panel; buffer NULL: what lies behind it */
    Ref ahead;              /* fetched instead, panel by panel, where the panels stay in L2 anyway; buffer NULL: nothing */
    Ref squares;            /* of column 0: where each column's sum of squares goes; buffer NULL: nowhere */
} Gemm;

int64_t gemm_rows(const CpuProfile *cpu, int64_t nr); /* mr: rows of a tile that has nr columns */
/* What the profile has to say about a product; NULL: nothing. Goes into its Panels. */
const ScheduleChoice *gemm_choice(const Lowering *l, bool bf16, int64_t m, int64_t k, int64_t n);
int64_t gemm_columns(const CpuProfile *cpu, const ScheduleChoice *choice, int64_t m, int64_t n); /* nr for it */
Panels panels_constant(Lowering *l, const char *name, const Tensor *weights, WeightLayout layout, int64_t nr);
Panels panels_group(Panels panels, Pos group);        /* one group of a grouped layout */
Panels panels_runtime(Lowering *l, const char *name, View b, int64_t nr); /* [groups, K…, N]: phases that pack */
Ref bias_vector(Lowering *l, const char *name, const View *bias, int64_t n); /* padded with zeros; NULL: all zero */
Ref bias_padded(Lowering *l, const char *name, const View *bias, int64_t n, int64_t padded); /* to so many elements */
void gemm_emit(Lowering *l, const Gemm *gemm);
/* The whole product as the open phase's sections: row blocks and column ranges by what the caches hold. */
void gemm_sections(Lowering *l, const Gemm *gemm);
bool linear_rows(const View *view, View *rows); /* [a, b, …, n] → [a*b*…, n] */

/* ── bf16.c: products of bf16 with sums in float ─────────────────────────────────────────────────────── */

bool bf16_wanted(const Lowering *l, const View *a); /* for constant weights times these rows */
/* [m, k] as a product with the panels reads them: rows end in zeros where panels are deeper. */
View bf16_rows(Lowering *l, const char *name, int64_t m, int64_t k, const Panels *panels);  /* in the arena */
View bf16_scratch(Lowering *l, int64_t m, int64_t k, const Panels *panels); /* whoever uses it calls bf16_end_rows */
void bf16_end_rows(Lowering *l, View rows, const Panels *panels);           /* the zeros, where control is */
View bf16_rounded(Lowering *l, const char *name, View rows, const Panels *panels); /* a phase that rounds them */
View bf16_pairs(View rows);                           /* as a product's left operand: [m, k/2] of four bytes */
bool bf16_fuse(const Fusion *fusion, Fusion *rounded); /* the expression (NULL: none), then rounding; false: too long */
void bf16_copy_phase(Lowering *l, const char *name, View out, View in);
Panels bf16_panels(Lowering *l, const char *name, const Tensor *weights, WeightLayout layout, int64_t nr);
bool bf16_layout_fits(const WeightLayout *layout);    /* no pair crosses from one t to the next */

/* ── tiles.c: those on a matrix unit ─────────────────────────────────────────────────────────────────── */

Tiling tiles_rows(const Panels *panels, int64_t m);
Ref tiles_take(Lowering *l, const Gemm *g, Kernel *kernel); /* makes it KERNEL_TILES; its argument for the sums */

/* ── conv.c, dwconv.c, norm.c, reduce.c, region.c, block.c ───────────────────────────────────────────── */

/* The epilogue waiting for this node, with its constant bias split off; NULL: none. Taking it makes the node
 * write the region's output instead of its own. */
typedef struct Result {
    const Value *value;     /* what to write */
    const Fusion *epilogue; /* what to apply; NULL: nothing */
} Result;
Result result_take(Lowering *l, const Node *node, bool (*fits)(const Fusion *epilogue)); /* fits NULL: any */
bool epilogue_is_linear(const Fusion *epilogue); /* every operand is rows × columns with one row stride */

typedef struct Depthwise {
    View x, out;            /* [H, W, C], channels contiguous */
    Ref weights, bias;      /* [C/lanes][kh][kw][lanes]; padded to lanes */
    const Window *window;   /* of two dimensions */
    const Fusion *epilogue; /* NULL: none; operands as [H', W', C] */
    View operands[MAX_OPERANDS];
} Depthwise;
Ref depthwise_weights(Lowering *l, const char *name, const Tensor *weights, const Window *window);
/* Output rows [y, y + rows), and those a loop's steps further on: all of them clip the kernel alike. They are
 * written to out from its row `to` on. */
void depthwise_rows(Lowering *l, const Depthwise *d, int64_t y, int64_t rows, Pos step, int64_t to, Pos to_step);
/* Consecutive blocks of output rows that clip the kernel alike: count blocks of `rows` rows, from row y on. */
typedef struct RowGroup {
    int64_t y, rows, count;
} RowGroup;
int64_t row_groups(Lowering *l, const Window *window, int64_t height, int64_t out_height, int64_t block, RowGroup **groups);

/* Rows of C elements: (x - mean) / sqrt(variance + epsilon), then the expression; in place is fine. */
void layernorm_rows(Lowering *l, View in, View out, double epsilon, const Fusion *epilogue, const View *operands);

/* Part of a region's body: an anchor and the elementwise nodes behind it, [first, last]. */
typedef struct Segment {
    const Node *first, *last, *anchor;
} Segment;
int segments_of(const Graph *body, Segment *segments, int most); /* their number; 0: more than most */
bool segment_fuse(Lowering *l, const Segment *segment, Fusion *fusion); /* false: it has no such form */
bool lower_segment(Lowering *l, const Segment *segment);

/* A whole ConvNeXt block as one phase; false: it is not one, or better done in several. */
bool lower_block(Lowering *l, const Segment *segments, int n);
/* A channels-last depthwise convolution's weights and bias, and what the epilogue leaves once the bias is taken from
 * it; x and out are the caller's. False: the node is another convolution. */
bool depthwise_of(Lowering *l, const Node *node, const Fusion *epilogue, Window *window, Depthwise *d);
/* LayerNormalization's scale and shift, then the epilogue (NULL: none), as one closed expression. */
bool layernorm_fusion(Lowering *l, const Node *node, const Fusion *epilogue, Fusion *fusion);
Ref split_bias(Lowering *l, const char *name, const Fusion **epilogue, int64_t n); /* buffer NULL: it has none */

/* ── Reductions, shared ──────────────────────────────────────────────────────────────────────────────── */

/* out[kept…] = reduce over the axes that are set; out has in's rank, 1 where reduced. Phases. */
void reduce_phases(Lowering *l, const char *name, int op, View in, const bool *axes, View out);
/* Running sums over the images: cleared in `begin`; into = op(into, from). */
View batch_accumulator(Lowering *l, const char *name, int rank, const int64_t *dims, double start);
void batch_join(Lowering *l, const char *name, OpKind op, View into, View from);
View softmax_phases(Lowering *l, const char *name, View in, int axis, bool log, const Value *out); /* out NULL: a temporary */

bool unsupported(Lowering *l, const char *what);    /* reports at the node that it is not supported; false */
bool mixes_images(Lowering *l, const char *what);   /* likewise, and names the flag that fixes the batch */
const char *node_label(const Node *node);          /* its output's name */
View view_of_input(Lowering *l, const Node *node, int64_t input);
void layout_order(const View *view, int *order);   /* dimensions by stride, outermost first */
View output_like(Lowering *l, const Value *value, const View *like); /* laid out in that order, if ranks agree */

#endif
