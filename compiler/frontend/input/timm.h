/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What timm's config.json says of pictures and labels, in Hugging Face's words. */
#ifndef CNXC_FRONTEND_INPUT_TIMM_H
#define CNXC_FRONTEND_INPUT_TIMM_H

#include "compiler/frontend/input/json.h"

/* Of out: an object with the keys of preprocessor_config.json and timm's crop_mode. */
#define TIMM_PICTURES "pretrained_cfg as preprocessor_config"

bool json_is_timm(const JsonFile *json);
/* Each puts keys of Hugging Face's into out, with origins that messages name. What is wrong is said, and left out. */
void timm_translate_labels(JsonFile *json, json_t *out);   /* num_labels, id2label */
void timm_translate_pictures(JsonFile *json, json_t *out); /* num_channels, image_size, TIMM_PICTURES */

#endif
