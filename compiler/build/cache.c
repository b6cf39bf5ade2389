/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The cache: a name from everything that decides the artifact, so that a hit is always right.
 *
 *   $XDG_CACHE_HOME/cnxc/tiny-0f3a…   the key hashes compiler, CPU, options, graph, metadata and weights
 *
 * Two processes that compile the same at once both succeed: each renames a whole file. Those not used for longest go where all
 * would take more than $CNXC_CACHE_BYTES. */
#include "compiler/build/cache.h"

#include "compiler/build/calibrate/set.h"
#include "compiler/build/entry.h"
#include "compiler/build/output.h"
#include "compiler/build/prefix.h"
#include "compiler/build/resource.h"
#include "ir/base/listing.h"
#include "ir/base/progress.h"
#include "ir/print.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t DEFAULT_BYTES = (int64_t)4 << 30;

typedef struct Key {
    XXH3_state_t *state;
} Key;

static void key_bytes(Key *key, const void *data, int64_t length)
{
    XXH3_64bits_update(key->state, &length, sizeof length); /* so that fields can't run into one another */
    if (length > 0)
        XXH3_64bits_update(key->state, data, (size_t)length);
}

static void key_text(Key *key, const char *text) { key_bytes(key, text, text ? (int64_t)strlen(text) : 0); }

/* A rebuilt compiler or runtime compiles anew. */
static void key_file_identity(Key *key, const char *path)
{
    struct stat s;
    if (!path || stat(path, &s) != 0)
        return;
    int64_t identity[] = {(int64_t)s.st_size, (int64_t)s.st_mtim.tv_sec, (int64_t)s.st_mtim.tv_nsec};
    key_bytes(key, identity, sizeof identity);
}

/* All that may be linked: the runtime, and the libraries and stubs beside it. */
static void key_runtime(Key *key, const char *dir, Arena *arena)
{
    StrList names = {0};
    if (!dir || !listing_read(dir, arena, &names))
        return;
    for (int64_t i = 0; i < names.len; i++) {
        const char *path = arena_printf(arena, "%s/%s", dir, names.at[i]);
        if (!path_is_dir(path))
            key_file_identity(key, path);
    }
}

static void key_constants(Key *key, const Graph *graph)
{
    for (int64_t i = 0; i < graph->constants.len; i++) {
        const Value *value = graph->constants.at[i];
        const Tensor *tensor = value->constant;
        key_text(key, value->name);
        if (!tensor || tensor->dtype == DT_STRING)
            continue;
        int64_t dtype = tensor->dtype;
        key_bytes(key, &dtype, sizeof dtype);
        key_bytes(key, tensor->dims, tensor->rank * (int64_t)sizeof *tensor->dims);
        key_bytes(key, tensor->data, tensor->count * dtype_size(tensor->dtype));
    }
}

/* The file's own bytes hold what constants leave out: nodes, attributes, metadata. A folder's graph comes from its
 * metadata and the nodes that the frontend made, which print. */
static void key_model(Key *key, const Model *model)
{
    if (model->source && model->source->text)
        key_bytes(key, model->source->text, model->source->length);
    for (int64_t i = 0; i < model->props.len; i++) {
        key_text(key, model->props.at[i].key);
        key_text(key, model->props.at[i].value);
    }
}

/* What prints: the nodes, and all of each profile, for any number of it may change the schedule. */
static void key_printed(Key *key, const Build *build)
{
    Printed printed;
    printed_begin(&printed);
    for (int64_t i = 0; i < build->cpus.len; i++)
        cpu_write(build->cpus.at[i], printed.out);
    FOR_NODES (node, build->model->graph)
        node_print(node, printed.out);
    printed_end(&printed);
    key_bytes(key, printed.text, (int64_t)printed.length);
    free(printed.text);
}

static void key_values(Key *key, Value *const *values, int64_t count, Arena *arena)
{
    for (int64_t i = 0; i < count; i++) {
        key_text(key, values[i]->name);
        key_text(key, type_text(arena, &values[i]->type));
    }
}

/* Of what products are planned by. */
static void key_calibration(Key *key, const Build *build)
{
    uint64_t hash = 0; /* of a folder that can't be read: whoever calibrates will say so */
    if (!build->options.calibrate)
        return;
    (void)set_hash(build->options.calibrate, &hash);
    key_bytes(key, &hash, sizeof hash);
    double max_drop = build->options.budget > 0 ? build->options.max_drop : -1;
    key_bytes(key, &max_drop, sizeof max_drop);
}

