/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Candidates: what is worth trying instead of the model's choice for a shape, one knob at a time.
 *
 *   block 1x14x14x384x1536   hidden-chunk 192, 256, 512 …, row-block 7, 5, 4 …, tile 12x32, 6x64 …, prefetch 0, 2
 *   gemm 49x768x3072         row-block 14, 28, 49, thread-split 2, 4 …, tile …, prefetch …
 *
 * The list depends on shape and CPU only, so a search can stop after any of it and go on later: "7 tried" says enough. */
#include "compiler/schedule/schedule.h"
#include "compiler/target/registers.h"

#include <stddef.h>

enum { MOST_SETTINGS = 40 };

typedef struct Setting {
    size_t knob;      /* offset of an int64_t in ScheduleChoice */
    int64_t value, columns; /* columns: of a tile */
} Setting;

typedef struct Settings {
    Setting at[MOST_SETTINGS];
    int64_t n;
} Settings;

#define KNOB(field) offsetof(ScheduleChoice, field)

static void add(Settings *s, size_t knob, int64_t value, int64_t columns)
{
    for (int64_t i = 0; i < s->n; i++)
        if (s->at[i].knob == knob && s->at[i].value == value && s->at[i].columns == columns)
            return;
    if (s->n < MOST_SETTINGS)
        s->at[s->n++] = (Setting){knob, value, columns};
}

/* As many rows as registers hold, and a little fewer, for two to four vectors of columns. */
static void add_tiles(Settings *s, const CpuProfile *cpu, Product product)
{
    for (int64_t nv = 2; nv <= 4; nv++) {
        int64_t most = registers_tile_rows(cpu, product, nv);
        for (int64_t rows = most; rows > 0 && rows >= most - 2; rows -= nv == 2 ? 2 : 1)
            add(s, KNOB(tile_rows), rows, nv * cpu_lanes(cpu));
    }
}

static void add_prefetch(Settings *s)
{
    add(s, KNOB(prefetch), 0, 0);
    add(s, KNOB(prefetch), 2, 0);
}

/* Equal ranges of whole panels, from 96 to 1536 columns. */
static void add_hidden_chunks(Settings *s, int64_t hidden, int64_t panel)
{
    for (int64_t n = 1; n <= 16; n++)
        if (hidden % (n * panel) == 0 && hidden / n >= 96 && hidden / n <= 1536)
            add(s, KNOB(hidden_chunk), hidden / n, 0);
}

/* Equal blocks of rows that hold 28 to 448 pixels. */
static void add_block_rows(Settings *s, int64_t height, int64_t width)
{
    for (int64_t blocks = 1; blocks <= height && s->n < MOST_SETTINGS / 2; blocks++) {
        int64_t rows = (height + blocks - 1) / blocks, pixels = rows * width;
        if (pixels >= 28 && pixels <= 448)
            add(s, KNOB(row_block), rows, 0);
    }
}

static void block_settings(Settings *s, const CpuProfile *cpu, Product product, const int64_t *dims)
{
    if (product.b != DT_INT8) /* its ranges have scales of their own: the graph says them */
        add_hidden_chunks(s, dims[4], 2 * cpu_lanes(cpu));
    add_block_rows(s, dims[1], dims[2]);
    add_tiles(s, cpu, product);
    add_prefetch(s);
}

static void gemm_settings(Settings *s, const CpuProfile *cpu, Product product, const int64_t *dims)
{
    for (int64_t rows = 28; rows < dims[0] && rows <= 448; rows *= 2)
        add(s, KNOB(row_block), rows, 0);
    add(s, KNOB(row_block), dims[0], 0);
    for (int64_t chunks = 1; chunks <= 8; chunks *= 2)
        add(s, KNOB(thread_split), chunks * cpu->cores, 0);
    add_tiles(s, cpu, product);
    add_prefetch(s);
}

bool schedule_candidate(const CpuProfile *cpu, const ScheduleChoice *choice, int64_t index, ScheduleChoice *candidate)
{
    Settings s = {0};
    Product product = product_of(cpu, choice->shape.precision);
    if (choice->shape.op == SCHEDULE_BLOCK)
        block_settings(&s, cpu, product, choice->shape.dims);
    else
        gemm_settings(&s, cpu, product, choice->shape.dims);
    if (index >= s.n)
        return false;
    *candidate = *choice;
    *(int64_t *)(void *)((char *)candidate + s.at[index].knob) = s.at[index].value;
    if (s.at[index].columns)
        candidate->tile_columns = s.at[index].columns;
    return true;
}
