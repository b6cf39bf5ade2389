/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Weights: map them, and refuse any that are not for this model's code. Those of a file may be another checkpoint's, packed by
 * `cnxc weights`: the hash of the graph says what they fit, that of the contents that they are whole.
 *
 *   byte 0   "CNXCWGT\0", ABI, bytes of the whole file, hash of the graph, XXH3-64 of the rest
 *   byte 64  the packed constants, used in place: nothing is copied or converted
 *
 * A weights file may come from elsewhere, so its fields are compared with the model's, and its checksum with the contents, before
 * the first use. */
#define _GNU_SOURCE
#include "runtime/weights.h"
#include "runtime/hash.h"
#include "runtime/pages.h"
#include "runtime/status.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Sets the hash of the contents. */
static cnxrt_status check_header(const CnxrtModel *compiled, const void *header, int64_t bytes, uint64_t *hash)
{
    CnxrtWeightsHeader h;
    if (bytes < (int64_t)sizeof h)
        return CNXRT_ERROR_WEIGHTS_FORMAT;
    memcpy(&h, header, sizeof h);
    if (memcmp(h.magic, CNXRT_WEIGHTS_MAGIC, sizeof h.magic) != 0 || h.bytes != (uint64_t)bytes)
        return CNXRT_ERROR_WEIGHTS_FORMAT;
    if (h.abi != CNXRT_ABI || h.graph_hash != compiled->graph_hash || bytes != compiled->weights_bytes)
        return CNXRT_ERROR_WEIGHTS_MODEL;
    *hash = h.weights_hash;
    return CNXRT_OK;
}

cnxrt_status weights_verify(const CnxrtModel *compiled, const Weights *weights)
{
    uint64_t hash;
    cnxrt_status status = check_header(compiled, weights->header, compiled->weights_bytes, &hash);
    if (status != CNXRT_OK)
        return status;
    if (!weights->mapped_bytes && hash != compiled->weights_hash)
        return CNXRT_ERROR_WEIGHTS_MODEL;
    size_t bytes = (size_t)compiled->weights_bytes - sizeof(CnxrtWeightsHeader);
    return hash_bytes(weights->data, bytes) == hash ? CNXRT_OK : CNXRT_ERROR_WEIGHTS_DAMAGED;
}

/* The file's bytes in memory of our own; NULL: out of memory, or the file cannot be read or is shorter by now. */
static void *copy_file(int fd, size_t bytes)
{
    uint8_t *copy = pages_new(bytes);
    for (size_t done = 0; copy && done < bytes;) {
        ssize_t n = pread(fd, copy + done, bytes - done, (off_t)done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            free(copy);
            return NULL;
        }
    }
    return copy;
}

static cnxrt_status map_file(const CnxrtModel *compiled, int fd, bool copy, Weights *weights)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return CNXRT_ERROR_FILE;
    if (info.st_size < (off_t)sizeof(CnxrtWeightsHeader))
        return CNXRT_ERROR_WEIGHTS_FORMAT;
    size_t bytes = (size_t)info.st_size;
    void *map = copy ? copy_file(fd, bytes) : mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (!map || map == MAP_FAILED)
        return CNXRT_ERROR_MEMORY;
    *weights = (Weights){(uint8_t *)map + sizeof(CnxrtWeightsHeader), map, bytes, copy ? -1 : fd, info.st_mtim};
    uint64_t hash;
    cnxrt_status status = check_header(compiled, map, info.st_size, &hash);
    return status == CNXRT_OK ? weights_verify(compiled, weights) : status;
}

