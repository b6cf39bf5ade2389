/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Info: what the model is, for people; --json gives what the C API's info_json gives. */
#include "runtime/cli/cli.h"
#include "runtime/cpu.h"
#include "runtime/size.h"
#include "runtime/weights.h"
#include "ir/base/npy.h"

static void print_tensor(const char *kind, const CnxrtTensor *tensor)
{
    printf("%-9s", kind);
    put_escaped(stdout, tensor->name);
    printf(" %s ", npy_type_name(tensor->dtype));
    for (int64_t i = 0; i < tensor->rank; i++)
        if (tensor->dims[i] < 0)
            printf("%sN", i ? "x" : "");
        else
            printf("%s%lld", i ? "x" : "", (long long)tensor->dims[i]);
    printf("%s\n", tensor->rank ? "" : "scalar");
}

/* With several variants, a line each, and a mark at the one that this machine gets. */
static void print_cpus(const CnxrtModel *m)
{
    const CnxrtVariant *picked = cpu_variant(m);
    char features[128];
    for (int64_t i = 0; i < m->n_variants; i++) {
        const CnxrtVariant *v = m->variants[i];
        cpu_feature_names(v->cpu_features, features, sizeof features);
        printf("%-9s%s%s%s%s%s\n", "cpu", v->cpu_name, features[0] ? " (" : "", features, features[0] ? ")" : "",
               m->n_variants > 1 && v == picked ? ", used on this machine" : "");
    }
    if (!picked)
        printf("%-9s%s\n", "", "this machine is unsuitable");
}

static void print_sizes(const CnxrtModel *m)
{
    char names[SIZE_NAMES];
    if (m->n_sizes)
        printf("%-9s%s; the input's shape or --image-size picks\n", "sizes", size_names(m, names, sizeof names));
}

/* Those of a file may have been exchanged: the hash of its contents tells which are there. */
static void print_weights(const Cli *cli)
{
    const CnxrtModel *m = &compiled_model;
    uint64_t hash = m->weights_hash;
    printf("%-9s%.2f MB", "weights", (double)m->weights_bytes * 1e-6);
    if (m->n_sizes)
        printf(", %.2f MB of them used by all sizes", (double)m->weights_in_common * 1e-6);
    if (!m->weights || cli->weights) {
        cnxrt_status status = weights_look(m, cli->weights, &hash);
        fputs(" in ", stdout);
        put_escaped(stdout, cli->weights ? cli->weights : m->weights_file);
        if (status != CNXRT_OK)
            printf(": %s", cnxrt_status_text(status));
        else
            printf(", %016llx%s", (unsigned long long)hash, hash == m->weights_hash ? "" : ", not those it was compiled with");
    }
    putchar('\n');
}

/* Of the size that takes most. */
static void print_memory(const CnxrtModel *m)
{
    int64_t shared = 0, own = 0;
    for (int64_t i = 0; i < (m->n_sizes ? m->n_sizes : 1); i++) {
        const CnxrtModel *of = m->n_sizes ? m->sizes[i] : m;
        const CnxrtVariant *variant = cpu_variant(of) ? cpu_variant(of) : of->variants[0];
        int64_t together = variant->by_image ? 0 : variant->arena_bytes;
        int64_t apart = variant->scratch_bytes + variant->arena_bytes - together;
        if (together + apart > shared + own)
            shared = together, own = apart;
    }
    printf("%-9s%.2f MB, and %.2f MB for each thread\n", "memory", (double)shared * 1e-6, (double)own * 1e-6);
}

bool cli_info(Cli *cli)
{
    const CnxrtModel *m = &compiled_model;
    if (cli->json) {
        puts(m->info_json);
        return true;
    }
    put_escaped(stdout, m->name);
    printf(", compiled by cnxc %s\n", m->version);
    for (int64_t i = 0; i < m->n_inputs; i++)
        print_tensor("input", &m->tensors[i]);
    for (int64_t i = 0; i < m->n_outputs; i++)
        print_tensor("output", &m->tensors[m->n_inputs + i]);
    if (m->n_labels) {
        printf("%-9s%lld: ", "labels", (long long)m->n_labels);
        put_escaped(stdout, m->labels[0]);
        puts(m->n_labels > 1 ? ", ..." : "");
    }
    if (m->preprocessor)
        printf("%-9sprepared as by --preproc=%s\n", "pictures", preprocessor_name(m->preprocessor));
    print_sizes(m);
    print_cpus(m);
    print_weights(cli);
    print_memory(m);
    return true;
}
