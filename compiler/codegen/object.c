/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Objects: from an LLVM module to verified, optimised machine code.
 *
 * The kernels arrive in the shape they are meant to have: tiled, unrolled, with explicit vectors. LLVM's usual
 * pipelines would vectorise and unroll them again, so only cleaning passes run here: common subexpressions,
 * invariant code, dead code. Code may use exactly the profile's features; its CPU only decides scheduling. */
#include "compiler/codegen/isa.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/ErrorHandling.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include <string.h>

#define PASSES "function(early-cse<memssa>,instsimplify,loop-mssa(licm),early-cse,simplifycfg)"

/* ── Opening ─────────────────────────────────────────────────────────────────────────────────────────── */

static void add_attribute(Emit *e, const char *key, const char *value)
{
    unsigned key_length = (unsigned)strlen(key), length = (unsigned)strlen(value);
    e->attrs[e->n_attrs++] = LLVMCreateStringAttribute(e->context, key, key_length, value, length);
}

static void add_enum_attribute(Emit *e, const char *name)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    e->attrs[e->n_attrs++] = LLVMCreateEnumAttribute(e->context, kind, 0);
}

static void add_attributes(Emit *e)
{
    const char *bits = arena_printf(e->arena, "%lld", (long long)e->cpu->vector_bytes * 8);
    add_enum_attribute(e, "nounwind");
    add_enum_attribute(e, "noinline");
    add_attribute(e, "target-cpu", e->system->baseline);
    add_attribute(e, "tune-cpu", e->cpu->llvm_cpu);
    add_attribute(e, "target-features", e->cpu->features);
    add_attribute(e, "prefer-vector-width", bits);
    add_attribute(e, "min-legal-vector-width", bits); /* never 0: Intel targets would split zmm code into ymm, with
                                                       * hundreds of spills */
}

static void make_types(Emit *e)
{
    e->none = LLVMVoidTypeInContext(e->context);
    e->i1 = LLVMInt1TypeInContext(e->context);
    e->i8 = LLVMInt8TypeInContext(e->context);
    e->i32 = LLVMInt32TypeInContext(e->context);
    e->i64 = LLVMInt64TypeInContext(e->context);
    e->f32 = LLVMFloatTypeInContext(e->context);
    e->f64 = LLVMDoubleTypeInContext(e->context);
    e->ptr = LLVMPointerTypeInContext(e->context, 0);
    emit_set_lanes(e, cpu_lanes(e->cpu));
}

static IrValue make_zeros(Emit *e)
{
    IrValue zeros = LLVMAddGlobal(e->module, LLVMArrayType2(e->i8, 64), "zeros");
    LLVMSetInitializer(zeros, LLVMConstNull(LLVMGlobalGetValueType(zeros)));
    LLVMSetGlobalConstant(zeros, 1);
    LLVMSetLinkage(zeros, LLVMPrivateLinkage);
    LLVMSetAlignment(zeros, 64);
    return zeros;
}

void emit_open(Emit *e, const char *name, const CpuProfile *cpu, Arena *arena)
{
    *e = (Emit){.cpu = cpu, .system = system_of(cpu->arch), .isa = isa_of(cpu), .arena = arena};
    e->context = LLVMContextCreate();
    e->module = LLVMModuleCreateWithNameInContext(name, e->context);
    e->ir = LLVMCreateBuilderInContext(e->context);
    LLVMSetTarget(e->module, e->system->triple);
    make_types(e);
    add_attributes(e);
    e->zeros = make_zeros(e);
}

void emit_close(Emit *e)
{
    LLVMDisposeBuilder(e->ir);
    LLVMDisposeModule(e->module);
    LLVMContextDispose(e->context);
}

/* ── Generating ──────────────────────────────────────────────────────────────────────────────────────── */

static void on_fatal(const char *reason) { diag_bug(__FILE__, __LINE__, reason); }

static LLVMTargetMachineRef make_machine(const Emit *e, int opt_level)
{
    LLVMTargetRef target;
    char *message = NULL;
    e->isa->start_llvm();
    LLVMResetFatalErrorHandler();
    LLVMInstallFatalErrorHandler(on_fatal);
    if (LLVMGetTargetFromTriple(e->system->triple, &target, &message))
        on_fatal(message);
    LLVMCodeGenOptLevel level = opt_level < 2 ? LLVMCodeGenLevelLess : LLVMCodeGenLevelDefault;
    return LLVMCreateTargetMachine(target, e->system->triple, e->system->baseline, e->cpu->features, level, LLVMRelocPIC,
                                   LLVMCodeModelDefault);
}

static void verify_module(Emit *e)
{
    char *message = NULL;
    if (LLVMVerifyModule(e->module, LLVMReturnStatusAction, &message))
        diag_bug(__FILE__, __LINE__, message);
    LLVMDisposeMessage(message);
}

static void optimize_module(Emit *e, LLVMTargetMachineRef machine)
{
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = LLVMRunPasses(e->module, PASSES, machine, options);
    if (error)
        diag_bug(__FILE__, __LINE__, LLVMGetErrorMessage(error));
    LLVMDisposePassBuilderOptions(options);
}

static LLVMMemoryBufferRef module_text(Emit *e)
{
    char *text = LLVMPrintModuleToString(e->module);
    LLVMMemoryBufferRef buffer = LLVMCreateMemoryBufferWithMemoryRangeCopy(text, strlen(text), "module");
    LLVMDisposeMessage(text);
    return buffer;
}

LLVMMemoryBufferRef emit_generate(Emit *e, CodeKind kind, int opt_level)
{
    LLVMTargetMachineRef machine = make_machine(e, opt_level);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetModuleDataLayout(e->module, layout);
    LLVMDisposeTargetData(layout);
    verify_module(e);
    if (opt_level > 0)
        optimize_module(e, machine);
    LLVMMemoryBufferRef buffer = NULL;
    char *message = NULL;
    LLVMCodeGenFileType type = kind == CODE_ASM ? LLVMAssemblyFile : LLVMObjectFile;
    if (kind == CODE_LLVM)
        buffer = module_text(e);
    else if (LLVMTargetMachineEmitToMemoryBuffer(machine, e->module, type, &message, &buffer))
        diag_bug(__FILE__, __LINE__, message);
    LLVMDisposeTargetMachine(machine);
    if (!buffer)
        out_of_memory(); /* LLVM's only other reason */
    return buffer;
}
