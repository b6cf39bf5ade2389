/* The nearest name. The runtime is compiled with this file, too. */
#ifndef CNXC_IR_BASE_WORDS_H
#define CNXC_IR_BASE_WORDS_H

#include <stdint.h>

/* The candidate nearest to word (Damerau-Levenshtein at most a third of its length), or NULL. */
const char *nearest_name(const char *word, const char *const *candidates, int64_t count);

#endif
