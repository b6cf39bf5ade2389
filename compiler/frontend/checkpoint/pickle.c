/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The pickle machine: a stack, a memo, and the opcodes that torch.save writes.
 *
 * Problem: a pickle is a program that may import and call anything, and checkpoints come from strangers. Idea: an
 * opcode makes a value of a few kinds; names are looked up in a small table, and "calling" one makes a value, too.
 *
 *   } U\x01w c"torch._utils _rebuild_tensor_v2" (… t R s .   →   {"w": tensor}
 *
 * Each opcode does constant work and a value is never walked in depth, so nesting, self-reference and doubling
 * through the memo cost nothing. Memory is in proportion to the pickle's length, which is limited. */
#include "compiler/frontend/checkpoint/pickle.h"

#include <inttypes.h>
#include <string.h>

static const int64_t LONGEST_PICKLE = 8 << 20; /* that of a ConvNeXt has 100 kB */
enum { LONGEST_NAME = 256 };

static bool fails(Pickle *p, const char *what)
{
    pickle_error(p, "%s", what);
    return false;
}

/* ── Stack and bytes ── */

static bool push(Pickle *p, PickleValue *value)
{
    if (value)
        vec_push(p->arena, &p->stack, value);
    return value != NULL;
}

static int64_t floor_of(const Pickle *p) { return p->marks.len ? p->marks.at[p->marks.len - 1] : 0; }

static PickleValue *pop(Pickle *p)
{
    if (p->stack.len > floor_of(p))
        return p->stack.at[--p->stack.len];
    return pickle_error(p, "the stack is empty");
}

/* n bytes; NULL after a diagnostic. */
static const uint8_t *take(Pickle *p, uint64_t n)
{
    if (n > (uint64_t)(p->end - p->at))
        return pickle_error(p, "it ends within an opcode");
    const uint8_t *bytes = p->data + p->at;
    p->at += (int64_t)n;
    return bytes;
}

/* A little-endian number of up to 8 bytes. */
static bool take_number(Pickle *p, int bytes, uint64_t *value)
{
    const uint8_t *at = take(p, (uint64_t)bytes);
    *value = 0;
    if (at)
        memcpy(value, at, (size_t)bytes);
    return at != NULL;
}

/* ── Opcodes. Each gets what its row says. ── */

static bool push_int(Pickle *p, int64_t value)
{
    PickleValue *integer = pickle_new(p, PICKLE_INT);
    integer->integer = value;
    return push(p, integer);
}

static bool op_int(Pickle *p, int bytes)
{
    uint64_t value;
    return take_number(p, bytes, &value) && push_int(p, bytes == 4 ? (int32_t)value : (int64_t)value);
}

static bool op_long(Pickle *p, int size_bytes)
{
    uint64_t size;
    const uint8_t *bytes = take_number(p, size_bytes, &size) ? take(p, size) : NULL;
    if (!bytes)
        return false;
    if (size > 8)
        return push(p, pickle_new(p, PICKLE_LONG));
    uint64_t value = size && (bytes[size - 1] & 0x80) ? UINT64_MAX : 0;
    memcpy(&value, bytes, size);
    return push_int(p, (int64_t)value);
}

static bool op_float(Pickle *p, int bytes) { return take(p, (uint64_t)bytes) && push(p, pickle_new(p, PICKLE_FLOAT)); }

static bool op_string(Pickle *p, int size_bytes)
{
    uint64_t size;
    const uint8_t *bytes = take_number(p, size_bytes, &size) ? take(p, size) : NULL;
    if (!bytes)
        return false;
    if (memchr(bytes, 0, size))
        return push(p, pickle_new(p, PICKLE_OBJECT)); /* bytes, as numpy's numbers have them; no name */
    PickleValue *string = pickle_new(p, PICKLE_STRING);
    string->text = arena_strndup(p->arena, (const char *)bytes, size);
    return push(p, string);
}

static bool op_none(Pickle *p, int unused)
{
    (void)unused;
    return push(p, pickle_new(p, PICKLE_NONE));
}

static bool op_bool(Pickle *p, int value)
{
    PickleValue *boolean = pickle_new(p, PICKLE_BOOL);
    boolean->integer = value;
    return push(p, boolean);
}

static bool op_empty(Pickle *p, int kind) { return push(p, pickle_new(p, (PickleKind)kind)); }

static bool op_mark(Pickle *p, int unused)
{
    (void)unused;
    vec_push(p->arena, &p->marks, p->stack.len);
    return true;
}

/* Takes the mark away; the values above it are from *first on. */
static bool to_mark(Pickle *p, int64_t *first)
{
    if (!p->marks.len)
        return fails(p, "there is no mark on the stack");
    *first = p->marks.at[--p->marks.len];
    return true;
}

static bool move_items(Pickle *p, PickleValue *to, int64_t first)
{
    for (int64_t i = first; i < p->stack.len; i++)
        vec_push(p->arena, &to->items, p->stack.at[i]);
    p->stack.len = first;
    return true;
}

/* count: 1 to 3; 0: as many as there are above the mark. */
static bool op_tuple(Pickle *p, int count)
{
    int64_t first = p->stack.len - count;
    if (count == 0 && !to_mark(p, &first))
        return false;
    if (first < floor_of(p))
        return fails(p, "the stack is empty");
    PickleValue *tuple = pickle_new(p, PICKLE_TUPLE);
    move_items(p, tuple, first);
    return push(p, tuple);
}

/* Appends 1 value, or 0: all above the mark, to the list under them; to an object's contents in vain. */
static bool op_append(Pickle *p, int count)
{
    int64_t first = p->stack.len - count;
    if (count == 0 && !to_mark(p, &first))
        return false;
    PickleValue *list = first > floor_of(p) ? p->stack.at[first - 1] : NULL;
    if (!list || (list->kind != PICKLE_LIST && list->kind != PICKLE_OBJECT))
        return fails(p, "expected a list on the stack");
    if (list->kind == PICKLE_LIST)
        return move_items(p, list, first);
    p->stack.len = first;
    return true;
}

/* Sets 1 pair, or 0: all above the mark, of the dict under them. */
static bool op_set(Pickle *p, int pairs)
{
    int64_t first = p->stack.len - 2 * pairs;
    if (pairs == 0 && !to_mark(p, &first))
        return false;
    PickleValue *dict = first > floor_of(p) ? p->stack.at[first - 1] : NULL;
    if (!dict || (dict->kind != PICKLE_DICT && dict->kind != PICKLE_OBJECT))
        return fails(p, "expected a dict on the stack");
    if ((p->stack.len - first) % 2)
        return fails(p, "a key of a dict has no value");
    if (dict->kind == PICKLE_DICT)
        return move_items(p, dict, first);
    p->stack.len = first;
    return true;
}

static bool put(Pickle *p, uint64_t index)
{
    if (p->stack.len <= floor_of(p))
        return fails(p, "the stack is empty");
    if (index > (uint64_t)(p->at - p->begin)) /* no pickle has more memos than opcodes */
        return fails(p, "a memo's number is out of range");
    while (p->memo.len <= (int64_t)index)
        vec_push(p->arena, &p->memo, NULL);
    p->memo.at[index] = p->stack.at[p->stack.len - 1];
    return true;
}

static bool op_put(Pickle *p, int bytes)
{
    uint64_t index;
    return take_number(p, bytes, &index) && put(p, index);
}

static bool op_memoize(Pickle *p, int unused)
{
    (void)unused;
    return put(p, (uint64_t)p->memo.len);
}

static bool op_get(Pickle *p, int bytes)
{
    uint64_t index;
    if (!take_number(p, bytes, &index))
        return false;
    if (index >= (uint64_t)p->memo.len || !p->memo.at[index])
        return fails(p, "it recalls a value that it did not store");
    return push(p, p->memo.at[index]);
}

/* Text up to the end of the line. */
static const char *take_line(Pickle *p)
{
    const uint8_t *start = p->data + p->at;
    int64_t room = p->end - p->at < LONGEST_NAME ? p->end - p->at : LONGEST_NAME;
    const uint8_t *end = room > 0 ? memchr(start, '\n', (size_t)room) : NULL;
    if (!end)
        return pickle_error(p, "a name of over %d bytes, or cut short", LONGEST_NAME);
    p->at += end - start + 1;
    return arena_strndup(p->arena, (const char *)start, (size_t)(end - start));
}

static bool op_global(Pickle *p, int unused)
{
    (void)unused;
    const char *module = take_line(p), *name = module ? take_line(p) : NULL;
    return name && push(p, pickle_global(p, module, name));
}

static bool op_stack_global(Pickle *p, int unused)
{
    (void)unused;
    const PickleValue *name = pop(p), *module = name ? pop(p) : NULL;
    if (!module)
        return false;
    if (name->kind != PICKLE_STRING || module->kind != PICKLE_STRING)
        return fails(p, "a global's name is not a string");
    return push(p, pickle_global(p, module->text, name->text));
}

static bool op_reduce(Pickle *p, int unused)
{
    (void)unused;
    const PickleValue *args = pop(p), *function = args ? pop(p) : NULL;
    if (!function)
        return false;
    if (args->kind != PICKLE_TUPLE || function->kind != PICKLE_GLOBAL)
        return fails(p, "expected a function and a tuple on the stack");
    return push(p, pickle_reduce(p, function, args));
}

/* An object's attributes are of no interest: a state dict's are the versions of its modules. */
static bool op_build(Pickle *p, int unused)
{
    (void)unused;
    if (!pop(p))
        return false;
    const PickleValue *object = p->stack.len > floor_of(p) ? p->stack.at[p->stack.len - 1] : NULL;
    if (object && (object->kind == PICKLE_DICT || object->kind == PICKLE_OBJECT || object->kind == PICKLE_TENSOR))
        return true;
    return fails(p, "expected an object on the stack");
}

static bool op_persistent(Pickle *p, int unused)
{
    (void)unused;
    const PickleValue *id = pop(p);
    return id && push(p, pickle_persistent(p, id));
}

static bool op_skip(Pickle *p, int bytes) { return take(p, (uint64_t)bytes) != NULL; }

static bool op_pop(Pickle *p, int unused)
{
    (void)unused;
    return pop(p) != NULL;
}

typedef struct Opcode {
    uint8_t code;
    const char *name;                    /* as Python's pickletools spells it */
    bool (*run)(Pickle *p, int operand); /* NULL: known, but not written by torch.save */
    int operand;
} Opcode;

static const Opcode opcodes[] = {
    {0x80, "PROTO", op_skip, 1},
    {0x95, "FRAME", op_skip, 8},
    {'N', "NONE", op_none, 0},
    {0x88, "NEWTRUE", op_bool, 1},
    {0x89, "NEWFALSE", op_bool, 0},
    {'K', "BININT1", op_int, 1},
    {'M', "BININT2", op_int, 2},
    {'J', "BININT", op_int, 4},
    {0x8a, "LONG1", op_long, 1},
    {0x8b, "LONG4", op_long, 4},
    {'G', "BINFLOAT", op_float, 8},
    {'U', "SHORT_BINSTRING", op_string, 1},
    {'T', "BINSTRING", op_string, 4},
    {0x8c, "SHORT_BINUNICODE", op_string, 1},
    {'X', "BINUNICODE", op_string, 4},
    {0x8d, "BINUNICODE8", op_string, 8},
    {')', "EMPTY_TUPLE", op_empty, PICKLE_TUPLE},
    {']', "EMPTY_LIST", op_empty, PICKLE_LIST},
    {'}', "EMPTY_DICT", op_empty, PICKLE_DICT},
    {'(', "MARK", op_mark, 0},
    {'0', "POP", op_pop, 0},
    {'t', "TUPLE", op_tuple, 0},
    {0x85, "TUPLE1", op_tuple, 1},
    {0x86, "TUPLE2", op_tuple, 2},
    {0x87, "TUPLE3", op_tuple, 3},
    {'a', "APPEND", op_append, 1},
    {'e', "APPENDS", op_append, 0},
    {'s', "SETITEM", op_set, 1},
    {'u', "SETITEMS", op_set, 0},
    {'q', "BINPUT", op_put, 1},
    {'r', "LONG_BINPUT", op_put, 4},
    {0x94, "MEMOIZE", op_memoize, 0},
    {'h', "BINGET", op_get, 1},
    {'j', "LONG_BINGET", op_get, 4},
    {'c', "GLOBAL", op_global, 0},
    {0x93, "STACK_GLOBAL", op_stack_global, 0},
    {'R', "REDUCE", op_reduce, 0},
    {0x81, "NEWOBJ", op_reduce, 0},
    {'b', "BUILD", op_build, 0},
    {'Q', "BINPERSID", op_persistent, 0},
    {'P', "PERSID", NULL, 0},
    {'i', "INST", NULL, 0},
    {'o', "OBJ", NULL, 0},
    {0x92, "NEWOBJ_EX", NULL, 0},
    {0x82, "EXT1", NULL, 0},
    {0x83, "EXT2", NULL, 0},
    {0x84, "EXT4", NULL, 0},
    {'I', "INT", NULL, 0},
    {'L', "LONG", NULL, 0},
    {'F', "FLOAT", NULL, 0},
    {'S', "STRING", NULL, 0},
    {'V', "UNICODE", NULL, 0},
    {'B', "BINBYTES", NULL, 0},
    {'C', "SHORT_BINBYTES", NULL, 0},
    {0x8e, "BINBYTES8", NULL, 0},
    {0x96, "BYTEARRAY8", NULL, 0},
    {0x97, "NEXT_BUFFER", NULL, 0},
    {0x98, "READONLY_BUFFER", NULL, 0},
    {'l', "LIST", NULL, 0},
    {'d', "DICT", NULL, 0},
    {0x8f, "EMPTY_SET", NULL, 0},
    {0x90, "ADDITEMS", NULL, 0},
    {0x91, "FROZENSET", NULL, 0},
    {'p', "PUT", NULL, 0},
    {'g', "GET", NULL, 0},
    {'1', "POP_MARK", NULL, 0},
    {'2', "DUP", NULL, 0},
};

static bool step(Pickle *p, uint8_t code)
{
    for (int64_t i = 0; i < countof(opcodes); i++) {
        if (opcodes[i].code != code)
            continue;
        if (opcodes[i].run)
            return opcodes[i].run(p, opcodes[i].operand);
        diag_unsupported(p->diag, (Span){p->source, p->opcode, p->at},
                         "pickle: opcode %s is not one that torch.save writes for tensors", opcodes[i].name);
        return false;
    }
    pickle_error(p, "there is no opcode 0x%02x", code);
    return false;
}

PickleValue *pickle_read(Pickle *p)
{
    int64_t limit = p->at + LONGEST_PICKLE;
    p->begin = p->at;
    p->stack.len = p->marks.len = p->memo.len = 0;
    for (;;) {
        p->opcode = p->at;
        const uint8_t *code = p->at < limit ? take(p, 1) : pickle_error(p, "it has over 8 MiB");
        if (!code)
            return NULL;
        if (*code != '.') {
            if (!step(p, *code))
                return NULL;
            continue;
        }
        PickleValue *value = pop(p);
        return value && (p->stack.len || p->marks.len) ? pickle_error(p, "values are left on the stack") : value;
    }
}
