/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The k greatest of n elements, or the least, in order.
 *
 * An element and its place make one number, a key, so that comparing keys orders elements and, of equal ones, the first first:
 *
 *     3.5 at place 7 of a float row   →   0xc0600000fffffff8: the bits in an order of integers, then the place, inverted
 *
 * Keys go through a heap of k whose root is the least one; in the end the least is taken out again and again, which leaves them
 * in descending order (Williams' heapsort). Values are read anew from where their keys say. */
#include "compiler/codegen/emit.h"

#include <math.h>

typedef struct Keys {
    const Kernel *kernel;
    IrType half, whole;      /* of an element's part of a key, and of a key */
    unsigned bits;           /* of half */
    IrValue heap;
} Keys;

static Keys keys_of(Emit *e, const Kernel *k)
{
    unsigned bits = dtype_size(k->topk.element) > 4 ? 64 : 32;
    return (Keys){k, LLVMIntTypeInContext(e->context, bits), LLVMIntTypeInContext(e->context, 2 * bits), bits,
                  emit_arg(e, TOPK_KEYS)};
}

static IrValue key_address(Emit *e, const Keys *keys, IrValue at) { return emit_index(e, keys->heap, at, keys->bits / 4); }

static IrValue key_load(Emit *e, const Keys *keys, IrValue at)
{
    return emit_load_scalar(e, keys->whole, key_address(e, keys, at));
}

static void key_store(Emit *e, const Keys *keys, IrValue key, IrValue at) { emit_store_scalar(e, key, key_address(e, keys, at)); }

/* ── From elements to keys ───────────────────────────────────────────────────────────────────────────── */

static IrValue sign_bit(const Keys *keys) { return LLVMConstInt(keys->half, 1ull << (keys->bits - 1), 0); }

/* Bits of a float that order as unsigned integers do. Both zeros are one, and all NaNs, above infinity. */
static IrValue float_bits(Emit *e, const Keys *keys, IrValue x)
{
    IrType type = LLVMTypeOf(x);
    IrValue is_nan = LLVMBuildFCmp(e->ir, LLVMRealUNO, x, x, ""), zero = LLVMConstReal(type, 0);
    IrValue is_zero = LLVMBuildFCmp(e->ir, LLVMRealOEQ, x, zero, "");
    x = emit_select(e, is_zero, zero, emit_select(e, is_nan, LLVMConstReal(type, NAN), x));
    IrValue bits = LLVMBuildBitCast(e->ir, x, keys->half, "");
    IrValue negative = LLVMBuildICmp(e->ir, LLVMIntSLT, bits, LLVMConstNull(keys->half), "");
    return emit_select(e, negative, LLVMBuildNot(e->ir, bits, ""), LLVMBuildXor(e->ir, bits, sign_bit(keys), ""));
}

static IrValue element_bits(Emit *e, const Keys *keys, IrValue x)
{
    switch (keys->kernel->topk.element) {
    case DT_FLOAT:
    case DT_DOUBLE: return float_bits(e, keys, x);
    case DT_UINT8:
    case DT_UINT16:
    case DT_UINT32:
    case DT_UINT64: return LLVMBuildIntCast2(e->ir, x, keys->half, 0, "");
    default: return LLVMBuildXor(e->ir, LLVMBuildIntCast2(e->ir, x, keys->half, 1, ""), sign_bit(keys), "");
    }
}

static IrValue element_at(Emit *e, const Kernel *k, IrValue place)
{
    return emit_load_scalar(e, emit_memory_type(e, k->topk.element), emit_index(e, emit_arg(e, TOPK_IN), place, k->topk.step));
}

static IrValue key_of(Emit *e, const Keys *keys, IrValue place)
{
    IrValue bits = element_bits(e, keys, element_at(e, keys->kernel, place));
    if (keys->kernel->topk.least)
        bits = LLVMBuildNot(e->ir, bits, "");
    IrValue high = LLVMBuildShl(e->ir, LLVMBuildZExt(e->ir, bits, keys->whole, ""), LLVMConstInt(keys->whole, keys->bits, 0), "");
    IrValue low = LLVMBuildNot(e->ir, LLVMBuildTrunc(e->ir, place, keys->half, ""), "");
    return LLVMBuildOr(e->ir, high, LLVMBuildZExt(e->ir, low, keys->whole, ""), "");
}

static IrValue place_of(Emit *e, const Keys *keys, IrValue key)
{
    IrValue low = LLVMBuildNot(e->ir, LLVMBuildTrunc(e->ir, key, keys->half, ""), "");
    return LLVMBuildIntCast2(e->ir, low, e->i64, 0, "");
}

/* ── The heap ────────────────────────────────────────────────────────────────────────────────────────── */

static LLVMBasicBlockRef block_new(Emit *e) { return LLVMAppendBasicBlockInContext(e->context, e->function, "heap"); }

/* The lesser child of `at` among `size` keys, whose first child is there. */
static IrValue lesser_child(Emit *e, const Keys *keys, IrValue child, IrValue size)
{
    IrValue next = LLVMBuildAdd(e->ir, child, emit_i64(e, 1), "");
    IrValue other = emit_select(e, LLVMBuildICmp(e->ir, LLVMIntULT, next, size, ""), next, child);
    IrValue less = LLVMBuildICmp(e->ir, LLVMIntULT, key_load(e, keys, other), key_load(e, keys, child), "");
    return emit_select(e, less, other, child);
}

/* Puts key in the root's place among `size` keys and lets it sink: its lesser child rises while it is less. */
static void heap_sink(Emit *e, const Keys *keys, IrValue key, IrValue size)
{
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->ir), look = block_new(e), compare = block_new(e), rise = block_new(e);
    LLVMBasicBlockRef done = block_new(e);
    IrValue root = emit_i64(e, 0);
    LLVMBuildBr(e->ir, look);
    LLVMPositionBuilderAtEnd(e->ir, look);
    IrValue at = LLVMBuildPhi(e->ir, e->i64, "");
    IrValue child = LLVMBuildAdd(e->ir, LLVMBuildMul(e->ir, at, emit_i64(e, 2), ""), emit_i64(e, 1), "");
    LLVMBuildCondBr(e->ir, LLVMBuildICmp(e->ir, LLVMIntULT, child, size, ""), compare, done);
    LLVMPositionBuilderAtEnd(e->ir, compare);
    IrValue lesser = lesser_child(e, keys, child, size), rising = key_load(e, keys, lesser);
    LLVMBuildCondBr(e->ir, LLVMBuildICmp(e->ir, LLVMIntULT, rising, key, ""), rise, done);
    LLVMPositionBuilderAtEnd(e->ir, rise);
    key_store(e, keys, rising, at);
    LLVMBuildBr(e->ir, look);
    LLVMAddIncoming(at, (IrValue[]){root, lesser}, (LLVMBasicBlockRef[]){before, rise}, 2);
    LLVMPositionBuilderAtEnd(e->ir, done);
    key_store(e, keys, key, at);
}

