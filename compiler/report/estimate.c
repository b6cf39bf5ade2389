/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Estimates: time, memory and file size of a program that is only scheduled.
 *
 * Problem: who chooses a machine, a size of pictures or a model wants to know what it takes before compiling, also for a CPU
 * that is not at hand. Idea: a roofline for each phase. Its kernels need so many cycles of the vector units; its weights and
 * activations come so fast from the cache that holds them all, or from memory; both overlap, so the longer one counts.
 *
 *   estimate     83.1 ms an image on 1 thread, 12.0 ms on 8; executable 115.2 MB; memory 121.6 MB on 1 thread
 *
 * The model takes what the profile says to be so: nothing else runs, and clocks stay. Memory is exact, as the schedule
 * plans it; what the runtime itself needs is not counted. */
#include "compiler/report/estimate.h"

#include "compiler/report/groups.h"
#include "compiler/schedule/cost.h"

static const double BARRIER_MS = 0.001;       /* one, with threads that still spin */
static const double CORE_SHARE = 0.5;         /* of the memory's bandwidth, at most, that a single core makes use of */
enum { RUNTIME_BYTES = 730000, KERNEL_BYTES = 1000 }; /* measured on executables for x86-64 */

/* ── Traffic ─────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Traffic {
    int64_t weights, data;
} Traffic; /* bytes */

/* Every buffer that the phases name, once and whole. */
static Traffic traffic_of(const PhaseList *phases)
{
    Arena *scratch = arena_new();
    BufferList named = buffers_named(phases, scratch);
    Traffic traffic = {0};
    for (int64_t i = 0; i < named.len; i++)
        if (named.at[i]->space != SPACE_SCRATCH)
            *(named.at[i]->space == SPACE_WEIGHTS ? &traffic.weights : &traffic.data) += named.at[i]->bytes;
    arena_free(scratch);
    return traffic;
}

int64_t estimate_bytes(const PhaseList *phases)
{
    Traffic traffic = traffic_of(phases);
    return traffic.weights + traffic.data;
}

/* Bytes a millisecond from the innermost cache that holds `held` bytes from one image to the next. */
static double bandwidth(const CpuProfile *cpu, int64_t held, int64_t threads)
{
    double clock = (double)cpu->mhz * 1e3 * (double)threads, all = (double)cpu->memory_bandwidth * 1e6;
    if (held <= cpu->l2_bytes && cpu->l2_bandwidth)
        return clock * (double)cpu->l2_bandwidth;
    if (held <= cpu->l3_bytes && cpu->l3_bandwidth)
        return clock * (double)cpu->l3_bandwidth;
    double cores = all * CORE_SHARE * (double)threads;
    return cores < all ? cores : all;
}

static int64_t data_bytes(const Program *program)
{
    int64_t bytes = program->arena_bytes;
    for (int64_t i = 0; i < program->buffers.len; i++)
        bytes += program->buffers.at[i]->space == SPACE_TENSOR ? program->buffers.at[i]->bytes : 0;
    return bytes;
}

/* Weights come back once an image, after all others; activations are read soon after they are written. */
static double traffic_ms(const Program *program, const Phase *phase, int64_t threads)
{
    const CpuProfile *cpu = program->cpu;
    Traffic traffic = traffic_of(&(PhaseList){.at = &phase, .len = 1});
    double weights = bandwidth(cpu, program->weights_bytes + data_bytes(program), threads);
    double data = bandwidth(cpu, data_bytes(program), threads);
    return weights > 0 && data > 0 ? (double)traffic.weights / weights + (double)traffic.data / data : 0;
}

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

Estimate estimate_phase(const Program *program, const Phase *phase, int64_t threads)
{
    Estimate estimate = {0};
    if (program->cpu->mhz <= 0)
        return estimate;
    estimate.arithmetic_ms = phase_cycles(phase, program->cpu, threads) / ((double)program->cpu->mhz * 1e3);
    estimate.traffic_ms = traffic_ms(program, phase, threads);
    estimate.ms = estimate.arithmetic_ms > estimate.traffic_ms ? estimate.arithmetic_ms : estimate.traffic_ms;
    estimate.ms += threads > 1 ? BARRIER_MS : 0;
    return estimate;
}

static void add_phases(Estimate *sum, const Program *program, Phase *const *phases, int64_t n, int64_t threads)
{
    for (int64_t i = 0; i < n; i++) {
        Estimate one = estimate_phase(program, phases[i], threads);
        sum->arithmetic_ms += one.arithmetic_ms;
        sum->traffic_ms += one.traffic_ms;
        sum->ms += one.ms;
    }
}

Estimate estimate_program(const Program *program, int64_t threads)
{
    Estimate sum = {0};
    add_phases(&sum, program, program->begin.at, program->begin.len, threads);
    add_phases(&sum, program, program->image.at, program->image.len, threads);
    add_phases(&sum, program, program->end.at, program->end.len, threads);
    return sum;
}

static int64_t estimate_memory(const Program *program, int64_t threads)
{
    int64_t arenas = program->by_image ? threads : 1;
    return program->weights_bytes + arenas * program->arena_bytes + threads * program->scratch_bytes;
}

static int64_t estimate_executable(const Program *program)
{
    return program->weights_bytes + RUNTIME_BYTES + KERNEL_BYTES * program->kernels.len;
}

/* ── For people and programs ─────────────────────────────────────────────────────────────────────────── */

/* Three digits are more than it knows. */
static void print_ms(const Program *program, int64_t threads)
{
    double ms = estimate_program(program, threads).ms;
    printf("%.*f ms", ms < 1 ? 3 : ms < 100 ? 1 : 0, ms);
}

void estimate_print(const Program *program)
{
    const CpuProfile *cpu = program->cpu;
    printf("%-12s ", "estimate");
    if (cpu->mhz > 0) {
        print_ms(program, 1);
        printf(" an image on 1 thread, ");
        print_ms(program, cpu->cores);
        printf(" on %lld; ", (long long)cpu->cores);
    }
    printf("executable %.1f MB; memory %.1f MB on 1 thread, %.1f MB on %lld\n", (double)estimate_executable(program) * 1e-6,
           (double)estimate_memory(program, 1) * 1e-6, (double)estimate_memory(program, cpu->cores) * 1e-6,
           (long long)cpu->cores);
}

static json_t *on_threads(const Program *program, int64_t threads)
{
    Estimate estimate = estimate_program(program, threads);
    return json_pack("{s:I, s:f, s:f, s:f, s:I}", "threads", (json_int_t)threads, "ms", estimate.ms, "arithmetic_ms",
                     estimate.arithmetic_ms, "traffic_ms", estimate.traffic_ms, "memory_bytes",
                     (json_int_t)estimate_memory(program, threads));
}

json_t *estimate_json(const Program *program)
{
    json_t *list = json_array();
    json_array_append_new(list, on_threads(program, 1));
    if (program->cpu->cores > 1) /* the same entry twice would say nothing */
        json_array_append_new(list, on_threads(program, program->cpu->cores));
    return json_pack("{s:I, s:o}", "executable_bytes", (json_int_t)estimate_executable(program), "by_threads", list);
}
