/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Temporary folders. A process that is killed can't remove its own, so the next one does that has an output at the same place.
 * Which are left behind? Each folder holds a file that its process keeps locked; the system unlocks it with the process's end,
 * whatever that was.
 *
 *   .cnxc-f3Xa1q/.cnxc-lock  locked      somebody works there
 *   .cnxc-Zk20aB/.cnxc-lock  not locked  to be removed, the lock last: a folder without one is empty
 *
 * Who makes a folder and who sweeps may meet at any step. The maker goes on only once its lock is held and still in its place,
 * else it takes another folder. */
#define _GNU_SOURCE /* getdents64 */
#include "compiler/build/folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK ".cnxc-lock"
enum { MOST_TRIES = 100, DEEPEST = 16 }; /* folders in it that are removed with it */

/* ── Removing ────────────────────────────────────────────────────────────────────────────────────────── */

static bool remove_some(int dir, int depth);

/* A folder in it, with what it holds. */
static bool remove_folder(int parent, const char *name, int depth)
{
    int dir = depth < DEEPEST ? openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (dir < 0)
        return false;
    while (remove_some(dir, depth))
        ;
    close(dir);
    return unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

/* What is in a directory but the lock; false: there was nothing. opendir would allocate. */
static bool remove_some(int dir, int depth)
{
    _Alignas(struct dirent64) char entries[4096];
    bool removed = false;
    ssize_t bytes = lseek(dir, 0, SEEK_SET) == 0 ? getdents64(dir, entries, sizeof entries) : -1;
    for (ssize_t at = 0; at < bytes;) {
        const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
        if (strcmp(entry->d_name, LOCK) != 0 && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            removed |= unlinkat(dir, entry->d_name, 0) == 0 || (errno == EISDIR && remove_folder(dir, entry->d_name, depth + 1));
        at += entry->d_reclen;
    }
    return removed;
}

static bool remove_all(int parent, const char *name, int dir)
{
    while (remove_some(dir, 0))
        ;
    unlinkat(dir, LOCK, 0);
    return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno != ENOTEMPTY;
}

void folder_remove(Folder *folder)
{
    if (!folder->path[0])
        return;
    for (int tries = 0; tries < MOST_TRIES && !remove_all(AT_FDCWD, folder->path, folder->dir); tries++)
        ; /* another thread may make a file meanwhile */
    close(folder->lock);
    close(folder->dir);
    folder->path[0] = 0;
}

/* ── Making ──────────────────────────────────────────────────────────────────────────────────────────── */

/* -1: the folder is about to be swept, or errno says what else. */
static int make_lock(int dir)
{
    int lock = openat(dir, LOCK, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (lock < 0)
        return -1;
    struct stat mine, there;
    bool held = flock(lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; /* or there are no locks here */
    if (held && fstat(lock, &mine) == 0 && fstatat(dir, LOCK, &there, AT_SYMLINK_NOFOLLOW) == 0 && mine.st_ino == there.st_ino)
        return lock;
    close(lock);
    errno = ENOENT;
    return -1;
}

static bool open_folder(Folder *folder)
{
    folder->dir = open(folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    folder->lock = folder->dir < 0 ? -1 : make_lock(folder->dir);
    return folder->lock >= 0;
}

/* errno stays what it was. */
static void give_up(Folder *folder)
{
    int error = errno;
    rmdir(folder->path); /* empty: its lock is the first file */
    if (folder->dir >= 0)
        close(folder->dir);
    folder->path[0] = 0;
    errno = error;
}

bool folder_make(Folder *folder, const char *parent)
{
    for (int tries = 0; tries < MOST_TRIES; tries++) {
        int length = snprintf(folder->path, sizeof folder->path, "%s/.cnxc-XXXXXX", parent);
        if (length < 0 || (size_t)length >= sizeof folder->path)
            errno = ENAMETOOLONG;
        else if (mkdtemp(folder->path)) {
            if (open_folder(folder))
                return true;
            give_up(folder);
            if (errno == ENOENT)
                continue;
        }
        break;
    }
    folder->path[0] = 0;
    return false;
}

/* ── Sweeping ────────────────────────────────────────────────────────────────────────────────────────── */

static void sweep_locked(int parent, const char *name, int dir)
{
    int lock = openat(dir, LOCK, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (lock < 0)
        unlinkat(parent, name, AT_REMOVEDIR); /* only if it is empty: its process may just have made it */
    else if (flock(lock, LOCK_EX | LOCK_NB) == 0)
        remove_all(parent, name, dir);
    if (lock >= 0)
        close(lock);
}

static void sweep_one(int parent, const char *name)
{
    struct stat info;
    assert(parent >= 0);
    int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return;
    if (fstat(dir, &info) == 0 && info.st_uid == geteuid())
        sweep_locked(parent, name, dir);
    close(dir);
}

void folder_sweep(const char *parent)
{
    DIR *stream = opendir(parent);
    if (!stream)
        return;
    for (struct dirent *entry; (entry = readdir(stream));)
        if (strncmp(entry->d_name, ".cnxc-", 6) == 0 && strlen(entry->d_name) == strlen(".cnxc-XXXXXX"))
            sweep_one(dirfd(stream), entry->d_name);
    closedir(stream);
}
