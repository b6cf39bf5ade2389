/* The frontends: text, .onnx and Hugging Face folders to one Model of primitive ONNX operators. */
#ifndef CNXC_FRONTEND_FRONTEND_H
#define CNXC_FRONTEND_FRONTEND_H

#include "ir/graph.h"
#include "ir/infer.h"
#include "ir/print.h"

typedef struct FrontendOptions {
    const char *task;                 /* --task; NULL: from the model */
    const char *problem_type;         /* --problem-type; NULL: the model's */
    int64_t image_height, image_width; /* --image-size; 0: the model's. Fixes the picture input's H and W */
    const DimBinding *dims;           /* --dim */
    int64_t n_dims;
    const char *const *outputs;       /* --outputs, NULL: by task; hf builds only what they need */
    int64_t n_outputs;
} FrontendOptions;

/* Reads MODEL, known by its content: a folder is Hugging Face's, a protobuf is .onnx, else it is text; "-" is
 * standard input. Functions are inlined, dimensions bound, types inferred, the free batch checked, outputs
 * selected. NULL after diagnostics. */
Model *frontend_load(const char *path, const FrontendOptions *options, Arena *arena, Diag *diag);

/* The parts, each NULL or false after diagnostics. dir: where external data is looked for. */
const Source *source_open(const char *path, Arena *arena, Diag *diag); /* mapped read-only, or read if a pipe */
const char *source_foreign(const Source *source); /* what it is if it is no model: "an HTML page"; NULL */
Model *text_parse(const Source *source, const char *dir, Arena *arena, Diag *diag);
Model *onnx_read(const Source *source, const char *dir, Arena *arena, Diag *diag);
bool onnx_write(const Model *model, FILE *out, const PrintOptions *options);
Model *hf_load(const char *dir, const FrontendOptions *options, Arena *arena, Diag *diag);
bool model_inline_functions(Model *model, Diag *diag);

#endif
