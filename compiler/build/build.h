/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A build: one model from its file to an artifact, stage by stage. The subcommands stop where they need to. */
#ifndef CNXC_BUILD_BUILD_H
#define CNXC_BUILD_BUILD_H

#include "compiler/codegen/codegen.h"
#include "compiler/frontend/frontend.h"
#include "compiler/link/link.h"
#include "compiler/passes/pipeline.h"
#include "compiler/schedule/schedule.h"
#include "compiler/target/system.h"
#include "runtime/model.h"

typedef VEC(const CpuProfile *) CpuList;
typedef VEC(ImageSize) ImageSizes;

/* What is to be made of which model. */
typedef struct BuildOptions {
    const char *input;        /* MODEL */
    const System *system;     /* that code is made for */
    FrontendOptions frontend; /* of the first size */
    ImageSizes sizes;         /* several: --image-size's, that of frontend included; else empty */
    PipelineOptions pipeline; /* its level and times are those of the later stages, too */
    StrList words;            /* those of the command line that decide code and packing, for who packs other weights */
    const char *preproc;      /* whose arithmetic prepares pictures; NULL: as the model says */
    const char *calibrate;    /* int8: the folder of pictures that its products are planned by; NULL: none */
    double max_drop;          /* with calibrate: points of accuracy that it may lose … */
    double budget;            /* … found in so many seconds; 0: whatever it loses */
    bool static_libc, verbose;
    bool dry_run;             /* print the link's commands, run none */
    bool symbols;             /* keep those of the artifact that nobody needs to run it */
} BuildOptions;

typedef struct Build {
    BuildOptions options;
    Arena *arena;
    Diag *diag;
    bool (*planner)(struct Build *build); /* int8: sets options.pipeline.plan, or is false after a diagnostic; NULL: no plan */
    Model *model;             /* after build_load: the first */
    VEC(Model *) models;      /* after build_load: one for each size */
    const QuantizePlan *like; /* set by the caller: a plan whose code the planner's shall have; NULL: none */
    uint64_t graph_hash;      /* set by the caller before build_weights: of the artifact they are for; 0: of what is built */
    StrList tensors;          /* after build_load, where weights get a file: what is in it (recipe.h) */
    CpuList cpus;             /* set by the caller before build_program: the most demanding first */
    VEC(Program *) programs;  /* after build_program: of each size one for each CPU, sharing weights; the variants */
    TileLimits *limits;       /* after build_program: of each program, what code generation found */
    const CpuProfile *cpu;    /* after build_program: the first */
    Program *program;         /* after build_program: the first */
    const char *temp_dir;     /* set by the caller before build_objects */
    const char *prefix;       /* set by the caller before build_objects */
    const char *weights_name; /* of a separate weights file, NULL: embedded */
    const char *weights_path; /* in temp_dir, after build_objects or build_weights */
    ArtifactInfo info;        /* likewise */
} Build;

static inline int64_t build_variants(const Build *build) /* how many programs there are to be */
{
    return (build->options.sizes.len ? build->options.sizes.len : 1) * build->cpus.len;
}

/* Each is false after diagnostics, requires the one before, and may run once. */
bool build_load(Build *build);     /* frontend */
bool build_optimize(Build *build); /* passes */
bool build_program(Build *build);  /* passes, then a schedule for each size and CPU */
bool build_schedules(Build *build); /* of optimised models, for each of build->cpus; more than once is fine */
/* Code of all variants, where it spills registers after scheduling again with other tiles; then weights and descriptor. */
bool build_objects(Build *build);
/* Weights alone, of an optimised model, without the tiles of build->limits; weights_name and temp_dir are set. */
bool build_weights(Build *build);
bool build_code(Build *build, int64_t variant, CodeKind kind, const char *path); /* text; of variant 0 with the descriptor */
bool build_artifact(Build *build, ArtifactKind kind, const char *path); /* link; path in temp_dir. A dry run needs no model */
/* Where the objects lie in the temporary folder. */
const char *build_model_object(Arena *arena, const char *dir, int64_t variant);
const char *build_descriptor_object(Arena *arena, const char *dir);

/* Says what is done: on a terminal a line that the next one overwrites; with -v a line each. */
void build_progress(const Build *build, double part, const char *what); /* part: as progress_show takes it */

/* An artifact in dir/NAME, of an optimised model; dir is the temporary folder. */
const char *build_linked(Build *build, ArtifactKind kind, const char *dir, const char *name);

#endif