/* Every element whose key is greater than the root's takes its place. Zero is less than any key: it begins as k of them. */
static void collect(Emit *e, const Keys *keys)
{
    IrValue k = emit_i64(e, keys->kernel->topk.k);
    Loop clear = emit_loop_begin(e, keys->kernel->topk.k, NULL, 0);
    key_store(e, keys, LLVMConstNull(keys->whole), clear.index);
    emit_loop_end(e, &clear, NULL);
    Loop loop = emit_loop_begin(e, keys->kernel->topk.n, NULL, 0);
    IrValue key = key_of(e, keys, loop.index);
    LLVMBasicBlockRef take = block_new(e), next = block_new(e);
    LLVMBuildCondBr(e->ir, LLVMBuildICmp(e->ir, LLVMIntUGT, key, key_load(e, keys, emit_i64(e, 0)), ""), take, next);
    LLVMPositionBuilderAtEnd(e->ir, take);
    heap_sink(e, keys, key, k);
    LLVMBuildBr(e->ir, next);
    LLVMPositionBuilderAtEnd(e->ir, next);
    emit_loop_end(e, &loop, NULL);
}

/* From the least on, the root goes to the end of what is left, and out with it. */
static void give_out(Emit *e, const Keys *keys)
{
    const Kernel *k = keys->kernel;
    Loop loop = emit_loop_begin(e, k->topk.k, NULL, 0);
    IrValue last = LLVMBuildSub(e->ir, emit_i64(e, k->topk.k - 1), loop.index, "");
    IrValue place = place_of(e, keys, key_load(e, keys, emit_i64(e, 0)));
    emit_store_scalar(e, element_at(e, k, place), emit_index(e, emit_arg(e, TOPK_VALUES), last, k->topk.value_step));
    emit_store_scalar(e, place, emit_index(e, emit_arg(e, TOPK_INDICES), last, k->topk.index_step));
    heap_sink(e, keys, key_load(e, keys, last), last);
    emit_loop_end(e, &loop, NULL);
}

void kernel_topk(Emit *e, const Kernel *kernel)
{
    Keys keys = keys_of(e, kernel);
    collect(e, &keys);
    give_out(e, &keys);
}
