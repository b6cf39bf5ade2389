/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The options of compiled programs, from the runtime's own table: `cnxc run` hands them on, help and documents list them.
 *
 *   cnxc run model/ cat.jpg --precision=bf16 -k 1   →   CACHED cat.jpg -k 1 */
#include "compiler/driver/driver.h"

#include <string.h>

static const ProgramOption program_options[] = {
#define PROGRAM_OPTION(name, argument, kind, field, count, help) {name, argument, help},
#include "runtime/cli/options.def"
#undef PROGRAM_OPTION
};

int64_t program_option_count(void) { return countof(program_options); }

const ProgramOption *program_option_at(int64_t index) { return &program_options[index]; }

/* "-k5": the program joins a value to one letter only before digits. */
static bool joins_number(const char *name, const char *word)
{
    size_t length = strlen(name);
    return length == 1 && *word == *name && word[1] >= '0' && word[1] <= '9';
}

const ProgramOption *program_option_find(const char *word, bool *complete)
{
    const char *bare = without_dashes(word);
    if (strcmp(bare, "h") == 0)
        bare = "help";
    size_t length = strcspn(bare, "=");
    for (int64_t i = 0; i < countof(program_options); i++) {
        const ProgramOption *option = &program_options[i];
        const char *name = without_dashes(option->name);
        bool joined = joins_number(name, bare), whole = strlen(name) == length && memcmp(name, bare, length) == 0;
        *complete = joined || bare[length] || !option->argument;
        if (joined || whole)
            return option;
    }
    return NULL;
}
