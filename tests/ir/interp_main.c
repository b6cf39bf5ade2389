/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnx-interp: a model through the reference interpreter alone, for tests of the operators.
 *
 *   cnx-interp [--float] [NAME=N…] MODEL PREFIX [INPUT.npy…]      fixes symbol NAME, writes output K to PREFIXK.npy
 *
 * With --float halves are computed in float, as code does but at -O0.
 *
 * Before it runs, the graph is verified. Exit codes are the compiler's. */
#include "ir/npy.h"
#include "compiler/frontend/frontend.h"
#include "compiler/passes/passes.h"
#include "ir/infer.h"
#include "ir/interp.h"
#include "ir/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_inputs(const Graph *graph, char **paths, int n, Tensor **inputs, Arena *arena, Diag *diag)
{
    if (n != graph->inputs.len) {
        diag_error(diag, NO_SPAN, "the model has %lld inputs, got %d", (long long)graph->inputs.len, n);
        return false;
    }
    for (int i = 0; i < n; i++) {
        inputs[i] = tensor_read_npy(paths[i], arena);
        if (!inputs[i]) {
            diag_error(diag, NO_SPAN, "can't read %s", paths[i]);
            return false;
        }
    }
    return true;
}

static bool write_outputs(const Graph *graph, const char *prefix, Tensor *const *outputs, Arena *arena, Diag *diag)
{
    for (int64_t i = 0; i < graph->outputs.len; i++) {
        const char *path = arena_printf(arena, "%s%lld.npy", prefix, (long long)i);
        if (tensor_write_npy(outputs[i], path))
            continue;
        diag_resource(diag, NO_SPAN, "can't write %s", path);
        return false;
    }
    return true;
}

static bool run(char **argv, int argc, const FrontendOptions *options, bool widen, Arena *arena, Diag *diag)
{
    const char *problem;
    Model *model = frontend_load(argv[0], options, arena, diag);
    if (!model || !graph_check_dims(model->graph, diag))
        return false;
    if (widen)
        pass_widen(model->graph);
    if (!graph_verify(model->graph, &problem)) {
        diag_error(diag, NO_SPAN, "verifier: %s", problem);
        return false;
    }
    Tensor **inputs = NEW_ARRAY(arena, Tensor *, model->graph->inputs.len);
    Tensor **outputs = NEW_ARRAY(arena, Tensor *, model->graph->outputs.len);
    return read_inputs(model->graph, argv + 2, argc - 2, inputs, arena, diag) &&
           graph_interpret(model->graph, inputs, outputs, arena, diag, NULL, NULL) &&
           write_outputs(model->graph, argv[1], outputs, arena, diag);
}

int main(int argc, char **argv)
{
    Diag diag = {.out = stderr};
    Arena *arena = arena_new();
    DimBinding *dims = NEW_ARRAY(arena, DimBinding, argc);
    int n = 0;
    bool widen = argc > 1 && strcmp(argv[1], "--float") == 0;
    for (argv += 1 + widen, argc -= 1 + widen; argc && strchr(argv[0], '='); argv++, argc--) {
        size_t name = strcspn(argv[0], "=");
        dims[n++] = (DimBinding){arena_strndup(arena, argv[0], name), strtoll(argv[0] + name + 1, NULL, 10)};
    }
    bool ok = false;
    if (argc >= 2) {
        ok = run(argv, argc, &(FrontendOptions){.task = "raw", .dims = dims, .n_dims = n}, widen, arena, &diag);
    } else {
        fputs("usage: cnx-interp [--float] [NAME=N…] MODEL PREFIX [INPUT.npy…]\n", stderr);
        diag.exit_code = EXIT_USAGE;
    }
    arena_free(arena);
    return ok ? EXIT_OK : diag.exit_code;
}
