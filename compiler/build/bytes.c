/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Bytes of a file. What is hashed may be larger than the memory that is free, so it is mapped a window at a time; what is
 * written may be cut short by a limit, and only the next write then says which. */
#include "compiler/build/bytes.h"

#include "ir/base/arena.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

bool bytes_write(int file, const void *bytes, size_t size, int64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(file, (const char *)bytes + done, size - done, offset + (int64_t)done);
        if (n < 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

bool bytes_hash(int file, int64_t from, int64_t to, uint64_t *hash)
{
    enum { WINDOW = 32 << 20 };
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        out_of_memory();
    XXH3_64bits_reset(state);
    bool ok = true;
    for (int64_t at = from; ok && at < to;) {
        int64_t start = at / WINDOW * WINDOW, end = start + WINDOW < to ? start + WINDOW : to;
        uint8_t *data = mmap(NULL, (size_t)(end - start), PROT_READ, MAP_SHARED | MAP_POPULATE, file, start);
        ok = data != MAP_FAILED;
        if (ok) {
            XXH3_64bits_update(state, data + (at - start), (size_t)(end - at));
            munmap(data, (size_t)(end - start));
        }
        at = end;
    }
    *hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return ok;
}
