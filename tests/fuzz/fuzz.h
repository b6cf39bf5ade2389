/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the fuzz targets share. Each fuzz_NAME.c reads one kind of input from outside with LLVMFuzzerTestOneInput;
 * tests/fuzz/README.md says how to run them. A finding is a crash, a sanitizer's report, a leak, an input that takes
 * seconds or gigabytes, an error without a diagnostic, or a broken promise (fuzz_require). */
#ifndef CNXC_TESTS_FUZZ_H
#define CNXC_TESTS_FUZZ_H

#include "compiler/frontend/checkpoint/index.h"
#include "compiler/frontend/frontend.h"
#include "compiler/frontend/onnx/onnx.h"
#include "compiler/frontend/text/text.h"
#include "compiler/target/cpu.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One input's compilation: diagnostics are formatted, and go to /dev/null. Its time is limited. */
typedef struct Fuzz {
    Arena *arena;
    Diag diag;
} Fuzz;
Fuzz fuzz_begin(void);
void fuzz_end(Fuzz *fuzz);

/* A folder of this process's own, removed when it ends; it holds w.bin with 64 bytes of external data. */
const char *fuzz_folder(void);
void fuzz_write(const char *name, const uint8_t *data, size_t size); /* a file in that folder */

/* ok says whether a reader made something of the input: if it did not, it must have said why. */
void fuzz_require_said(const Fuzz *fuzz, bool ok);
void fuzz_require(bool holds, const char *promise);

uint32_t fuzz_hash(const uint8_t *data, size_t size); /* what it chooses changes with every byte */

/* A CPU, a precision and a level, by the input's hash. */
typedef struct FuzzChoice {
    const CpuProfile *cpu;
    DType precision;
    int opt_level;
} FuzzChoice;
FuzzChoice fuzz_choose(const uint8_t *data, size_t size);

/* What a model from outside goes through once it is read: functions inlined, types inferred, verified. False: it was
 * refused, with a diagnostic. */
bool fuzz_check_model(Fuzz *fuzz, Model *model);

/* Tensors that lie in a file without gaps are within it, with the bytes that they need; ok as above. */
void fuzz_check_tensors(Fuzz *fuzz, TensorIndex *index, bool ok);

#endif
