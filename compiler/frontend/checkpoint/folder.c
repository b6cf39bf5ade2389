/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Folders that are no models as they are.
 *
 *   models--me--tiny   →   error: models--me--tiny is a hub's cache of a model, expected one of its snapshots: … */
#include "compiler/frontend/checkpoint/folder.h"
#include "compiler/frontend/input/json.h"
#include "ir/base/listing.h"

StrList folder_weights(const char *dir, Arena *arena)
{
    static const char *const endings[] = {".pth", ".pt", ".ckpt", ".safetensors", ".bin", ".h5"};
    StrList all = {0}, weights = {0};
    listing_read(dir, arena, &all); /* what can't be read has none */
    for (int64_t i = 0; i < all.len; i++)
        for (int64_t e = 0; e < countof(endings); e++)
            if (str_ends_with(all.at[i], endings[e]))
                vec_push(arena, &weights, all.at[i]);
    return weights;
}

bool folder_lacks(const char *dir, const char *name, Arena *arena)
{
    StrList all = {0};
    bool lacks = listing_read(dir, arena, &all);
    for (int64_t i = 0; lacks && i < all.len; i++)
        lacks = !str_equal(all.at[i], name);
    return lacks;
}

void folder_refuse(const char *dir, Arena *arena, Diag *diag)
{
    StrList snapshots = {0}, weights = folder_weights(dir, arena);
    listing_read(arena_printf(arena, "%s/snapshots", dir), arena, &snapshots);
    if (json_file_exists(dir, "saved_model.pb"))
        diag_error(diag, NO_SPAN,
                   "%s is a TensorFlow SavedModel, expected an ONNX model or a Hugging Face model's folder; tf2onnx exports it: "
                   "python -m tf2onnx.convert --saved-model %s --output model.onnx",
                   dir, dir);
    else if (snapshots.len)
        diag_error(diag, NO_SPAN, "%s is a hub's cache of a model, expected one of its snapshots: %s/snapshots/%s", dir, dir,
                   snapshots.at[0]);
    else if (weights.len)
        diag_resource(diag, NO_SPAN, "%s has no config.json; %s/%s alone is a model, too, if it is a ConvNeXt's checkpoint", dir,
                      dir, weights.at[0]);
    else
        diag_resource(diag, NO_SPAN,
                      "%s has neither config.json nor weights, expected the folder of a Hugging Face or timm model", dir);
}
