/* Weights: map them, and refuse any that are not exactly this model's.
 *
 *   byte 0   "CNXCWGT\0", ABI, bytes of the whole file, hash of the graph, XXH3-64 of the rest
 *   byte 64  the packed constants, used in place: nothing is copied or converted
 *
 * A weights file may come from elsewhere, so each field is compared with the model's, and the checksum with the
 * contents, before the first use. */
#define _GNU_SOURCE
#include "runtime/weights.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static cnxrt_status check_header(const CnxrtModel *compiled, const uint8_t *header, int64_t bytes)
{
    CnxrtWeightsHeader h;
    if (bytes < (int64_t)sizeof h)
        return CNXRT_ERROR_WEIGHTS_FORMAT;
    memcpy(&h, header, sizeof h);
    if (memcmp(h.magic, "CNXCWGT", sizeof h.magic) != 0 || h.bytes != (uint64_t)bytes)
        return CNXRT_ERROR_WEIGHTS_FORMAT;
    if (h.abi != CNXRT_ABI || h.graph_hash != compiled->graph_hash || bytes != compiled->weights_bytes ||
        h.weights_hash != compiled->weights_hash)
        return CNXRT_ERROR_WEIGHTS_MODEL;
    return CNXRT_OK;
}

cnxrt_status weights_verify(const CnxrtModel *compiled, const Weights *weights)
{
    cnxrt_status status = check_header(compiled, weights->header, compiled->weights_bytes);
    if (status != CNXRT_OK)
        return status;
    size_t bytes = (size_t)compiled->weights_bytes - sizeof(CnxrtWeightsHeader);
    return XXH3_64bits(weights->data, bytes) == compiled->weights_hash ? CNXRT_OK : CNXRT_ERROR_WEIGHTS_DAMAGED;
}

static cnxrt_status map_file(const CnxrtModel *compiled, int fd, Weights *weights)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return CNXRT_ERROR_FILE;
    if (info.st_size < (off_t)sizeof(CnxrtWeightsHeader))
        return CNXRT_ERROR_WEIGHTS_FORMAT;
    void *map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return CNXRT_ERROR_MEMORY;
    *weights = (Weights){(uint8_t *)map + sizeof(CnxrtWeightsHeader), map, (size_t)info.st_size};
    cnxrt_status status = check_header(compiled, map, info.st_size);
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

cnxrt_status weights_open(const CnxrtModel *compiled, const char *path, Weights *weights)
{
    char beside[PATH_MAX];
    *weights = (Weights){0};
    if (!path && compiled->weights) {
        *weights = (Weights){compiled->weights + sizeof(CnxrtWeightsHeader), compiled->weights, 0};
        return CNXRT_OK;
    }
    if (!path) {
        if (!compiled->weights_file || !place_beside(compiled->weights_file, beside))
            return CNXRT_ERROR_FILE;
        path = beside;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block */
    if (fd < 0)
        return CNXRT_ERROR_FILE;
    cnxrt_status status = map_file(compiled, fd, weights);
    close(fd);
    if (status != CNXRT_OK)
        weights_close(weights);
    return status;
}

void weights_close(Weights *weights)
{
    if (weights->mapped_bytes)
        munmap((void *)weights->header, weights->mapped_bytes);
    *weights = (Weights){0};
}
