/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Which instruction set a CPU profile means, and which of its products the CPU has.
 *
 *     znver4, bf16  →  isa_avx512, vdpbf16ps        skylake-avx512, bf16  →  isa_avx512, two FMAs */
#include "compiler/codegen/isa.h"

#include <string.h>

const Isa *isa_of(const CpuProfile *cpu)
{
    static const Isa *const sets[] = {&isa_sse4, &isa_avx2, &isa_avx512, &isa_neon};
    for (int i = 0; i < countof(sets); i++)
        if (strcmp(sets[i]->name, cpu->isa) == 0)
            return sets[i];
    unreachable();
}

const IsaDot *isa_dot(const CpuProfile *cpu, Product product)
{
    bool pairs = product_rows(product) == 2;
    for (const IsaDot *dot = isa_of(cpu)->dots; dot->element; dot++)
        if (dot->element == product.b && dot->pairs == pairs && !(dot->features & ~cpu->runtime_features))
            return dot;
    unreachable();
}
