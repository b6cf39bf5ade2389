/* "Did you mean": the name that a slip of the hand may have turned into the word.
 *
 *   "clasify" of "compile", "classify", "check"  →  "classify" */
#include "ir/base/words.h"

#include <stdbool.h>
#include <string.h>

enum { LONGEST_NAME = 96 }; /* longer names get no suggestion */

/* Insertions, deletions, changes and swaps of neighbours that turn a into b. */
static int edit_distance(const char *a, const char *b)
{
    int rows[3][LONGEST_NAME + 1], n = (int)strlen(a), m = (int)strlen(b);
    for (int j = 0; j <= m; j++)
        rows[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int change = last[j - 1] + (a[i - 1] != b[j - 1]);
            int shift = (last[j] < row[j - 1] ? last[j] : row[j - 1]) + 1;
            row[j] = change < shift ? change : shift;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return rows[n % 3][m];
}

const char *nearest_name(const char *word, const char *const *candidates, int64_t count)
{
    size_t length = strlen(word);
    if (length == 0 || length > LONGEST_NAME)
        return NULL;
    int best = (int)(length + 2) / 3 + 1;
    const char *nearest = NULL;
    for (int64_t i = 0; i < count; i++) {
        if (strlen(candidates[i]) > LONGEST_NAME)
            continue;
        int distance = edit_distance(word, candidates[i]);
        if (distance < best) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
