/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The harness of kernel tests and benchmarks: see harness.h. */
#include "tests/codegen/harness.h"

#include "ir/interp_util.h"

#include <dlfcn.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ── Cases and buffers ───────────────────────────────────────────────────────────────────────────────── */

Suite *suite_new(const char *name) { return suite_emulated(name, 0); }

Suite *suite_emulated(const char *name, int64_t emulated)
{
    const CpuProfile *cpu = cpu_find(name), *host = cpu_host();
    if (!cpu || !host ||
        ((cpu->arch != host->arch || (cpu->runtime_features & ~host->runtime_features & ~emulated)) && emulated != -1))
        return NULL;
    Arena *arena = arena_new();
    Suite *suite = NEW(arena, Suite);
    suite->arena = arena;
    suite->cpu = cpu;
    suite->lanes = cpu_lanes(cpu);
    suite->random = 88172645463325252u;
    return suite;
}

void suite_free(Suite *suite)
{
    if (suite->library)
        dlclose(suite->library);
    arena_free(suite->arena);
}

Case *suite_case(Suite *suite, KernelKind kind, const char *format, ...)
{
    Case *c = NEW(suite->arena, Case);
    va_list args;
    va_start(args, format);
    c->label = arena_vprintf(suite->arena, format, args);
    va_end(args);
    c->kernel.kind = kind;
    vec_push(suite->arena, &suite->cases, c);
    return c;
}

typedef struct Mapping {
    void *start;
    size_t bytes;
} Mapping;

static void unmap(void *object)
{
    Mapping *mapping = object;
    munmap(mapping->start, mapping->bytes);
}

void *test_buffer(Suite *suite, int64_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), used = ((size_t)bytes + page - 1) / page * page;
    Mapping *mapping = NEW(suite->arena, Mapping);
    mapping->bytes = used + page;
    mapping->start = mmap(NULL, mapping->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping->start == MAP_FAILED)
        out_of_memory();
    mprotect((char *)mapping->start + used, page, PROT_NONE);
    arena_on_free(suite->arena, unmap, mapping);
    return (char *)mapping->start + used - bytes;
}

/* xorshift64, Marsaglia */
double test_random(Suite *suite, double low, double high)
{
    suite->random ^= suite->random << 13;
    suite->random ^= suite->random >> 7;
    suite->random ^= suite->random << 17;
    return low + (high - low) * (double)(suite->random >> 11) * 0x1p-53;
}

float *test_floats(Suite *suite, int64_t count, double low, double high)
{
    float *values = test_buffer(suite, count * 4);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)test_random(suite, low, high);
    return values;
}

static double element(const void *buffer, DType dtype, int64_t i)
{
    Tensor tensor = {.dtype = dtype, .rank = 1, .count = i + 1, .data = buffer};
    return tensor_get(&tensor, i);
}

void case_expect(Suite *suite, Case *c, int out, DType dtype, int64_t count, double tolerance)
{
    c->out = out;
    c->out_dtype = dtype;
    c->n_out = count;
    c->tolerance = tolerance;
    c->expected = NEW_ARRAY(suite->arena, double, count);
    for (int64_t i = 0; i < count; i++)
        c->expected[i] = element(c->args[out], dtype, i);
}

void case_arg(Case *c, void *buffer) { c->args[c->n_args++] = buffer; }

/* ── Expressions ─────────────────────────────────────────────────────────────────────────────────────── */

void expr_begin(Case *c, int n_operands) { c->kernel.expr.n_operands = n_operands; }

void expr_step(Case *c, OpKind op, int a, int b, double imm0, double imm1)
{
    ExprStep *step = &c->kernel.expr.steps[c->kernel.expr.n_steps++];
    *step = (ExprStep){.op = op, .in = {a, b, 0}, .imm = {imm0, imm1}, .dtype = DT_FLOAT};
}

void case_operand(Case *c, int index, DType dtype, int64_t row, int64_t step)
{
    c->kernel.operands[index] = (Operand){dtype, row, step};
}

