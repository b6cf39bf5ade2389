/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Tile programs as text: --emit=tile.
 *
 *   program avx512 arena 3612672 scratch 0 weights 590080
 *   buffer x1 arena float 1204224 at 0
 *   image phase "y" flops 1234 chunks 56
 *     parallel i0 in 56
 *       cnx_gemm_f32_14x32_k96_5d1e03aa__avx512(x + i0*5376, w, y + i0*21504, b) */
#include "compiler/schedule/program.h"
#include "ir/base/escape.h"

#include <string.h>

typedef enum RefForm {
    REF_NAMES,  /* "w + i0*64": for people */
    REF_PLACES, /* "weights+4096 + i0*64": what code knows of it */
    REF_SPACES, /* "weights + i0*64": without what other phases push about */
} RefForm;

typedef struct Printer {
    FILE *out;
    RefForm form;
} Printer;

static const char *const space_names[] = {"tensor", "arena", "scratch", "weights"};

static void print_base(const Printer *p, const Buffer *buffer)
{
    if (p->form == REF_NAMES)
        put_escaped(p->out, buffer->name);
    else
        fputs(space_names[buffer->space], p->out);
    if (p->form == REF_PLACES || (p->form == REF_SPACES && buffer->space == SPACE_TENSOR))
        fprintf(p->out, "+%lld", (long long)(buffer->space == SPACE_TENSOR ? buffer->index : buffer->offset));
}

static void print_ref(const Printer *p, const Ref *ref)
{
    if (!ref->buffer) {
        fputs("_", p->out);
        return;
    }
    print_base(p, ref->buffer);
    for (int i = 0; i < ref->n_terms; i++)
        fprintf(p->out, " + %s*%lld", ref->terms[i].loop->var, (long long)ref->terms[i].stride);
    if (ref->offset)
        fprintf(p->out, " + %lld", (long long)ref->offset);
}

static void print_stmt(const Printer *p, const Stmt *stmt, int depth)
{
    fprintf(p->out, "%*s", depth * 2, "");
    if (stmt->kind == STMT_CALL) {
        fprintf(p->out, "%s(", stmt->kernel->name);
        for (int i = 0; i < stmt->n_args; i++) {
            fputs(i ? ", " : "", p->out);
            print_ref(p, &stmt->args[i]);
        }
        fputs(")\n", p->out);
        return;
    }
    fprintf(p->out, "%s %s in %lld\n", depth == 1 ? "parallel" : "for", stmt->var, (long long)stmt->extent);
    for (int64_t i = 0; i < stmt->body.len; i++)
        print_stmt(p, stmt->body.at[i], depth + 1);
}

static void print_sections(const Printer *p, const Phase *phase)
{
    for (int64_t i = 0; i < phase->sections.len; i++)
        print_stmt(p, phase->sections.at[i], 1);
}

void phase_print(const Phase *phase, FILE *out) { print_sections(&(Printer){out, REF_NAMES}, phase); }

void phase_print_code(const Phase *phase, FILE *out) { print_sections(&(Printer){out, REF_SPACES}, phase); }

static void print_phase(const Phase *phase, const char *when, FILE *out)
{
    fprintf(out, "%s phase \"", when);
    put_escaped(out, phase->name);
    fprintf(out, "\" flops %lld chunks %lld\n", (long long)phase->flops, (long long)phase_chunks(phase));
    phase_print(phase, out);
}

static void print_buffer(const Buffer *buffer, FILE *out)
{
    fputs("buffer ", out);
    put_escaped(out, buffer->name);
    fprintf(out, " %s %s %lld", space_names[buffer->space], dtype_name(buffer->dtype), (long long)buffer->bytes);
    if (buffer->space == SPACE_TENSOR)
        fprintf(out, " number %lld\n", (long long)buffer->index);
    else
        fprintf(out, " at %lld\n", (long long)buffer->offset);
}

static void print_head(const Program *program, FILE *out)
{
    fprintf(out, "program %s arena %lld scratch %lld weights %lld%s\n", program->cpu->isa, (long long)program->arena_bytes,
            (long long)program->scratch_bytes, (long long)program->weights_bytes, program->by_image ? " batches by image" : "");
}

void program_print(const Program *program, FILE *out)
{
    print_head(program, out);
    for (int64_t i = 0; i < program->buffers.len; i++)
        print_buffer(program->buffers.at[i], out);
    for (int64_t i = 0; i < program->begin.len; i++)
        print_phase(program->begin.at[i], "begin", out);
    for (int64_t i = 0; i < program->image.len; i++)
        print_phase(program->image.at[i], "image", out);
    for (int64_t i = 0; i < program->end.len; i++)
        print_phase(program->end.at[i], "end", out);
}

void program_print_code(const Program *program, FILE *out)
{
    Arena *scratch = arena_new();
    Printer p = {out, REF_PLACES};
    print_head(program, out);
    for (int64_t i = 0; i < program->kernels.len; i++)
        fprintf(out, "kernel %s:%s\n", program->kernels.at[i]->name, kernel_text(scratch, program->kernels.at[i]));
    PhaseList phases = program_phases(program, scratch);
    for (int64_t i = 0; i < phases.len; i++)
        print_sections(&p, phases.at[i]);
    arena_free(scratch);
}
