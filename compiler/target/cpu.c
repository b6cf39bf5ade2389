/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Profiles by name: the shipped ones, each read when somebody asks for it and kept for the process, and the user's files.
 *
 *   -mcpu=znver4    →  profiles/znver4.xml over x86-64-v4.xml over x86-64-v3.xml over x86-64-v2.xml
 *   -mcpu=mine.xml  →  the file, over what it extends: a shipped profile, or a file in the same folder
 *
 * A chain that comes back to where it was is refused. */
#include "compiler/target/cpu.h"

#include "compiler/target/embedded.h"
#include "compiler/target/profile.h"
#include "ir/base/reads.h"
#include "ir/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_SHIPPED = 64, LONGEST_CHAIN = 16, LARGEST_FILE = 1 << 20 };

/* ── Shipped ─────────────────────────────────────────────────────────────────────────────────────────── */

static struct {
    Arena *arena;
    const CpuProfile *read[MOST_SHIPPED];
    bool reading[MOST_SHIPPED];
} shipped; /* of the process: profiles are constants */

static const CpuProfile *find_shipped(const ProfileChain *chain, const char *name, Span span, Arena *arena, Diag *diag);

static const CpuProfile *read_embedded(int64_t index)
{
    const EmbeddedFile *file = &embedded_profiles[index];
    if (!shipped.arena)
        shipped.arena = arena_new();
    if (shipped.reading[index])
        diag_bug(file->name, 1, "a shipped profile extends itself");
    shipped.reading[index] = true;
    Source *source = NEW(shipped.arena, Source);
    *source = (Source){.path = file->name, .text = file->text, .length = file->length};
    Diag diag = {0};
    const CpuProfile *cpu = profile_read(source, &(ProfileChain){.path = file->name, .find = find_shipped}, shipped.arena, &diag);
    if (!cpu || strcmp(cpu->name, file->name) != 0)
        diag_bug(file->name, 1, "not a valid profile of its name");
    shipped.reading[index] = false;
    return cpu;
}

int64_t cpu_count(void) { return n_embedded_profiles < MOST_SHIPPED ? n_embedded_profiles : MOST_SHIPPED; }

const char *cpu_name_at(int64_t index) { return embedded_profiles[index].name; }

const char *cpu_nearest(const char *name)
{
    const char *names[MOST_SHIPPED];
    for (int64_t i = 0; i < cpu_count(); i++)
        names[i] = cpu_name_at(i);
    return nearest_name(name, names, cpu_count());
}

const CpuProfile *cpu_at(int64_t index)
{
    if (index < 0 || index >= cpu_count())
        return NULL;
    if (!shipped.read[index])
        shipped.read[index] = read_embedded(index);
    return shipped.read[index];
}

const CpuProfile *profile_shipped(const char *name)
{
    for (int64_t i = 0; i < cpu_count(); i++)
        if (strcmp(cpu_name_at(i), name) == 0)
            return cpu_at(i);
    return NULL;
}

/* What a shipped profile extends, or a file by the name of a shipped one. */
static const CpuProfile *find_shipped(const ProfileChain *chain, const char *name, Span span, Arena *arena, Diag *diag)
{
    (void)chain, (void)arena;
    const CpuProfile *base = profile_shipped(name);
    if (base)
        return base;
    const char *near = cpu_nearest(name);
    diag_error(diag, span, "'%s' to extend is neither a shipped profile nor FILE.xml%s%s%s", name, near ? "; did you mean '" : "",
               near ? near : "", near ? "'?" : "");
    return NULL;
}

/* ── Files ───────────────────────────────────────────────────────────────────────────────────────────── */

static const Source *read_file(const char *path, Arena *arena, Diag *diag)
{
    Source *source = NEW(arena, Source);
    source->path = path;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer must not block */
    struct stat s;
    if (fd < 0 || fstat(fd, &s) != 0) {
        diag_resource(diag, NO_SPAN, "can't read '%s': %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    reads_note(path);
    const char *problem = !S_ISREG(s.st_mode) ? "it is not a file" : s.st_size > LARGEST_FILE ? "it is too large" : NULL;
    char *text = problem ? NULL : arena_alloc(arena, (size_t)s.st_size + 1);
    ssize_t n = 0;
    while (text && (n = read(fd, text + source->length, (size_t)(s.st_size - source->length))) > 0)
        source->length += n;
    if (problem)
        diag_error(diag, NO_SPAN, "can't read '%s' as a CPU profile: %s", path, problem);
    else if (n < 0)
        diag_resource(diag, NO_SPAN, "can't read '%s': %s", path, strerror(errno));
    close(fd);
    source->text = text;
    return problem || n < 0 ? NULL : source;
}

static bool is_in_chain(const ProfileChain *chain, const char *path)
{
    int64_t length = 0;
    for (; chain; chain = chain->up)
        if (strcmp(chain->path, path) == 0 || ++length == LONGEST_CHAIN)
            return true;
    return false;
}

static const CpuProfile *read_chained(const char *path, const ProfileChain *up, Arena *arena, Diag *diag);

/* What a file extends. */
static const CpuProfile *find_extended(const ProfileChain *chain, const char *name, Span span, Arena *arena, Diag *diag)
{
    const char *slash = strrchr(chain->path, '/');
    int folder = slash ? (int)(slash - chain->path) + 1 : 0;
    const char *path = arena_printf(arena, "%.*s%s", folder, chain->path, name);
    if (!str_ends_with(name, ".xml"))
        return find_shipped(chain, name, span, arena, diag);
    if (!is_in_chain(chain, path))
        return read_chained(path, chain, arena, diag);
    diag_error(diag, span, "the profile extends '%s', which leads back to it or through more than %d others", name,
               LONGEST_CHAIN);
    return NULL;
}

static const CpuProfile *read_chained(const char *path, const ProfileChain *up, Arena *arena, Diag *diag)
{
    const Source *source = read_file(path, arena, diag);
    return source ? profile_read(source, &(ProfileChain){path, up, find_extended}, arena, diag) : NULL;
}

const CpuProfile *cpu_read(const char *path, Arena *arena, Diag *diag) { return read_chained(path, NULL, arena, diag); }

const CpuProfile *cpu_read_text(const char *text, Arena *arena, Diag *diag)
{
    Source *source = NEW(arena, Source);
    *source = (Source){.path = "profile", .text = arena_strdup(arena, text), .length = (int64_t)strlen(text)};
    return profile_read(source, &(ProfileChain){.path = source->path, .find = find_shipped}, arena, diag);
}
