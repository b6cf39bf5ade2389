/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnx-dots: the inner step of a product by itself, for tests/codegen/dots.py.
 *
 *   cnx-dots CPU int8 K-PACK OBJECT      void dot(const void *a, const void *b, void *c): c = dot(a, b, c), a vector each */
#include "compiler/codegen/isa.h"

#include <stdlib.h>
#include <string.h>

static void emit_dot(Emit *e, const IsaDot *dot, bool integers)
{
    emit_kernel_begin(e, "dot", 3);
    LLVMSetLinkage(e->function, LLVMExternalLinkage);
    IrValue a = emit_load(e, emit_arg(e, 0)), b = emit_load(e, emit_arg(e, 1)), c = emit_load(e, emit_arg(e, 2));
    if (integers)
        c = LLVMBuildBitCast(e->ir, c, e->vi, "");
    emit_store_lanes(e, LLVMBuildBitCast(e->ir, dot->emit(e, a, b, c), e->vf, ""), emit_arg(e, 2), e->lanes);
    emit_function_end(e);
}

static bool write_object(LLVMMemoryBufferRef object, const char *path)
{
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(LLVMGetBufferStart(object), LLVMGetBufferSize(object), 1, file) == 1;
    return file && !fclose(file) && written;
}

int main(int argc, char **argv)
{
    const CpuProfile *cpu = argc == 5 ? cpu_find(argv[1]) : NULL;
    if (!cpu || strcmp(argv[2], "int8") != 0) {
        fputs("usage: cnx-dots CPU int8 K-PACK OBJECT\n", stderr);
        return 2;
    }
    Arena *arena = arena_new();
    Emit e;
    emit_open(&e, "dots", cpu, arena);
    emit_dot(&e, isa_dot(cpu, (Product){.b = DT_INT8, .k_pack = atoi(argv[3])}), true);
    LLVMMemoryBufferRef object = emit_generate(&e, CODE_OBJECT, 3);
    bool written = write_object(object, argv[4]);
    LLVMDisposeMemoryBuffer(object);
    emit_close(&e);
    arena_free(arena);
    return written ? 0 : 4;
}