/* An operator without attributes, as the interpreter has it: by libm, in double. */
static double interpreted(OpKind op, double x)
{
    double y;
    Tensor in = {.dtype = DT_DOUBLE, .count = 1, .data = &x}, out = {.dtype = DT_DOUBLE, .count = 1, .data = &y};
    return op_compute(op, NULL, (Tensor *[]){&in}, (Tensor *[]){&out}, NULL) ? y : NAN;
}

static double unary_reference(OpKind op, double x, const double *imm)
{
    const double root = sqrt(0.5), tanh_scale = sqrt(2 / 3.14159265358979323846);
    switch (op) {
    case OP_Clip: return fmin(fmax(x, imm[0]), imm[1]);
    case OP_Elu: return x >= 0 ? x : imm[0] * expm1(x);
    case OP_Gelu: return x / 2 * (imm[0] != 0 ? 1 + tanh(tanh_scale * (x + 0.044715 * x * x * x)) : erfc(-x * root));
    case OP_HardSigmoid: return fmax(0, fmin(1, imm[0] * x + imm[1]));
    case OP_LeakyRelu: return x >= 0 ? x : imm[0] * x;
    case OP_Selu: return imm[1] * (x > 0 ? x : imm[0] * expm1(x));
    default: return interpreted(op, x);
    }
}

double step_reference(const ExprStep *step, double a, double b, double c)
{
    switch (step->op) {
    case OP_Constant: return step->imm[0];
    case OP_Add: return a + b;
    case OP_Sub: return a - b;
    case OP_Mul: return a * b;
    case OP_Div: return a / b;
    case OP_Max: return fmax(a, b);
    case OP_Min: return fmin(a, b);
    case OP_Pow: return pow(a, b);
    case OP_PRelu: return a >= 0 ? a : a * b;
    case OP_Less: return a < b;
    case OP_Equal: return a == b;
    case OP_Where: return a != 0 ? b : c;
    case OP_Cast: return step->dtype == DT_FLOAT ? a : step->dtype == DT_BOOL ? a != 0 : trunc(a);
    default: return unary_reference(step->op, a, step->imm);
    }
}

double expr_reference(const Expr *expr, const double *operands)
{
    double values[MAX_OPERANDS + countof(expr->steps)];
    memcpy(values, operands, sizeof(double) * (size_t)expr->n_operands);
    if (!expr->n_steps)
        return operands[0];
    for (int i = 0; i < expr->n_steps; i++) {
        const ExprStep *s = &expr->steps[i];
        values[expr->n_operands + i] = step_reference(s, values[s->in[0]], values[s->in[1]], values[s->in[2]]);
    }
    return values[expr->n_operands + expr->n_steps - 1];
}

/* ── Compiling and running ───────────────────────────────────────────────────────────────────────────── */

/* One phase for each case: one chunk that calls the kernel on tensors of its own. */
static Phase *case_phase(Suite *suite, Program *program, const Case *c, int64_t first_tensor)
{
    Phase *phase = NEW(suite->arena, Phase);
    Stmt *loop = NEW(suite->arena, Stmt), *call = NEW(suite->arena, Stmt);
    phase->name = c->label;
    loop->kind = STMT_LOOP;
    loop->var = "i0";
    loop->extent = 1;
    call->kind = STMT_CALL;
    call->kernel = kernel_intern(program, &c->kernel);
    call->n_args = c->n_args;
    call->args = NEW_ARRAY(suite->arena, Ref, c->n_args);
    for (int i = 0; i < c->n_args; i++) {
        if (!c->args[i])
            continue;
        Buffer *buffer = NEW(suite->arena, Buffer);
        *buffer = (Buffer){.name = "t", .space = SPACE_TENSOR, .dtype = DT_FLOAT, .index = first_tensor + i};
        call->args[i].buffer = buffer;
    }
    vec_push(suite->arena, &loop->body, call);
    vec_push(suite->arena, &phase->sections, loop);
    return phase;
}

static bool write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    bool ok = file && fputs(text, file) >= 0;
    return file && !fclose(file) && ok;
}

