/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Source: the paths of all pictures that are asked for, one at a time. */
#ifndef CNXRT_CLI_SOURCE_H
#define CNXRT_CLI_SOURCE_H

#include "runtime/cli/cli.h"
#include "runtime/cli/walk.h"

typedef struct Source {
    const Cli *cli;
    int64_t argument;  /* the next of the command line's */
    Walk *walk;        /* of the folder that is being walked; NULL: none is */
    int list;          /* descriptor of --files-from; -1: none */
    int list_error;    /* why it can't be read (on) */
    size_t begin, end; /* what is left in `bytes` */
    char bytes[8192];  /* read from the list; a line is a path and so no longer */
} Source;

typedef struct Found {
    const char *path;  /* good until the next */
    int error;         /* 0, or why it can't be read: an errno value */
    bool standard;     /* standard input */
} Found;

int source_open(Source *source, const Cli *cli);   /* 0, or why the list can't be read: an errno value */
bool source_next(Source *source, Found *found);    /* false: that was all, or a signal asks to stop */
void source_close(Source *source);

/* How many there will be; -1: folders or a list have to say. */
int64_t source_count(const Cli *cli);

#endif
