/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A library is loaded and unloaded again and again, each time on a thread with a stack of 64 KB, where it does all that a library
 * does. Nothing may grow: descriptors, threads, mappings and memory are those of the first loads.
 *
 *   small_stack LIBRARY LOADS THREADS PICTURE…    prints the label of each picture, from the last load */
#include "libdigits.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STACK = 64 << 10, SETTLED = 50, MOST_GROWTH = 256 }; /* bytes; loads after which nothing grows; kB of memory */

typedef struct Work {
    void *library;
    int64_t n_threads;
    char **pictures;
    int n_pictures;
    int print, ok;
} Work;

#define FIND(name) ((__typeof__(name) *)find(work, #name))

static void *find(const Work *work, const char *name)
{
    void *found = dlsym(work->library, name);
    if (!found)
        exit(fprintf(stderr, "%s\n", dlerror()));
    return found;
}

static int classify_all(const Work *work, digits_context *context)
{
    int ok = 1;
    for (int i = 0; i < work->n_pictures; i++) {
        digits_prediction best;
        int64_t n;
        digits_status status = FIND(digits_classify_file)(context, work->pictures[i], 1, &best, &n);
        ok &= status == DIGITS_OK && n == 1;
        if (status != DIGITS_OK)
            fprintf(stderr, "%s: %s\n", work->pictures[i], FIND(digits_context_error)(context));
        else if (work->print)
            printf("%s\n", best.label);
    }
    return ok;
}

static void *run(void *argument)
{
    Work *work = argument;
    digits_options options = {.struct_size = sizeof options, .n_threads = work->n_threads, .check_weights = 1};
    digits_model *model;
    digits_context *context = NULL;
    digits_status status = FIND(digits_create)(&options, &model);
    if (status == DIGITS_OK)
        status = FIND(digits_context_create)(model, NULL, 0, &context);
    if (status != DIGITS_OK)
        fprintf(stderr, "%s\n", FIND(digits_status_text)(status));
    work->ok = status == DIGITS_OK && classify_all(work, context);
    FIND(digits_context_destroy)(context);
    FIND(digits_destroy)(model);
    return NULL;
}

static int load_once(Work *work, const char *path)
{
    pthread_t thread;
    pthread_attr_t attributes;
    work->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!work->library)
        return fprintf(stderr, "%s\n", dlerror()), 0;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, STACK) || pthread_create(&thread, &attributes, run, work))
        return fprintf(stderr, "no thread with so small a stack\n"), 0;
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    return work->ok && dlclose(work->library) == 0 && !dlopen(path, RTLD_NOW | RTLD_NOLOAD);
}

static long count_files(const char *folder)
{
    long n = 0;
    DIR *dir = opendir(folder);
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

/* VmSize counts mappings that nobody has touched, too. */
static long read_kilobytes(const char *field)
{
    char line[256];
    long kilobytes = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, field, strlen(field)) == 0)
            kilobytes = atol(line + strlen(field));
    if (file)
        fclose(file);
    return kilobytes;
}

int main(int argc, char **argv)
{
    Work work = {.n_threads = atoi(argv[3]), .pictures = argv + 4, .n_pictures = argc - 4};
    int loads = atoi(argv[2]);
    long files = 0, resident = 0, size = 0;
    for (int i = 0; i < loads; i++) {
        work.print = i == loads - 1;
        if (!load_once(&work, argv[1]))
            return fprintf(stderr, "load %d failed\n", i), 1;
        if (i == SETTLED)
            files = count_files("/proc/self/fd"), resident = read_kilobytes("VmRSS:"), size = read_kilobytes("VmSize:");
    }
    if (loads <= SETTLED)
        return 0;
    if (count_files("/proc/self/fd") != files || read_kilobytes("VmSize:") > size + MOST_GROWTH ||
        read_kilobytes("VmRSS:") > resident + MOST_GROWTH)
        return fprintf(stderr, "grown: %ld descriptors, %ld and %ld kB, before %ld, %ld and %ld\n", count_files("/proc/self/fd"),
                       read_kilobytes("VmSize:"), read_kilobytes("VmRSS:"), files, size, resident),
               1;
    return 0;
}
