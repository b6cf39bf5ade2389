/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* HDF5 files: what the child process does, here in this one, and what the compiler makes of its answers. An input that is no
 * HDF5 file is such answers itself: a child may be made to say anything.
 *
 * libhdf5 crashes on some broken files, which in the compiler only means that they are refused. run.sh goes on after such a
 * crash and looks for what is ours. */
#define _GNU_SOURCE /* memfd_create */
#include "tests/fuzz/fuzz.h"

#include "compiler/frontend/checkpoint/h5.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* libhdf5 keeps some memory of broken files, and asks for as much as they say, for malloc to refuse. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0:allocator_may_return_null=1"; }

static void answer(const uint8_t *data, size_t size, int told)
{
    if (size >= 4 && memcmp(data, "\x89HDF", 4) == 0)
        h5_tell(data, (int64_t)size, told);
    else
        fuzz_require(write(told, data, size) == (ssize_t)size, "a file in memory can be written");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz fuzz = fuzz_begin();
    ExternalFile file = {"fuzz.h5", "fuzz.h5", data, (int64_t)size, 1};
    TensorIndex index = tensor_index_new(fuzz.arena);
    int told = memfd_create("told", MFD_CLOEXEC);
    fuzz_require(told >= 0, "a file in memory can be made");
    answer(data, size, told);
    lseek(told, 0, SEEK_SET);
    fuzz_check_tensors(&fuzz, &index, h5_collect(&file, told, &index, &fuzz.diag));
    close(told);
    fuzz_end(&fuzz);
    return 0;
}