/* The folder of the executable or shared library that holds this code, plus name. */
static bool place_beside(const char *name, char path[PATH_MAX])
{
    Dl_info here, program;
    const char *artifact = "/proc/self/exe";
    char link[PATH_MAX];
    if (dladdr(&compiled_model, &here) && dladdr((const void *)(uintptr_t)getauxval(AT_ENTRY), &program) &&
        here.dli_fbase != program.dli_fbase && here.dli_fname && strchr(here.dli_fname, '/'))
        artifact = here.dli_fname;
    else if (readlink(artifact, link, sizeof link - 1) > 0)
        artifact = realpath(artifact, link) ? link : artifact;
    const char *slash = strrchr(artifact, '/');
    int n = snprintf(path, PATH_MAX, "%.*s%s", slash ? (int)(slash - artifact) + 1 : 0, artifact, name);
    return n > 0 && n < PATH_MAX;
}

/* The given path, or the model's own place; NULL: it has none, or that is too long. */
static const char *find_file(const CnxrtModel *compiled, const char *path, char beside[PATH_MAX])
{
    if (path)
        return path;
    return compiled->weights_file && place_beside(compiled->weights_file, beside) ? beside : NULL;
}

/* -1: it can't be. */
static int open_file(const char *path)
{
    return path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1; /* a FIFO must not block */
}

cnxrt_status weights_look(const CnxrtModel *compiled, const char *path, uint64_t *hash)
{
    CnxrtWeightsHeader header;
    struct stat info;
    char beside[PATH_MAX];
    int fd = open_file(find_file(compiled, path, beside));
    bool ok = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    ssize_t n = ok ? pread(fd, &header, sizeof header, 0) : 0;
    if (fd >= 0)
        close(fd);
    if (!ok)
        return CNXRT_ERROR_FILE;
    return n == (ssize_t)sizeof header ? check_header(compiled, &header, info.st_size, hash) : CNXRT_ERROR_WEIGHTS_FORMAT;
}

cnxrt_status weights_open(const CnxrtModel *compiled, const char *path, bool copy, Weights *weights)
{
    char beside[PATH_MAX];
    *weights = (Weights){0};
    if (!path && compiled->weights) {
        *weights = (Weights){compiled->weights + sizeof(CnxrtWeightsHeader), compiled->weights, .file = -1};
        return CNXRT_OK;
    }
    path = find_file(compiled, path, beside);
    int fd = open_file(path);
    if (fd < 0)
        return create_fail(CNXRT_ERROR_FILE, "%s: %s", path ? path : "the weights",
                           path ? strerror(errno) : "no path to their file");
    cnxrt_status status = map_file(compiled, fd, copy, weights);
    if (status != CNXRT_OK && status != CNXRT_ERROR_MEMORY)
        create_fail(status, "%s: %s", path, status == CNXRT_ERROR_FILE ? "not a regular file" : cnxrt_status_text(status));
    if (!weights->mapped_bytes || weights->file < 0)
        close(fd);
    if (status != CNXRT_OK)
        weights_close(weights);
    return status;
}

cnxrt_status weights_move(const CnxrtModel *compiled, Weights *weights)
{
    size_t bytes = (size_t)compiled->weights_bytes;
    if (weights->mapped_bytes)
        return CNXRT_OK;
    uint8_t *copy = pages_new(bytes);
    if (!copy)
        return CNXRT_ERROR_MEMORY;
    memcpy(copy, weights->header, bytes);
    *weights = (Weights){copy + sizeof(CnxrtWeightsHeader), copy, bytes, .file = -1};
    return weights_verify(compiled, weights);
}

void weights_close(Weights *weights)
{
    if (weights->mapped_bytes && weights->file >= 0) {
        munmap((void *)weights->header, weights->mapped_bytes);
        close(weights->file);
    } else if (weights->mapped_bytes) {
        free((void *)weights->header);
    }
    *weights = (Weights){0};
}

bool weights_changed(const Weights *weights)
{
    struct stat info;
    if (!weights->mapped_bytes || weights->file < 0)
        return false;
    return fstat(weights->file, &info) != 0 || (size_t)info.st_size != weights->mapped_bytes ||
           info.st_mtim.tv_sec != weights->time.tv_sec || info.st_mtim.tv_nsec != weights->time.tv_nsec;
}
