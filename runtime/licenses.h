/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The notices of what programs and libraries contain, as their authors ask for them: the texts of runtime/licenses. */
#ifndef CNXRT_LICENSES_H
#define CNXRT_LICENSES_H

extern const char licenses_text[];  /* of what is in every artifact: a heading and a text each */
extern const char licenses_glibc[]; /* of the C library; the link puts it into programs of --static */
extern const char licenses_own[];   /* cnxc's licence; in the compiler only */

#endif
