# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s %bin/cnx-interp
"""What inference refuses: each model is one mistake; its message and exit code stand beside it."""
import subprocess
import sys
import tempfile

INTERP = sys.argv[1]
X = "float[N,4,8,8] x"

# (inputs, initializers, nodes, exit code, part of the message)
cases = [
    # arity and attributes
    (X, "", "y = Conv(x)", 1, "Conv expects 2 to 3 inputs, got 1"),
    (X, "", "y = Relu(x, x)", 1, "Relu expects 1 input, got 2"),
    (X, "", 'y = Add(x, "")', 1, "Add expects input 1 to be given"),
    (X, "", "y = Relu <alpha = 1> (x)", 1, "Relu has no attribute 'alpha'"),
    (X, "", "y = Softmax <axsi = 1> (x)", 1, "did you mean 'axis'?"),
    (X, "", 'y = Softmax <axis = "1"> (x)', 1, "attribute 'axis' of Softmax expects int, got string"),
    (X, "", "y = Concat(x, x)", 1, "Concat expects attribute 'axis', it is missing"),
    (X, "", "y = Rellu(x)", 3, "unknown operator Rellu, did you mean Relu"),
    # Conv
    (X, "float[2,4,3] w", "y = Conv(x, w)", 1, "Conv's weights have rank 3 ([2,4,3]), expected the input's rank 4"),
    (X, "float[2,4,3,3] w", "y = Conv <group = 0> (x, w)", 1, "group of Conv is 0, expected a divisor"),
    (X, "float[3,2,3,3] w", "y = Conv <group = 2> (x, w)", 1, "group of Conv is 2, expected a divisor of the 3"),
    (X, "float[2,3,3,3] w", "y = Conv(x, w)", 1, "input has 4 channels, its weights and group 1 expect 3"),
    (X, "float[2,4,3,3] w", "y = Conv <strides = [0, 1]> (x, w)", 1, "element 0 of strides of Conv is 0, expected 1"),
    (X, "float[2,4,3,3] w", "y = Conv <dilations = [1, 1099511627776]> (x, w)", 1, "dilations of Conv is 1099511627776"),
    (X, "float[2,4,3,3] w", "y = Conv <dilations = [1, 1099511627775]> (x, w)", 1, "its padded input only 8"),
    (X, "float[2,4,3,3] w", "y = Conv <pads = [0, -1, 0, 0]> (x, w)", 1, "element 1 of pads of Conv is -1, expected 0"),
    (X, "float[2,4,3,3] w", "y = Conv <pads = [1, 1]> (x, w)", 1, "pads of Conv has 2 elements, expected 4"),
    (X, "float[2,4,9,3] w", "y = Conv(x, w)", 1, "Conv's kernel spans 9 in spatial dimension 0, its padded input only 8"),
    (X, "float[2,4,3,3] w", "y = Conv <kernel_shape = [3, 2]> (x, w)", 1, "kernel_shape of Conv has 2 in dimension 1"),
    (X, "float[2,4,3,3] w", 'y = Conv <auto_pad = "SAME"> (x, w)', 1, "auto_pad of Conv is 'SAME'"),
    (X, "float[2,4,3,3] w, float[3] b", "y = Conv(x, w, b)", 1, "expected 2 in dimension 0"),
    (X, "int64[2,4,3,3] w", "y = Conv(x, w)", 1, "element types float and int64, expected the same"),
    # ConvTranspose
    (X, "float[3,4,3,3] w", "y = ConvTranspose(x, w)", 1, "input X of ConvTranspose has shape [N,4,8,8], expected 3 in dimension 1"),
    (X, "float[4,4,3,3] w", "y = ConvTranspose <group = 3> (x, w)", 1, "group of ConvTranspose is 3, expected a divisor of the 4"),
    (X, "float[4,2,3,3] w, float[3] b", "y = ConvTranspose(x, w, b)", 1, "one for each output channel"),
    (X, "float[4,2,3,3] w", "y = ConvTranspose <pads = [9, 0, 9, 0]> (x, w)", 1, "ConvTranspose makes dimension 2 of -8"),
    (X, "float[4,2,3,3] w", "y = ConvTranspose <output_shape = [9]> (x, w)", 1, "output_shape of ConvTranspose has 1 elements, expected 2"),
    (X, "float[4,2,3,3] w", "y = ConvTranspose <strides = [99, 99]> (x, w)", 3, "strides whose product is above 4096"),
    # Resize
    (X, "float[4] s = {0,1,1,1}", 'y = Resize(x, "", s)', 1, "scale 0 of Resize is 0, expected a positive number"),
    (X, "int64[3] s", 'y = Resize(x, "", "", s)', 1, "Resize has 3 sizes, expected 4"),
    (X, "int64[4] s = {1,1,1,1}, float[4] t = {1,1,1,1}", 'y = Resize(x, "", t, s)', 1, "Resize has scales and sizes, expected one of them"),
    (X, "", "y = Resize(x)", 1, "Resize has no scales and no sizes"),
    (X, "int64[4] s", 'y = Resize <mode = "area"> (x, "", "", s)', 1, "mode of Resize is 'area', expected nearest, linear or cubic"),
    (X, "int64[4] s", 'y = Resize <nearest_mode = "up"> (x, "", "", s)', 1, "nearest_mode of Resize is 'up'"),
    (X, "int64[4] s", 'y = Resize <antialias = 1> (x, "", "", s)', 1, "antialias of Resize goes with mode linear or cubic"),
    (X, "int64[1] s", 'y = Resize <axes = [4]> (x, "", "", s)', 1, "axis 4 of Resize is out of range"),
    (X, "int32[4] s", 'y = Resize(x, "", "", s)', 1, "input sizes of Resize has element type int32, expected int64"),
    (X, "double[4] s", 'y = Resize(x, "", s)', 1, "scales of Resize are double[4], expected floats of rank 1"),
    (X + ", float[4] s", "", 'y = Resize(x, "", s)', 3, "scales of Resize must be known at compile time"),
    (X + ", int64[4] s", "", 'y = Resize(x, "", "", s)', 3, "sizes of Resize must be known at compile time"),
    ("bool[2,3] x", "float[2] s", 'y = Resize <mode = "linear"> (x, "", s)', 1, "input X of Resize has element type bool"),
    (X, "float[4] s = {0,1,1,1}", "y = Upsample(x, s)", 1, "scale 0 of Upsample is 0"),
    (X, "", "y = Upsample <scales = [1.0, 1.0, 1e30, 1.0]> (x)", 1, "Upsample makes a dimension of"),
    # RowQuantizedMatMul
    ("float[N,4] x, float[4,3] w, float[3] s", "", "y = cnxc.RowQuantizedMatMul(x, w, s)", 1,
     "input B of RowQuantizedMatMul has element type float, expected int8"),
    ("float[N,4] x, int8[4,3] w, float[4] s", "", "y = cnxc.RowQuantizedMatMul(x, w, s)", 1, "one for each column of B"),
    ("float[N,5] x, int8[4,3] w, float[3] s", "", "y = cnxc.RowQuantizedMatMul(x, w, s)", 1, "the last dimension of A"),
    ("float[N,4] x, int8[4,3] w, float[3] s", "", "y = cnxc.RowQuantizedMatMul <range = 3> (x, w, s)", 1,
     "range of RowQuantizedMatMul is 3, expected a divisor of 4 rows of B, or 0"),
    # QLinearAveragePool, QLinearWhere
    ("uint8[2,3,4,5] x, float s, uint8 z", "", "y = com.microsoft.QLinearAveragePool <kernel_shape = [2, 2], pads = [0, 2, 0, 0]> (x, s, z, s, z)", 1,
     "expected less than its kernel's 2"),
    ("uint8[2,3,4,5] x, float s, uint8 z", "",
     "y = com.microsoft.QLinearAveragePool <kernel_shape = [2, 2], channels_last = 1> (x, s, z, s, z)", 3, "with channels_last is not supported"),
    ("uint8[2,3] x, float s, uint8 z", "", "y = com.microsoft.QLinearWhere(x, x, s, z, x, s, z, s, z)", 1, "has element type uint8, expected bool"),
    # MulAdd
    ("double[N,4] x", "", "y = cnxc.MulAdd(x, x, x)", 1, "input A of MulAdd has element type double, expected float"),
    ("float[N,4] x, float[3] z", "", "y = cnxc.MulAdd(x, x, z)", 1, "broadcast"),
    # dimensions
    ("float[1,0,4] x", "", "y = Relu(x)", 3, "dimension 1 of input 'x' is 0: empty inputs are not supported"),
    ("float[4611686018427387904,4] x", "", "y = Relu(x)", 1, "overflows"),
    ("float[1099511627776] x, float[1099511627776,1] z", "", "y = Add(x, z)", 1, "overflows"),
    ("float[N,3,height,8] x", "", "y = Relu(x)", 1, "dimension 2 of input 'x' is symbolic (height), fix it with --dim height=N"),
    ("float[N,4] x", "", "y = Transpose(x)", 1, "depends on the free batch, fix it with --dim N=N"),
    # axes and shapes
    (X, "", "y = Softmax <axis = 4> (x)", 1, "axis 4 of Softmax is out of range, expected -4 to 3"),
    (X, "int64[1] a = {-5}", "y = ReduceMean(x, a)", 1, "axis -5 of ReduceMean is out of range"),
    (X, "int64[2] a = {1, -3}", "y = ReduceMean(x, a)", 1, "axes of ReduceMean name axis 1 twice"),
    (X, "", "y = Transpose <perm = [0, 1, 1, 2]> (x)", 1, "perm of Transpose names dimension 1 twice"),
    (X, "", "y = Transpose <perm = [0, 1, 2]> (x)", 1, "perm of Transpose has 3 elements, its input has rank 4"),
    (X, "", "y = Transpose <perm = [0, 1, 2, 4]> (x)", 1, "element 3 of perm of Transpose is 4, expected 0 to 3"),
    (X, "float[8] g", "y = LayerNormalization <epsilon = nan> (x, g)", 1, "epsilon of LayerNormalization is nan"),
    (X, "float[8] g", "y = LayerNormalization <epsilon = -1.0> (x, g)", 1, "epsilon of LayerNormalization is -1"),
    (X, "float[7] g", "y = LayerNormalization(x, g)", 1, "has shape [7], expected one that broadcasts to [8]"),
    ("float[N,6,8] x", "float[5] g", "y = InstanceNormalization(x, g, g)", 1, "expected 6 in dimension 0 (one for each channel of X)"),
    ("float[N,6] x", "float[6] g", "y = InstanceNormalization(x, g, g)", 1, "expected rank 3 or more"),
    ("float[N,6,8] x", "float[6] g", "y = GroupNormalization <num_groups = 4> (x, g, g)", 1, "num_groups of GroupNormalization is 4, expected a divisor of the 6 channels"),
    ("float[N,6,8] x", "float[6] g", "y = GroupNormalization <num_groups = 0> (x, g, g)", 1, "num_groups of GroupNormalization is 0"),
    ("float[N,6,8] x", "float[3] g = {1,1,1}, float[6] w = {1,1,1,1,1,1}", "y = GroupNormalization <num_groups = 3> (x, g, w)", 1, "expected 3 in dimension 0 (one for each group)"),
    ("float[N,6,8] x", "float[2] g", "y = GroupNormalization <num_groups = 3> (x, g, g)", 1, "expected 6 in dimension 0 (one for each channel of X)"),
    ("float[N,6,2] x", "int64[1] a = {0}, int64[1] t = {2}, float[6] g", "e = Slice(x, a, a, t) y = GroupNormalization <num_groups = 3> (e, g, g)", 3, "GroupNormalization of shape [N,6,0] is not supported"),
    (X, "", "y = LpNormalization <p = 3> (x)", 1, "p of LpNormalization is 3, expected 1 to 2"),
    (X, "", "y = LpPool <kernel_shape = [2, 2], p = 0> (x)", 1, "p of LpPool is 0, expected 1 to"),
    ("float[N,6,8] x", "", "y = MeanVarianceNormalization(x)", 1, "expected rank 4 or more"),
    (X, "float[7] g", "y = RMSNormalization(x, g)", 1, "has shape [7], expected one that broadcasts to [8]"),
    (X, "int32[8] g", "y = RMSNormalization(x, g)", 1, "input scale of RMSNormalization has element type int32"),
    (X, "float[8] g", "y = RMSNormalization <axis = 4> (x, g)", 1, "axis 4 of RMSNormalization is out of range, expected -4 to 3"),
    (X, "float[8] g", "y = RMSNormalization <stash_type = 16> (x, g)", 3, "stash_type of RMSNormalization is 16, only 1 is supported"),
    (X, "int64[2] s = {0, 7}", "y = Reshape(x, s)", 1, "Reshape from [N,4,8,8] to [N,7] changes the number of elements"),
    (X, "int64[2] s = {-1, -1}", "y = Reshape(x, s)", 1, "Reshape's shape has -1 twice"),
    (X, "int64[2] s = {-2, 1}", "y = Reshape(x, s)", 1, "dimension 0 of Reshape's shape is -2"),
    (X, "int64[2] s = {1, 256}", "y = Reshape(x, s)", 1, "fixes a symbolic dimension"),
    ("float[2,3] x, int64[2] s", "", "y = Reshape(x, s)", 3, "must be known at compile time"),
    ("float[2,3] x, float[4,3] z", "", "y = Add(x, z)", 1, "Add can't broadcast shape [2,3] with [4,3]"),
    ("float[N,3] x, float[4,3] z", "", "y = Add(x, z)", 1, "Add can't broadcast shape [N,3] with [4,3]"),
    ("float[2,3] x, int64[2,3] z", "", "y = Add(x, z)", 1, "element types float and int64, expected the same"),
    ("float[2,3] x, float[4,3] z", "", "y = MatMul(x, z)", 1, "expected 3 in dimension 0"),
    ("float[2,3] x, float[4,3] z", "", "y = Gemm <transB = 0> (x, z)", 1, "expected 3 in dimension 0"),
    ("float[2,3] x", "", "y = ArgMax <axis = 2> (x)", 1, "axis 2 of ArgMax is out of range"),
    ("bool[2,3] x", "", "y = ArgMin(x)", 1, "input data of ArgMin has element type bool, expected a number type"),
    ("float[2,3] x", "", "y = Squeeze <axes = [0]> (x)", 1, "Squeeze takes out dimension 0 of shape [2,3]"),
    ("float[2,3] x", "int64[1] s = {0}", "y = Slice(x, s, s, s, s)", 1, "a step of Slice is 0"),
    ("float[2,3] x", "", "y = Concat <axis = 2> (x, x)", 1, "axis 2 of Concat is out of range"),
    ("float[2,3] x, float[3,3] z", "", "y = Concat <axis = 1> (x, z)", 1, "expected [2,3] but for axis 1"),
    ("float[2,3] x", "int64[3] s = {1, 1, 2}", "y, z = Split <axis = 1> (x, s)", 1, "3 lengths and 2 outputs"),
    ("float[2,3] x", "int64[2] s = {1, 1}", "y, z = Split <axis = 1> (x, s)", 1, "add up to 2, expected 3"),
    ("float[2,3] x", "int64[4] s = {0, 0, 0, -4}", "y = Pad(x, s)", 1, "expected a size of at least 0"),
    ("float[2,3] x", "int64[4] s = {0, 0, 0, 1}", 'y = Pad <mode = "mirror"> (x, s)', 1, "mode of Pad is 'mirror', expected 'constant', 'reflect', 'edge' or 'wrap'"),
    ("float[2,3] x", "int64[4] s = {-2, 0, 1, 0}", 'y = Pad <mode = "edge"> (x, s)', 1, "Pad continues a dimension that has no element left"),
    ("float[2,3] x", "int64[2] s = {4611686018427387904, 4}", "y = Tile(x, s)", 1, "overflows"),
    ("float[2,3] x", "", "y = Cast <to = 8> (x)", 3, "Cast to string is not supported"),
    ("float[2,3] x", "", "y = Cast <to = 99> (x)", 1, "element type 99"),
    ("float[2,3] x", "", 'y = Gelu <approximate = "fast"> (x)', 1, "approximate of Gelu is 'fast'"),
    ("float[2,3] x, bool[2,3] z", "", "y = Add(z, z)", 1, "input A of Add has element type bool, expected a number type"),
    ("uint8[2,3] x", "", 'y = BitShift <direction = "UP"> (x, x)', 1, "direction of BitShift is 'UP', expected LEFT or RIGHT"),
    ("float[2,3] x", "", 'y = BitShift <direction = "LEFT"> (x, x)', 1, "input X of BitShift has element type float, expected an integer type"),
    ("float[N,3] x", "", "y = Hardmax <axis = 0> (x)", 3, "Hardmax along axis 0 of shape [N,3] is not supported"),
    ("float[2,3] x", "", "y = Celu <alpha = nan> (x)", 1, "alpha of Celu is nan, expected a finite number"),
    ("float[2,3] x", "", "y = Shrink <lambd = inf> (x)", 1, "lambd of Shrink is inf, expected a finite number"),
    ("int32[2,3] x", "", "y = IsNaN(x)", 1, "input X of IsNaN has element type int32, expected float"),
    ("float[2,3] x, float[4] z", "", "y = Mean(x, z)", 1, "Mean can't broadcast shape [2,3] with [4]"),
    ("float[2,3] x, float[3,4] z", "", 'y = Einsum <equation = "ij,jk,kl"> (x, z)', 1, "the equation of Einsum, 'ij,jk,kl', is not for 2 inputs"),
    ("float[2,3] x, float[3,4] z", "", 'y = Einsum <equation = "ij"> (x, z)', 1, "the equation of Einsum, 'ij', is not for 2 inputs"),
    ("float[2,3] x, float[3,4] z", "", 'y = Einsum <equation = "ij,jk->il"> (x, z)', 1, "the output of 'ij,jk->il' has 'l' twice, or no input has it"),
    ("float[2,3] x, float[3,4] z", "", 'y = Einsum <equation = "ij,jk->ii"> (x, z)', 1, "has 'i' twice"),
    ("float[2,3] x, float[3,4] z", "", 'y = Einsum <equation = "ij,jk->i>"> (x, z)', 1, "has '>' where a letter is expected"),
    ("float[2,3] x, float[3,4] z", "", 'y = Einsum <equation = "ij,jk-i"> (x, z)', 1, "has '-i' where '->' is expected"),
    ("float[2,3] x, float[3,4] z", "", 'y = Einsum <equation = "ij,jk->i,k"> (x, z)', 1, "has ',k' behind its output"),
    ("float[2,3] x, float[3,4] z", "", 'y = Einsum <equation = "ij,ij->i"> (x, z)', 1, "inputs of Einsum differ in a dimension of 'ij,ij->i': 2 and 3"),
    ("float[2,3] x, float[3,4] z", "", 'y = Einsum <equation = "ijk,jk->i"> (x, z)', 1, "term 0 of 'ijk,jk->i' does not fit its input of shape [2,3]"),
    ("float[2,3] x", "", 'y = Einsum <equation = "...j->j"> (x)', 1, "the output of '...j->j' has no '...', its inputs have"),
    ("float[2,3] x", "", 'y = Einsum <equation = "i1j->i"> (x)', 1, "has '1j->i' where a letter is expected"),
    ("float[2,3] x", "int64[1] a = {0}, int64[1] t = {1}", 'e = Slice(x, a, a, t) y = Einsum <equation = "ij->i"> (e)', 3, "'ij->i' of an input of shape [2,0] is not supported"),
    ("float[2,5,32] x, float[2,7,16] z", "", "y = Attention(x, z, z)", 1, "Attention has 0 heads of queries and 0 of keys"),
    ("float[2,5,30] x, float[2,7,16] z", "", "y = Attention <q_num_heads = 4, kv_num_heads = 2> (x, z, z)", 1, "input Q of Attention has shape [2,5,30], expected a multiple of 4 columns"),
    ("float[2,4,5,8] x, float[2,3,7,8] z", "", "y = Attention(x, z, z)", 1, "Attention has 4 heads of queries and 3 of keys, expected a multiple of them"),
    ("float[2,4,5,8] x, float[2,4,7,6] z", "", "y = Attention(x, z, z)", 1, "expected 8 in dimension 3 (a head as in Q)"),
    ("float[2,4,5,8] x, float[5,9] m", "", "y = Attention(x, x, x, m)", 1, "the mask of Attention has shape [5,9], expected 1 to 5 keys"),
    ("float[2,4,5,8] x, float[3,5] m", "", "y = Attention(x, x, x, m)", 1, "expected one that broadcasts to [2,4,5,5]"),
    ("float[2,4,5,8] x", "", 'y = Attention(x, x, x, "", x)', 1, "Attention has one of past_key and past_value, expected both or none"),
    ("float[2,4,5,8] x", "int64[1] a = {0}, int64[1] t = {2}", "e = Slice(x, a, a, t) y = Attention(e, x, x)", 3, "Attention of an empty or symbolic dimension is not supported"),
    ("float[2,3] x", "int64[4] p = {0,-9223372036854775808,0,9223372036854775807}", "y = Pad(x, p)", 1, "Pad makes a dimension of 3 by -9223372036854775808"),
    # tables that grow with a number
    (X, "float[4,2,3,3] w", "y = ConvTranspose <dilations = [2000000000, 1]> (x, w)", 3, "dilations that make its kernel one of more than 4194304 elements"),
    (X, "int64[4] s = {1,3,4,33554432}", 'y = Resize(x, "", "", s)', 3, "Resize along a dimension of 33554432 is not supported, of at most 4194304 it is"),
    ("float[1,1,33554432] x", "int64[3] s = {1,1,5}", 'y = Resize <mode = "linear", antialias = 1> (x, "", "", s)', 3, "Resize along a dimension of 33554432 is not"),
    ("float[2,3] x", "int64[4] p = {0,33554432,0,0}", 'y = Pad <mode = "edge"> (x, p)', 3, "Pad along a dimension of 33554435 is not supported"),
    ("int64[3] x", "int64 d = {2147483647}, float[2] v = {0,1}", "y = OneHot(x, d, v)", 3, "OneHot along a dimension of 2147483647 is not supported"),
    # quantisation
    ("float[2,3] x", "float[2] s", "y = QuantizeLinear(x, s)", 1, "expected 3 in dimension 0 (one for each index of axis)"),
    ("uint8[N,3] x", "float[3] s", "y = DequantizeLinear <axis = 0> (x, s)", 1, "has shape [3], one for each index of axis, which is free; fix it with --dim N=N"),
    ("uint8[N,4] x", "float[2,2] s", "y = DequantizeLinear <block_size = 2> (x, s)", 1, "one for each block, which is free"),
    ("uint8[N,4] x", "float s = {0.5}, float[2] each = {1, 2}, uint8 z = {1}, uint8[2] zs = {1, 2}, uint8[4,3] w",
     "y = QLinearMatMul(x, each, zs, w, s, z, s, z)", 1, "one for each row, which is free"),
    ("float[2,3] x", "float s = {0.5}, uint8[3] z", "y = QuantizeLinear(x, s, z)", 1, "the zero point of QuantizeLinear has shape [3], expected the scale's []"),
    ("float[2,3] x", "float s = {0.5}, uint8 z = {1}", "y = QuantizeLinear <output_dtype = 3> (x, s, z)", 1, "output_dtype of QuantizeLinear is int8, its zero point's type uint8"),
    ("float[2,3] x", "float s = {0.5}, int4 z = {1}", "y = QuantizeLinear(x, s, z)", 3, "QuantizeLinear of int4 is not supported"),
    ("float[2,3] x", "float[2,2] s", "y = QuantizeLinear <block_size = 3> (x, s)", 1, "expected 1 in dimension 1 (one for each block)"),
    ("float[2,3] x", "float[2,2] s", "y = QuantizeLinear <block_size = -1> (x, s)", 1, "block_size of QuantizeLinear is -1, expected at least 1"),
    ("int64[2,3] x", "float s = {0.5}", "y = QuantizeLinear(x, s)", 1, "input x of QuantizeLinear has element type int64, expected float"),
    ("uint8[2,3] x", "float s = {0.5}, int8 z = {1}", "y = DequantizeLinear(x, s, z)", 1, "have element types uint8 and int8, expected the same"),
    ("uint8[2,3] x", "float[3] s", "y = DequantizeLinear <axis = 2> (x, s)", 1, "axis 2 of DequantizeLinear is out of range"),
    ("float[2,3] x", "int4[2,3] w", "y = Identity(w)", 3, "Identity of int4 is not supported"),
    ("float[2,3] x", "int4[2] w = {7, 8}", "y = Identity(w)", 1, "int4 element is out of range"),
    ("uint8[2,3] x, float[3,4] w", "", "y = MatMulInteger(x, w)", 1, "input B of MatMulInteger has element type float, expected int8 or uint8"),
    ("uint8[2,3] x, uint8[3,4] w", "uint8[3] z", 'y = MatMulInteger(x, w, "", z)', 1, "has shape [3], expected one that broadcasts to [1,4]"),
    ("uint8[1,4,8,8] x", "int8[2,4,3,3] w, uint8[2] z", "y = ConvInteger(x, w, z)", 1, "has shape [2], expected rank 0"),
    ("uint8[1,4,8,8] x", "int8[2,3,3,3] w", "y = ConvInteger(x, w)", 1, "input has 4 channels, its weights and group 1 expect 3"),
    ("float[2,3] x", "", "w = Relu(x) y = Softmax <axis = 7> (w) z = Relu(y)", 1, "axis 7 of Softmax"),
]