static bool link_and_load(Suite *suite, const char *dir)
{
    const char *accessor = "extern const char model[] __asm__(\"cnxrt_model\")"
                           " __attribute__((visibility(\"hidden\")));\n"
                           "const void *get_model(void) { return model; }\n";
    if (!write_text(arena_printf(suite->arena, "%s/get.c", dir), accessor))
        return false;
    if (system(arena_printf(suite->arena, "cd %s && cc -shared -fPIC get.c model.o -o model.so", dir)))
        return false;
    suite->library = dlopen(arena_printf(suite->arena, "%s/model.so", dir), RTLD_NOW);
    if (!suite->library) {
        fprintf(stderr, "%s\n", dlerror());
        return false;
    }
    const void *(*get_model)(void);
    *(void **)&get_model = dlsym(suite->library, "get_model");
    suite->model = get_model();
    return true;
}

bool suite_build(Suite *suite)
{
    Program program = {.arena = suite->arena, .cpu = suite->cpu};
    Graph graph = {0};
    ArtifactSize size = {.graph = &graph};
    ArtifactInfo info = {.name = "kernels",
                         .version = "0",
                         .info_json = "{}",
                         .weights_file = "none",
                         .pixel_input = -1,
                         .size_input = -1,
                         .logits_output = -1,
                         .sizes = &size,
                         .n_sizes = 1,
                         .n_variants = 1};
    Diag diag = {.out = stderr};
    CodeReport report = {0};
    for (int64_t i = 0; i < suite->cases.len; i++)
        vec_push(suite->arena, &program.image, case_phase(suite, &program, suite->cases.at[i], i * MAX_ARGS));
    char dir[] = "/tmp/cnxc-kernels-XXXXXX";
    if (!mkdtemp(dir))
        return false;
    const char *object = arena_printf(suite->arena, "%s/model.o", dir);
    bool ok = codegen_emit(CODE_BOTH, &program, 0, &info, 3, CODE_OBJECT, object, &report, suite->arena, &diag) &&
              link_and_load(suite, dir);
    for (int64_t i = 0; i < report.kernels.len; i++)
        if (getenv("CNXC_SHOW_SPILLS"))
            printf("%s spills %lld\n", report.kernels.at[i].kernel, (long long)report.kernels.at[i].spills);
    if (!getenv("CNXC_KEEP") && system(arena_printf(suite->arena, "rm -r %s", dir)))
        return false;
    return ok;
}

void suite_run(Suite *suite, int64_t index, int64_t repeat)
{
    const Case *c = suite->cases.at[index];
    int64_t n = (index + 1) * MAX_ARGS;
    uint8_t **tensors = calloc((size_t)n, sizeof *tensors);
    memcpy(tensors + index * MAX_ARGS, c->args, sizeof c->args);
    CnxrtFrame frame = {.tensors = tensors, .batch = 1};
    for (int64_t i = 0; i < repeat; i++)
        suite->model->variants[0]->phases[index].run(&frame, 0, 1);
    free(tensors);
}

static bool same(double got, double want, double tolerance)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got))
        return got == want;
    return fabs(got - want) <= tolerance * fmax(1, fabs(want));
}

static bool compare(const Suite *suite, const Case *c)
{
    for (int64_t i = 0; i < c->n_out; i++) {
        double got = element(c->args[c->out], c->out_dtype, i), want = c->expected[i];
        if (c->out_dtype == DT_FLOAT && fabs(want) > FLT_MAX)
            want = copysign(INFINITY, want);
        if (same(got, want, c->tolerance))
            continue;
        fprintf(stderr, "%s, %s: element %lld is %.9g, expected %.9g\n", suite->cpu->name, c->label, (long long)i, got, want);
        return false;
    }
    return true;
}

int suite_check(Suite *suite)
{
    int wrong = 0;
    for (int64_t i = 0; i < suite->cases.len; i++) {
        suite_run(suite, i, 1);
        wrong += !compare(suite, suite->cases.at[i]);
    }
    return wrong;
}
