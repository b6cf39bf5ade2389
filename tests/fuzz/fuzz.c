/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The targets' common part: see fuzz.h. */
#include "tests/fuzz/fuzz.h"

#include "ir/verify.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { MOST_SECONDS = 30 }; /* of the processor, sanitized: other work on the machine doesn't count */

static FILE *nowhere;
static char folder[PATH_MAX];

static void remove_folder(void)
{
    pid_t child = fork();
    if (child == 0)
        execl("/bin/rm", "rm", "-rf", "--", folder, (char *)NULL);
}

static void make_folder(void)
{
    static const uint8_t weights[64] = {0, 0, 128, 63}; /* begins with 1.0f */
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* it is written for every input */
    snprintf(folder, sizeof folder, "%s/cnxc-fuzz-XXXXXX", parent);
    fuzz_require(mkdtemp(folder) != NULL, "a temporary folder can be made");
    atexit(remove_folder);
    fuzz_write("w.bin", weights, sizeof weights);
}

static void on_slow(int number)
{
    static const char text[] = "broken promise: an input takes seconds\n";
    (void)number, (void)!write(STDERR_FILENO, text, sizeof text - 1);
    abort();
}

static void limit_time(int64_t seconds)
{
    const struct itimerval limit = {.it_value.tv_sec = seconds};
    setitimer(ITIMER_PROF, &limit, NULL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    nowhere = freopen("/dev/null", "w", stdout); /* what a target prints for people goes there, too */
    fuzz_require(nowhere != NULL, "/dev/null can be opened");
    make_folder();
    signal(SIGPROF, on_slow);
    return 0;
}

const char *fuzz_folder(void) { return folder; }

void fuzz_write(const char *name, const uint8_t *data, size_t size)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    bool ok = file && fwrite(data, 1, size, file) == size;
    fuzz_require(file && fclose(file) == 0 && ok, "the folder can be written");
}

Fuzz fuzz_begin(void)
{
    limit_time(MOST_SECONDS);
    return (Fuzz){arena_new(), {.out = nowhere}};
}

void fuzz_end(Fuzz *fuzz)
{
    arena_free(fuzz->arena);
    limit_time(0);
}

void fuzz_require(bool holds, const char *promise)
{
    if (holds)
        return;
    fprintf(stderr, "broken promise: %s\n", promise);
    abort();
}

void fuzz_require_said(const Fuzz *fuzz, bool ok)
{
    fuzz_require(ok != diag_failed(&fuzz->diag), ok ? "what has an error is refused" : "what is refused has an error");
}

uint32_t fuzz_hash(const uint8_t *data, size_t size)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < size; i++)
        hash = hash * 31 + data[i];
    return hash ^ hash >> 15;
}

FuzzChoice fuzz_choose(const uint8_t *data, size_t size)
{
    static const struct {
        const char *cpu;
        DType precision;
    } rows[] = {
        {"x86-64-v3", DT_FLOAT},      {"x86-64-v2", DT_FLOAT},     {"x86-64-v4", DT_FLOAT}, {"sapphirerapids", DT_BFLOAT16},
        {"aarch64", DT_FLOAT},        {"x86-64-v2", DT_BFLOAT16},  {"znver4", DT_BFLOAT16}, {"aarch64", DT_BFLOAT16},
        {"neoverse-v2", DT_BFLOAT16}, {"sapphirerapids", DT_INT8}, {"x86-64-v3", DT_INT8},  {"znver4", DT_INT8},
        {"aarch64", DT_INT8},         {"neoverse-v2", DT_INT8}};
    uint32_t hash = fuzz_hash(data, size);
    int64_t row = hash % countof(rows);
    return (FuzzChoice){cpu_find(rows[row].cpu), rows[row].precision, hash >> 8 & 1 ? 3 : (int)(hash >> 9 & 3)};
}

bool fuzz_check_model(Fuzz *fuzz, Model *model)
{
    const char *problem;
    bool ok = model_inline_functions(model, &fuzz->diag) && graph_infer(model->graph, &fuzz->diag) &&
              graph_check_inputs(model->graph, &fuzz->diag);
    fuzz_require_said(fuzz, ok);
    if (ok && !graph_verify(model->graph, &problem))
        fuzz_require(false, problem);
    return ok;
}

static void check_tensor(StoredTensor *stored, Arena *arena)
{
    const Tensor *t = &stored->tensor;
    fuzz_require(t->offset >= 0 && t->length >= 0 && t->offset <= stored->file->length - t->length,
                 "a tensor is within its file");
    if (t->dtype == DT_UNDEFINED) /* known by name only */
        return;
    fuzz_require(t->length == t->count * dtype_size(t->dtype), "a tensor has the bytes it needs");
    const volatile uint8_t *bytes = stored_tensor_load(stored, arena)->data;
    if (t->length)
        (void)(bytes[0] + bytes[t->length - 1]);
}

void fuzz_check_tensors(Fuzz *fuzz, TensorIndex *index, bool ok)
{
    fuzz_require_said(fuzz, ok);
    for (int64_t i = 0; ok && i < index->tensors.len; i++)
        check_tensor(index->tensors.at[i], fuzz->arena);
}