def text_of(inputs, inits, nodes):
    filled = []
    for init in filter(None, (part.strip() for part in inits.replace("}", "}|").replace("] w,", "] w|").split("|"))):
        init = init.strip(", ")
        if init and "=" not in init:
            count = 1
            for d in init[init.index("[") + 1 : init.index("]")].split(","):
                count *= int(d)
            init += " = {" + ",".join("1" for _ in range(count)) + "}"
        filled.append(init)
    head = f"<{', '.join(filled)}>" if filled else ""
    return f'<ir_version: 8, opset_import: ["": 20, "cnxc": 1, "com.microsoft": 1]>\ng ({inputs}) => (y) {head} {{\n  {nodes}\n}}\n'


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for inputs, inits, nodes, code, message in cases:
            path = f"{folder}/m.onnxtxt"
            with open(path, "w", encoding="utf-8") as file:
                file.write(text_of(inputs, inits, nodes))
            run = subprocess.run([INTERP, path, f"{folder}/y"], capture_output=True, text=True)
            one = run.stderr.count(" error: ") == 1 or "symbolic" in message
            if run.returncode != code or message not in run.stderr or not one:
                failed += 1
                print(f"{nodes}: exit {run.returncode}, expected {code}: '{message}', got:\n{run.stderr}")
    print(f"{len(cases)} mistakes, {failed} not reported as they should be")
    sys.exit(bool(failed))


main()
