/* cnxc bench: time per image, and how much of this machine's peak that is.
 *
 *   median 42.4 ms   p90 42.9 ms   p99 43.6 ms   210 GFLOP/s   97 % of 217 (measured peak, 1 thread)
 *
 * The compiled program measures itself (--bench --json); the peak is measured right after, on as many threads. */
#include "compiler/driver/cache.h"
#include "compiler/driver/cost.h"
#include "compiler/driver/peak.h"
#include "compiler/driver/process.h"

#include <jansson.h>
#include <unistd.h>

static json_t *measure(Driver *driver, const char *program, int64_t threads)
{
    const char *arguments[8] = {program, "--bench", "--json", "--threads",
                                arena_printf(driver->arena, "%lld", (long long)threads)};
    if (driver->options.per_op)
        arguments[5] = "--per-op";
    StrBuf text = {.arena = driver->arena};
    int code = process_run(driver, arguments, &text);
    json_t *answer = code == 0 && text.text ? json_loads(text.text, 0, NULL) : NULL;
    if (!answer && !diag_failed(&driver->diag))
        diag_resource(&driver->diag, NO_SPAN, "'%s --bench --json' ended with exit code %d", program, code);
    return answer;
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void print_per_op(const json_t *answer)
{
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(answer, "per_op"), index, item)
        printf("%10.3f ms  %5.1f GFLOP/s  %s\n", number(item, "ms"), number(item, "gflops"),
               json_string_value(json_object_get(item, "name")));
}

static void print_text(const json_t *answer)
{
    print_per_op(answer);
    printf("median %.3f ms   p90 %.3f ms   p99 %.3f ms   %.1f GFLOP/s", number(answer, "median_ms"),
           number(answer, "p90_ms"), number(answer, "p99_ms"), number(answer, "gflops"));
    if (number(answer, "peak_gflops") > 0)
        printf("   %.1f %% of %.0f (measured peak, %.0f threads)", number(answer, "fraction_of_peak") * 100,
               number(answer, "peak_gflops"), number(answer, "threads"));
    putchar('\n');
}

ExitCode subcommand_bench(Driver *driver)
{
    const Options *o = &driver->options;
    Build build = {.driver = driver, .input = o->arguments.at[0]};
    const char *program = cache_executable(&build);
    if (!program)
        return driver_exit_code(driver);
    int64_t threads = o->threads ? o->threads : sysconf(_SC_NPROCESSORS_ONLN);
    double flops = 2.0 * (double)graph_cost(build.model->graph).macs;
    json_t *answer = measure(driver, program, threads);
    if (!answer)
        return driver_exit_code(driver);
    double peak = peak_flops(threads), rate = flops / (number(answer, "median_ms") * 1e-3);
    json_object_set_new(answer, "gflops", json_real(rate * 1e-9));
    json_object_set_new(answer, "peak_gflops", json_real(peak * 1e-9));
    json_object_set_new(answer, "fraction_of_peak", json_real(peak > 0 ? rate / peak : 0));
    if (o->json)
        json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER), putchar('\n');
    else
        print_text(answer);
    json_decref(answer);
    return EXIT_OK;
}
