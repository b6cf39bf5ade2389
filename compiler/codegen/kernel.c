/* Kernels: from parameters to a function, and how many arguments it takes. */
#include "compiler/codegen/emit.h"

#include <assert.h>

/* Arguments of the kind itself, and the first operand that has an argument of its own. */
static const struct {
    void (*emit)(Emit *e, const Kernel *kernel);
    int own_args, first_operand;
} kinds[] = {
    [KERNEL_GEMM] = {kernel_gemm, 5, 1},           [KERNEL_DWCONV] = {kernel_dwconv, 4, 1},
    [KERNEL_LAYERNORM] = {kernel_layernorm, 2, 1}, [KERNEL_SOFTMAX] = {kernel_softmax, 2, 1},
    [KERNEL_REDUCE] = {kernel_reduce, 2, 1},       [KERNEL_MAP] = {kernel_map, 1, 0},
    [KERNEL_GATHER] = {kernel_gather, 3, 1},       [KERNEL_CROSS_ENTROPY] = {kernel_cross_entropy, 4, 1},
    [KERNEL_TILES] = {kernel_tiles, 6, 1},
};

int kernel_n_args(const Kernel *kernel)
{
    int first = kinds[kernel->kind].first_operand, operands = kernel->expr.n_operands;
    if (kernel->kind == KERNEL_MAP && !kernel->expr.n_steps)
        operands = 1; /* a copy */
    return kinds[kernel->kind].own_args + (operands > first ? operands - first : 0);
}

void kernel_emit(Emit *e, const Kernel *kernel)
{
    assert(kernel->kind < countof(kinds));
    emit_kernel_begin(e, kernel->name, kernel_n_args(kernel));
    kinds[kernel->kind].emit(e, kernel);
    emit_function_end(e);
}
