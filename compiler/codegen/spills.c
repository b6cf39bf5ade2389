/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Spills: what the register allocator could not keep in registers.
 *
 * A micro-kernel whose tile is one register too big still computes the right thing, at half the speed, and nothing
 * in LLVM says so. The machine code does: vector registers that move to or from the stack.
 *
 *     vmovups 64(%rsp), %zmm3   →  one
 *     ldp q4, q5, [sp, #32]     →  one;   stp d9, d8, [sp, #-64]!: none, a function saves its caller's           */
#include "compiler/codegen/isa.h"

#include <llvm-c/Disassembler.h>
#include <llvm-c/Object.h>

static int64_t count_in(LLVMDisasmContextRef disassembler, const Isa *isa, const uint8_t *code, uint64_t size)
{
    int64_t count = 0;
    char text[256];
    while (size > 0) {
        /* The API takes writable bytes and does not write. */
        size_t length = LLVMDisasmInstruction(disassembler, (uint8_t *)(uintptr_t)code, size, 0, text, sizeof text);
        if (!length)
            break;
        count += isa->touches_stack(text);
        code += length;
        size -= length;
    }
    return count;
}

static bool is_kernel(const char *name) { return str_starts_with(name, "cnx_") && !str_starts_with(name, "cnx_phase_"); }

typedef struct Counting {
    LLVMBinaryRef binary;
    LLVMDisasmContextRef disassembler;
    const Isa *isa;
    CodeReport *report;
    Arena *arena;
} Counting;

static void count_symbol(Counting *c, LLVMSymbolIteratorRef symbol)
{
    const char *name = LLVMGetSymbolName(symbol);
    if (!is_kernel(name))
        return;
    LLVMSectionIteratorRef section = LLVMObjectFileCopySectionIterator(c->binary);
    LLVMMoveToContainingSection(section, symbol);
    if (!LLVMObjectFileIsSectionIteratorAtEnd(c->binary, section)) {
        uint64_t start = LLVMGetSymbolAddress(symbol), size = LLVMGetSymbolSize(symbol);
        uint64_t whole = LLVMGetSectionSize(section);
        const uint8_t *code = (const uint8_t *)LLVMGetSectionContents(section);
        if (start <= whole && size <= whole - start) {
            int64_t spills = count_in(c->disassembler, c->isa, code + start, size);
            KernelReport kernel = {arena_strdup(c->arena, name), spills};
            vec_push(c->arena, &c->report->kernels, kernel);
            c->report->n_kernels++;
            c->report->code_bytes += (int64_t)size;
        }
    }
    LLVMDisposeSectionIterator(section);
}

void spills_count(LLVMMemoryBufferRef object, const CpuProfile *cpu, CodeReport *report, Arena *arena)
{
    const System *system = system_of(cpu->arch);
    LLVMContextRef context = LLVMContextCreate();
    char *message = NULL;
    Counting c = {.isa = isa_of(cpu), .report = report, .arena = arena};
    c.isa->start_llvm();
    c.binary = LLVMCreateBinary(object, context, &message);
    if (!c.binary)
        diag_bug(__FILE__, __LINE__, message);
    c.disassembler = LLVMCreateDisasmCPUFeatures(system->triple, system->baseline, cpu->features, NULL, 0, NULL, NULL);
    LLVMSymbolIteratorRef symbol = LLVMObjectFileCopySymbolIterator(c.binary);
    for (; !LLVMObjectFileIsSymbolIteratorAtEnd(c.binary, symbol); LLVMMoveToNextSymbol(symbol))
        count_symbol(&c, symbol);
    LLVMDisposeSymbolIterator(symbol);
    LLVMDisasmDispose(c.disassembler);
    LLVMDisposeBinary(c.binary);
    LLVMContextDispose(context);
}
