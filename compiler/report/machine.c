/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Machine: two measurements can be compared if it is known on what they were made, and of what.
 *
 *   "machine": {"cpu": "AMD EPYC 9V74 80-Core Processor", "profile": "znver4", "features": ["avx2", …], "cores": 2,
 *               "caches": {"l1d_bytes": 32768, "l2_bytes": 1048576, "l3_bytes": 33554432, …}, "kernel": "Linux 6.1.0"}
 *   "hashes": {"program": "9c1f…", "graph": "5a07…", "weights": "e21b…"}     XXH3-64, as 16 hexadecimal digits
 *
 *   peaks: {"f32_gflops": 230.1, "bf16_gflops": 3574.0, "int8_gops": 7185.2, "bandwidth_gbs": 21.4}
 *
 * The program's hash is that of its file; the others are those it was compiled with, as its --info says them. */
#include "compiler/report/machine.h"
#include "compiler/build/bytes.h"
#include "compiler/build/process.h"
#include "compiler/report/json.h"
#include "compiler/report/start.h"
#include "compiler/target/bandwidth.h"
#include "compiler/target/cpu.h"
#include "compiler/target/peak.h"
#include "ir/base/parallel.h"
#include "ir/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ── The machine ─────────────────────────────────────────────────────────────────────────────────────── */

enum { LINE = 1024 };

/* "model name : AMD EPYC …", which x86 kernels say; else the profile's own words. */
static json_t *cpu_name(const CpuProfile *host)
{
    char line[LINE], name[LINE] = "";
    FILE *in = fopen("/proc/cpuinfo", "r");
    while (in && !name[0] && fgets(line, sizeof line, in))
        sscanf(line, "model name%*[ \t]:%*[ \t]%1023[^\n]", name);
    if (in)
        fclose(in);
    json_t *text = json_string(name); /* NULL where it is not UTF-8 */
    if (text && name[0])
        return text;
    json_decref(text);
    return host ? json_string(host->summary) : json_null();
}

/* "+avx2,+fma,-x" → ["avx2", "fma"] */
static json_t *features_json(const CpuProfile *host)
{
    json_t *list = json_array();
    for (const char *at = host ? host->features : ""; *at; at += *at == ',') {
        size_t length = strcspn(at, ",");
        if (*at == '+')
            json_array_append_new(list, json_stringn(at + 1, length - 1));
        at += length;
    }
    return list;
}

static json_t *caches_json(const CpuProfile *host)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "l1d_bytes", (json_int_t)host->l1d_bytes, "l2_bytes",
                     (json_int_t)host->l2_bytes, "l2_shared_by", (json_int_t)host->l2_shared_by, "l3_bytes",
                     (json_int_t)host->l3_bytes, "l3_shared_by", (json_int_t)host->l3_shared_by);
}

json_t *machine_json(void)
{
    const CpuProfile *host = cpu_host();
    struct utsname system = {0};
    char kernel[sizeof system.sysname + sizeof system.release + 1] = "";
    if (uname(&system) == 0)
        snprintf(kernel, sizeof kernel, "%s %s", system.sysname, system.release);
    return json_pack("{s:o, s:s?, s:o, s:I, s:o, s:s}", "cpu", cpu_name(host), "profile", host ? host->name : NULL, "features",
                     features_json(host), "cores", (json_int_t)parallel_cores(), "caches", host ? caches_json(host) : json_null(),
                     "kernel", kernel);
}

/* ── What it does at best ────────────────────────────────────────────────────────────────────────────────── */

static json_t *rate_json(double rate) { return rate > 0 ? json_real(rate * 1e-9) : json_null(); }

static json_t *peak_json(DType precision, int64_t threads)
{
    return peak_is_own(precision) ? rate_json(peak_flops(precision, threads)) : json_null();
}

json_t *machine_peaks(int64_t threads)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "f32_gflops", peak_json(DT_FLOAT, threads), "bf16_gflops",
                     peak_json(DT_BFLOAT16, threads), "int8_gops", peak_json(DT_INT8, threads), "bandwidth_gbs",
                     rate_json(bandwidth_read(threads)));
}

/* ── A program ───────────────────────────────────────────────────────────────────────────────────────── */

/* By its first bytes, as the kernel tells it, and not by a name. An ELF file without an entry is a library or an object. No model
 * begins like one of these. */
bool machine_is_program(const char *path, Diag *diag)
{
    ElfW(Ehdr) header = {0};
    ssize_t n = start_read(path, &header, sizeof header, diag);
    if (n >= 2 && memcmp(&header, "#!", 2) == 0)
        return true;
    return n == (ssize_t)sizeof header && memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_entry != 0;
}

static bool hash_file(const char *path, uint64_t *hash, Diag *diag)
{
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = file >= 0 && fstat(file, &info) == 0 && bytes_hash(file, 0, info.st_size, hash);
    if (!ok)
        diag_resource(diag, NO_SPAN, "'%s' can't be read: %s", path, strerror(errno));
    if (file >= 0)
        close(file);
    return ok;
}

static json_t *hashes_json(uint64_t program, const json_t *info)
{
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)program);
    return json_pack("{s:s, s:O, s:O}", "program", text, "graph", json_object_get(info, "graph_hash"), "weights",
                     json_object_get(info, "weights_hash"));
}

/* What the program answers, NULL after a diagnostic where it does not run. */
static json_t *ask(const char *program, Arena *arena, Diag *diag)
{
    const char *const arguments[] = {program, "--info", "--json", NULL};
    StrBuf text = {.arena = arena};
    int code = process_run(arguments, &text, diag);
    return code == 0 && text.text ? json_loads(text.text, 0, NULL) : NULL;
}

static const JsonRule rules[] = {{NULL, "graph_hash", NEED_TEXT}, {NULL, "weights_hash", NEED_TEXT}};

json_t *machine_program(const char *program, Arena *arena, Diag *diag)
{
    uint64_t hash;
    json_t *info = ask(program, arena, diag), *hashes = NULL;
    if (!diag_failed(diag) && !info)
        diag_error(diag, NO_SPAN, "'%s' is no program that cnxc has made", program);
    else if (info && json_is_of_program(info, rules, countof(rules), program, diag) && hash_file(program, &hash, diag))
        hashes = hashes_json(hash, info);
    if (!hashes) {
        json_decref(info);
        return NULL;
    }
    json_object_set_new(info, "hashes", hashes);
    return info;
}
