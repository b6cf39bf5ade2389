/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Reading hostile XML with libxml2: no DOCTYPE, so no entities, no external subset and no entity bombs; nothing is
 * loaded over the network or from files; XInclude is not processed and so is an unknown element; nesting and size
 * are bounded. What is left is a small tree, which RELAX NG then compares with profile.rng.
 *
 *     <l2 size="0"/>  →  my.xml:4:3: error: attribute 'size' of <l2> can't be '0'
 *
 * libxml2 reports through callbacks; one report is shown, for the rest follow from it. */
#include "compiler/target/xml.h"

#include "compiler/target/embedded.h"
#include "ir/base/str.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/relaxng.h>
#include <libxml/xmlerror.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 8, MOST_ATTRIBUTES = 32, LARGEST = 256 << 10, LONGEST_MESSAGE = 400 };

typedef struct Reading {
    const Source *source;
    Diag *diag;
    bool failed;           /* something was reported */
} Reading;

/* ── Places ──────────────────────────────────────────────────────────────────────────────────────────── */

static Span line_span(const Source *source, int64_t line)
{
    const char *text = source->text, *end = text + source->length, *at = text;
    for (; line > 1 && at; line--) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : NULL;
    }
    if (!at)
        return (Span){source, source->length, source->length};
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    return (Span){source, at - text, (newline ? newline : end) - text};
}

Span xml_span(const Source *source, const xmlNode *node)
{
    return line_span(source, node ? xmlGetLineNo((xmlNode *)(uintptr_t)node) : 1);
}

static void report(Reading *r, int64_t line, const char *message)
{
    if (!r->failed)
        diag_error(r->diag, line_span(r->source, line), "%s", message);
    r->failed = true;
}

/* libxml2's own sentence, without the end of line, shortened, as a message of ours. */
static void tidy(const char *said, char message[static LONGEST_MESSAGE])
{
    snprintf(message, LONGEST_MESSAGE, "%s", said ? said : "malformed");
    message[strcspn(message, "\n")] = '\0';
    if (message[0] >= 'A' && message[0] <= 'Z' && !(message[1] >= 'A' && message[1] <= 'Z'))
        message[0] = (char)(message[0] - 'A' + 'a');
}

/* ── Parsing ─────────────────────────────────────────────────────────────────────────────────────────── */

static void refuse(xmlParserCtxt *parser, const char *message)
{
    report(parser->_private, parser->input ? parser->input->line : 1, message);
    xmlStopParser(parser);
}

static void on_doctype(void *context, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    (void)name, (void)external, (void)system;
    refuse(context, "a DOCTYPE is not allowed in a profile, nor are the entities that it could define");
}

static void on_element(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_namespaces,
                       const xmlChar **namespaces, int n_attributes, int n_defaulted, const xmlChar **attributes)
{
    xmlParserCtxt *parser = context;
    if (parser->nodeNr >= DEEPEST)
        refuse(parser, "elements are nested too deeply for a profile");
    else if (n_attributes > MOST_ATTRIBUTES || n_namespaces > MOST_ATTRIBUTES)
        refuse(parser, "an element has more attributes than a profile's could");
    else
        xmlSAX2StartElementNs(context, name, prefix, uri, n_namespaces, namespaces, n_attributes, n_defaulted, attributes);
}

static void on_parse_error(void *context, xmlErrorPtr error)
{
    xmlParserCtxt *parser = context;
    char message[LONGEST_MESSAGE];
    tidy(error->message, message);
    if (error->level > XML_ERR_WARNING)
        report(parser->_private, error->line, message);
}

static xmlDoc *parse(Reading *r)
{
    xmlMemSetup(free, memory_new, memory_resize, memory_strdup);
    xmlParserCtxt *parser = xmlNewParserCtxt();
    if (!parser)
        out_of_memory();
    parser->_private = r;
    parser->sax->internalSubset = on_doctype;
    parser->sax->startElementNs = on_element;
    parser->sax->serror = on_parse_error;
    xmlDoc *doc = xmlCtxtReadMemory(parser, r->source->text, (int)r->source->length, NULL, "UTF-8", XML_PARSE_NONET);
    if (!doc || !parser->wellFormed || r->failed) {
        report(r, 1, "not a well-formed XML document");
        xmlFreeDoc(doc);
        doc = NULL;
    }
    xmlFreeParserCtxt(parser);
    return doc;
}

/* ── The schema ──────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Complaint {
    int rank;              /* of all that is said, the highest rank is shown */
    int64_t line;
    char message[LONGEST_MESSAGE];
} Complaint;

