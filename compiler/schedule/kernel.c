/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Kernels by name: equal parameters are one function, different parameters never share a name.
 *
 * The name says op, type, tile and ISA, as profilers and disassemblers will show it; what it leaves out
 * (strides, the epilogue) goes into a hash of the kernel's full description.
 *
 *   gemm m 14 n 32 k 96, a_row 448 …  →  cnx_gemm_f32_14x32_k96_5d1e03aa__avx512 */
#include "compiler/schedule/program.h"

#include <string.h>

static void put_number(StrBuf *sb, int64_t number) { sb_printf(sb, " %lld", (long long)number); }
static void put_double(StrBuf *sb, double number) { sb_printf(sb, " %a", number); }

static void put_operand(StrBuf *sb, Operand operand)
{
    sb_printf(sb, " (%d %lld %lld)", operand.dtype, (long long)operand.row, (long long)operand.step);
}

static void describe_expr(StrBuf *sb, const Kernel *kernel)
{
    const Expr *expr = &kernel->expr;
    sb_printf(sb, " expr %d", expr->n_operands);
    for (int i = 0; i < expr->n_operands; i++)
        put_operand(sb, kernel->operands[i]);
    for (int i = 0; i < expr->n_steps; i++) {
        const ExprStep *step = &expr->steps[i];
        sb_printf(sb, " %s:%d(%d %d %d %a %a)", op_get(step->op)->name, step->dtype, step->in[0], step->in[1], step->in[2],
                  step->imm[0], step->imm[1]);
    }
}

static void put_product(StrBuf *sb, Product p)
{
    sb_printf(sb, " (%d %d %d %lld %lld)", p.a, p.b, p.sum, (long long)p.k_pack, (long long)p.unit);
}

#define PUT(sb, value) \
    _Generic(value, double: put_double, Operand: put_operand, Product: put_product, default: put_number)(sb, value)
#define PARAMS(params)                                         \
    static void describe_##params(StrBuf *sb, const Kernel *k) \
    {
#define PARAM(params, type, field) PUT(sb, k->params.field);
#define PARAMS_END(params) }
#include "compiler/schedule/kernels.def"

const char *kernel_text(Arena *arena, const Kernel *k)
{
    StrBuf sb = {.arena = arena};
    put_number(&sb, k->kind);
    switch (k->kind) {
#define KERNEL(KIND, name, params, rows, n) \
    case KERNEL_##KIND: describe_##params(&sb, k); break;
#include "compiler/schedule/kernels.def"
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

static const char *norm_name(const Kernel *k)
{
    return k->kind == KERNEL_SIMPLENORM ? "simplenorm" : kernel_is_centred(k) ? "layernorm" : "rmsnorm";
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
    case KERNEL_RMSNORM:
    case KERNEL_SIMPLENORM:
        sb_printf(sb, "cnx_%s_f32_%lldx%lld", norm_name(k), (long long)k->layernorm.rows, (long long)k->layernorm.n);
        break;
    case KERNEL_LAYERNORM_QUANTIZE:
    case KERNEL_RMSNORM_QUANTIZE:
        sb_printf(sb, "cnx_%s_%s_%lldx%lld", norm_name(k), short_dtype(k->layernorm_quantize.out),
                  (long long)k->layernorm_quantize.rows, (long long)k->layernorm_quantize.n);
        break;
    case KERNEL_QUANTIZE:
        sb_printf(sb, "cnx_quantize_%s_%lldx%lld", short_dtype(k->quantize.out), (long long)k->quantize.rows,
                  (long long)k->quantize.n);
        break;
    case KERNEL_SOFTMAX:
        sb_printf(sb, "cnx_%s_f32_%lldx%lld", k->softmax.log ? "logsoftmax" : "softmax", (long long)k->softmax.rows,
                  (long long)k->softmax.n);
        break;
    case KERNEL_REDUCE:
        sb_printf(sb, "cnx_%s_f32_%lldx%lldx%lld", reduce_names[k->reduce.op], (long long)k->reduce.n1, (long long)k->reduce.n,
                  (long long)k->reduce.width);
        break;
    case KERNEL_ARG:
        sb_printf(sb, "cnx_arg%s_%s_%lldx%lld", k->arg.min ? "min" : "max", short_dtype(k->arg.element), (long long)k->arg.n,
                  (long long)k->arg.width);
        break;
    case KERNEL_MAP:
        sb_printf(sb, "cnx_%s_%s_%lldx%lld", k->expr.n_steps ? "map" : "copy", short_dtype(k->map.out.dtype),
                  (long long)k->map.rows, (long long)k->map.n);
        break;
    case KERNEL_TRANSPOSE:
        sb_printf(sb, "cnx_transpose_%lldx%lld", (long long)k->transpose.rows, (long long)k->transpose.n);
        break;
    case KERNEL_GATHER:
        sb_printf(sb, "cnx_gather_%s_%lldx%lld", short_dtype(k->gather.index), (long long)k->gather.rows,
                  (long long)k->gather.row_bytes);
        break;
    case KERNEL_BLEND:
        sb_printf(sb, "cnx_blend_f32_%lldx%lld_k%lld", (long long)k->blend.rows, (long long)k->blend.n, (long long)k->blend.taps);
        break;
    case KERNEL_SCATTER:
        sb_printf(sb, "cnx_scatter_%s_%lldx%lld", short_dtype(k->scatter.element), (long long)k->scatter.rows,
                  (long long)k->scatter.n);
        break;
    case KERNEL_TOPK:
        sb_printf(sb, "cnx_topk_%s_%lldof%lld", short_dtype(k->topk.element), (long long)k->topk.k, (long long)k->topk.n);
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

const Kernel *kernel_intern(Program *program, const Kernel *kernel)
{
    const char *description = kernel_text(program->arena, kernel);
    for (uint32_t hash = hash_text(description);; hash++) { /* on a collision the next free number */
        StrBuf sb = {.arena = program->arena};
        put_stem(&sb, kernel);
        sb_printf(&sb, "_%08x__%s", hash, kernel->kind == KERNEL_TILES ? program->cpu->tile_isa : program->cpu->isa);
        const Kernel *known = strmap_get(&program->named, sb.text);
        if (known && strcmp(kernel_text(program->arena, known), description) == 0)
            return known;
        if (known)
            continue;
        Kernel *made = NEW(program->arena, Kernel);
        *made = *kernel;
        made->name = sb.text;
        vec_push(program->arena, &program->kernels, made);
        program->named.arena = program->arena;
        strmap_put(&program->named, made->name, made);
        return made;
    }
}

int kernel_n_args(const Kernel *kernel)
{
    static const int own[] = {
#define KERNEL(KIND, name, params, rows, n) [KERNEL_##KIND] = N_##KIND##_ARGS,
#include "compiler/schedule/kernels.def"
    };
    int operands = kernel->expr.n_operands - kernel_first_operand(kernel);
    return own[kernel->kind] + (operands > 0 ? operands : 0);
}
