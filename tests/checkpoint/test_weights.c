/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* External data and safetensors: what is read in place, and what is refused. Files are made in a folder of their own. */
#include "compiler/frontend/checkpoint/index.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/cnxc-weights-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t length)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || mkdir(path_of("model"), 0700) || mkdir(path_of("model/sub"), 0700) || mkdir(path_of("hub"), 0700) ||
        mkdir(path_of("hub/blobs"), 0700) || mkdir(path_of("hub/snapshots"), 0700) || mkdir(path_of("hub/snapshots/r1"), 0700) ||
        mkfifo(path_of("model/fifo"), 0600))
        return 1;
    float numbers[6] = {1, 2, 3, 4, 5, 6};
    write_file("model/w.bin", numbers, sizeof numbers);
    write_file("model/sub/w.bin", numbers, sizeof numbers);
    write_file("outside.bin", numbers, sizeof numbers);
    write_file("hub/blobs/abc", numbers, sizeof numbers);
    write_file("model/twice", numbers, sizeof numbers);
    char *other_name = strdup(path_of("hard"));
    int failed = link(path_of("model/twice"), other_name);
    free(other_name);
    failed |= symlink("../outside.bin", path_of("model/link")) | symlink("w.bin", path_of("model/inner")) |
              symlink("/dev/zero", path_of("model/zero")) | symlink("../../blobs/abc", path_of("hub/snapshots/r1/w.bin")) |
              symlink("../../../outside.bin", path_of("hub/snapshots/r1/out.bin"));
    return failed;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

typedef struct Refusal {
    const char *dir, *location;
    int64_t offset, length;
    const char *message; /* NULL: it is read */
    int exit_code;
} Refusal;

static const Refusal places[] = {
    {"model", "w.bin", 0, -1, NULL, 0},
    {"model", "w.bin", 16, 8, NULL, 0},
    {"model", "./sub/w.bin", 8, 8, NULL, 0},
    {"model", "inner", 1, 8, NULL, 0}, /* unaligned: copied */
    {"hub/snapshots/r1", "w.bin", 0, 8, NULL, 0},
    {"model", "", 0, 8, "empty location", 1},
    {"model", "../outside.bin", 0, 8, "must lie in the model's directory, found \"../outside.bin\"", 1},
    {"model", "sub/../../outside.bin", 0, 8, "must lie in the model's directory", 1},
    {"model", "sub/..", 0, 8, "must lie in the model's directory", 1},
    {"model", "/etc/passwd", 0, 8, "found the absolute path \"/etc/passwd\"", 1},
    {"model", "link", 0, 8, "outside the model's directory", 1},
    {"model", "zero", 0, 8, "outside the model's directory", 1},
    {"hub/snapshots/r1", "out.bin", 0, 8, "outside the model's directory", 1},
    {"model", "twice", 0, 8, "model/twice has 2 hard links, expected a file with no other name", 1},
    {"model", "sub", 0, 8, "is not a regular file", 1},
    {"model", "fifo", 0, 8, "is not a regular file", 1},
    {"model", "absent", 0, 8, "No such file or directory", 4},
    {"model", "w.bin", 20, 8, "8 bytes at offset 20 goes past the end", 1},
    {"model", "w.bin", 24, -1, "goes past the end", 1},
    {"model", "w.bin", INT64_MAX, 8, "goes past the end", 1},
    {"model", "w.bin", -1, 8, "goes past the end", 1},
    {"model", "w.bin", 0, 12, "float[2] needs 8 bytes, but the length of its external data is 12", 1},
    {"model", "w.bin", 0, INT64_MAX, "float[2] needs 8 bytes", 1},
};

static void check_place(const Refusal *r)
{
    char *said;
    size_t size;
    Diag diag = {.out = open_memstream(&said, &size)};
    Arena *arena = arena_new();
    char *dir = arena_strdup(arena, path_of(r->dir));
    Tensor tensor = {.dtype = DT_FLOAT, .rank = 1, .dims = {2}, .count = 2};
    bool ok = external_read(&tensor, dir, r->location, r->offset, r->length, NO_SPAN, arena, &diag);
    fclose(diag.out);
    bool as_wanted = ok == !r->message && (int)diag.exit_code == r->exit_code && (!r->message || strstr(said, r->message));
    if (!as_wanted)
        fail_msg("%s/%s at %lld: expected %s, found %s", r->dir, r->location, (long long)r->offset,
                 r->message ? r->message : "no error", said);
    if (ok && r->offset % 4 == 0)
        assert_true(tensor_get(&tensor, 0) == (double)(1 + r->offset / 4));
    free(said);
    arena_free(arena);
}

static void test_places(void **state)
{
    (void)state;
    for (int64_t i = 0; i < countof(places); i++)
        check_place(&places[i]);
}

static void test_mapped_once(void **state)
{
    (void)state;
    Arena *arena = arena_new();
    Diag diag = {0};
    char *dir = arena_strdup(arena, path_of("model"));
    const ExternalFile *first = external_open(dir, "w.bin", NO_SPAN, arena, &diag);
    assert_non_null(first);
    assert_ptr_equal(first, external_open(dir, "w.bin", NO_SPAN, arena, &diag));
    arena_free(arena);
}

/* Reads a mapping whose file was cut short; ends with exit code 4 and a sentence, not by a signal. */
static void read_shrunken(int message)
{
    Arena *arena = arena_new();
    Diag diag = {0};
    dup2(message, STDERR_FILENO);
    char *dir = arena_strdup(arena, path_of("model"));
    const ExternalFile *file = external_open(dir, "shrinks.bin", NO_SPAN, arena, &diag);
    if (!file || truncate(path_of("model/shrinks.bin"), 0) != 0)
        _exit(99);
    _exit(*(const volatile uint8_t *)file->data ? 98 : 97);
}

