/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Emulates AMX instructions where they fault.
 *
 * A processor without AMX answers its instructions with #UD, which Linux hands on as SIGILL, with all registers. The
 * handler decodes the instruction, does it on a tile file of the thread, and goes on behind it:
 *
 *     c4 e2 53 5c c1   tdpbf16ps %tmm5, %tmm1, %tmm0   →  #UD  →  tmm0 += tmm1 · tmm5  →  rip + 5
 *
 * Encodings and operations are those of the Intel SDM volume 2 (LDTILECFG … TILEZERO) and of volume 1, chapter 18. What
 * the SDM calls an error ends the process with SIGILL as it would there: tiles not configured, shapes that don't fit,
 * anything that is not AMX. Products use the processor's FMA with MXCSR set to nearest, DAZ and FTZ. Where there is AMX
 * it is used: tests then compare the processor itself with the SDM. */
#define _GNU_SOURCE
#include "tests/codegen/amx.h"

#include <immintrin.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { N_TILES = 8, MAX_ROWS = 16, ROW = 64 };

typedef struct Tile {
    _Alignas(64) uint8_t data[MAX_ROWS][ROW];
    int rows, row_bytes; /* 0: not configured */
} Tile;

static _Thread_local Tile tiles[N_TILES] __attribute__((tls_model("initial-exec")));
static atomic_llong configured, released, loaded, streamed, stored, products;

AmxCounts amx_counts(void) { return (AmxCounts){configured, released, loaded, streamed, stored, products}; }

/* ── Decoding ────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Instruction {
    uint8_t opcode, prefix;      /* prefix: VEX.pp: 0 none, 1 66, 2 F3, 3 F2 */
    int reg, rm, vvvv;           /* registers; rm -1: memory */
    uint64_t address, index;     /* of memory; the scaled index register, which is a stride to tile loads */
    int length;
} Instruction;

typedef struct Decoder {
    const uint8_t *at;
    const greg_t *registers;
} Decoder;

static uint64_t register_value(const Decoder *d, int number)
{
    static const int places[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                   REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return (uint64_t)d->registers[places[number]];
}

static int64_t displacement(Decoder *d, int bytes)
{
    int32_t wide = 0;
    if (bytes == 1)
        wide = (int8_t)*d->at;
    else if (bytes == 4)
        memcpy(&wide, d->at, 4);
    d->at += bytes;
    return wide;
}

/* ModRM's memory operand; extend_x and extend_b are VEX.X and VEX.B, as 0 or 8. */
static bool decode_memory(Decoder *d, Instruction *i, int mod, int rm, int extend_x, int extend_b)
{
    int bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0, base = rm | extend_b;
    bool relative = mod == 0 && rm == 5, has_base = true;
    if (rm == 4) {
        uint8_t sib = *d->at++;
        int index = (sib >> 3 & 7) | extend_x;
        i->index = index == 4 ? 0 : register_value(d, index) << (sib >> 6);
        base = (sib & 7) | extend_b;
        has_base = !((sib & 7) == 5 && mod == 0);
    }
    if (relative || !has_base)
        bytes = 4;
    i->address = (uint64_t)displacement(d, bytes);
    if (relative)
        i->address += (uint64_t)(uintptr_t)d->at; /* no immediate follows */
    else if (has_base)
        i->address += register_value(d, base);
    return true;
}

/* C4 RXBmmmmm WvvvvLpp opcode ModRM …; R, X, B and vvvv are stored inverted. */
static bool decode(const greg_t *registers, Instruction *i)
{
    const uint8_t *start = (const uint8_t *)registers[REG_RIP];
    Decoder d = {start + 5, registers};
    uint8_t first = start[1], second = start[2], modrm = start[4];
    if (start[0] != 0xc4 || (first & 31) != 2 || second & 0x84)
        return false;
    int mod = modrm >> 6, extend_x = first & 0x40 ? 0 : 8, extend_b = first & 0x20 ? 0 : 8;
    *i = (Instruction){.opcode = start[3], .prefix = second & 3, .vvvv = ~second >> 3 & 15, .rm = -1};
    i->reg = (modrm >> 3 & 7) | (first & 0x80 ? 0 : 8);
    if (mod == 3)
        i->rm = (modrm & 7) | extend_b;
    else
        decode_memory(&d, i, mod, modrm & 7, extend_x, extend_b);
    i->length = (int)(d.at - start);
    return true;
}

/* ── Operations ──────────────────────────────────────────────────────────────────────────────────────── */

static bool is_valid(int tile) { return tile >= 0 && tile < N_TILES && tiles[tile].rows > 0; }

static bool configure(const uint8_t *memory)
{
    static const uint8_t zeros[16];
    bool any = false;
    if (memory[0] != 1 || memory[1] != 0 || memcmp(memory + 2, zeros, 14) || memcmp(memory + 32, zeros, 16) ||
        memcmp(memory + 56, zeros, 8))
        return false;
    for (int t = 0; t < N_TILES; t++) {
        int rows = memory[48 + t], row_bytes = memory[16 + 2 * t] | memory[17 + 2 * t] << 8;
        if (rows > MAX_ROWS || row_bytes > ROW || !rows != !row_bytes)
            return false;
        memset(&tiles[t], 0, sizeof tiles[t]);
        tiles[t].rows = rows;
        tiles[t].row_bytes = row_bytes;
        any |= rows > 0;
    }
    configured++;
    return any;
}

static bool release(void)
{
    memset(tiles, 0, sizeof tiles);
    released++;
    return true;
}

static bool load(Tile *tile, uint64_t address, uint64_t stride, atomic_llong *count)
{
    memset(tile->data, 0, sizeof tile->data);
    for (int r = 0; r < tile->rows; r++)
        memcpy(tile->data[r], (const void *)(uintptr_t)(address + (uint64_t)r * stride), (size_t)tile->row_bytes);
    ++*count;
    return true;
}

static bool store(const Tile *tile, uint64_t address, uint64_t stride)
{
    for (int r = 0; r < tile->rows; r++)
        memcpy((void *)(uintptr_t)(address + (uint64_t)r * stride), tile->data[r], (size_t)tile->row_bytes);
    stored++;
    return true;
}

/* Rows of 16 pairs, whatever is configured: what lies outside is zero and stays outside. */
__attribute__((target("avx512f"), noinline)) static void multiply(Tile *c, const Tile *a, const Tile *b)
{
    const __m512i high = _mm512_set1_epi32(-65536);
    for (int m = 0; m < c->rows; m++) {
        __m512 even = _mm512_setzero_ps(), odd = even, sum = _mm512_load_ps(c->data[m]);
        for (int k = 0; k < b->rows; k++) {
            __m512i pair = _mm512_load_si512(b->data[k]), both = _mm512_set1_epi32(((const int *)a->data[m])[k]);
            even = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(both, 16)),
                                   _mm512_castsi512_ps(_mm512_slli_epi32(pair, 16)), even);
            odd = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(both, high)),
                                  _mm512_castsi512_ps(_mm512_and_si512(pair, high)), odd);
        }
        _mm512_store_ps(c->data[m], _mm512_add_ps(sum, _mm512_add_ps(even, odd)));
    }
}

