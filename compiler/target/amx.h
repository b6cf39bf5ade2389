/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Whether programs can multiply on AMX tiles here, and what is missing if not. */
#ifndef CNXC_TARGET_AMX_H
#define CNXC_TARGET_AMX_H

#include "compiler/target/cpu.h"
#include "ir/base/arena.h"

#include <stdbool.h>

typedef struct AmxFacts {
    bool is_x86, is_guest;           /* is_guest: a hypervisor says that it is there */
    CpuId id;
    bool tile, bf16, int8;           /* CPUID lists the instructions */
    bool saved;                      /* the system saves tiles: bits 17 and 18 of XCR0 */
    int refused;                     /* errno of asking for them; 0: granted */
    const char *kernel;              /* its release: "6.1.0-13-amd64" */
} AmxFacts;

AmxFacts amx_facts(Arena *arena); /* of this machine and process */

/* In words, with every reason that is known; *usable: nothing is missing. */
const char *amx_words(const AmxFacts *facts, bool *usable, Arena *arena);

#endif
