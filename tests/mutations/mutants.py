# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The mutants: each breaks one rule of the reference on purpose, and says which golden cases are to notice.

A mutant is a change of one source file: old text, which must occur there exactly once, and new text. `models`, `pictures`
(images/ and e2e/), `checkpoints` (checkpoints/, family/ and tf/) and `processors` (processors/) are patterns of golden cases; a model's runs from its folder
at -O3, or by the roads and levels named.
"""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    old: str
    new: str
    models: str = ""
    pictures: str = ""
    checkpoints: str = ""
    processors: str = ""
    roads: str = "folder"
    levels: str = "O3"
    fast: bool = False  # also in the short selection


TRUNK, HEADS, ACTS, CONFIG, OPS, VARIANT, TIMM = ("compiler/frontend/convnext/" + name for name in (
    "trunk.c", "outputs.c", "act.c", "config.c", "ops.c", "variant.c", "timm.c"))
PREPARE, RESIZE, IMAGE = ("runtime/image/" + name for name in ("prepare.c", "resize.c", "image.c"))

MUTANTS = [
    # The trunk
    Mutant("trunk-epsilon-1e-5", CONFIG, "config->trunk_eps = 1e-6;", "config->trunk_eps = 1e-5;", "cls_small_variance"),
    Mutant("blocks-use-layer-norm-eps", TRUNK, '".dwconv")), norm, width, c->trunk_eps)',
           '".dwconv")), norm, width, c->layer_norm_eps)', "cls_ln_eps_big", fast=True),
    Mutant("stem-norm-missing", TRUNK, '    x = norm_channels(build, x, "embeddings.layernorm", c->hidden_sizes.at[0]);\n', "", "cls_basic4"),
    Mutant("stem-stride-turned", TRUNK, ".stride = {c->patch_height, c->patch_width}",
           ".stride = {c->patch_width, c->patch_height}", "cls_patch_rect"),
    Mutant("downsampling-norm-missing", TRUNK,
           'x = norm_channels(build, x, hf_name(build, stage, ".downsampling_layer.0"), in);\n', "", "cls_basic4"),
    Mutant("downsampling-norm-after-conv", TRUNK, """    x = norm_channels(build, x, hf_name(build, stage, ".downsampling_layer.0"), in);
    x = hf_conv(build, x, hf_name(build, stage, ".downsampling_layer.1"), &conv);
""", """    x = hf_conv(build, x, hf_name(build, stage, ".downsampling_layer.1"), &conv);
    x = norm_channels(build, x, hf_name(build, stage, ".downsampling_layer.0"), in);
