/* Kernels by name: equal parameters are one function, different parameters never share a name.
 *
 * The name says op, type, tile and ISA, as profilers and disassemblers will show it; what it leaves out
 * (strides, the epilogue) goes into a hash of the kernel's full description.
 *
 *   gemm m 14 n 32 k 96, a_row 448 …  →  cnx_gemm_f32_14x32_k96_5d1e03aa__avx512 */
#include "compiler/schedule/program.h"

#include <string.h>

static void describe_expr(StrBuf *sb, const Kernel *kernel)
{
    const Expr *expr = &kernel->expr;
    sb_printf(sb, " expr %d", expr->n_operands);
    for (int i = 0; i < expr->n_operands; i++)
        sb_printf(sb, " (%d %lld %lld)", kernel->operands[i].dtype, (long long)kernel->operands[i].row,
                  (long long)kernel->operands[i].step);
    for (int i = 0; i < expr->n_steps; i++) {
        const ExprStep *step = &expr->steps[i];
        sb_printf(sb, " %d:%d(%d %d %d %a %a)", step->op, step->dtype, step->in[0], step->in[1], step->in[2], step->imm[0],
                  step->imm[1]);
    }
}

static void put_numbers(StrBuf *sb, const int64_t *numbers, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        sb_printf(sb, " %lld", (long long)numbers[i]);
}
#define NUMBERS(sb, ...) put_numbers(sb, (const int64_t[]){__VA_ARGS__}, countof(((const int64_t[]){__VA_ARGS__})))

/* Every parameter of the kernel, as text: equal texts are equal kernels. */
static const char *describe(Arena *arena, const Kernel *k)
{
    StrBuf sb = {.arena = arena};
    sb_printf(&sb, "%d", k->kind);
    switch (k->kind) {
    case KERNEL_TILES:
        NUMBERS(&sb, k->gemm.product.unit, k->gemm.stream);
        /* fall through */
    case KERNEL_GEMM:
        NUMBERS(&sb, k->gemm.m, k->gemm.n, k->gemm.k, k->gemm.nr, k->gemm.a_row, k->gemm.a_k, k->gemm.c_row, k->gemm.init,
                k->gemm.prefetch);
        sb_put(&sb, k->gemm.product.k_pack > 1 ? " pairs" : "");
        break;
    case KERNEL_DWCONV:
        NUMBERS(&sb, k->dwconv.width, k->dwconv.channels, k->dwconv.kh, k->dwconv.kw, k->dwconv.stride_w, k->dwconv.dilation_w,
                k->dwconv.x0, k->dwconv.in_width, k->dwconv.in_row, k->dwconv.in_col, k->dwconv.out_col);
        break;
    case KERNEL_LAYERNORM:
        NUMBERS(&sb, k->layernorm.rows, k->layernorm.n, k->layernorm.in_row, k->layernorm.out_row);
        sb_printf(&sb, " %a", k->layernorm.epsilon);
        break;
    case KERNEL_SOFTMAX:
        NUMBERS(&sb, k->softmax.rows, k->softmax.n, k->softmax.in_row, k->softmax.out_row, k->softmax.log);
        break;
    case KERNEL_REDUCE:
        NUMBERS(&sb, k->reduce.op, k->reduce.n, k->reduce.step, k->reduce.n1, k->reduce.step1, k->reduce.width,
                k->reduce.accumulate);
        break;
    case KERNEL_MAP: NUMBERS(&sb, k->map.rows, k->map.n, k->map.out.dtype, k->map.out.row, k->map.out.step); break;
    case KERNEL_GATHER: NUMBERS(&sb, k->gather.rows, k->gather.row_bytes, k->gather.n_data, k->gather.index); break;
    case KERNEL_CROSS_ENTROPY:
        NUMBERS(&sb, k->cross_entropy.rows, k->cross_entropy.n, k->cross_entropy.row, k->cross_entropy.label,
                k->cross_entropy.ignore, k->cross_entropy.has_ignore);
        break;
    }
    describe_expr(&sb, k);
    return sb.text;
}

