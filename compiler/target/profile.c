/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* From an XML document to a CpuProfile. A profile that extends another starts as a copy of it; each number, feature
 * list or choice that it gives takes the place of the extended one's. What must be there is checked at the end, when
 * nothing more can come.
 *
 *     <profile name="mine" extends="znver4"> <l3 size="16M"/> </profile>     znver4 with another L3
 *
 * What `extends` names is found by the caller (cpu.c). */
#include "compiler/target/profile.h"

#include "compiler/target/features.h"
#include "compiler/target/registers.h"
#include "compiler/target/xml.h"
#include "ir/base/str.h"
#include "ir/base/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Reader {
    const Source *source;
    const ProfileChain *chain;
    Arena *arena;
    Diag *diag;
    CpuProfile *cpu;
    VEC(ScheduleChoice) choices;  /* the extended ones, then their replacements in place, then new ones */
    int64_t n_inherited;
    StrMap own;                   /* choices that this file makes, to find repeated ones */
    FeatureSet features;
} Reader;

/* The attribute as a string of the arena, blanks cut off; NULL: absent. */
static const char *attribute_of(Reader *r, const xmlNode *node, const char *name)
{
    xmlChar *value = xmlGetNoNsProp((xmlNode *)(uintptr_t)node, (const xmlChar *)name);
    if (!value)
        return NULL;
    const char *text = (const char *)value + strspn((const char *)value, " \t\r\n");
    const char *copy = arena_strndup(r->arena, text, strcspn(text, "\t\r\n"));
    xmlFree(value);
    return copy;
}

static const char *content_of(Reader *r, const xmlNode *node)
{
    xmlChar *value = xmlNodeGetContent((xmlNode *)(uintptr_t)node);
    StrBuf sb = {.arena = r->arena};
    sb_put(&sb, "");
    const char *blanks = " \t\r\n";
    for (const char *p = (const char *)value; p && *(p += strspn(p, blanks)); p += strcspn(p, blanks)) {
        sb_put(&sb, sb.len ? " " : "");
        sb_put_n(&sb, p, (int64_t)strcspn(p, blanks));
    }
    xmlFree(value);
    return sb.text;
}

static bool is_element(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

/* ── Numbers ─────────────────────────────────────────────────────────────────────────────────────────── */

/* The schema has seen that there are digits and perhaps a unit; too large a number becomes the largest. */
static int64_t parse_number(const char *text)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    return errno || value > INT64_MAX >> shift ? INT64_MAX : (int64_t)value << shift;
}

static void read_numbers(Reader *r, const xmlNode *node)
{
    for (int64_t i = 0; i < n_profile_numbers; i++) {
        const ProfileNumber *number = &profile_numbers[i];
        const char *text = is_element(node, number->element) ? attribute_of(r, node, number->attribute) : NULL;
        if (!text)
            continue;
        int64_t value = parse_number(text);
        if (value < number->low || value > number->high)
            diag_error(r->diag, xml_span(r->source, node), "%s of <%s> must be from %lld to %lld, got %s", number->attribute,
                       number->element, (long long)number->low, (long long)number->high, text);
        else
            *profile_number(r->cpu, number) = value;
    }
}

/* ── LLVM's names ────────────────────────────────────────────────────────────────────────────────────── */

/* LLVM falls back to no model at all for a name it does not know, so only these are accepted. */
static const char *const x86_cpus[] = {
    "generic",     "x86-64",     "x86-64-v2",      "x86-64-v3",      "x86-64-v4",      "nehalem",        "westmere",
    "sandybridge", "ivybridge",  "haswell",        "broadwell",      "skylake",        "skylake-avx512", "cascadelake",
    "cooperlake",  "cannonlake", "icelake-client", "icelake-server", "tigerlake",      "rocketlake",     "alderlake",
    "raptorlake",  "meteorlake", "arrowlake",      "lunarlake",      "sapphirerapids", "emeraldrapids",  "graniterapids",
    "silvermont",  "goldmont",   "tremont",        "gracemont",      "sierraforest",   "btver2",         "bdver4",
    "znver1",      "znver2",     "znver3",         "znver4",         "znver5"};
static const char *const arm_cpus[] = {"generic",     "cortex-a53",  "cortex-a55", "cortex-a57",  "cortex-a72",
                                       "cortex-a76",  "cortex-a78",  "cortex-x1",  "neoverse-n1", "neoverse-n2",
                                       "neoverse-v1", "neoverse-v2", "ampere1",    "apple-m1"};

