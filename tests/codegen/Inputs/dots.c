/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* dots VECTOR-BYTES: vectors a, b and c from standard input, c = dot(a, b, c) to standard output, until the input ends. */
#include <stdio.h>
#include <stdlib.h>

void dot(const void *a, const void *b, void *c);

int main(int argc, char **argv)
{
    size_t bytes = argc > 1 ? (size_t)atoi(argv[1]) : 0;
    char vectors[3][64];
    while (fread(vectors[0], bytes, 1, stdin) && fread(vectors[1], bytes, 1, stdin) && fread(vectors[2], bytes, 1, stdin)) {
        dot(vectors[0], vectors[1], vectors[2]);
        fwrite(vectors[2], bytes, 1, stdout);
    }
    return 0;
}
