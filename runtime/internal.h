/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the runtime's files share: the objects behind the public handles.
 *
 *   model    checked processor, mapped weights, labels      immutable after create; one for each size of pictures, in a row
 *   context  workspace, one frame for each thread, a pool   one thread at a time, guarded by `busy`
 *
 * Nothing else holds state: no writable globals, so that two models live in one process. */
#ifndef CNXRT_INTERNAL_H
#define CNXRT_INTERNAL_H

#include "runtime/api.h"
#include "runtime/image/image.h"
#include "runtime/model.h"
#include "runtime/pace.h"
#include "runtime/record.h"
#include "runtime/threads.h"
#include "runtime/weights.h"

#include <stdatomic.h>
#include <stdbool.h>

struct cnxrt_model {
    cnxrt_model *first;         /* of the sizes: what create gave; it owns what all of them share */
    const CnxrtModel *compiled;
    const CnxrtVariant *variant; /* the one for this machine */
    Weights weights;
    const char *const *labels;  /* one for each class; the compiled ones or LABEL_i */
    char *label_text;           /* owned: the LABEL_i; NULL with compiled labels */
    int64_t n_classes;          /* of pictures or of their pixels; 0: the model names none */
    int64_t n_threads;
    cnxrt_parallel_for parallel_for;
    void *parallel_user;
};

/* What one thread prepares pictures with. */
typedef struct Preparer {
    Room copy, work;            /* of a frame's conversion; of image_prepare */
    int64_t failed;             /* which of n pictures it could not prepare; n: none */
    ImageError error;           /* why */
} Preparer;

struct cnxrt_context {
    const cnxrt_model *model;   /* of the size that runs */
    const cnxrt_model *home;    /* of the size that runs unless a picture picks another, until its call ends */
    bool chosen;                /* home, by the caller: pictures don't pick */
    ThreadPool *pool;           /* NULL: one thread, or the caller's parallel_for */
    void *owned_workspace;      /* NULL if it is the caller's */
    uint8_t *workspace;
    size_t workspace_bytes;
    CnxrtFrame *frames;         /* one for each thread */
    uint8_t **tensors;          /* n_inputs + n_outputs for each thread; frames point in here */
    uint8_t **bases;            /* n_inputs + n_outputs: what the caller gave to run */
    uint8_t **own;              /* n_inputs + n_outputs buffers of our own, for pictures; NULL until one is wanted */
    int64_t *own_bytes;         /* of each */
    Preparer *preparers;        /* one for each thread */
    Room mask;                  /* of the last picture's labels */
    Pace pace;                  /* of the pool's threads */
    int64_t n_active;           /* threads that this run begins with */
    struct Member *members;     /* one for each thread */
    atomic_llong n_next[2];          /* threads from the next phase on, and from that after it: thread 0 says so ahead */
    int64_t since_ns, stalled_ns; /* of thread 0: when it last changed them, and how long it has stood still since */
    int64_t least_stall_ns; /* less of a run is not worth a change */
    int64_t n_alone;            /* images of this run that the threads share out; 0: all run in step */
    Record *record;             /* of the next run; NULL: none */
    atomic_flag busy;
    char error[384];
};

/* Runs another size from now on. */
void context_use(cnxrt_context *context, const cnxrt_model *model);

/* Every public entry to a context goes through these: what is between a begin that is OK and its end has it alone. end
 * gives the status back. */
cnxrt_status context_begin(cnxrt_context *context);
cnxrt_status context_end(cnxrt_context *context, cnxrt_status status);

/* Keeps the details and gives the status back: return context_fail(context, CNXRT_ERROR_…, "…", …). */
cnxrt_status context_fail(cnxrt_context *context, cnxrt_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* cnxrt_run for a caller who has entered. */
cnxrt_status context_run(cnxrt_context *context, const void *const *inputs, int64_t batch, void *const *outputs);

/* Calls job(argument, i) for each thread i of the context, and returns when all have returned. */
void context_each_thread(cnxrt_context *context, void (*job)(void *argument, int64_t thread), void *argument);
int64_t context_clock(void); /* ns of a clock that nobody sets back */

/* What may have happened since create: a fork, a change of the weights file. */
cnxrt_status context_check_surroundings(cnxrt_context *context);

/* Arithmetic of one run over `images` images, which is 1 where the batch is not free: of one phase, of all. */
int64_t variant_phase_count(const CnxrtVariant *variant);
double variant_phase_flops(const CnxrtVariant *variant, int64_t phase, int64_t images);
double variant_flops(const CnxrtVariant *variant, int64_t images);
size_t dtype_bytes(int64_t dtype); /* of one element; 0: unknown */
static inline bool model_classifies(const cnxrt_model *model) { return model->n_classes > 0 && model->compiled->mask_output < 0; }
static inline int64_t model_tensor_count(const CnxrtModel *compiled) { return compiled->n_inputs + compiled->n_outputs; }

/* Bytes of a tensor with `batch` items, or -1 if that overflows. */
int64_t tensor_bytes(const CnxrtTensor *tensor, int64_t batch);

#endif
