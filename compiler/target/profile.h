/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Inside the target room: reading profiles, and their numbers as one table, for reading and writing alike. */
#ifndef CNXC_TARGET_PROFILE_H
#define CNXC_TARGET_PROFILE_H

#include "compiler/target/cpu.h"

typedef struct ProfileNumber {
    const char *element, *attribute;
    size_t offset;           /* of an int64_t in CpuProfile */
    int64_t low, high;       /* what is accepted */
    bool size;               /* bytes: may be written 32K, 1M, 2G */
    bool required;           /* after all that is extended */
} ProfileNumber;

extern const ProfileNumber profile_numbers[]; /* those of one element stand together, in the schema's order */
extern const int64_t n_profile_numbers;

/* What the `op` of a choice stands for. */
typedef struct ShapeForm {
    const char *name;
    ScheduleOp op;
    DType precision;
    int n_dims;              /* numbers in a shape */
} ShapeForm;
extern const ShapeForm shape_forms[];
extern const int64_t n_shape_forms;

static inline int64_t *profile_number(CpuProfile *cpu, const ProfileNumber *number)
{
    return (int64_t *)(void *)((char *)cpu + number->offset);
}

/* A shipped profile, read once for the process. NULL: there is none of that name. */
const CpuProfile *profile_shipped(const char *name);

/* Profiles that are being read: one extends the next. */
typedef struct ProfileChain {
    const char *path;               /* of the profile's source */
    const struct ProfileChain *up;  /* the one that extends it; NULL */
    /* What the profile extends; NULL after a diagnostic. */
    const CpuProfile *(*find)(const struct ProfileChain *chain, const char *name, Span span, Arena *arena, Diag *diag);
} ProfileChain;

/* Reads a profile. NULL after diagnostics. */
const CpuProfile *profile_read(const Source *source, const ProfileChain *chain, Arena *arena, Diag *diag);

/* Sets the fields that follow from others: isa, tile_isa, runtime_features. set by features.h. */
void profile_derive(CpuProfile *cpu, uint64_t set, Arena *arena);

#endif
