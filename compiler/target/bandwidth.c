/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The memory's bandwidth: each thread reads a share of its own, again and again, of which no cache still holds the beginning when it
 * comes back to it. How much that takes is what the last cache says of itself, doubled; but no more than 1 GB, since virtual machines
 * tell of the whole socket's, and no more than a quarter of the memory that is free.
 *
 *   L3 32 MB  → 256 MB     L3 480 MB, as a guest of two processors may be told  → 960 MB
 *
 * A share is written first by the thread that reads it, so that it lies in memory near it, and in large pages where there are. */
#define _GNU_SOURCE /* madvise */
#include "compiler/target/bandwidth.h"
#include "compiler/target/cpu.h"
#include "compiler/target/rounds.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ROUNDS = 8 };
static const int64_t LEAST_BYTES = 256 << 20, MOST_BYTES = 1000 << 20, PAGE = 2 << 20;

typedef uint64_t Word8 __attribute__((vector_size(64)));

typedef struct Share {
    Word8 *words;
    int64_t count;
} Share;

static double fill(const void *argument)
{
    const Share *share = argument;
    memset(share->words, 1, (size_t)share->count * sizeof *share->words);
    return 1;
}

/* Several sums, so that reading waits for nothing but the memory. */
static double read_all(const void *argument)
{
    const Share *share = argument;
    Word8 a = {0}, b = {0}, c = {0}, d = {0};
    for (int64_t i = 0; i + 3 < share->count; i += 4) {
        a += share->words[i];
        b += share->words[i + 1];
        c += share->words[i + 2];
        d += share->words[i + 3];
    }
    a += b + c + d;
    __asm__ volatile("" : : "m"(a));
    return (double)share->count * sizeof *share->words;
}

static int64_t bytes_wanted(void)
{
    const CpuProfile *host = cpu_host();
    int64_t bytes = host ? 2 * host->l3_bytes : 0, free_bytes = sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);
    bytes = bytes < LEAST_BYTES ? LEAST_BYTES : bytes > MOST_BYTES ? MOST_BYTES : bytes;
    return bytes < free_bytes / 4 ? bytes : free_bytes / 4;
}

static double read_shares(Word8 *memory, int64_t count, int64_t n_threads)
{
    static Share shares[ROUNDS_MOST_THREADS];
    static const void *arguments[ROUNDS_MOST_THREADS];
    for (int64_t i = 0; i < n_threads; i++) {
        shares[i] = (Share){memory + i * count, count};
        arguments[i] = &shares[i];
    }
    return rounds_best(fill, arguments, n_threads, 1) > 0 ? rounds_best(read_all, arguments, n_threads, ROUNDS) : 0;
}

double bandwidth_read(int64_t n_threads)
{
    if (n_threads < 1 || n_threads > ROUNDS_MOST_THREADS)
        return 0;
    int64_t share = bytes_wanted() / n_threads / PAGE * PAGE, bytes = share * n_threads;
    void *memory = share ? mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
    if (memory == MAP_FAILED)
        return 0;
    (void)madvise(memory, (size_t)bytes, MADV_HUGEPAGE);
    double rate = read_shares(memory, share / (int64_t)sizeof(Word8), n_threads);
    munmap(memory, (size_t)bytes);
    return rate;
}