static void read_llvm(Reader *r, const xmlNode *node)
{
    const char *target = attribute_of(r, node, "target"), *name = attribute_of(r, node, "cpu");
    if (target) {
        CpuArch arch = str_equal(target, "aarch64") ? ARCH_AARCH64 : ARCH_X86_64;
        if (r->cpu->llvm_cpu && arch != r->cpu->arch)
            diag_error(r->diag, xml_span(r->source, node), "target is %s, that of the extended profile is not", target);
        r->cpu->arch = arch;
    }
    if (!name)
        return;
    bool arm = r->cpu->arch == ARCH_AARCH64, known = false;
    const char *const *names = arm ? arm_cpus : x86_cpus;
    int64_t count = arm ? countof(arm_cpus) : countof(x86_cpus);
    for (int64_t i = 0; i < count; i++)
        known = known || strcmp(names[i], name) == 0;
    const char *near = known ? NULL : nearest_name(name, names, count);
    if (!known)
        diag_error(r->diag, xml_span(r->source, node), "LLVM knows no CPU '%s'%s%s%s", name, near ? "; did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
    r->cpu->llvm_cpu = name;
}

static FeatureSet parse_features(Reader *r, const xmlNode *node, const char *list)
{
    FeatureSet set = 0;
    for (const char *p = list; p && *(p += strspn(p, " ")); p += strcspn(p, " ")) {
        const char *name = arena_strndup(r->arena, p, strcspn(p, " "));
        int index = feature_find(r->cpu->arch, name);
        const char *near = index < 0 ? feature_nearest(r->cpu->arch, name) : NULL;
        if (index < 0)
            diag_error(r->diag, xml_span(r->source, node),
                       "feature '%s' is not one that generated code can use and check"
                       "%s%s%s",
                       name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        else
            set |= (FeatureSet)1 << index;
    }
    return set;
}

static void read_features(Reader *r, const xmlNode *node)
{
    const char *add = attribute_of(r, node, "add"), *remove = attribute_of(r, node, "remove");
    if (!add && !remove) {
        r->features = parse_features(r, node, content_of(r, node));
        return;
    }
    r->features |= parse_features(r, node, add);
    r->features &= ~parse_features(r, node, remove);
}

/* ── Choices ─────────────────────────────────────────────────────────────────────────────────────────── */

/* "14x32" → 14, 32; how many there were. The schema bounds each to nine digits, and their number. */
static int parse_dims(const char *text, int64_t *dims)
{
    int n = 0;
    for (const char *p = text; p && n < SCHEDULE_DIMS; p = strchr(p, 'x') ? strchr(p, 'x') + 1 : NULL)
        dims[n++] = parse_number(p);
    return n;
}

static int64_t number_of(Reader *r, const xmlNode *node, const char *name, int64_t otherwise)
{
    const char *text = attribute_of(r, node, name);
    return text ? parse_number(text) : otherwise;
}

/* The schema knows the names. */
static const ShapeForm *form_named(const char *name)
{
    int64_t i = 0;
    while (i < n_shape_forms - 1 && !str_equal(shape_forms[i].name, name))
        i++;
    return &shape_forms[i];
}

static void put_choice(Reader *r, const ScheduleChoice *choice)
{
    for (int64_t i = 0; i < r->n_inherited; i++)
        if (schedule_shape_equal(&r->choices.at[i].shape, &choice->shape)) {
            r->choices.at[i] = *choice;
            return;
        }
    vec_push(r->arena, &r->choices, *choice);
}

static void read_choice(Reader *r, const xmlNode *node)
{
    const char *op = attribute_of(r, node, "op"), *shape = attribute_of(r, node, "shape");
    const char *tile = attribute_of(r, node, "tile");
    const ShapeForm *form = form_named(op);
    ScheduleChoice choice = {.shape = {.op = form->op, .precision = form->precision}};
    int64_t sizes[SCHEDULE_DIMS] = {0};
    if (parse_dims(shape, choice.shape.dims) != form->n_dims)
        diag_error(r->diag, xml_span(r->source, node), "the shape of a %s has %d numbers, got %s", op, form->n_dims, shape);
    if (strmap_put(&r->own, arena_printf(r->arena, "%s %s", op, shape), r) == false)
        diag_error(r->diag, xml_span(r->source, node), "a second choice for %s %s", op, shape);
    parse_dims(tile, sizes);
    choice.tile_rows = sizes[0];
    choice.tile_columns = sizes[1];
    choice.row_block = number_of(r, node, "row-block", 0);
    choice.hidden_chunk = number_of(r, node, "hidden-chunk", 0);
    choice.prefetch = number_of(r, node, "prefetch", PREFETCH_UNSAID);
    choice.thread_split = number_of(r, node, "thread-split", 0);
    choice.tried = number_of(r, node, "tried", 0);
    put_choice(r, &choice);
}

static void read_choices(Reader *r, const xmlNode *schedule)
{
    for (const xmlNode *node = schedule->children; node; node = node->next)
        if (is_element(node, "choice"))
            read_choice(r, node);
}

static void check_tile(Reader *r, const ScheduleChoice *choice)
{
    int64_t lanes = cpu_lanes(r->cpu), columns = choice->tile_columns / lanes;
    Product product = product_of(r->cpu, choice->shape.precision);
    int64_t needed = registers_of_tile(r->cpu, product, choice->tile_rows, columns);
    if (!choice->tile_rows)
        return;
    if (choice->tile_columns % lanes)
        diag_error(r->diag, xml_span(r->source, NULL), "a tile of %lldx%lld: its columns must be a multiple of %lld",
                   (long long)choice->tile_rows, (long long)choice->tile_columns, (long long)lanes);
    else if (needed > r->cpu->n_vectors)
        diag_error(r->diag, xml_span(r->source, NULL), "a tile of %lldx%lld needs %lld vector registers, there are %lld",
                   (long long)choice->tile_rows, (long long)choice->tile_columns, (long long)needed,
                   (long long)r->cpu->n_vectors);
}

/* ── The whole ───────────────────────────────────────────────────────────────────────────────────────── */

static bool inherit(Reader *r, const xmlNode *root)
{
    const char *name = attribute_of(r, root, "extends");
    if (!name)
        return true;
    const CpuProfile *base = r->chain->find(r->chain, name, xml_span(r->source, root), r->arena, r->diag);
    if (!base)
        return false;
    *r->cpu = *base;
    r->features = features_parse(base->arch, base->features);
    for (int64_t i = 0; i < base->n_choices; i++)
        vec_push(r->arena, &r->choices, base->choices[i]);
    r->n_inherited = base->n_choices;
    return true;
}

static void read_children(Reader *r, const xmlNode *root)
{
    for (const xmlNode *node = root->children; node; node = node->next) {
        read_numbers(r, node);
        if (is_element(node, "summary"))
            r->cpu->summary = content_of(r, node);
        else if (is_element(node, "llvm"))
            read_llvm(r, node);
        else if (is_element(node, "features"))
            read_features(r, node);
        else if (is_element(node, "schedule"))
            read_choices(r, node);
    }
}

/* What is there, and whether its parts agree. */
static void check_whole(Reader *r)
{
    CpuProfile *cpu = r->cpu;
    Span span = xml_span(r->source, NULL);
    if (!cpu->llvm_cpu)
        diag_error(r->diag, span, "the profile has no <llvm cpu=...> and extends none that has");
    for (int64_t i = 0; i < n_profile_numbers; i++)
        if (profile_numbers[i].required && !*profile_number(cpu, &profile_numbers[i]))
            diag_error(r->diag, span, "the profile has no '%s' of <%s> and extends none that has", profile_numbers[i].attribute,
                       profile_numbers[i].element);
    if (diag_failed(r->diag))
        return;
    const char *missing = features_missing(cpu->arch, r->features, cpu->vector_bytes, cpu->n_vectors, r->arena);
    if (missing)
        diag_error(r->diag, span, "%lld vectors of %lld bytes need features that are not listed: %s", (long long)cpu->n_vectors,
                   (long long)cpu->vector_bytes, missing);
    if (cpu->arch == ARCH_AARCH64 && (cpu->vector_bytes != 16 || cpu->n_vectors != 32))
        diag_error(r->diag, span, "aarch64 has 32 vectors of 16 bytes, the profile %lld of %lld", (long long)cpu->n_vectors,
                   (long long)cpu->vector_bytes);
    if (cpu->matrix_registers && (!cpu->matrix_rows || !cpu->matrix_row_bytes))
        diag_error(r->diag, span, "<tiles> lacks rows or row-bytes");
    for (int64_t i = 0; i < r->choices.len; i++)
        check_tile(r, &r->choices.at[i]);
}

void profile_derive(CpuProfile *cpu, FeatureSet set, Arena *arena)
{
    cpu->features = features_text(set, "+", ",", arena);
    cpu->runtime_features = features_bits(set);
    cpu->isa = cpu->arch == ARCH_AARCH64 ? "neon"
               : cpu->vector_bytes == 64 ? "avx512"
               : cpu->vector_bytes == 32 ? "avx2"
                                         : "sse4";
    cpu->tile_isa = "amx";
}

const CpuProfile *profile_read(const Source *source, const ProfileChain *chain, Arena *arena, Diag *diag)
{
    xmlDoc *doc = xml_read(source, diag);
    if (!doc)
        return NULL;
    Reader r = {
        .source = source, .chain = chain, .arena = arena, .diag = diag, .cpu = NEW(arena, CpuProfile), .own.arena = arena};
    r.cpu->summary = "";
    const xmlNode *root = xmlDocGetRootElement(doc);
    int64_t errors = diag->n_errors;
    if (inherit(&r, root)) {
        r.cpu->name = attribute_of(&r, root, "name");
        read_children(&r, root);
        profile_derive(r.cpu, r.features, arena);
        if (diag->n_errors == errors)
            check_whole(&r);
    }
    xmlFreeDoc(doc);
    r.cpu->choices = r.choices.at;
    r.cpu->n_choices = r.choices.len;
    return diag->n_errors == errors ? r.cpu : NULL;
}
