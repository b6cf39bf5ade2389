/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Quota: how many processors at a time the cgroups let this process use. */
#ifndef CNXRT_QUOTA_H
#define CNXRT_QUOTA_H

#include <stdint.h>

/* The tightest cpu.max of the process's cgroup and those above it, in whole processors; INT64_MAX: there is none.
 * groups: /proc/self/cgroup; mount: where cgroup v2 is mounted. */
int64_t quota_cpus(const char *groups, const char *mount);

#endif