/* The elementwise operators of an expression, at most three: add_gelu. */
static void put_ops(StrBuf *sb, const Expr *expr)
{
    int shown = 0;
    for (int i = 0; i < expr->n_steps && shown < 3; i++)
        if (expr->steps[i].op != OP_Constant) {
            sb_put(sb, "_");
            for (const char *c = op_get(expr->steps[i].op)->name; *c; c++)
                sb_printf(sb, "%c", *c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
            shown++;
        }
}

static const char *short_dtype(DType dtype)
{
    switch (dtype) {
    case DT_FLOAT: return "f32";
    case DT_DOUBLE: return "f64";
    case DT_FLOAT16: return "f16";
    case DT_BFLOAT16: return "bf16";
    case DT_INT8: return "i8";
    case DT_INT16: return "i16";
    case DT_INT32: return "i32";
    case DT_INT64: return "i64";
    case DT_UINT8: return "u8";
    case DT_UINT16: return "u16";
    case DT_UINT32: return "u32";
    case DT_UINT64: return "u64";
    case DT_BOOL: return "b8";
    default: return "x";
    }
}

static void put_stem(StrBuf *sb, const Kernel *k)
{
    static const char *const reduce_names[] = {"sum", "mean", "l2", "l1", "max", "min", "prod", "sumsquare"};
    switch (k->kind) {
    case KERNEL_GEMM:
    case KERNEL_TILES:
        sb_printf(sb, "cnx_gemm_%s_%lldx%lld_k%lld", short_dtype(k->gemm.product.b), (long long)k->gemm.m, (long long)k->gemm.n,
                  (long long)(k->gemm.k * k->gemm.product.k_pack));
        break;
    case KERNEL_DWCONV:
        sb_printf(sb, "cnx_dwconv_f32_%lldx%lld_k%lldx%lld", (long long)k->dwconv.width, (long long)k->dwconv.channels,
                  (long long)k->dwconv.kh, (long long)k->dwconv.kw);
        break;
    case KERNEL_LAYERNORM:
        sb_printf(sb, "cnx_layernorm_f32_%lldx%lld", (long long)k->layernorm.rows, (long long)k->layernorm.n);
        break;
    case KERNEL_SOFTMAX:
        sb_printf(sb, "cnx_%s_f32_%lldx%lld", k->softmax.log ? "logsoftmax" : "softmax", (long long)k->softmax.rows,
                  (long long)k->softmax.n);
        break;
    case KERNEL_REDUCE:
        sb_printf(sb, "cnx_%s_f32_%lldx%lldx%lld", reduce_names[k->reduce.op], (long long)k->reduce.n1, (long long)k->reduce.n,
                  (long long)k->reduce.width);
        break;
    case KERNEL_MAP:
        sb_printf(sb, "cnx_%s_%s_%lldx%lld", k->expr.n_steps ? "map" : "copy", short_dtype(k->map.out.dtype),
                  (long long)k->map.rows, (long long)k->map.n);
        break;
    case KERNEL_GATHER:
        sb_printf(sb, "cnx_gather_%s_%lldx%lld", short_dtype(k->gather.index), (long long)k->gather.rows,
                  (long long)k->gather.row_bytes);
        break;
    case KERNEL_CROSS_ENTROPY:
        sb_printf(sb, "cnx_crossentropy_f32_%lldx%lld", (long long)k->cross_entropy.rows, (long long)k->cross_entropy.n);
        break;
    }
    put_ops(sb, &k->expr);
}

static uint32_t hash_text(const char *text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    return (uint32_t)(hash ^ hash >> 32);
}

static const Kernel *find_named(const Program *program, const char *name)
{
    for (int64_t i = 0; i < program->kernels.len; i++)
        if (strcmp(program->kernels.at[i]->name, name) == 0)
            return program->kernels.at[i];
    return NULL;
}

const Kernel *kernel_intern(Program *program, const Kernel *kernel)
{
    const char *description = describe(program->arena, kernel);
    for (uint32_t hash = hash_text(description);; hash++) { /* on a collision the next free number */
        StrBuf sb = {.arena = program->arena};
        put_stem(&sb, kernel);
        sb_printf(&sb, "_%08x__%s", hash, kernel->kind == KERNEL_TILES ? program->cpu->tile_isa : program->cpu->isa);
        const Kernel *known = find_named(program, sb.text);
        if (known && strcmp(describe(program->arena, known), description) == 0)
            return known;
        if (known)
            continue;
        Kernel *made = NEW(program->arena, Kernel);
        *made = *kernel;
        made->name = sb.text;
        vec_push(program->arena, &program->kernels, made);
        return made;
    }
}