/* tdpbusd: quads of bytes, a's unsigned and b's signed. */
static void multiply_bytes(Tile *c, const Tile *a, const Tile *b)
{
    for (int m = 0; m < c->rows; m++)
        for (int n = 0; n < c->row_bytes / 4; n++) {
            uint32_t sum; /* it wraps */
            memcpy(&sum, &c->data[m][4 * n], sizeof sum);
            for (int k = 0; k < b->rows; k++)
                for (int i = 0; i < 4; i++)
                    sum += (uint32_t)(a->data[m][4 * k + i] * (int8_t)b->data[k][4 * n + i]);
            memcpy(&c->data[m][4 * n], &sum, sizeof sum);
        }
}

static bool product(int c, int a, int b, bool bytes)
{
    const uint32_t flush_and_nearest = 0x9fc0;
    uint32_t mode;
    if (!is_valid(c) || !is_valid(a) || !is_valid(b) || a == b || a == c || b == c || tiles[c].rows != tiles[a].rows ||
        tiles[c].row_bytes != tiles[b].row_bytes || tiles[a].row_bytes != 4 * tiles[b].rows)
        return false;
    __asm__ volatile("stmxcsr %0\n\tldmxcsr %1" : "=m"(mode) : "m"(flush_and_nearest) : "memory");
    (bytes ? multiply_bytes : multiply)(&tiles[c], &tiles[a], &tiles[b]);
    __asm__ volatile("ldmxcsr %0" : : "m"(mode) : "memory");
    products++;
    return true;
}

static bool execute(const Instruction *i)
{
    bool memory = i->rm < 0;
    Tile *tile = is_valid(i->reg) ? &tiles[i->reg] : NULL;
    switch (i->opcode << 4 | i->prefix) {
    case 0x490: return memory ? i->reg == 0 && configure((const uint8_t *)(uintptr_t)i->address) : i->reg == 0 && release();
    case 0x493: return !memory && tile && memset(tile->data, 0, sizeof tile->data);
    case 0x4b1: return memory && tile && load(tile, i->address, i->index, &streamed);
    case 0x4b2: return memory && tile && store(tile, i->address, i->index);
    case 0x4b3: return memory && tile && load(tile, i->address, i->index, &loaded);
    case 0x5c2: return !memory && product(i->reg, i->rm, i->vvvv, false);
    case 0x5e1: return !memory && product(i->reg, i->rm, i->vvvv, true);
    default: return false;
    }
}

static void on_illegal(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    Instruction instruction;
    (void)info;
    if (decode(registers, &instruction) && execute(&instruction)) {
        registers[REG_RIP] += instruction.length;
        return;
    }
    static const char message[] = "amx: an instruction that is no AMX, or that AMX would refuse\n";
    if (write(STDERR_FILENO, message, sizeof message - 1) < 0)
        _exit(1);
    signal(number, SIG_DFL);
}

/* Whether the processor has AMX and the kernel grants it: then nothing faults but a mistake. */
static bool is_granted(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0;
}

void amx_install(void)
{
    if (is_granted())
        return;
    struct sigaction action = {.sa_sigaction = on_illegal, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGILL, &action, NULL);
}
