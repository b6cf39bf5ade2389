/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Polynomials for the math functions, fitted when the compiler runs.
 *
 * A table of coefficients in the source is a thing nobody can check. Here each function is sampled in double
 * precision at Chebyshev's points, which gives a polynomial whose largest error is within a small factor of the
 * best possible one (Trefethen, Approximation Theory and Approximation Practice, ch. 16), and its coefficients
 * are rewritten for powers of the distance from the middle:
 *
 *     exp on [-0.35, 0.35], degree 3  →  1.0000, 1.0002, 0.5026, 0.1689 */
#include "compiler/codegen/emit.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { MAX_DEGREE = 20 };

/* Coefficients of Chebyshev polynomials T0 … Tdegree, from degree+1 samples on [-1, 1]. */
static void chebyshev_coefficients(FitFunction *f, double middle, double half, int degree, double *c)
{
    int n = degree + 1;
    const double pi = 3.14159265358979323846;
    memset(c, 0, sizeof *c * (size_t)n);
    for (int i = 0; i < n; i++) {
        double angle = pi * (i + 0.5) / n;
        double value = f(middle + half * cos(angle));
        for (int j = 0; j < n; j++)
            c[j] += (j ? 2.0 : 1.0) / n * value * cos(j * angle);
    }
}

void fit_polynomial(FitFunction *f, double low, double high, int degree, double *coefficients)
{
    double c[MAX_DEGREE + 1], t0[MAX_DEGREE + 1] = {1}, t1[MAX_DEGREE + 1] = {0, 1}, t2[MAX_DEGREE + 1];
    assert(degree >= 1 && degree <= MAX_DEGREE);
    double half = (high - low) / 2, scale = 1;
    chebyshev_coefficients(f, (low + high) / 2, half, degree, c);
    memset(coefficients, 0, sizeof *coefficients * (size_t)(degree + 1));
    for (int j = 0; j <= degree; j++) { /* t0 holds the powers of Tj; T(j+2) = 2u T(j+1) - Tj */
        for (int i = 0; i <= j; i++)
            coefficients[i] += c[j] * t0[i];
        memset(t2, 0, sizeof t2);
        for (int i = 0; i <= j + 1 && i < MAX_DEGREE; i++)
            t2[i + 1] = 2 * t1[i];
        for (int i = 0; i <= j; i++)
            t2[i] -= t0[i];
        memcpy(t0, t1, sizeof t0);
        memcpy(t1, t2, sizeof t1);
    }
    for (int i = 0; i <= degree; i++, scale /= half)
        coefficients[i] *= scale;
}
