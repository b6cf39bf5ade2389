/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Image processors: a preprocessor_config.json or timm's pretrained_cfg, all defaults and rules resolved. */
#ifndef CNXC_FRONTEND_INPUT_PROCESSOR_H
#define CNXC_FRONTEND_INPUT_PROCESSOR_H

#include "compiler/frontend/input/json.h"

typedef struct Pictures {
    const char *settings;  /* the JSON that "cnxc.preprocessor" holds; NULL: the model cannot take such pictures */
    int64_t height, width; /* of the pictures; 0: as they come. Set before: what --image-size asks for */
    bool assumed;          /* nobody said so */
} Pictures;

/* What a file, or a folder's preprocessor_config.json or config.json, says in one of these words. */
bool processor_open(const char *path, const char *usual, int64_t num_channels, Pictures *pictures, Arena *arena, Diag *diag);
bool processor_lies_in(const char *dir, Arena *arena, Diag *diag); /* false also after a diagnostic */
/* preprocessor_config.json. usual: the class that a file means which names none; NULL: it must name one. False after a
 * diagnostic. */
bool processor_read(const JsonFile *json, const char *usual, int64_t num_channels, Pictures *pictures);
/* timm's transforms, of a config that timm_translate_pictures has been over. */
bool processor_read_timm(const JsonFile *json, int64_t num_channels, Pictures *pictures);
/* As a class does by default; a note tells the user, who has no file of the name that is missing. */
void processor_default(const char *class, int64_t num_channels, const char *missing, Pictures *pictures, Arena *arena,
                       Diag *diag);
/* As all published ConvNeXt models are prepared; a note tells the user, who has no file of that name. */
void processor_published(int64_t edge, const char *missing, Pictures *pictures, Arena *arena, Diag *diag);

#endif
