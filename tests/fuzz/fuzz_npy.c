/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* .npy files. What is read can be written, and what is written is read as the same. */
#include "tests/fuzz/fuzz.h"

#include "ir/base/npy.h"

#include <stdlib.h>
#include <string.h>

static void write_and_read(const NpyArray *array)
{
    char *bytes;
    size_t size;
    NpyArray again;
    const char *problem;
    FILE *out = open_memstream(&bytes, &size);
    fuzz_require(out && npy_write(out, array->dtype, array->rank, array->dims, array->data, array->bytes) && fclose(out) == 0,
                 "an array can be written");
    fuzz_require(npy_parse((const uint8_t *)bytes, size, &again, &problem), "what is written can be read");
    fuzz_require(again.dtype == array->dtype && again.rank == array->rank && again.bytes == array->bytes &&
                     memcmp(again.dims, array->dims, (size_t)array->rank * sizeof *array->dims) == 0 &&
                     memcmp(again.data, array->data, array->bytes) == 0,
                 "it is the same array");
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    NpyArray array;
    const char *problem = NULL;
    if (npy_parse(data, size, &array, &problem))
        write_and_read(&array);
    else
        fuzz_require(problem != NULL, "what is refused has a reason");
    return 0;
}
