/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Folders of timm: their config.json says what Hugging Face's config.json and preprocessor_config.json say. */
#ifndef CNXC_FRONTEND_CONVNEXT_TIMM_H
#define CNXC_FRONTEND_CONVNEXT_TIMM_H

#include "compiler/frontend/convnext/convnext.h"

/* Lets a config of timm's have Hugging Face's keys, whose origins messages name, and TIMM_PICTURES; leaves any other alone.
 * False after a diagnostic that leaves nothing to check; others do not end the translation. */
bool timm_translate(JsonFile *json);

#endif
