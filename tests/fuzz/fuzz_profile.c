/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* CPU profiles in XML. */
#include "tests/fuzz/fuzz.h"

#include "compiler/target/cpu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Fuzz fuzz = fuzz_begin();
    fuzz_write("cpu.xml", data, size);
    const char *path = arena_printf(fuzz.arena, "%s/cpu.xml", fuzz_folder());
    fuzz_require_said(&fuzz, cpu_read(path, fuzz.arena, &fuzz.diag) != NULL);
    fuzz_end(&fuzz);
    return 0;
}
