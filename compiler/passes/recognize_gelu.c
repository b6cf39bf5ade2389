/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* GELU, however an exporter spelled it out.
 *
 *   a = Div(x, 1.4142135)                         t = Tanh(polynomial of x)
 *   b = Erf(a)                                    …
 *   c = Add(b, 1)             ->  y = Gelu(x)     y = Mul(Mul(x, 0.5), Add(t, 1))   ->  y = Gelu<"tanh">(x)
 *   d = Mul(x, c)
 *   y = Mul(d, 0.5)
 *
 * The argument of Erf or Tanh is compared as a polynomial in x: x/√2, or √(2/π) (x + 0.044715 x³), so every order and
 * association of the same arithmetic is found. The product x · 0.5 · (1 + …) is climbed factor by factor. */
#include "compiler/passes/recognize.h"

#include "compiler/passes/rewrite.h"

#include "ir/infer.h"

#include <math.h>

enum { DEGREE = 3, MAX_DEPTH = 8, MAX_FACTORS = 3 };

typedef struct Poly {
    double at[DEGREE + 1]; /* coefficient of x to the power of the index */
} Poly;

static bool poly_of(const Value *value, const Value *x, Poly *out, int depth);

static bool poly_mul(const Poly *a, const Poly *b, Poly *out)
{
    *out = (Poly){{0}};
    for (int i = 0; i <= DEGREE; i++)
        for (int j = 0; j <= DEGREE; j++) {
            double term = a->at[i] * b->at[j];
            if (i + j <= DEGREE)
                out->at[i + j] += term;
            else if (term != 0)
                return false;
        }
    return true;
}

static bool poly_pow(const Poly *base, const Value *exponent, Poly *out)
{
    double n;
    if (!value_is_scalar(exponent, &n) || n != floor(n) || n < 1 || n > DEGREE)
        return false;
    *out = *base;
    for (int i = 1; i < (int)n; i++) {
        Poly power = *out;
        if (!poly_mul(&power, base, out))
            return false;
    }
    return true;
}

static bool poly_binary(const Node *node, const Value *x, Poly *out, int depth)
{
    Poly a, b;
    double divisor, sign = node->op->kind == OP_Sub ? -1 : 1;
    if (!poly_of(node->inputs.at[0], x, &a, depth + 1))
        return false;
    if (node->op->kind == OP_Pow)
        return poly_pow(&a, node->inputs.at[1], out);
    if (!poly_of(node->inputs.at[1], x, &b, depth + 1))
        return false;
    if (node->op->kind == OP_Mul)
        return poly_mul(&a, &b, out);
    if (node->op->kind == OP_Div && (!value_is_scalar(node->inputs.at[1], &divisor) || divisor == 0))
        return false;
    for (int i = 0; i <= DEGREE; i++)
        out->at[i] = node->op->kind == OP_Div ? a.at[i] / divisor : a.at[i] + sign * b.at[i];
    return true;
}

/* value as a polynomial in x; false if it is none. */
static bool poly_of(const Value *value, const Value *x, Poly *out, int depth)
{
    *out = (Poly){{0}};
    if (value == x) {
        out->at[1] = 1;
        return true;
    }
    if (value_is_scalar(value, &out->at[0]))
        return true;
    if (!value || !value->producer || depth == MAX_DEPTH)
        return false;
    switch (value->producer->op->kind) {
    case OP_Add:
    case OP_Sub:
    case OP_Mul:
    case OP_Div:
    case OP_Pow: return poly_binary(value->producer, x, out, depth);
    default: return false;
    }
}

static bool poly_is(const Poly *poly, double c1, double c3)
{
    return poly->at[0] == 0 && poly->at[2] == 0 && fabs(poly->at[1] - c1) <= 1e-6 && fabs(poly->at[3] - c3) <= 1e-6;
}

static bool is_gelu_argument(const Node *node, const Value *x)
{
    const double tanh_scale = 0.7978845608028654; /* sqrt(2/pi) */
    Poly poly;
    if (!poly_of(node->inputs.at[0], x, &poly, 0))
        return false;
    if (node->op->kind == OP_Erf)
        return poly_is(&poly, 0.7071067811865476, 0);
    return poly_is(&poly, tanh_scale, 0.044715 * tanh_scale);
}

/* The product climbed so far: (1 + erf) · scale · x^times_x. */
typedef struct Product {
    Node *node;
    double scale;
    int times_x;
} Product;

/* One factor: a number, x, or x times a number. */
static bool take_factor(Product *product, const Value *factor, const Value *x)
{
    double number;
    Poly poly;
    if (value_is_scalar(factor, &number)) {
        product->scale *= number;
        return true;
    }
    if (!poly_of(factor, x, &poly, MAX_DEPTH - 1) || poly.at[0] != 0 || poly.at[2] != 0 || poly.at[3] != 0)
        return false;
    product->scale *= poly.at[1];
    product->times_x++;
    return true;
}

/* From the value of 1 + erf up to the node that completes x · 0.5 · (1 + erf); NULL if none does. */
static Node *climb(const Value *value, const Value *x)
{
    Product product = {.scale = 1};
    double divisor;
    for (int i = 0; i < MAX_FACTORS; i++) {
        Node *user = value_only_user(value);
        if (user && user->op->kind == OP_Div && user->inputs.at[0] == value && value_is_scalar(user->inputs.at[1], &divisor) &&
            divisor != 0)
            product.scale /= divisor;
        else if (!user || user->op->kind != OP_Mul || !take_factor(&product, user->inputs.at[user->inputs.at[0] == value], x))
            return NULL;
        if (product.times_x == 1 && product.scale == 0.5)
            return user;
        value = user->outputs.at[0];
    }
    return NULL;
}

/* Values that x may be: a factor on the way up, or what a number is multiplied with there. */
static int candidates(const Value *value, const Value *found[2 * MAX_FACTORS])
{
    int n = 0;
    for (int i = 0; i < MAX_FACTORS; i++) {
        Node *user = value_only_user(value);
        if (!user || (user->op->kind != OP_Mul && user->op->kind != OP_Div))
            break;
        Value *factor = user->inputs.at[user->inputs.at[0] == value];
        double scalar;
        if (!factor->constant) {
            found[n++] = factor;
            const Node *scaled = factor->producer;
            if (scaled && (scaled->op->kind == OP_Mul || scaled->op->kind == OP_Div) && node_scalar_operand(scaled, &scalar))
                found[n++] = node_scalar_operand(scaled, &scalar);
        }
        value = user->outputs.at[0];
    }
    return n;
}

/* root: Erf or Tanh. */
bool recognize_gelu(Node *root)
{
    Node *plus_one = value_only_user(root->outputs.at[0]);
    double one;
    if (!plus_one || plus_one->op->kind != OP_Add || !node_scalar_operand(plus_one, &one) || one != 1)
        return false;
    const Value *found[2 * MAX_FACTORS];
    int n = candidates(plus_one->outputs.at[0], found);
    for (int i = 0; i < n; i++) {
        Node *end = climb(plus_one->outputs.at[0], found[i]);
        if (!end || !is_gelu_argument(root, found[i]) || !value_same_type(found[i], end->outputs.at[0]))
            continue;
        Node *gelu = node_replace(end, OP_Gelu, (Value *[]){(Value *)found[i]}, 1);
        node_set_string(gelu, "approximate", root->op->kind == OP_Erf ? "none" : "tanh");
        node_infer(gelu);
        return true;
    }
    return false;
}
