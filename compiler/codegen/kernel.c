/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Kernels: from parameters to a function. */
#include "compiler/codegen/emit.h"

void kernel_emit(Emit *e, const Kernel *kernel)
{
    static void (*const emitters[])(Emit *e, const Kernel *kernel) = {
#define KERNEL(KIND, name, params, rows, n) [KERNEL_##KIND] = kernel_##name,
#include "compiler/schedule/kernels.def"
    };
    emit_kernel_begin(e, kernel->name, kernel_n_args(kernel));
    emitters[kernel->kind](e, kernel);
    emit_function_end(e);
}
