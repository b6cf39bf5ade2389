/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Halves have 5 bits of exponent and 10 of fraction:
 *
 *   normal      the exponent moves by the difference of biases, the fraction by that of its widths, rounded by an addition
 *               below its last bit; a carry into the exponent is right
 *   subnormal   multiples of 2^-24: the processor rounds when a number is added of which that is the last bit
 *   NaN         stays one, and is quiet */
#include "runtime/half.h"

#include <stdint.h>
#include <string.h>

enum { SIGN = 0x8000, INFINITE = 0x7c00, QUIET = 0x7e00, FRACTION = 0x3ff };

static _Float16 half_of(uint64_t bits)
{
    uint16_t low = (uint16_t)bits;
    _Float16 half;
    memcpy(&half, &low, sizeof half);
    return half;
}

float __extendhfsf2(_Float16 half)
{
    uint16_t bits;
    memcpy(&bits, &half, sizeof bits);
    uint32_t sign = (uint32_t)(bits & SIGN) << 16, rest = bits & (SIGN - 1), wide = (rest << 13) + (112u << 23);
    float value = (float)rest * 0x1p-24f; /* a subnormal's */
    if (rest >= INFINITE)
        wide = 0x7f800000 | rest << 13 | (rest > INFINITE ? 0x400000 : 0);
    if (rest <= FRACTION)
        memcpy(&wide, &value, sizeof wide);
    wide |= sign;
    memcpy(&value, &wide, sizeof value);
    return value;
}

_Float16 __truncsfhf2(float value)
{
    uint32_t bits, sign;
    memcpy(&bits, &value, sizeof bits);
    sign = bits >> 16 & SIGN;
    bits &= 0x7fffffff;
    if (bits > 0x7f800000)
        return half_of(sign | QUIET | (bits >> 13 & FRACTION));
    if (bits >= 0x477ff000) /* 65520, halfway to what would be the next */
        return half_of(sign | INFINITE);
    if (bits >= 0x38800000) /* 2^-14, the least normal */
        return half_of(sign | (bits + 0xfff + (bits >> 13 & 1) - (112u << 23)) >> 13);
    memcpy(&value, &bits, sizeof value);
    value += 0.5f; /* whose last bit is 2^-24 */
    memcpy(&bits, &value, sizeof bits);
    return half_of(sign | (bits - 0x3f000000));
}

_Float16 __truncdfhf2(double value)
{
    const double large = 0x1p28; /* whose last bit is 2^-24 */
    uint64_t bits, sign, base;
    memcpy(&bits, &value, sizeof bits);
    memcpy(&base, &large, sizeof base);
    sign = bits >> 48 & SIGN;
    bits &= INT64_MAX;
    if (bits > (uint64_t)0x7ff << 52)
        return half_of(sign | QUIET | (bits >> 42 & FRACTION));
    if (bits >= 0x40effe0000000000) /* 65520 */
        return half_of(sign | INFINITE);
    if (bits >= (uint64_t)(1023 - 14) << 52)
        return half_of(sign | (bits + (((uint64_t)1 << 41) - 1) + (bits >> 42 & 1) - ((uint64_t)1008 << 52)) >> 42);
    memcpy(&value, &bits, sizeof value);
    value += large;
    memcpy(&bits, &value, sizeof bits);
    return half_of(sign | (bits - base));
}
