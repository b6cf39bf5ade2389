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

static void print_ref(const Ref *ref, FILE *out)
{
    if (!ref->buffer) {
        fputs("_", out);
        return;
    }
    put_escaped(out, ref->buffer->name);
    for (int i = 0; i < ref->n_terms; i++)
        fprintf(out, " + %s*%lld", ref->terms[i].loop->var, (long long)ref->terms[i].stride);
    if (ref->offset)
        fprintf(out, " + %lld", (long long)ref->offset);
}

static void print_stmt(const Stmt *stmt, int depth, FILE *out)
{
    fprintf(out, "%*s", depth * 2, "");
    if (stmt->kind == STMT_CALL) {
        fprintf(out, "%s(", stmt->kernel->name);
        for (int i = 0; i < stmt->n_args; i++) {
            fputs(i ? ", " : "", out);
            print_ref(&stmt->args[i], out);
        }
        fputs(")\n", out);
        return;
    }
    fprintf(out, "%s %s in %lld\n", depth == 1 ? "parallel" : "for", stmt->var, (long long)stmt->extent);
    for (int64_t i = 0; i < stmt->body.len; i++)
        print_stmt(stmt->body.at[i], depth + 1, out);
}

void phase_print(const Phase *phase, FILE *out)
{
    for (int64_t i = 0; i < phase->sections.len; i++)
        print_stmt(phase->sections.at[i], 1, out);
}

static void print_phase(const Phase *phase, const char *when, FILE *out)
{
    fprintf(out, "%s phase \"", when);
    put_escaped(out, phase->name);
    fprintf(out, "\" flops %lld chunks %lld\n", (long long)phase->flops, (long long)phase_chunks(phase));
    phase_print(phase, out);
}

static void print_buffer(const Buffer *buffer, FILE *out)
{
    static const char *const spaces[] = {"tensor", "arena", "scratch", "weights"};
    fputs("buffer ", out);
    put_escaped(out, buffer->name);
    fprintf(out, " %s %s %lld", spaces[buffer->space], dtype_name(buffer->dtype), (long long)buffer->bytes);
    if (buffer->space == SPACE_TENSOR)
        fprintf(out, " number %lld\n", (long long)buffer->index);
    else
        fprintf(out, " at %lld\n", (long long)buffer->offset);
}

void program_print(const Program *program, FILE *out)
{
    fprintf(out, "program %s arena %lld scratch %lld weights %lld%s\n", program->cpu->isa, (long long)program->arena_bytes,
            (long long)program->scratch_bytes, (long long)program->weights_bytes, program->by_image ? " batches by image" : "");
    for (int64_t i = 0; i < program->buffers.len; i++)
        print_buffer(program->buffers.at[i], out);
    for (int64_t i = 0; i < program->begin.len; i++)
        print_phase(program->begin.at[i], "begin", out);
    for (int64_t i = 0; i < program->image.len; i++)
        print_phase(program->image.at[i], "image", out);
    for (int64_t i = 0; i < program->end.len; i++)
        print_phase(program->end.at[i], "end", out);
}
