/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* XML that others wrote: parsed and checked against the schema, with every way to reach beyond the file closed. */
#ifndef CNXC_TARGET_XML_H
#define CNXC_TARGET_XML_H

#include "ir/base/diag.h"

#include <libxml/tree.h>

/* The document, which xmlFreeDoc ends; NULL after one diagnostic. */
xmlDoc *xml_read(const Source *source, Diag *diag);

/* The line on which the node begins, from its first character on; NULL node: the whole source. */
Span xml_span(const Source *source, const xmlNode *node);

#endif
