/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Mappings are kept in a list so that the SIGBUS handler can tell which file an address belongs to. */
#include "compiler/frontend/input/file.h"
#include "ir/base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Mapping {
    struct Mapping *next;
    const char *path; /* escaped */
    char *data;
    size_t length;
} Mapping;

static Mapping *mappings; /* of the process: a signal has no other context. Frontends run on one thread */

static void (*loss_action)(void);

void file_on_loss(void (*action)(void)) { loss_action = action; }

static void put(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        return; /* nobody is left to tell */
}

static void on_sigbus(int number, siginfo_t *info, void *context)
{
    (void)context;
    const char *at = info->si_addr;
    for (const Mapping *m = mappings; m; m = m->next)
        if (at >= m->data && at < m->data + m->length) {
            put("cnxc: error: ");
            put(m->path);
            put(": the file became shorter while it was being read\n");
            if (loss_action)
                loss_action();
            _exit(EXIT_RESOURCE);
        }
    signal(number, SIG_DFL); /* not ours: returning runs into it again */
}

static void install_handler(void)
{
    static bool installed;
    if (installed)
        return;
    struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
    installed = true;
}

static void unmap(void *object)
{
    Mapping *mapping = object;
    for (Mapping **m = &mappings; *m; m = &(*m)->next)
        if (*m == mapping) {
            *m = mapping->next;
            break;
        }
    munmap(mapping->data, mapping->length);
}

const char *file_map(int fd, const char *path, int64_t length, Arena *arena)
{
    if (length == 0)
        return "";
    void *data = mmap(NULL, (size_t)length, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return NULL;
    install_handler();
    Mapping *mapping = NEW(arena, Mapping);
    *mapping = (Mapping){mappings, escaped(arena, path), data, (size_t)length};
    mappings = mapping;
    arena_on_free(arena, unmap, mapping);
    return data;
}

/* One more read into *buffer, grown as needed; its result. */
static ssize_t read_more(int fd, char **buffer, size_t *size, size_t used)
{
    if (used == *size) {
        *size = *size ? *size * 2 : 64 << 10;
        char *bigger = realloc(*buffer, *size);
        if (!bigger)
            out_of_memory();
        *buffer = bigger;
    }
    ssize_t n;
    do
        n = read(fd, *buffer + used, *size - used);
    while (n < 0 && errno == EINTR);
    return n;
}

const char *file_read(int fd, int64_t limit, int64_t *length, Arena *arena)
{
    char *buffer = NULL;
    size_t size = 0, used = 0;
    for (;;) {
        ssize_t n = read_more(fd, &buffer, &size, used);
        if (n == 0)
            break;
        used += n > 0 ? (size_t)n : 0;
        if (n < 0 || used > (size_t)limit) {
            int error = n < 0 ? errno : EFBIG;
            free(buffer);
            errno = error;
            return NULL;
        }
    }
    *length = (int64_t)used;
    arena_on_free(arena, free, buffer);
    return buffer;
}
