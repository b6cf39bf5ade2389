/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Activations: what config.json calls them, in ONNX's operators.
 *
 *   gelu_new  →  Gelu <approximate = "tanh">        quick_gelu  →  x * Sigmoid(1.702 * x) */
#include "compiler/frontend/convnext/build.h"

#include <math.h>
#include <string.h>

static Value *named(HfBuild *build, OpKind kind, Value *x, const char *layer)
{
    return hf_op(build, kind, hf_name(build, layer, ".act"), x, NULL, NULL);
}

static Value *step(HfBuild *build, OpKind kind, Value *a, Value *b, const char *layer, const char *what)
{
    return hf_op(build, kind, arena_printf(build->graph->model->arena, "%s.act.%s", layer, what), a, b, NULL);
}

static Value *act_linear(HfBuild *build, Value *x, const char *layer)
{
    (void)build, (void)layer;
    return x;
}

static Value *act_gelu_tanh(HfBuild *build, Value *x, const char *layer)
{
    Value *y = named(build, OP_Gelu, x, layer);
    node_set_string(y->producer, "approximate", "tanh");
    return y;
}

static Value *clip(HfBuild *build, Value *x, double low, double high, const char *layer)
{
    return hf_op(build, OP_Clip, hf_name(build, layer, ".act"), x, hf_scalar(build, low), hf_scalar(build, high));
}

static Value *act_gelu_10(HfBuild *build, Value *x, const char *layer)
{
    return clip(build, step(build, OP_Gelu, x, NULL, layer, "gelu"), -10, 10, layer);
}

static Value *act_relu6(HfBuild *build, Value *x, const char *layer) { return clip(build, x, 0, 6, layer); }

static Value *act_relu2(HfBuild *build, Value *x, const char *layer)
{
    Value *positive = step(build, OP_Relu, x, NULL, layer, "relu");
    return hf_op(build, OP_Mul, hf_name(build, layer, ".act"), positive, positive, NULL);
}

static Value *act_silu(HfBuild *build, Value *x, const char *layer)
{
    Value *gate = step(build, OP_Sigmoid, x, NULL, layer, "sigmoid");
    return hf_op(build, OP_Mul, hf_name(build, layer, ".act"), x, gate, NULL);
}

static Value *act_quick_gelu(HfBuild *build, Value *x, const char *layer)
{
    Value *scaled = step(build, OP_Mul, x, hf_scalar(build, 1.702), layer, "scaled");
    Value *gate = step(build, OP_Sigmoid, scaled, NULL, layer, "sigmoid");
    return hf_op(build, OP_Mul, hf_name(build, layer, ".act"), x, gate, NULL);
}

static Value *act_leaky_relu(HfBuild *build, Value *x, const char *layer)
{
    Value *y = named(build, OP_LeakyRelu, x, layer);
    node_set_float(y->producer, "alpha", 0.01f);
    return y;
}

/* (1 + erf((x - mu) / (sigma sqrt 2))) / 2 with the mu and sigma of Mega (Ma et al., 2022). */
static Value *act_laplace(HfBuild *build, Value *x, const char *layer)
{
    Value *centred = step(build, OP_Sub, x, hf_scalar(build, 0.707107), layer, "centred");
    Value *scaled = step(build, OP_Div, centred, hf_scalar(build, 0.282095 * sqrt(2)), layer, "scaled");
    Value *erf_plus_1 =
        step(build, OP_Add, step(build, OP_Erf, scaled, NULL, layer, "erf"), hf_scalar(build, 1), layer, "shifted");
    return hf_op(build, OP_Mul, hf_name(build, layer, ".act"), erf_plus_1, hf_scalar(build, 0.5), NULL);
}

static Value *act_sqrtsoftplus(HfBuild *build, Value *x, const char *layer)
{
    return named(build, OP_Sqrt, step(build, OP_Softplus, x, NULL, layer, "softplus"), layer);
}

static Value *act_prelu(HfBuild *build, Value *x, const char *layer)
{
    Value *slope = hf_weight(build, hf_name(build, layer, ".act.weight"), 1, (const int64_t[]){1});
    return hf_op(build, OP_PRelu, hf_name(build, layer, ".act"), x, slope, NULL);
}

