/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The shipped profiles and their schema, put into the compiler when it is built (embed.cmake). */
#ifndef CNXC_TARGET_EMBEDDED_H
#define CNXC_TARGET_EMBEDDED_H

#include <stdint.h>

typedef struct EmbeddedFile {
    const char *name;    /* of the profile */
    const char *text;    /* no NUL at its end */
    int64_t length;
} EmbeddedFile;

extern const EmbeddedFile embedded_schema;
extern const EmbeddedFile embedded_profiles[]; /* in the order they are shown */
extern const int64_t n_embedded_profiles;

#endif
