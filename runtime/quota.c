/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Quota: a container's share of processor time, which affinity does not show. Who runs more threads than it pays for is
 * stopped for the rest of each period, all threads at once.
 *
 *   /proc/self/cgroup                          0::/work.slice/job
 *   /sys/fs/cgroup/work.slice/job/cpu.max      150000 100000         1.5 processors: work for two threads
 *   /sys/fs/cgroup/work.slice/cpu.max          max 100000            no limit
 *
 * Inside a container the group is "/" or a path that is not mounted there; the container's own limit is then that of the
 * mount's root, where the search ends anyway. (https://docs.kernel.org/admin-guide/cgroup-v2.html) */
#include "runtime/quota.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The file's first bytes; "" where it can't be read. */
static void read_start(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
}

/* Whole processors, rounded up: a part of one is worth a thread. */
static int64_t limit_of(const char *path)
{
    char text[64];
    long long quota, period;
    read_start(path, text, sizeof text);
    if (sscanf(text, "%lld %lld", &quota, &period) != 2 || quota < 1 || period < 1)
        return INT64_MAX;
    return (quota - 1) / period + 1;
}

/* The group's path, from the line of version 2: "0::/a/b" → "/a/b". */
static char *find_group(char *text)
{
    char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (!line)
        return NULL;
    line += *line == '\n' ? 4 : 3;
    line[strcspn(line, "\n")] = 0;
    return line;
}

int64_t quota_cpus(const char *groups, const char *mount)
{
    char text[PATH_MAX], path[PATH_MAX + 256];
    int64_t least = INT64_MAX;
    read_start(groups, text, sizeof text);
    for (char *group = find_group(text); group;) {
        snprintf(path, sizeof path, "%s%s/cpu.max", mount, group);
        int64_t limit = limit_of(path);
        least = limit < least ? limit : least;
        char *last = strrchr(group, '/'); /* its parent next */
        if (!last)
            break;
        *last = 0;
    }
    return least;
}
