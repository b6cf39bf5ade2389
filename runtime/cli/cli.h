/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The executable's command line. Nothing here is part of a library. */
#ifndef CNXRT_CLI_CLI_H
#define CNXRT_CLI_CLI_H

#include "ir/base/escape.h"
#include "runtime/api.h"
#include "runtime/file.h"
#include "runtime/model.h"
#include "runtime/record.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

enum { CLI_OK = 0, CLI_INPUT = 1, CLI_USAGE = 2, CLI_UNSUPPORTED = 3, CLI_RESOURCE = 4, CLI_BUG = 70 };

typedef struct NamedFile {
    const char *name, *file; /* --input NAME=FILE */
} NamedFile;

enum { MOST_RUNS = 10000 }; /* of --bench */

typedef struct Cli {
    const char *program;     /* its base name, for messages and help */
    int exit_code;           /* of the first error */

    /* What the user asked for. */
    int64_t k, n_threads, runs, batch; /* 0: default */
    bool json, jsonl, csv, strict, bench, turns, per_op, info, selftest, licenses, version, help;
    const char *weights, *dump_pixels, *files_from, *image_size;
    const char *mask, *overlay; /* PNG files */
    const char *trace;          /* a JSON file */
    NamedFile *inputs, *outputs;
    char **pictures;
    int64_t n_inputs, n_outputs, n_pictures;

    const cnxrt_model *model; /* of the size that runs */
    cnxrt_context *context;
    pthread_t weights_checker;
    bool weights_in_check, weights_checked; /* the thread runs; nothing is left to check */
} Cli;

int cnxrt_main(int argc, char **argv);

/* ── options.c ── */
bool cli_parse(Cli *cli, int argc, char **argv); /* false after an error */
void cli_free(Cli *cli);
void cli_print_help(const Cli *cli);

/* ── text.c ── */
/* "place: error: message", place NULL: the program's name. Keeps the first error's exit code. Returns false. */
bool cli_error(Cli *cli, int exit_code, const char *place, const char *format, ...) __attribute__((format(printf, 4, 5)));
bool cli_fail(Cli *cli, cnxrt_status status, const char *place); /* of the context, or of create (context NULL) */
int cli_exit_code(cnxrt_status status);

/* ── open.c ── */
int64_t cli_most_threads(void);           /* the processors allowed */
int64_t cli_useful_threads(int64_t most); /* for one picture: no more than have something to do */
/* Creates model and context; n_threads 0: as many as are useful, up to these. */
bool cli_open(Cli *cli, int64_t n_threads);
void cli_close(Cli *cli);
/* Compares embedded weights with their checksum beside other work; to be asked before anything that came of them is seen. */
void cli_check_weights(Cli *cli);
bool cli_weights_are_good(Cli *cli); /* false after an error */

/* ── size.c: which of the sizes that there is code for ── */
bool cli_choose_size(Cli *cli); /* --image-size's, if it is given. False after an error */
/* That of a picture or tensor, unless --image-size was given. False after an error, which names those that there are. */
bool cli_follow_size(Cli *cli, const char *place, int64_t height, int64_t width);
/* That of the first picture, if it is a file and there is code for it: what is to be written has one shape for all. */
void cli_follow_picture(Cli *cli);

/* ── pictures.c ── */
int cli_read_picture(const char *path, bool standard, FileBytes *bytes); /* 0 or an errno value; standard: standard input */
/* All pictures of the command line as one batch of the pixel input; malloc'ed, NULL after an error. */
float *cli_read_pixels(Cli *cli);

/* ── tensors.c ── */
/* Buffers for all inputs and outputs of a run. */
typedef struct Tensors {
    uint8_t **buffers;       /* inputs, then outputs; malloc'ed each */
    int64_t batch;
    bool float_labels;       /* labels came as floats: loss means loss.multi_label */
} Tensors;
enum TensorSource { TENSORS_GIVEN, TENSORS_MADE_UP }; /* MADE_UP: missing inputs get pseudo-random numbers */
bool cli_make_tensors(Cli *cli, enum TensorSource source, Tensors *tensors);
void cli_free_tensors(Tensors *tensors);
bool cli_run_tensors(Cli *cli);
int64_t cli_find_output(const char *name); /* among all tensors; -1: there is none */
bool cli_is_loss(const char *output);      /* which needs labels */

/* ── runs.c ── */
cnxrt_status cli_run_once(Cli *cli, const Tensors *tensors); /* once */
/* Once, recorded unless record is NULL; seconds. */
double cli_run_timed(Cli *cli, const Tensors *tensors, Record *record, cnxrt_status *status);
bool cli_run_record(const Cli *cli, const Tensors *tensors, Record *record); /* room for a run; false: out of memory */

/* ── bench.c, turns.c, selftest.c, info.c ── */
bool cli_bench(Cli *cli);
bool cli_turns(Cli *cli, const Tensors *tensors);
bool cli_selftest(Cli *cli);
bool cli_info(Cli *cli);

/* ── trace.c ── */
bool trace_write(Cli *cli, const Record *record); /* to the file of --trace */

/* ── output.c: .npy and PNG files, whole or not at all ── */
bool outputs_check(Cli *cli); /* none is an input, or a file that holds something else */
/* Writes beside its place; outputs_commit puts all in place, outputs_discard removes what was not. "-" is standard output. */
bool output_write(Cli *cli, const char *path, int64_t dtype, int64_t rank, const int64_t *dims, const void *data, size_t bytes);
bool output_write_bytes(Cli *cli, const char *path, const void *data, size_t bytes);
/* The same in steps: NULL after errno is set; ok: all was written, else errno says why not. */
FILE *output_open(const char *path);
bool output_close(Cli *cli, const char *path, FILE *out, bool ok); /* false after an error */
bool output_is_file(const char *path);                             /* not a pipe or a device, where nothing can be changed */
bool output_is_standard(const char *path);
/* Which pictures its rows are of: PATH.paths.txt; false after an error: it must not be written. */
bool output_paths_file(Cli *cli, const char *path, char *text, size_t size);
bool outputs_commit(Cli *cli);
void outputs_discard(void);

#endif
