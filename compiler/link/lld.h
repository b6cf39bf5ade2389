/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* LLD and what LLVM's libraries do to objects and archives: C's view of lld.cpp. */
#ifndef CNXC_LINK_LLD_H
#define CNXC_LINK_LLD_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Links as ld.lld does: n words, its name first. Says what is wrong on standard error. It may end the process, and never gives
 * its memory back: a child calls it. */
bool lld_link(const char *const *words, size_t n);

/* Copies an object in which names[i][0] becomes names[i][1], and whatever else it defines becomes local. Returns NULL, or what
 * is wrong, to be freed. */
char *lld_rename(const char *from, const char *to, const char *const (*names)[2], size_t n);

/* Makes an archive of one object, without a date or an owner. Returns likewise. */
char *lld_archive(const char *object, const char *archive);

#ifdef __cplusplus
}
#endif
#endif
