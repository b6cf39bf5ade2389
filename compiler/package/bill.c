/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What is in a package, for tools that look for vulnerable or unlicensed parts: the model as the subject, and as its components the
 * libraries that travel in it, with the versions that cnxc was built with. Neither time nor serial number: the same model, the same
 * bytes. */
#include "compiler/package/bill.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define PROPERTY_GRAPH "cnxc:graph_hash"

static const struct {
    const char *name, *version, *license, *place;
} components[] = {
    {"cnxrt", CNXC_VERSION, "Apache-2.0 WITH LLVM-exception", NULL},
    {"libjpeg-turbo", LIBJPEG_VERSION, "IJG AND BSD-3-Clause AND Zlib", "https://libjpeg-turbo.org"},
    {"libpng", LIBPNG_VERSION, "libpng-2.0", "http://www.libpng.org/pub/png/libpng.html"},
    {"zlib", ZLIB_VERSION, "Zlib", "https://zlib.net"},
    {"libwebp", LIBWEBP_VERSION, "BSD-3-Clause", "https://chromium.googlesource.com/webm/libwebp"},
    {"xxhash", LIBXXHASH_VERSION, "BSD-2-Clause", "https://xxhash.com"},
};

static json_t *component(int64_t i)
{
    json_t *made =
        json_pack("{s:s, s:s+, s:s, s:s, s:[{s:s}]}", "type", "library", "bom-ref", "lib:", components[i].name, "name",
                  components[i].name, "version", components[i].version, "licenses", "expression", components[i].license);
    if (components[i].place) {
        json_object_set_new(made, "purl", json_sprintf("pkg:generic/%s@%s", components[i].name, components[i].version));
        json_object_set_new(made, "externalReferences", json_pack("[{s:s, s:s}]", "type", "website", "url", components[i].place));
    }
    return made;
}

static json_t *property(const char *name, uint64_t hash)
{
    return json_pack("{s:s, s:o}", "name", name, "value", json_sprintf("%016llx", (unsigned long long)hash));
}

static json_t *subject(const Build *build)
{
    return json_pack("{s:s, s:s, s:s, s:[o, o]}", "type", "machine-learning-model", "bom-ref", "model", "name", build->prefix,
                     "properties", property(PROPERTY_GRAPH, build->info.graph_hash),
                     property("cnxc:weights_hash", build->info.weights_hash));
}

const char *bill_text(const Build *build)
{
    json_t *parts = json_array(), *names = json_array();
    for (int64_t i = 0; i < countof(components); i++) {
        json_array_append_new(parts, component(i));
        json_array_append_new(names, json_sprintf("lib:%s", components[i].name));
    }
    json_t *maker =
        json_pack("{s:[{s:s, s:s, s:s}]}", "components", "type", "application", "name", "cnxc", "version", CNXC_VERSION);
    json_t *bill = json_pack("{s:s, s:s, s:i, s:{s:o, s:o}, s:o, s:[{s:s, s:o}]}", "bomFormat", "CycloneDX", "specVersion", "1.5",
                             "version", 1, "metadata", "tools", maker, "component", subject(build), "components", parts,
                             "dependencies", "ref", "model", "dependsOn", names);
    char *text = json_dumps(bill, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_decref(bill);
    if (!text)
        out_of_memory();
    const char *kept = arena_printf(build->arena, "%s\n", text);
    free(text);
    return kept;
}

bool bill_is_ours(const char *path)
{
    json_t *bill = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    json_t *metadata = json_object_get(bill, "metadata");
    json_t *properties = json_object_get(json_object_get(metadata, "component"), "properties");
    const char *first = json_string_value(json_object_get(json_array_get(properties, 0), "name"));
    bool ours = first && strcmp(first, PROPERTY_GRAPH) == 0;
    json_decref(bill);
    return ours;
}
