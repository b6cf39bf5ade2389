/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The parameters of a ConvNeXt: the builder asks for them by the names of the bare model ("embeddings.layernorm.weight").
 * What is missing is noted and reported by parameters_finish. */
#ifndef CNXC_FRONTEND_CONVNEXT_PARAMETERS_H
#define CNXC_FRONTEND_CONVNEXT_PARAMETERS_H

#include "compiler/frontend/convnext/names.h"
#include "ir/base/diag.h"
#include "ir/tensor.h"

typedef struct Parameters Parameters;
/* prefix: what the names of the bare model's tensors may begin with, "convnext.". NULL after a diagnostic. */
Parameters *parameters_open(const char *dir, const char *prefix, Arena *arena, Diag *diag);
/* Of a checkpoint alone, whose sizes nothing else tells. */
Parameters *parameters_open_alone(const Source *source, Arena *arena, Diag *diag); /* NULL after a diagnostic */
/* No checkpoint: tensors get places in the model.safetensors that transformers would write into text_dir, but no
 * data. */
Parameters *parameters_declare(const char *text_dir, const char *prefix, Arena *arena, Diag *diag);
/* name is a bare name; NULL: missing or of another shape. */
Tensor *parameters_take(Parameters *parameters, const char *name, int rank, const int64_t *dims, const char **full_name);
const Tensor *parameters_find(const Parameters *parameters, const char *name); /* its type alone counts; NULL: there is none */
bool parameters_have(const Parameters *parameters, const char *name);
const char *parameters_bare(const Parameters *parameters, const char *full_name); /* the name that it is asked for by */
bool parameters_of_tensorflow(const Parameters *parameters);
bool parameters_of_torchvision(const Parameters *parameters);
bool parameters_of_hugging_face(const Parameters *parameters); /* TensorFlow's classes among them */
Family parameters_family(const Parameters *parameters); /* V2's have GRNs */
int64_t parameters_rows(const Parameters *parameters, const char *name); /* of a matrix; 0: there is none */
/* Leftovers whose bare name begins with start, or ends with it if it begins with a dot, are expected. */
void parameters_ignore(Parameters *parameters, const char *start);
bool parameters_finish(Parameters *parameters); /* reports; false after an error */

#endif
