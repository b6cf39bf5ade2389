/* cnxc targets, and -mcpu=help: the CPUs that can be compiled for, and which one this machine is.
 *
 *   * znver5          avx512  L1d 48 KB  L2 1024 KB  (this machine)
 *     haswell         avx2    L1d 32 KB  L2 256 KB */
#include "compiler/driver/driver.h"
#include "compiler/driver/peak.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

static bool is_host(const CpuProfile *cpu)
{
    const CpuProfile *host = cpu_host();
    return host && strcmp(host->name, cpu->name) == 0;
}

static void print_cpu(const CpuProfile *cpu)
{
    bool host = is_host(cpu);
    const CpuProfile *shown = host ? cpu_host() : cpu; /* the host's caches are measured, not assumed */
    printf("%c %-16s %-8s L1d %lld KB  L2 %lld KB%s\n", host ? '*' : ' ', shown->name, shown->isa,
           (long long)(shown->l1d_bytes >> 10), (long long)(shown->l2_bytes >> 10), host ? "  (this machine)" : "");
}

static json_t *cpu_json(const CpuProfile *cpu)
{
    bool host = is_host(cpu);
    const CpuProfile *shown = host ? cpu_host() : cpu;
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "name", shown->name, "isa", shown->isa, "features",
                     shown->features, "l1d_bytes", (json_int_t)shown->l1d_bytes, "l2_bytes",
                     (json_int_t)shown->l2_bytes, "host", host);
}

static void print_json(double one, double all, int64_t threads)
{
    json_t *list = json_array(), *root = json_object();
    for (int64_t i = 0; i < cpu_count(); i++)
        json_array_append_new(list, cpu_json(cpu_at(i)));
    json_object_set_new(root, "cpus", list);
    if (threads)
        json_object_set_new(root, "peak", json_pack("{s:f, s:f, s:I}", "gflops_1_thread", one * 1e-9,
                                                    "gflops_all_threads", all * 1e-9, "threads", (json_int_t)threads));
    json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(root);
}

ExitCode subcommand_targets(Driver *driver)
{
    int64_t threads = driver->options.peak ? sysconf(_SC_NPROCESSORS_ONLN) : 0;
    double one = threads ? peak_flops(1) : 0, all = threads ? peak_flops(threads) : 0;
    if (driver->options.json) {
        print_json(one, all, threads);
        return EXIT_OK;
    }
    for (int64_t i = 0; i < cpu_count(); i++)
        print_cpu(cpu_at(i));
    if (threads)
        printf("peak: %.0f GFLOP/s on one thread, %.0f on %lld\n", one * 1e-9, all * 1e-9, (long long)threads);
    return EXIT_OK;
}
