/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What compiled programs answer to the pictures of an album. */
#ifndef CNXC_REPORT_ANSWERS_H
#define CNXC_REPORT_ANSWERS_H

#include "compiler/report/album.h"

typedef struct Answers {
    const char *program;  /* set by the caller, as threads is */
    int64_t threads;      /* 0: as many as the program likes */
    int64_t *best;        /* of each picture, the class that is answered first; -1: the picture can't be read */
    int64_t top1, top5;   /* right ones */
    int64_t unreadable;
} Answers;

/* How far the outputs of one program are from another's: of each picture the largest difference over the largest magnitude. */
typedef struct OutputErrors {
    int64_t compared; /* pictures that both could read */
    int64_t agreed;   /* whose first answer is the same */
    double mean, largest;
} OutputErrors;

bool answers_ask(Answers *answers, const Album *album); /* false after a diagnostic */

/* Compares `output`, a row of which belongs to each picture, `batch` pictures at a time; dir holds temporary files. */
bool answers_compare(const Answers *got, const Answers *expected, const Album *album, const char *output, int64_t batch,
                     const char *dir, OutputErrors *errors);

/* A row for each class, with how often each was the answer to its pictures. False: errno says why. */
bool answers_write_confusion(const Answers *answers, const Album *album, const char *path);

#endif
