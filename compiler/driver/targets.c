/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxc targets, and -mcpu=help: the CPUs that are known, and which one this machine is.
 *
 *     name            isa     vectors     L1d    L2    L3  cores
 *   * znver5          avx512  32 × 64 B   48K    1M   32M      8  AMD Zen 5 (this machine)
 *     haswell         avx2    16 × 32 B   32K  256K    8M      4  Intel Haswell
 *
 * -mcpu=NAME or PROFILE.xml shows that one, --host this machine's, and what AMX needs that is not there; --xml writes it as a
 * profile; --peak measures what this machine does at best. */
#include "compiler/driver/driver.h"
#include "compiler/report/json.h"
#include "compiler/report/machine.h"
#include "compiler/target/amx.h"
#include "ir/base/str.h"
#include "ir/base/parallel.h"
#include "ir/base/terminal.h"

#include <string.h>
#include <unistd.h>

typedef struct Shown {
    const CpuProfile *cpu;
    bool host;               /* it is this machine's: measured, not assumed */
} Shown;

static Shown shown_at(int64_t index)
{
    const CpuProfile *host = cpu_host();
    bool is_host = host && strcmp(host->name, cpu_name_at(index)) == 0;
    return (Shown){is_host ? host : cpu_at(index), is_host};
}

static void print_size(int64_t bytes, int width)
{
    char text[32] = "-";
    if (bytes)
        snprintf(text, sizeof text, "%lld%c", (long long)(bytes % (1 << 20) ? bytes >> 10 : bytes >> 20),
                 bytes % (1 << 20) ? 'K' : 'M');
    printf("%*s", width, text);
}

static void print_cpu(Shown shown, Arena *arena)
{
    const CpuProfile *cpu = shown.cpu;
    char vectors[48];
    snprintf(vectors, sizeof vectors, "%lld x %lld B", (long long)cpu->n_vectors, (long long)cpu->vector_bytes);
    printf("%c %-16s %-7s %-9s", shown.host ? '*' : ' ', escaped(arena, cpu->name), cpu->isa, vectors);
    print_size(cpu->l1d_bytes, 6);
    print_size(cpu->l2_bytes, 7);
    print_size(cpu->l3_bytes, 7);
    printf("%7lld  %s%s\n", (long long)cpu->cores, escaped(arena, cpu->summary), shown.host ? " (this machine)" : "");
}

static void put(json_t *object, const char *key, int64_t value)
{
    if (value)
        json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *cpu_json(Shown shown)
{
    const CpuProfile *cpu = shown.cpu;
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "name", cpu->name, "summary", cpu->summary, "target",
                          system_of(cpu->arch)->machine, "isa", cpu->isa, "llvm_cpu", cpu->llvm_cpu, "features", cpu->features,
                          "host", shown.host);
    put(o, "vector_bytes", cpu->vector_bytes), put(o, "vector_registers", cpu->n_vectors);
    put(o, "fma_per_cycle", cpu->fma_per_cycle), put(o, "fma_latency", cpu->fma_latency);
    put(o, "datapath_bytes", cpu->datapath_bytes);
    put(o, "tile_registers", cpu->matrix_registers);
    put(o, "l1d_bytes", cpu->l1d_bytes), put(o, "l2_bytes", cpu->l2_bytes), put(o, "l3_bytes", cpu->l3_bytes);
    put(o, "l2_shared_by", cpu->l2_shared_by), put(o, "l3_shared_by", cpu->l3_shared_by);
    put(o, "cores", cpu->cores), put(o, "mhz", cpu->mhz);
    put(o, "memory_gb_per_second", cpu->memory_bandwidth), put(o, "schedule_choices", cpu->n_choices);
    return o;
}

/* One thread's and all threads' together: they share clocks and memory. */
static json_t *measure_peaks(void)
{
    json_t *list = json_array();
    for (int64_t threads = 1; threads; threads = threads < parallel_cores() ? parallel_cores() : 0) {
        json_t *peaks = json_pack("{s:I}", "threads", (json_int_t)threads), *measured = machine_peaks(threads);
        json_object_update(peaks, measured);
        json_decref(measured);
        json_array_append_new(list, peaks);
    }
    return list;
}

