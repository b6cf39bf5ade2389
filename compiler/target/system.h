/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The systems that code is made for. Those of an architecture's CPUs are a matter of profiles (cpu.h). */
#ifndef CNXC_TARGET_SYSTEM_H
#define CNXC_TARGET_SYSTEM_H

#include "compiler/target/cpu.h"

typedef struct System {
    CpuArch arch;
    const char *machine;       /* the architecture, as a profile's <llvm target> and uname have it */
    const char *name;          /* as in --target=; Debian's, so also of its libraries' folders and of its runtime's */
    const char *triple;        /* LLVM's */
    const char *baseline;      /* LLVM's CPU of which any code of the architecture is */
    const char *default_cpu;   /* the profile where none is asked for and the system is not this machine's */
    uint16_t elf_machine;
    const char *debian;        /* Debian's name of the architecture */
    const char *interpreter;   /* its dynamic linker, as executables name it */
    const char *packages;      /* Debian's, with which its runtime is built elsewhere */
} System;

const System *system_of(CpuArch arch);
const System *system_host(void);
/* ARCH-linux-gnu, with any vendor in between. NULL: not a system of ours. */
const System *system_find(const char *triple);
const char *system_nearest(const char *triple); /* NULL: none is near */
const char *system_names(Arena *arena);         /* "A, B" */
/* How the packages are installed with which its runtime is built; NULL: it is this machine's. */
const char *system_install(const System *system, Arena *arena);
const char *system_static_packages(const System *system, Arena *arena); /* with which --static links */

#endif