static void test_shrinking_file(void **state)
{
    (void)state;
    static const char bytes[8192];
    int ends[2], status;
    char said[400] = {0};
    write_file("model/shrinks.bin", bytes, sizeof bytes);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        read_shrunken(ends[1]);
    close(ends[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(read(ends[0], said, sizeof said - 1) > 0);
    close(ends[0]);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 4);
    assert_non_null(strstr(said, "shrinks.bin: the file became shorter while it was being read"));
}

/* ── safetensors ── */

#define W "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"

static const struct {
    const char *header;
    int64_t data;
    const char *message;
    int exit_code;
} headers[] = {
    {"{\"w\":" W "}", 8, NULL, 0},
    {"{\"w\":" W "}      ", 8, NULL, 0},
    {"{\"__metadata__\":{\"format\":\"pt\"},\"w\":" W ",\"z\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[8,8]}}", 8,
     NULL, 0},
    {"{\"w\":" W ",\"v\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[8,10]}}", 10, NULL, 0},
    {"{}", 0, NULL, 0},
    {" {}", 0, "begins with '{', found byte 0x20", 1},
    {"[]", 0, "begins with '{'", 1},
    {"{\"w\":" W "}x", 8, "at byte", 1},
    {"{\"w\":" W, 8, "safetensors header", 1},
    {"{\"w\":" W ",\"w\":" W "}", 8, "duplicate object key", 1},
    {"{\"w\":" W ",\"\\u0077\":" W "}", 8, "duplicate object key", 1},
    {"{\"w\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "duplicate object key", 1},
    {"{\"w\":7}", 0, "tensor \"w\": expected an object", 1},
    {"{\"w\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "unknown dtype F31", 1},
    {"{\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "expected a dtype", 1},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, "expected a shape", 1},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2e0],\"data_offsets\":[0,8]}}", 8, "expected a shape", 1},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,8]}}", 8, "expected a shape", 1},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,8]}}", 8, "safetensors header", 1},
    {"{\"w\":{\"dtype\":\"U8\",\"shape\":[4194305,4194305,211106198978564],\"data_offsets\":[0,4]}}", 4, "too large", 1},
    {"{\"w\":{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,8]}}", 8, "too large", 1},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8, "has rank 9", 3},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "need 12 bytes, its data_offsets hold 8", 1},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "are not within the 8 bytes", 1},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 8, "are not within the 8 bytes", 1},
    {"{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "expected data_offsets", 1},
    {"{\"w\":" W ",\"v\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "tensor \"v\" overlaps another", 1},
    {"{\"w\":" W ",\"v\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]}}", 16, "tensor \"v\" leaves a hole", 1},
    {"{\"w\":" W "}", 9, "but the file goes on for 1 bytes", 1},
    {"{\"__metadata__\":{\"format\":1}}", 0, "__metadata__: expected an object of strings", 1},
};

/* The outcome of opening st.safetensors: NULL if it opened, else what was said. */
static char *open_safetensors(int *exit_code)
{
    char *said;
    size_t size;
    Diag diag = {.out = open_memstream(&said, &size)};
    Arena *arena = arena_new();
    const ExternalFile *file = external_open(arena_strdup(arena, path_of("model")), "st.safetensors", NO_SPAN, arena, &diag);
    TensorIndex index = tensor_index_new(arena);
    bool ok = safetensors_read(file, &index, &diag);
    StoredTensor *w = ok ? tensor_index_find(&index, "w") : NULL;
    assert_true(!w || tensor_get(stored_tensor_load(w, arena), 1) == 2);
    fclose(diag.out);
    arena_free(arena);
    *exit_code = (int)diag.exit_code;
    if (!ok)
        return said;
    free(said);
    return NULL;
}

static void write_safetensors(uint64_t length, const char *header, int64_t data)
{
    static const float numbers[16] = {1, 2};
    char bytes[1024];
    size_t n = strlen(header);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, n);
    memcpy(bytes + 8 + n, numbers, (size_t)data);
    write_file("model/st.safetensors", bytes, 8 + n + (size_t)data);
}

static void test_safetensors(void **state)
{
    (void)state;
    for (int64_t i = 0; i < countof(headers); i++) {
        int exit_code;
        write_safetensors(strlen(headers[i].header), headers[i].header, headers[i].data);
        char *said = open_safetensors(&exit_code);
        if (!said != !headers[i].message || (said && !strstr(said, headers[i].message)) || exit_code != headers[i].exit_code)
            fail_msg("%s: expected %s, found %s", headers[i].header, headers[i].message ? headers[i].message : "no error",
                     said ? said : "none");
        free(said);
    }
}

static void test_safetensors_length(void **state)
{
    static const struct {
        uint64_t length;
        const char *message;
    } lengths[] = {
        {0, "is 0"},
        {100000001, "is over 100 MB"},
        {UINT64_MAX, "is over 100 MB"},
        {99, "goes past the end of the file"},
    };
    (void)state;
    int exit_code;
    for (int64_t i = 0; i < countof(lengths); i++) {
        write_safetensors(lengths[i].length, "{}", 0);
        char *said = open_safetensors(&exit_code);
        assert_non_null(said);
        assert_non_null(strstr(said, lengths[i].message));
        free(said);
    }
    write_file("model/st.safetensors", "1234567", 7);
    char *said = open_safetensors(&exit_code);
    assert_non_null(said);
    assert_non_null(strstr(said, "begins with 8 bytes, this one has 7"));
    free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shrinking_file), /* first: cmocka takes SIGBUS anew for each test, we only once */
        cmocka_unit_test(test_places),         cmocka_unit_test(test_mapped_once),
        cmocka_unit_test(test_safetensors),    cmocka_unit_test(test_safetensors_length),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