static void print_rate(const json_t *list, const char *name, const char *key, const char *unit)
{
    size_t index;
    json_t *peaks;
    printf("  %-16s", name);
    json_array_foreach (list, index, peaks) {
        const json_t *rate = json_object_get(peaks, key);
        char text[32] = "-";
        if (json_is_real(rate))
            snprintf(text, sizeof text, "%.1f", json_real_value(rate));
        printf("%11s", text);
    }
    printf("  %s\n", unit);
}

static void print_peaks(const json_t *list)
{
    size_t index;
    json_t *peaks;
    printf("\n  %-16s", "measured peak");
    json_array_foreach (list, index, peaks) {
        long long threads = json_integer_value(json_object_get(peaks, "threads"));
        char text[32];
        snprintf(text, sizeof text, "%lld %s", threads, COUNTED(threads, "thread"));
        printf("%11s", text);
    }
    putchar('\n');
    print_rate(list, "f32", "f32_gflops", "GFLOP/s");
    print_rate(list, "bf16", "bf16_gflops", "GFLOP/s");
    print_rate(list, "int8", "int8_gops", "GOP/s");
    print_rate(list, "memory, reading", "bandwidth_gbs", "GB/s");
    putchar('\n');
}

static json_t *amx_json(Arena *arena)
{
    AmxFacts facts = amx_facts(arena);
    bool usable;
    const char *words = amx_words(&facts, &usable, arena);
    return json_pack("{s:b, s:s}", "usable", usable, "why", words);
}

static void print_amx(Arena *arena)
{
    AmxFacts facts = amx_facts(arena);
    bool usable;
    fputs("AMX: ", stdout);
    print_wrapped(stdout, amx_words(&facts, &usable, arena), 5, terminal_width(STDOUT_FILENO, 100));
}

/* peaks, amx: NULL, or of this machine. */
static void print_json(const Shown *shown, int64_t count, json_t *peaks, json_t *amx)
{
    json_t *list = json_array(), *root = json_object();
    for (int64_t i = 0; i < count; i++)
        json_array_append_new(list, cpu_json(shown[i]));
    json_object_set_new(root, "cpus", list);
    if (peaks)
        json_object_set(root, "peaks", peaks);
    if (amx)
        json_object_set_new(root, "amx", amx);
    json_print(root, 17);
}

static void print_table(const Shown *shown, int64_t count, const json_t *peaks, Arena *arena)
{
    printf("  %-16s %-7s %-9s   L1d     L2     L3  cores\n", "name", "isa", "vectors");
    for (int64_t i = 0; i < count; i++)
        print_cpu(shown[i], arena);
    if (peaks)
        print_peaks(peaks);
}

ExitCode subcommand_targets(Driver *driver)
{
    const Options *o = &driver->options;
    bool one = o->host || o->xml || (o->cpu && strcmp(o->cpu, "help") != 0);
    int64_t count = one ? 1 : cpu_count();
    Shown *shown = NEW_ARRAY(driver->arena, Shown, count);
    if (o->host && o->cpu) {
        usage_error(driver, "--host and -mcpu=%s: only one of them", o->cpu);
        return EXIT_USAGE;
    }
    if (one)
        shown[0] = (Shown){options_profile(driver), !o->cpu || strcmp(o->cpu, "native") == 0};
    if (one && !shown[0].cpu)
        return driver_exit_code(driver);
    for (int64_t i = 0; i < count && !one; i++)
        shown[i] = shown_at(i);
    if (o->xml) {
        cpu_write(shown[0].cpu, stdout);
        return EXIT_OK;
    }
    json_t *peaks = o->peak ? measure_peaks() : NULL;
    if (o->json)
        print_json(shown, count, peaks, o->host ? amx_json(driver->arena) : NULL);
    else
        print_table(shown, count, peaks, driver->arena);
    json_decref(peaks);
    if (o->host && !o->json)
        print_amx(driver->arena);
    return EXIT_OK;
}
