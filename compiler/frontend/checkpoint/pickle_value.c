/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the pickle machine and torch's names make: values, and messages at the opcode that runs. */
#include "compiler/frontend/checkpoint/pickle.h"

#include <stdarg.h>

void *pickle_error(Pickle *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(p->arena, format, args);
    va_end(args);
    diag_error(p->diag, (Span){p->source, p->opcode, p->opcode + 1}, "pickle: %s", text);
    return NULL;
}

PickleValue *pickle_new(Pickle *p, PickleKind kind)
{
    PickleValue *value = NEW(p->arena, PickleValue);
    value->kind = kind;
    return value;
}
