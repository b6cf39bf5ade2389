/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The page without its report, embedded: page.cmake puts it together. */
#ifndef CNXC_REPORT_PAGE_TEXT_H
#define CNXC_REPORT_PAGE_TEXT_H

extern const char page_text[]; /* @report@ stands where the report belongs */

#endif