""", "cls_equal_widths"),
    Mutant("no-downsampling-of-equal-widths", TRUNK, "if (steps.stride)", "if (steps.stride && in != out)", "cls_equal_widths"),
    Mutant("layer-scale-ignored", TRUNK, "if (!build->config->layer_scale)", "if (name)",
           "cls_layer_scale_big", fast=True),
    Mutant("layer-scale-from-config", TRUNK, "parameters_have(build->weights, name) ?", "parameters_have(build->weights, layer) ?",
           "cls_layer_scale_big"),
    Mutant("layer-scale-although-zero", CONFIG, "config->layer_scale_init > 0)", "config->layer_scale_init >= 0)",
           "cls_no_layer_scale"),
    Mutant("residual-dropped", TRUNK, "y = hf_op(build, OP_Add, layer, x, hf_channels_first(build, y, layer), NULL);",
           "y = hf_channels_first(build, y, layer);", "cls_basic4"),
    Mutant("grn-epsilon-1e-5", TRUNK, "mean, hf_scalar(build, GRN_EPSILON)", "mean, hf_scalar(build, 1e-5)", "v2_small_grn"),
    Mutant("grn-residual-dropped", TRUNK, "return hf_op(build, OP_Add, name, y, x, NULL);", "return y;", "v2_cls", fast=True),
    Mutant("grn-norm-over-rows-only", TRUNK, 'hf_name(build, name, ".norm"), plane, 2, true)', 'hf_name(build, name, ".norm"), plane, 1, true)',
           "v2_cls"),
    Mutant("grn-missing", TRUNK, "    y = hf_act(build, y, layer);\n    if (build->config->family == FAMILY_CONVNEXTV2)\n", "    y = hf_act(build, y, layer);\n    if (!layer)\n",
           "v2_base"),
    # Activations
    Mutant("gelu-by-tanh", ACTS, '{"gelu", OP_Gelu, NULL}', '{"gelu", 0, act_gelu_tanh}', "cls_basic4", fast=True),
    Mutant("gelu-new-by-erf", ACTS, '{"gelu_new", 0, act_gelu_tanh}', '{"gelu_new", OP_Gelu, NULL}', "cls_gelu_new"),
    # Heads
    Mutant("final-epsilon-1e-6", HEADS, "hf_norm(build, x, name, width, c->layer_norm_eps);", "hf_norm(build, x, name, width, 1e-6);", "cls_ln_eps_big"),
    Mutant("final-norm-missing", HEADS,
           'plain ? x : final_norm(build, x, "layernorm", last_width(build));', "plain ? x : x;",
           "base_odd"),
    Mutant("norm-before-pooling", HEADS, """    x = pool(build, x);
    bool plain = build->config->norm_first || build->config->band;
""", """    bool plain = build->config->norm_first || build->config->band;
    if (!plain)
        x = hf_channels_first(build, final_norm(build, hf_channels_last(build, x, "n"), "layernorm", last_width(build)), "n");
    x = pool(build, x);
    plain = true;
""", "base_odd"),
    Mutant("hidden-states-off-by-one", HEADS, "return build->hidden_states[k];", "return build->hidden_states[k > 0 ? k - 1 : 0];",
           "base_hidden_states", fast=True),
    Mutant("feature-map-not-normalised", HEADS, "    return hf_channels_first(build, x, name);\n}",
           "    return build->hidden_states[state];\n}", "bb_features"),
    Mutant("feature-maps-count-from-zero", "compiler/frontend/convnext/labels.c", "indices.at[i] < 0 ? config->num_stages + 1 : 0",
           "indices.at[i] < 0 ? config->num_stages : 0", "bb_indices_neg"),
    Mutant("ignore-index-minus-1", HEADS, '"ignore_index", -100', '"ignore_index", -1', "cls_ignore_index"),
    Mutant("loss-summed", HEADS, 'return hf_reduce(build, OP_ReduceMean, x, "loss"', 'return hf_reduce(build, OP_ReduceSum, x, "loss"',
           "cls_regression_n"),
    Mutant("multi-label-loss-unsigned", HEADS, 'hf_op(build, OP_Softplus, "loss.softplus", negative', 'hf_op(build, OP_Softplus, "loss.softplus", z',
           "cls_multilabel_explicit"),
    Mutant("labels-type-ignored", "runtime/cli/tensors.c", "return other < 0 ? i : other;", "return i + 0 * other;", "cls_multilabel"),
    # Relatives
    Mutant("simple-norm-biased", OPS, "(double)width / (double)(width - 1)", "(double)width / (double)width", checkpoints="timm_zepto_ols"),
    Mutant("rms-norm-centred", OPS, "bool simple = build->config->norm == HF_SIMPLE_NORM;", "bool simple = true;", checkpoints="timm_rms"),
    Mutant("stem-not-tiered", VARIANT, "name == 2 ? tiered_width(width) : width", "width", checkpoints="timm_ols"),
    Mutant("stem-without-activation", VARIANT, "config->stem_act = name == 3;", "config->stem_act = false;", checkpoints="timm_zepto_ols", fast=True),
    Mutant("kernels-of-seven", TRUNK, "c->kernels.len ? c->kernels.at[stage] : 7", "7", checkpoints="timm_kernels"),
    Mutant("norm-behind-pooling", HEADS, "if (build->config->norm_first)", "if (!build->config)", checkpoints="timm_hnf"),
    Mutant("head-without-its-layer", TIMM, "{\"convnext_large_mlp\", LARGE, .head_width = 1536}", "{\"convnext_large_mlp\", LARGE}",
           checkpoints="timm_large_mlp"),
    Mutant("tokens-without-the-first", HEADS, 'hf_op(build, OP_Concat, "tokens", mean, map, NULL)',
           'hf_op(build, OP_Concat, "tokens", map, mean, NULL)', checkpoints="dinov3_model"),
    Mutant("dinov3-maps-normalised", HEADS, "    if (build->config->family == FAMILY_DINOV3)\n        return build->hidden_states[state];\n", "",
           checkpoints="dinov3_backbone"),
    # Passes and code
    Mutant("recognised-norm-epsilon", "compiler/passes/recognize_norm.c", 'node_set_float(norm, "epsilon", s->epsilon / s->factor);',
           'node_set_float(norm, "epsilon", 1e-5);', "bb_all,cls_odd_size", roads="onnx"),
    Mutant("folded-bias-forgotten", "compiler/passes/affine.c", "add_shifts(w, shift, sums);", "(void)shift;", "cls_basic4"),
    Mutant("variance-unbiased", "compiler/codegen/layernorm.c", "const RowNorm *r, IrValue variance)\n{\n",
           "const RowNorm *r, IrValue variance)\n{\n    variance = LLVMBuildFMul(e->ir, variance, LLVMConstReal(e->f32, "
           "(double)r->n / ((double)r->n - 1)), \"\");\n", "cls_basic4", fast=True),
    Mutant("epsilon-outside-the-root", "compiler/codegen/layernorm.c",
           """    variance = LLVMBuildFAdd(e->ir, variance, emit_const_of(type, r->epsilon), "");
    IrValue root = emit_unary(e, "llvm.sqrt", variance);