static void describe_attribute(const xmlError *error, char message[static LONGEST_MESSAGE])
{
    xmlNode *node = error->node;
    xmlChar *value = node && error->str1 ? xmlGetNoNsProp(node, (const xmlChar *)error->str1) : NULL;
    snprintf(message, LONGEST_MESSAGE, "attribute '%s' of <%s> is unknown or can't be '%.60s'", error->str1, error->str2,
             value ? (char *)value : "");
    xmlFree(value);
}

/* The schema's names of elements are in the order that it asks for, which is what usually helps. */
static void describe_element(const char *name, char message[static LONGEST_MESSAGE])
{
    static const char *const order[] = {"summary", "llvm", "features", "vectors",   "tiles",   "l1d",
                                        "l2",      "l3",   "cores",    "bandwidth", "schedule"};
    const int64_t count = sizeof order / sizeof *order;
    const char *near = nearest_name(name, order, count);
    for (int64_t i = 0; i < count; i++)
        if (strcmp(order[i], name) == 0) {
            snprintf(message, LONGEST_MESSAGE,
                     "<%.60s> is out of place: the order is summary, llvm, features, vectors, "
                     "tiles, l1d, l2, l3, cores, bandwidth, schedule, each at most once",
                     name);
            return;
        }
    snprintf(message, LONGEST_MESSAGE, "unknown element <%.60s>%s%s%s", name, near ? "; did you mean <" : "", near ? near : "",
             near ? ">?" : "");
}

/* libxml2 reports what failed in the end, then what that followed from, the latter sometimes without a place. */
static int rank_of(const xmlError *error)
{
    bool placed = error->node || error->line > 0;
    return error->code == XML_RELAXNG_ERR_INVALIDATTR || error->code == XML_RELAXNG_ERR_ELEMWRONG ? 3 : placed ? 2 : 1;
}

static void on_schema_error(void *context, xmlErrorPtr error)
{
    Complaint *best = context;
    if (rank_of(error) <= best->rank)
        return;
    best->rank = rank_of(error);
    best->line = error->node ? xmlGetLineNo(error->node) : error->line > 0 ? error->line : 1;
    const char *name = error->node ? (const char *)((const xmlNode *)error->node)->name : error->str1;
    switch (error->code) {
    case XML_RELAXNG_ERR_INVALIDATTR: describe_attribute(error, best->message); break;
    case XML_RELAXNG_ERR_ELEMWRONG: describe_element(error->str1 ? error->str1 : "", best->message); break;
    case XML_RELAXNG_ERR_DATATYPE:
        snprintf(best->message, LONGEST_MESSAGE, "a value of <%.60s> has a form that it can't have", name);
        break;
    case XML_RELAXNG_ERR_ATTRVALID:
        snprintf(best->message, LONGEST_MESSAGE, "<%.60s> lacks an attribute, or one of its values can't be", name);
        break;
    default: tidy(error->message, best->message);
    }
}

static void on_schema_bug(void *context, xmlErrorPtr error)
{
    (void)context;
    diag_bug("profile.rng", error->line, error->message);
}

static xmlRelaxNG *schema_open(void)
{
    xmlRelaxNGParserCtxt *parser = xmlRelaxNGNewMemParserCtxt(embedded_schema.text, (int)embedded_schema.length);
    if (!parser)
        out_of_memory();
    xmlRelaxNGSetParserStructuredErrors(parser, on_schema_bug, NULL);
    xmlRelaxNG *schema = xmlRelaxNGParse(parser);
    xmlRelaxNGFreeParserCtxt(parser);
    if (!schema)
        diag_bug("profile.rng", 1, "not a schema");
    return schema;
}

static void validate(Reading *r, xmlDoc *doc)
{
    xmlRelaxNG *schema = schema_open();
    xmlRelaxNGValidCtxt *validator = xmlRelaxNGNewValidCtxt(schema);
    if (!validator)
        out_of_memory();
    Complaint complaint = {.line = 1, .message = "the document does not fit the profile schema"};
    xmlRelaxNGSetValidStructuredErrors(validator, on_schema_error, &complaint);
    if (xmlRelaxNGValidateDoc(validator, doc) != 0)
        report(r, complaint.line, complaint.message);
    xmlRelaxNGFreeValidCtxt(validator);
    xmlRelaxNGFree(schema);
}

xmlDoc *xml_read(const Source *source, Diag *diag)
{
    Reading r = {.source = source, .diag = diag};
    if (source->length > LARGEST) {
        diag_error(diag, (Span){source, 0, 0}, "a profile of %lld bytes; at most %d are read", (long long)source->length,
                   LARGEST);
        return NULL;
    }
    xmlDoc *doc = parse(&r);
    if (!doc)
        return NULL;
    validate(&r, doc);
    if (r.failed) {
        xmlFreeDoc(doc);
        return NULL;
    }
    return doc;
}
