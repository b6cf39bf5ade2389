/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the files of this room share. */
#ifndef CNXC_FRONTEND_UPERNET_BUILD_H
#define CNXC_FRONTEND_UPERNET_BUILD_H

#include "compiler/frontend/convnext/build.h"

/* config.json, checked and with defaults filled in. */
typedef struct UperNetConfig {
    JsonFile *json;
    HfConfig *backbone;      /* whose labels are the whole model's */
    int64_t hidden_size;
    Ints pool_scales;
} UperNetConfig;

/* All that is wrong is said; NULL: nothing is left to check. json may be NULL. */
UperNetConfig *upernet_config_read(JsonFile *json, const FrontendOptions *options);

/* head.c: logits of the pictures' size, from the backbone's hidden states. */
Value *upernet_logits(HfBuild *build, const UperNetConfig *config);

#endif