""", """    IrValue root = emit_unary(e, "llvm.sqrt", variance);
    root = LLVMBuildFAdd(e->ir, root, emit_const_of(type, r->epsilon), "");
""", "cls_ln_eps_big,cls_small_variance"),
    Mutant("ignored-labels-counted", "compiler/codegen/cross_entropy.c", "weight = emit_select(e, ignored, zero, weight);", "",
           "cls_ignore_index"),
    Mutant("scores-by-sigmoid", "compiler/build/artifact.c", "bool independent = classes == 1 ||", "bool independent = classes > 1 ||",
           pictures="e2e_*"),
    # Checkpoints
    Mutant("tensorflow-kernels-turned", "compiler/frontend/convnext/names.c", "conv[] = {3, 2, 0, 1}", "conv[] = {3, 2, 1, 0}",
           checkpoints="tf_*"),
    Mutant("tensorflow-loss-reduced", HEADS, 'loss_by_example ? "none" : "mean"', 'loss_by_example ? "mean" : "mean"', checkpoints="tf_cls"),
    Mutant("dtype-bfloat16-as-float16", "compiler/frontend/checkpoint/safetensors.c", '{"BF16", DT_BFLOAT16}', '{"BF16", DT_FLOAT16}', "cls_bf16_weights"),
    # Pictures
    Mutant("default-filter", "compiler/frontend/input/pictures.c", ".resample = 2", ".resample = 3",
           pictures="png_default_params"),
    Mutant("crop-offset-rounded-up", PREPARE, "int64_t half = surplus / 2;", "int64_t half = (surplus + 1) / 2;",
           pictures="png_odd_crop"),
    Mutant("crop-padding-swapped", PREPARE, "behind ? (m - side->size) / 2", "!behind ? (m - side->size) / 2",
           pictures="png_crop_pct_over1_pad,png_center_crop_pad_extra"),
    Mutant("crop-sides-swapped", PREPARE, "center_crop(x, how->crop_width,", "center_crop(x, how->crop_height,",
           pictures="png_center_crop_*"),
    Mutant("resize-target-rounded", PREPARE, ": MAX_EDGE; /* more", "+ (exact_edge - (double)(int64_t)exact_edge >= 0.5) : MAX_EDGE; /* more",
           pictures="png_rgb_*", fast=True),
    Mutant("long-edge-rounded", PREPARE, "(int64_t)((double)(edge * size.height) / (double)size.width)",
           "(int64_t)((double)(edge * size.height) / (double)size.width + 0.5)",
           pictures="png_crop_*,png_wide,png_rgb_*"),
    Mutant("warp-above-384", PREPARE, "WARP_FROM = 384", "WARP_FROM = 385", pictures="png_size_384_warp"),
    Mutant("mean-and-std-swapped", PREPARE, "(value - (float)mean) / (float)std : value", "(value - (float)std) / (float)mean : value",
           pictures="png_rgb_bicubic", fast=True),
    Mutant("channels-as-bgr", PREPARE, "how->n_mean == 1 ? 0 : c, from = canvas", "how->n_mean == 1 ? 0 : how->n_mean - 1 - c, from = canvas",
           pictures="png_rgb_bicubic,png_size_224_std"),
    Mutant("rescaled-in-float", PREPARE, ": (float)((double)sample * how->rescale_factor);", ": (float)sample * (float)how->rescale_factor;",
           pictures="png_rgb_*,png_rescale_factor"),
    Mutant("timm-crop-rounded-down", PREPARE, "(is_timms(how) && surplus % 2 && half % 2)", "(is_timms(how) && surplus % 2 && half % 2 && surplus < 0)",
           processors="timm*"),
    Mutant("timm-cover-rounded-down", PREPARE, "rint((double)size.width / ratio)", "floor((double)size.width / ratio)", processors="timm7,timm8"),
    Mutant("vit-keeps-the-shape", "compiler/frontend/input/processor.c", "p.resize_rule = CNXRT_RESIZE_EXACT;\n    p.resize_height",
           "p.resize_rule = CNXRT_RESIZE_SHORTEST;\n    p.resize_height", processors="vit*", fast=True),
    Mutant("clip-drops-alpha", "compiler/frontend/input/processor.c", "p.do_center_crop = p.convert_rgb_white = 1;", "p.do_center_crop = 1;",
           processors="clip*"),
    Mutant("bicubic-of-opencv", RESIZE, "const double a = -0.5;", "const double a = -0.75;", pictures="png_rgb_bicubic"),
    Mutant("filters-swapped", RESIZE, "[RESAMPLE_BICUBIC] = {filter_bicubic, 2}, [RESAMPLE_BOX] = {filter_box, 0.5}",
           "[RESAMPLE_BICUBIC] = {filter_bilinear, 1}, [RESAMPLE_BOX] = {filter_box, 0.5}", pictures="png_rgb_bicubic"),
    Mutant("no-antialiasing", RESIZE, "stretch = scale < 1.0 ? 1.0 : scale;", "stretch = 1.0;", pictures="png_rgb_bilinear"),
    Mutant("passes-in-pillow-12-order", RESIZE, "return how->vertical_first && !how->torchvision", "return false && !how->torchvision",
           pictures="png_tall_vertical_first"),
    Mutant("alpha-not-premultiplied", RESIZE, "return image->channels == 4 && !how->torchvision;", "return image->channels == 5 && !how->torchvision;",
           pictures="png_rgba_native4"),
    Mutant("exif-turns-swapped", IMAGE, "case 6: *sx = y, *sy = w - 1 - x; break;", "case 6: *sx = h - 1 - y, *sy = x; break;",
           pictures="jpg_exif_6"),
    Mutant("gray-16-by-high-byte", IMAGE, "p[0] ? 255 : p[1]", "p[0]", pictures="png_gray16"),
]
