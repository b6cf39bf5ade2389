/* The shipped profiles, each read when somebody asks for it and kept for the process, and look-ups in any profile.
 *
 *   -mcpu=znver4  →  profiles/znver4.xml over x86-64-v4.xml over x86-64-v3.xml over x86-64-v2.xml
 *   -mcpu=native  →  the profile of this machine, its caches and cores filled in (host.c) */
#include "compiler/target/cpu.h"

#include "compiler/target/embedded.h"
#include "compiler/target/profile.h"

#include <string.h>

enum { MOST_SHIPPED = 64 };

static struct {
    Arena *arena;
    const CpuProfile *read[MOST_SHIPPED];
    bool reading[MOST_SHIPPED];
} shipped; /* of the process: profiles are constants */

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
    const CpuProfile *cpu = profile_read(source, true, shipped.arena, &diag);
    if (!cpu || strcmp(cpu->name, file->name) != 0)
        diag_bug(file->name, 1, "not a valid profile of its name");
    shipped.reading[index] = false;
    return cpu;
}

int64_t cpu_count(void) { return n_embedded_profiles < MOST_SHIPPED ? n_embedded_profiles : MOST_SHIPPED; }

const char *cpu_name_at(int64_t index) { return embedded_profiles[index].name; }

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

const CpuProfile *cpu_find(const char *name)
{
    if (!name)
        return NULL;
    return strcmp(name, "native") == 0 ? cpu_host() : profile_shipped(name);
}

const ScheduleChoice *cpu_choice(const CpuProfile *cpu, ScheduleOp op, const int64_t dims[SCHEDULE_DIMS])
{
    for (int64_t i = 0; i < cpu->n_choices; i++)
        if (cpu->choices[i].op == op && memcmp(cpu->choices[i].dims, dims, sizeof cpu->choices[i].dims) == 0)
            return &cpu->choices[i];
    return NULL;
}
