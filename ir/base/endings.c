/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "ir/base/endings.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

bool ends_like_picture(const char *name)
{
    static const char *const endings[] = {"jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot + 1, endings[i]) == 0)
            return true;
    return false;
}
