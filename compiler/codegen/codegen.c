/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The code generator's front: program in, file out; and the question whether a kernel would spill. */
#include "compiler/codegen/codegen.h"
#include "compiler/codegen/emit.h"

#include <errno.h>
#include <string.h>

static bool write_buffer(LLVMMemoryBufferRef buffer, const char *path, Diag *diag)
{
    FILE *out = fopen(path, "wb");
    size_t size = LLVMGetBufferSize(buffer);
    bool ok = out && fwrite(LLVMGetBufferStart(buffer), 1, size, out) == size;
    int error = errno;
    if (out && fclose(out) && ok) {
        ok = false;
        error = errno;
    }
    if (!ok)
        diag_resource(diag, NO_SPAN, "can't write '%s': %s", path, strerror(error));
    return ok;
}

bool codegen_emit(CodeParts parts, const Program *program, int64_t variant, const ArtifactInfo *info, int opt_level,
                  CodeKind kind, const char *path, CodeReport *report, Arena *arena, Diag *diag)
{
    Emit e;
    emit_open(&e, info->name, program->cpu, arena);
    if (parts & CODE_PROGRAM)
        variant_emit(&e, program, variant, program_emit(&e, program));
    if (parts & CODE_DESCRIPTOR)
        descriptor_emit(&e, info);
    LLVMMemoryBufferRef buffer = emit_generate(&e, kind, opt_level);
    bool ok = write_buffer(buffer, path, diag);
    if (report && kind == CODE_OBJECT)
        spills_count(buffer, program->cpu, report, arena);
    LLVMDisposeMemoryBuffer(buffer);
    emit_close(&e);
    return ok;
}

const char *codegen_llvm_version(Arena *arena)
{
    unsigned major, minor, patch;
    LLVMGetVersion(&major, &minor, &patch);
    return arena_printf(arena, "%u.%u.%u", major, minor, patch);
}

int64_t codegen_kernel_spills(const Kernel *kernel, const CpuProfile *cpu)
{
    Arena *arena = arena_new();
    CodeReport report = {0};
    Emit e;
    emit_open(&e, kernel->name, cpu, arena);
    kernel_emit(&e, kernel);
    /* Nothing would be generated for an internal function that nobody calls. */
    LLVMSetLinkage(LLVMGetNamedFunction(e.module, kernel->name), LLVMExternalLinkage);
    LLVMMemoryBufferRef buffer = emit_generate(&e, CODE_OBJECT, 3);
    spills_count(buffer, cpu, &report, arena);
    int64_t spills = report.kernels.len == 1 ? report.kernels.at[0].spills : 0;
    LLVMDisposeMemoryBuffer(buffer);
    emit_close(&e);
    arena_free(arena);
    return spills;
}
