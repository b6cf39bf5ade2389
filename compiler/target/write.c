/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A profile as XML: everything said, nothing extended, so that the file stands on its own.
 *
 *     CpuProfile { "mine", l2_bytes = 1048576, … }  →  <l2 size="1M" shared-by="1"/>                          */
#include "compiler/target/features.h"
#include "compiler/target/profile.h"
#include "compiler/target/system.h"

#include <string.h>

static void put_text(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        default: fputc(*text, out);
        }
}

static void put_number(FILE *out, int64_t value, bool size)
{
    static const char *const units[] = {"", "K", "M", "G"};
    int unit = 0;
    for (; size && unit < 3 && value % 1024 == 0; unit++)
        value /= 1024;
    fprintf(out, "%lld%s", (long long)value, units[unit]);
}

/* Row i's element with all its numbers that are known; the row after it. */
static int64_t put_element(FILE *out, CpuProfile *cpu, int64_t i)
{
    const char *element = profile_numbers[i].element;
    bool open = false;
    for (; i < n_profile_numbers && strcmp(profile_numbers[i].element, element) == 0; i++) {
        int64_t value = *profile_number(cpu, &profile_numbers[i]);
        if (!value)
            continue;
        if (!open)
            fprintf(out, "  <%s", element);
        open = true;
        fprintf(out, " %s=\"", profile_numbers[i].attribute);
        put_number(out, value, profile_numbers[i].size);
        fputc('"', out);
    }
    if (open)
        fputs("/>\n", out);
    return i;
}

static void put_optional(FILE *out, const char *name, int64_t value, int64_t unsaid)
{
    if (value != unsaid)
        fprintf(out, " %s=\"%lld\"", name, (long long)value);
}

static const ShapeForm *form_of(const ScheduleShape *shape)
{
    for (int64_t i = 0; i < n_shape_forms; i++)
        if (shape_forms[i].op == shape->op && shape_forms[i].precision == shape->precision)
            return &shape_forms[i];
    unreachable();
}

void choice_write(const ScheduleChoice *choice, FILE *out)
{
    const ShapeForm *form = form_of(&choice->shape);
    fprintf(out, "op=\"%s\" shape=\"", form->name);
    for (int i = 0; i < form->n_dims; i++)
        fprintf(out, "%s%lld", i ? "x" : "", (long long)choice->shape.dims[i]);
    fputc('"', out);
    if (choice->tile_rows)
        fprintf(out, " tile=\"%lldx%lld\"", (long long)choice->tile_rows, (long long)choice->tile_columns);
    put_optional(out, "row-block", choice->row_block, 0);
    put_optional(out, "hidden-chunk", choice->hidden_chunk, 0);
    put_optional(out, "prefetch", choice->prefetch, PREFETCH_UNSAID);
    put_optional(out, "thread-split", choice->thread_split, 0);
    put_optional(out, "tried", choice->tried, 0);
}

void cpu_write(const CpuProfile *cpu, FILE *out)
{
    Arena *scratch = arena_new();
    CpuProfile copy = *cpu;
    fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<profile name=\"%s\">\n", cpu->name);
    if (cpu->summary[0]) {
        fputs("  <summary>", out);
        put_text(out, cpu->summary);
        fputs("</summary>\n", out);
    }
    fprintf(out, "  <llvm target=\"%s\" cpu=\"%s\"/>\n", system_of(cpu->arch)->machine, cpu->llvm_cpu);
    FeatureSet set = features_parse(cpu->arch, cpu->features);
    fprintf(out, "  <features>%s</features>\n", features_text(set, "", " ", scratch));
    for (int64_t i = 0; i < n_profile_numbers;)
        i = put_element(out, &copy, i);
    if (cpu->n_choices) {
        fputs("  <schedule>\n", out);
        for (int64_t i = 0; i < cpu->n_choices; i++) {
            fputs("    <choice ", out);
            choice_write(&cpu->choices[i], out);
            fputs("/>\n", out);
        }
        fputs("  </schedule>\n", out);
    }
    fputs("</profile>\n", out);
    arena_free(scratch);
}
