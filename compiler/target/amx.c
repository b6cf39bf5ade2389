/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* AMX needs four to agree: the processor, a hypervisor that shows it, a kernel that saves its registers, and that kernel's leave for
 * this process. Each can be what is missing, and none says so by itself:
 *
 *   CPUID leaf 7, EDX bits 22, 24, 25   what the processor, or the hypervisor for it, lists    (Intel SDM volume 2, CPUID)
 *   XCR0 bits 17 and 18                 what the kernel saves, from Linux 5.16 on              (Intel SDM volume 1, 13.3)
 *   arch_prctl(ARCH_REQ_XCOMP_PERM)     whether it gives this process tiles                    (Documentation/arch/x86/xstate.rst) */
#include "compiler/target/amx.h"
#include "runtime/cpu.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#ifdef __x86_64__
#include <cpuid.h>

static unsigned saved_states(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static void ask_processor(AmxFacts *facts)
{
    const unsigned tiles = 3u << 17;
    unsigned a, b, c, d;
    facts->is_x86 = true;
    facts->id = cpu_id();
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return;
    facts->is_guest = c >> 31 & 1;
    facts->saved = (c >> 27 & 1) && (saved_states() & tiles) == tiles;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        facts->bf16 = d >> 22 & 1;
        facts->tile = d >> 24 & 1;
        facts->int8 = d >> 25 & 1;
    }
}

#else
static void ask_processor(AmxFacts *facts) { (void)facts; }
#endif

AmxFacts amx_facts(Arena *arena)
{
    AmxFacts facts = {0};
    struct utsname system;
    ask_processor(&facts);
    facts.refused = cpu_tiles_refused();
    facts.kernel = uname(&system) == 0 ? arena_strdup(arena, system.release) : "";
    return facts;
}

/* As the profile of that model says. */
static bool has_by_model(const AmxFacts *facts)
{
    const char *name = cpu_id_name(facts->id, 0);
    const CpuProfile *profile = name ? cpu_find(name) : NULL;
    return profile && (profile->runtime_features & CNXRT_CPU_AMX);
}

static const char *without_cpuid(const AmxFacts *facts, Arena *arena)
{
    const char *guest = "the hypervisor does not pass it on: the virtual machine's CPU must have amx-tile, amx-bf16 and amx-int8 "
                        "(QEMU and libvirt: -cpu host, host-passthrough), and the host a kernel from Linux 5.17 on";
    if (has_by_model(facts))
        return arena_printf(arena, "the processor (Intel, model 0x%02x) has it, but %s", facts->id.model,
                            facts->is_guest ? guest : "it is switched off, in the firmware or by the kernel's clearcpuid=");
    if (facts->id.is_intel && facts->is_guest)
        return arena_printf(
            arena,
            "the processor that the hypervisor shows (Intel, model 0x%02x) has none; if it is a Xeon from Sapphire "
            "Rapids on, %s",
            facts->id.model, guest);
    return "the processor has none; Intel's Xeons have it from Sapphire Rapids (2023) on";
}

static bool is_before(const char *kernel, int major, int minor)
{
    int x = 0, y = 0;
    return sscanf(kernel, "%d.%d", &x, &y) == 2 && (x < major || (x == major && y < minor));
}

static const char *not_saved(const AmxFacts *facts, Arena *arena)
{
    if (is_before(facts->kernel, 5, 16))
        return arena_printf(arena, "the processor has it, but Linux %s does not save its registers; Linux 5.16 and later do",
                            facts->kernel);
    return arena_printf(arena, "the processor has it and Linux %s knows it, but does not save its registers: %s", facts->kernel,
                        facts->is_guest ? "the hypervisor shows no room for them (XSAVE states 17 and 18)"
                                        : "it was started without them (noxsave, clearcpuid=)");
}

static const char *not_granted(const AmxFacts *facts, Arena *arena)
{
    const char *why = facts->refused == EPERM || facts->refused == EACCES || facts->refused == ENOSYS
                          ? "a container's seccomp filter may forbid arch_prctl"
                      : facts->refused == ENOSPC ? "its alternate signal stack is too small for them"
                                                 : "a hypervisor or the kernel's configuration may be why";
    return arena_printf(arena, "processor and Linux %s have it, but this process gets no tiles (%s): %s", facts->kernel,
                        strerror(facts->refused), why);
}

const char *amx_words(const AmxFacts *facts, bool *usable, Arena *arena)
{
    *usable = false;
    if (!facts->is_x86)
        return "this is no x86-64 processor, and AMX is theirs";
    if (!facts->tile || !(facts->bf16 || facts->int8))
        return without_cpuid(facts, arena);
    if (!facts->saved)
        return not_saved(facts, arena);
    if (facts->refused)
        return not_granted(facts, arena);
    *usable = true;
    const char *kinds = facts->bf16 && facts->int8 ? "bf16 and int8" : facts->bf16 ? "bf16 alone" : "int8 alone";
    return arena_printf(
        arena, "nothing is missing: the processor%s has it for %s, Linux %s saves its registers, and this process gets them",
        facts->is_guest ? " that the hypervisor shows" : "", kinds, facts->kernel);
}
