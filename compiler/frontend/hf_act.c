/* Activations: what config.json calls them, in ONNX's operators.
 *
 *   gelu_new  →  Gelu <approximate = "tanh">        quick_gelu  →  x * Sigmoid(1.702 * x) */
#include "compiler/frontend/hf_build.h"

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

static Value *act_gelu(HfBuild *build, Value *x, const char *layer) { return named(build, OP_Gelu, x, layer); }
static Value *act_relu(HfBuild *build, Value *x, const char *layer) { return named(build, OP_Relu, x, layer); }
static Value *act_selu(HfBuild *build, Value *x, const char *layer) { return named(build, OP_Selu, x, layer); }
static Value *act_mish(HfBuild *build, Value *x, const char *layer) { return named(build, OP_Mish, x, layer); }
static Value *act_hardswish(HfBuild *build, Value *x, const char *layer) { return named(build, OP_HardSwish, x, layer); }
static Value *act_sigmoid(HfBuild *build, Value *x, const char *layer) { return named(build, OP_Sigmoid, x, layer); }
static Value *act_tanh(HfBuild *build, Value *x, const char *layer) { return named(build, OP_Tanh, x, layer); }

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

static Value *act_relu6(HfBuild *build, Value *x, const char *layer)
{
    return clip(build, x, 0, 6, layer);
}

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
    Value *erf_plus_1 = step(build, OP_Add, step(build, OP_Erf, scaled, NULL, layer, "erf"), hf_scalar(build, 1), layer, "shifted");
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

static const struct {
    const char *name;
    Value *(*build)(HfBuild *build, Value *x, const char *layer);
} acts[] = {
    {"gelu", act_gelu}, {"gelu_new", act_gelu_tanh}, {"relu", act_relu}, {"selu", act_selu}, {"gelu_python", act_gelu},
    {"gelu_fast", act_gelu_tanh}, {"gelu_pytorch_tanh", act_gelu_tanh}, {"gelu_python_tanh", act_gelu_tanh},
    {"gelu_accurate", act_gelu_tanh}, {"gelu_10", act_gelu_10}, {"quick_gelu", act_quick_gelu}, {"silu", act_silu},
    {"swish", act_silu}, {"mish", act_mish}, {"hardswish", act_hardswish}, {"leaky_relu", act_leaky_relu},
    {"relu2", act_relu2}, {"relu6", act_relu6}, {"prelu", act_prelu}, {"sigmoid", act_sigmoid}, {"tanh", act_tanh},
    {"linear", act_linear}, {"laplace", act_laplace}, {"sqrtsoftplus", act_sqrtsoftplus},
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
            return acts[i].build(build, x, layer);
    unreachable(); /* hf_config_open has checked it */
}
