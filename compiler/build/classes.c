/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A folder's class:
 *
 *   seven    the label "seven"
 *   tabby    the label "tabby, tabby cat", by one of its synonyms
 *   281      class 281
 *
 * If no folder is named so, and there are as many as classes, they are the classes in sorted order, as ImageNet's. */
#include "compiler/build/classes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "tabby, tabby cat" names both "tabby" and "tabby cat". */
static bool label_has(const char *label, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = label;; at += strlen(", ")) {
        if (strncasecmp(at, name, length) == 0 && (at[length] == '\0' || at[length] == ','))
            return true;
        at = strstr(at, ", ");
        if (!at)
            return strcmp(label, name) == 0;
    }
}

static int64_t class_of(const char *const *labels, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n; i++)
        if (label_has(labels[i], name))
            return i;
    char *end;
    long long number = strtoll(name, &end, 10);
    return *end == '\0' && end != name && number >= 0 && number < n ? number : -1;
}

int64_t *classes_of_folders(const char *const *labels, int64_t n_labels, const StrList *folders, Arena *arena)
{
    int64_t *classes = NEW_ARRAY(arena, int64_t, folders->len + 1), known = 0;
    for (int64_t i = 0; i < folders->len; i++)
        known += (classes[i] = class_of(labels, n_labels, folders->at[i])) >= 0;
    for (int64_t i = 0; known == 0 && folders->len == n_labels && i < folders->len; i++)
        classes[i] = i;
    return classes;
}
