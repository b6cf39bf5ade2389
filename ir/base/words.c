/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* "Did you mean": the name that a slip of the hand may have turned into the word. And what help and options need of text.
 *
 *   "clasify" of "compile", "classify", "check"  →  "classify" */
#include "ir/base/words.h"

#include <stdbool.h>
#include <string.h>

enum {
    LONGEST_NAME = 96,  /* longer names get no suggestion */
    MOST_CELLS = 4 << 20, /* of edit distances: some 20 ms; a model may have names by the hundred thousand */
};

static int lesser(int a, int b) { return a < b ? a : b; }

/* Insertions, deletions, changes and swaps of neighbours that turn a into b; `limit` if as many or more. Counts the cells. */
static int edit_distance(const char *a, int n, const char *b, int m, int limit, int64_t *cells)
{
    int rows[3][LONGEST_NAME + 1], least = 0, least_before;
    if (n - m >= limit || m - n >= limit)
        return limit;
    for (int j = 0; j <= m; j++)
        rows[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        least_before = least;
        least = row[0] = i;
        for (int j = 1; j <= m; j++) {
            row[j] = lesser(last[j - 1] + (a[i - 1] != b[j - 1]), lesser(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = lesser(row[j], before[j - 2] + 1);
            least = lesser(least, row[j]);
        }
        *cells += m;
        if (least >= limit && least_before >= limit) /* a swap reaches back two rows, nothing further */
            return limit;
    }
    return rows[n % 3][m];
}

const char *nearest_name(const char *word, const char *const *candidates, int64_t count)
{
    size_t length = strlen(word);
    if (length == 0 || length > LONGEST_NAME)
        return NULL;
    int best = (int)(length + 2) / 3 + 1;
    int64_t cells = 0;
    const char *nearest = NULL;
    for (int64_t i = 0; i < count && cells < MOST_CELLS; i++) {
        size_t other = strnlen(candidates[i], LONGEST_NAME + 1);
        int distance = other > LONGEST_NAME ? best : edit_distance(word, (int)length, candidates[i], (int)other, best, &cells);
        if (distance < best) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

const char *without_dashes(const char *word)
{
    word += *word == '-';
    return word + (*word == '-');
}

void print_wrapped(FILE *out, const char *text, int indent, int width)
{
    int column = indent;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", length, text);
        column += length;
        text += length + (text[length] == ' ');
    }
    fputc('\n', out);
}

enum { NARROW = 38, BELOW = 6 };

void print_entry(FILE *out, const char *form, const char *help, int indent, int width)
{
    int room = indent - 4, column = width - indent < NARROW ? BELOW : indent;
    if ((int)strlen(form) > room || column < indent)
        fprintf(out, "  %s\n%*s", form, column, "");
    else
        fprintf(out, "  %-*s", room + 2, form);
    print_wrapped(out, help, column, width);
}

void print_example(FILE *out, const char *line, int width)
{
    const char *gap = strstr(line, "   "), *help = gap ? gap + strspn(gap, " ") : "";
    if (!*help || (int)strlen(line) + 2 <= width) {
        fprintf(out, "  %s\n", line);
        return;
    }
    fprintf(out, "  %.*s\n%*s", (int)(gap - line), line, BELOW, "");
    print_wrapped(out, help, BELOW, width);
}
