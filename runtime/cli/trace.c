/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Traces: a recorded run as Trace Event JSON, which Perfetto (ui.perfetto.dev) and chrome://tracing show. Times are microseconds
 * since the run began.
 *
 *   {"traceEvents": [
 *   {"ph": "M", "pid": 1, "tid": 0, "name": "thread_name", "args": {"name": "thread 0"}},
 *   {"ph": "X", "pid": 1, "tid": 0, "ts": 1.204, "dur": 30.412, "cat": "phase", "name": "layers.0", "args": {"phase": 3, "image": 0}},
 *   {"ph": "X", "pid": 1, "tid": 0, "ts": 31.616, "dur": 0.311, "cat": "wait", "name": "wait", "args": {"phase": 3}}, …],
 *    "displayTimeUnit": "ms", "otherData": {"model": "tiny", "threads": 2, "run_us": 402.118}} */
#include "runtime/cli/cli.h"
#include "runtime/internal.h"

static double microseconds(int64_t ns) { return (double)ns * 1e-3; }

static void put_event(FILE *out, int64_t thread, int64_t start, int64_t end, const char *category, const char *name)
{
    fprintf(out, ",\n{\"ph\": \"X\", \"pid\": 1, \"tid\": %lld, \"ts\": %.3f, \"dur\": %.3f, \"cat\": \"%s\", \"name\": ",
            (long long)thread, microseconds(start), microseconds(end - start), category);
    put_json_string(out, name);
}

static void put_stretch(FILE *out, const Record *record, int64_t thread, const Stretch *s, const char *name)
{
    put_event(out, thread, s->start - record->start, s->worked - record->start, "phase", name ? name : "");
    fprintf(out, ", \"args\": {\"phase\": %lld, \"image\": %lld}}", (long long)s->phase, (long long)s->image);
    put_event(out, thread, s->worked - record->start, s->end - record->start, "wait", "wait");
    fprintf(out, ", \"args\": {\"phase\": %lld}}", (long long)s->phase);
}

static void put_trace(FILE *out, const cnxrt_model *model, const Record *record)
{
    fputs("{\"traceEvents\": [", out);
    for (int64_t t = 0; t < record->n_threads; t++)
        fprintf(
            out,
            "%s\n{\"ph\": \"M\", \"pid\": 1, \"tid\": %lld, \"name\": \"thread_name\", \"args\": {\"name\": \"thread %lld\"}}",
            t ? "," : "", (long long)t, (long long)t);
    for (int64_t t = 0; t < record->n_threads; t++)
        for (int64_t i = 0; i < record->threads[t].n; i++) {
            const Stretch *s = &record->threads[t].at[i];
            put_stretch(out, record, t, s, model->variant->phases[s->phase].name);
        }
    fputs("],\n \"displayTimeUnit\": \"ms\", \"otherData\": {\"model\": ", out);
    put_json_string(out, model->compiled->name);
    fprintf(out, ", \"threads\": %lld, \"run_us\": %.3f}}\n", (long long)record->n_threads,
            microseconds(record->end - record->start));
}

bool trace_write(Cli *cli, const Record *record)
{
    FILE *out = output_open(cli->trace);
    if (out)
        put_trace(out, cli->model, record);
    return output_close(cli, cli->trace, out, out && !ferror(out));
}