static void key_sizes(Key *key, const ImageSizes *sizes)
{
    for (int64_t i = 0; i < sizes->len; i++)
        key_bytes(key, &sizes->at[i], sizeof sizes->at[i]);
}

static uint64_t build_key(const Build *build, ArtifactKind kind)
{
    const Graph *graph = build->model->graph;
    Key key = {XXH3_createState()};
    if (!key.state)
        out_of_memory();
    XXH3_64bits_reset(key.state);
    key_text(&key, CNXC_VERSION);
    key_file_identity(&key, "/proc/self/exe");
    key_runtime(&key, resource_dir(build->options.system, build->arena, build->diag), build->arena);
    key_bytes(&key, &kind, sizeof kind);
    key_sizes(&key, &build->options.sizes);
    key_printed(&key, build);
    key_bytes(&key, &build->options.pipeline.opt_level, sizeof build->options.pipeline.opt_level);
    key_bytes(&key, &build->options.pipeline.precision, sizeof build->options.pipeline.precision);
    key_calibration(&key, build);
    key_values(&key, graph->inputs.at, graph->inputs.len, build->arena);
    key_values(&key, graph->outputs.at, graph->outputs.len, build->arena);
    key_model(&key, build->model);
    key_constants(&key, graph);
    uint64_t hash = XXH3_64bits_digest(key.state);
    XXH3_freeState(key.state);
    return hash;
}

/* ── The folder ──────────────────────────────────────────────────────────────────────────────────────── */

static bool make_folders(char *path)
{
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            bool ok = mkdir(path, 0700) == 0 || errno == EEXIST;
            *p = '/';
            if (!ok)
                return false;
        }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* The specification says that a relative XDG_CACHE_HOME is to be ignored. Without a home there is no place that is
 * only the user's, and what lies in the cache is run. */
static const char *cache_dir(Arena *arena, Diag *diag)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *dir = xdg && xdg[0] == '/'     ? arena_printf(arena, "%s/cnxc", xdg)
                : home && home[0] == '/' ? arena_printf(arena, "%s/.cache/cnxc", home)
                                         : NULL;
    if (dir && make_folders(dir))
        return dir;
    if (dir)
        diag_resource(diag, NO_SPAN, "can't make the cache folder '%s': %s; XDG_CACHE_HOME may name another place", dir,
                      strerror(errno));
    else
        diag_resource(diag, NO_SPAN, "no place for the cache: neither XDG_CACHE_HOME nor HOME is an absolute path");
    return NULL;
}

/* Of all entries together; -1 after a diagnostic. */
static int64_t byte_limit(Diag *diag)
{
    const char *given = getenv("CNXC_CACHE_BYTES");
    if (!given || !*given)
        return DEFAULT_BYTES;
    errno = 0;
    long long limit = strtoll(given, NULL, 10);
    if (errno == 0 && strspn(given, "0123456789") == strlen(given))
        return limit;
    diag_error(diag, NO_SPAN, "CNXC_CACHE_BYTES is a number of bytes, got '%s'", given);
    diag->exit_code = EXIT_USAGE;
    return -1;
}

/* "models/tiny/" → "tiny" */
static const char *model_name(Build *build)
{
    Arena *arena = build->arena;
    char real[PATH_MAX];
    const char *path = strcmp(build->options.input, "-") != 0 && realpath(build->options.input, real) ? real : "model";
    return prefix_from_path(arena, path);
}

static const char *compile_into(Build *build, ArtifactKind kind, const char *path, int64_t limit)
{
    const char *dir = build->temp_dir = output_temp_dir(path, build->arena, build->diag);
    progress_begin("compile");
    const char *made = dir && build_optimize(build) ? build_linked(build, kind, dir, model_name(build)) : NULL;
    progress_end();
    return made && entry_put(made, path, limit, build->arena, build->diag) ? path : NULL;
}

const char *cache_artifact(Build *build, ArtifactKind kind)
{
    int64_t limit = byte_limit(build->diag);
    const char *dir = limit >= 0 ? cache_dir(build->arena, build->diag) : NULL;
    if (!dir || !resource_dir(build->options.system, build->arena, build->diag) || !build_load(build))
        return NULL;
    const char *path =
        arena_printf(build->arena, "%s/%s-%016llx", dir, model_name(build), (unsigned long long)build_key(build, kind));
    bool found = entry_open(path);
    if (build->options.verbose && (found || access(path, F_OK) == 0))
        fprintf(stderr, "cnxc: %s: %s\n", found ? "cached" : "damaged, so compiled anew", escaped(build->arena, path));
    if (found)
        return path;
    path = compile_into(build, kind, path, limit);
    output_cleanup();
    return path;
}
