/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Prefixes: the C names of an artifact's symbols, from the name of its file.
 *
 *   "out/libtiny.so"  →  tiny      "switch.o"  →  model_switch */
#include "compiler/build/prefix.h"
#include "ir/base/path.h"
#include "ir/base/str.h"
#include "ir/base/vec.h"

#include <ctype.h>
#include <string.h>

static bool is_keyword(const char *word)
{
    static const char *const keywords[] = {
        "alignas",  "alignof",  "and",       "asm",     "auto",    "bool",     "break",  "case",     "catch",     "char",
        "class",    "const",    "continue",  "default", "delete",  "do",       "double", "else",     "enum",      "explicit",
        "export",   "extern",   "false",     "float",   "for",     "friend",   "goto",   "if",       "inline",    "int",
        "long",     "main",     "namespace", "new",     "not",     "operator", "or",     "private",  "protected", "public",
        "register", "restrict", "return",    "short",   "signed",  "sizeof",   "static", "struct",   "switch",    "template",
        "this",     "throw",    "true",      "try",     "typedef", "typename", "union",  "unsigned", "using",     "virtual",
        "void",     "volatile", "while",     "xor"};
    for (int64_t i = 0; i < countof(keywords); i++)
        if (strcmp(keywords[i], word) == 0)
            return true;
    return false;
}

bool prefix_is_valid(const char *prefix)
{
    bool ok = isalpha((unsigned char)prefix[0]) || prefix[0] == '_';
    for (const char *p = prefix; *p; p++)
        ok = ok && (isalnum((unsigned char)*p) || *p == '_');
    return ok && !is_keyword(prefix);
}

const char *prefix_from_path(Arena *arena, const char *path)
{
    const char *base = path_base(path);
    if (str_starts_with(base, "lib") && base[3] && base[3] != '.')
        base += 3;
    char *name = arena_strndup(arena, base, strcspn(base, "."));
    for (char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) || (unsigned char)*p > 127)
            *p = '_';
    return prefix_is_valid(name) ? name : arena_printf(arena, "model_%s", name);
}
