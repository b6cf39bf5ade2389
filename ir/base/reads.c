/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The list of files that were read: see reads.h. */
#include "ir/base/reads.h"
#include "ir/base/str.h"
#include "ir/base/vec.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Arena *arena_of_list; /* NULL: nobody wants to know */
static StrList list;

void reads_keep(void)
{
    if (!arena_of_list)
        arena_of_list = arena_new();
}

void reads_note(const char *path)
{
    if (!arena_of_list)
        return;
    pthread_mutex_lock(&lock);
    vec_push(arena_of_list, &list, arena_strdup(arena_of_list, path));
    pthread_mutex_unlock(&lock);
}

bool reads_hold(const char *path)
{
    struct stat asked, read;
    bool found = false;
    if (stat(path, &asked) != 0)
        return false;
    for (int64_t i = 0; i < list.len && !found; i++)
        found = stat(list.at[i], &read) == 0 && read.st_dev == asked.st_dev && read.st_ino == asked.st_ino;
    return found;
}

/* As make wants names spelled: backslashes count for themselves but before a blank. It has no spelling for a line's end. */
static void put_name(StrBuf *out, const char *name)
{
    for (const char *at = name; *at; at++) {
        bool blank = *at == ' ' || *at == '\t';
        for (const char *before = at; blank && before > name && before[-1] == '\\'; before--)
            sb_put(out, "\\");
        sb_put(out, *at == '$' ? "$" : blank || *at == '#' || *at == ':' ? "\\" : "");
        sb_put_n(out, at, 1);
    }
}

const char *reads_rule(const char *target, Arena *arena)
{
    StrBuf out = {.arena = arena};
    StrMap put = {.arena = arena};
    put_name(&out, target);
    sb_put(&out, ":");
    for (int64_t i = 0; i < list.len; i++) {
        if (!strmap_put(&put, list.at[i], &put))
            continue;
        sb_put(&out, " \\\n  ");
        put_name(&out, list.at[i]);
    }
    sb_put(&out, "\n");
    return out.text;
}