/* beta and eps are buffers of the checkpoint, scalars. */
static Value *xielu_buffer(HfBuild *build, const char *layer, const char *suffix, double value)
{
    const char *name = hf_name(build, layer, suffix);
    return parameters_have(build->weights, name) ? hf_weight(build, name, 0, (const int64_t[]){0}) : hf_scalar(build, value);
}

/* beta x + (x > 0 ? p x² : n (exp(min(x, eps)) - 1 - x)), p = softplus(alpha_p), n = beta + softplus(alpha_n)
 * (Huang and Schlag, 2024). */
static Value *act_xielu(HfBuild *build, Value *x, const char *layer)
{
    Value *beta = xielu_buffer(build, layer, ".act.beta", 0.5), *eps = xielu_buffer(build, layer, ".act.eps", -1e-6);
    Value *p = hf_weight(build, hf_name(build, layer, ".act.alpha_p"), 1, (const int64_t[]){1});
    Value *n = hf_weight(build, hf_name(build, layer, ".act.alpha_n"), 1, (const int64_t[]){1});
    p = step(build, OP_Softplus, p, NULL, layer, "p");
    n = step(build, OP_Add, step(build, OP_Softplus, n, NULL, layer, "softplus_n"), beta, layer, "n");
    Value *square = step(build, OP_Mul, step(build, OP_Mul, x, p, layer, "px"), x, layer, "square");
    Value *power = step(build, OP_Exp, step(build, OP_Min, x, eps, layer, "low"), NULL, layer, "exp");
    Value *minus_1 = step(build, OP_Sub, power, hf_scalar(build, 1), layer, "expm1");
    Value *tail = step(build, OP_Mul, step(build, OP_Sub, minus_1, x, layer, "rest"), n, layer, "tail");
    Value *is_positive = step(build, OP_Greater, x, hf_scalar(build, 0), layer, "is_positive");
    Value *branch = hf_op(build, OP_Where, hf_name(build, layer, ".act.branch"), is_positive, square, tail);
    Value *linear = step(build, OP_Mul, x, beta, layer, "linear");
    return hf_op(build, OP_Add, hf_name(build, layer, ".act"), branch, linear, NULL);
}

static const struct {
    const char *name;
    OpKind op;                                                      /* where one operator says it all */
    Value *(*build)(HfBuild *build, Value *x, const char *layer);   /* else */
} acts[] = {
    {"gelu", OP_Gelu, NULL},
    {"gelu_new", 0, act_gelu_tanh},
    {"relu", OP_Relu, NULL},
    {"selu", OP_Selu, NULL},
    {"gelu_python", OP_Gelu, NULL},
    {"gelu_fast", 0, act_gelu_tanh},
    {"gelu_pytorch_tanh", 0, act_gelu_tanh},
    {"gelu_python_tanh", 0, act_gelu_tanh},
    {"gelu_accurate", 0, act_gelu_tanh},
    {"gelu_10", 0, act_gelu_10},
    {"quick_gelu", 0, act_quick_gelu},
    {"silu", 0, act_silu},
    {"swish", 0, act_silu},
    {"mish", OP_Mish, NULL},
    {"hardswish", OP_HardSwish, NULL},
    {"leaky_relu", 0, act_leaky_relu},
    {"relu2", 0, act_relu2},
    {"relu6", 0, act_relu6},
    {"prelu", 0, act_prelu},
    {"sigmoid", OP_Sigmoid, NULL},
    {"tanh", OP_Tanh, NULL},
    {"linear", 0, act_linear},
    {"laplace", 0, act_laplace},
    {"sqrtsoftplus", 0, act_sqrtsoftplus},
    {"xielu", 0, act_xielu},
};

bool hf_act_known(const char *name)
{
    for (int64_t i = 0; i < countof(acts); i++)
        if (strcmp(acts[i].name, name) == 0)
            return true;
    return false;
}

const char *hf_act_list(Arena *arena)
{
    StrBuf sb = {.arena = arena};
    for (int64_t i = 0; i < countof(acts); i++)
        sb_printf(&sb, "%s%s", i ? ", " : "", acts[i].name);
    return sb.text;
}

Value *hf_act(HfBuild *build, Value *x, const char *layer)
{
    for (int64_t i = 0; i < countof(acts); i++)
        if (strcmp(acts[i].name, build->config->hidden_act) == 0)
            return acts[i].build ? acts[i].build(build, x, layer) : named(build, acts[i].op, x, layer);
    unreachable(); /* hf_config_read has checked it */
}
