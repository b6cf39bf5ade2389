/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The page that shows a report: one file of HTML that asks for no other. */
#ifndef CNXC_REPORT_PAGE_H
#define CNXC_REPORT_PAGE_H

#include <stdio.h>

void page_print(FILE *out, const char *report); /* JSON, which stands in the page and is drawn by its script */
const char *page_report(const char *text);      /* where the report begins in a page that was printed; NULL: it is no page */

#endif
