/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Python pickles, read as data: nothing is imported, nothing is called. What torch.save writes of a state dict. */
#ifndef CNXC_FRONTEND_CHECKPOINT_PICKLE_H
#define CNXC_FRONTEND_CHECKPOINT_PICKLE_H

#include "compiler/frontend/input/external.h"

typedef enum PickleKind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_LONG, /* a LONG has over 64 bits; its value is dropped */
    PICKLE_FLOAT,
    PICKLE_STRING,
    PICKLE_TUPLE,
    PICKLE_LIST,
    PICKLE_DICT,
    PICKLE_GLOBAL,  /* a name of pickle_torch.c's table */
    PICKLE_STORAGE, /* a persistent id */
    PICKLE_TENSOR,
    PICKLE_OBJECT,  /* of a harmless class, without its contents */
} PickleKind;

/* Elements that tensors share. */
typedef struct PickleStorage {
    const char *key;        /* "0"; in a legacy file an address as a number */
    DType dtype;
    int64_t count;          /* of elements, as the pickle says */
    int64_t view;           /* legacy: the first element within the storage of that key */
    int64_t begin;          /* byte in the file, set by who knows the layout; -1: not yet */
} PickleStorage;

typedef struct PickleTensor {
    PickleStorage *storage;
    int rank;
    int64_t dims[MAX_RANK], strides[MAX_RANK], first; /* in elements; all lie within storage->count */
    int64_t count;
} PickleTensor;

typedef struct PickleValue {
    PickleKind kind;
    int64_t integer;        /* of BOOL and INT; of GLOBAL: the row in the table */
    const char *text;       /* of STRING and GLOBAL */
    VEC(struct PickleValue *) items; /* of TUPLE and LIST; of DICT: key, value, key, value … */
    PickleStorage *storage; /* of STORAGE */
    PickleTensor *tensor;   /* of TENSOR */
} PickleValue;

/* What is known while a pickle is read; of the machine in pickle.c and of the names in pickle_torch.c. */
typedef struct Pickle {
    const uint8_t *data;    /* the whole file */
    int64_t at, end;        /* the next byte, and where the bytes to read end */
    int64_t begin, opcode;  /* where the pickle began, and the opcode that runs */
    const Source *source;
    VEC(PickleValue *) stack, memo;
    VEC(int64_t) marks;     /* heights of the stack */
    VEC(PickleStorage *) storages; /* each key once, in the order of appearance … */
    StrMap by_key;          /* … → PickleStorage */
    bool legacy;            /* persistent ids have a sixth member, a view */
    Arena *arena;
    Diag *diag;
} Pickle;

/* Reads the pickle at p->at, which then is past it. NULL after a diagnostic. */
PickleValue *pickle_read(Pickle *p);

/* pickle_torch.c: what the machine's opcodes GLOBAL, REDUCE and BINPERSID mean. NULL after a diagnostic. */
PickleValue *pickle_global(Pickle *p, const char *module, const char *name);
PickleValue *pickle_reduce(Pickle *p, const PickleValue *function, const PickleValue *args);
PickleValue *pickle_persistent(Pickle *p, const PickleValue *id);

PickleValue *pickle_new(Pickle *p, PickleKind kind);
/* At the opcode that runs. Always NULL. */
void *pickle_error(Pickle *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
