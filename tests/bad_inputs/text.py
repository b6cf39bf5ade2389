# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad ONNX text."""
from harness import case, text_case

HEAD = '<\n   ir_version: 8,\n   opset_import: ["" : 17]\n>\n'


def model(body, inputs="float[1,3,8,8] x", outputs="float[1,3,8,8] y", weights=""):
    items = f"\n   <{weights}>" if weights else ""
    return f"{HEAD}g ({inputs}) => ({outputs}){items}\n{{\n{body}\n}}\n"


AT = r"bad\.onnxtxt:%s: error: "

text_case("empty file", "", r"bad\.onnxtxt.*error: .*(empty|expected)")
text_case("comments only", "# nothing\n# here\n", r"bad\.onnxtxt.*error: .*(empty|expected)")
text_case("NUL byte", HEAD.encode() + b"g (x) => (y) {\x00}", AT % r"5:\d+" + ".*(NUL|byte)")
text_case("byte order mark", "\ufeff" + model("   y = Relu(x)"), AT % "1:1" + ".*byte order mark")
text_case("invalid UTF-8", model('   y = Relu("\xff")').encode("latin-1"), AT % r"7:\d+" + ".*UTF-8")
text_case("unterminated string", model('   y = Relu("x)'), AT % r"7:13" + ".*unterminated")
text_case("unterminated list", HEAD + "g (float x) => (float y) { y = Relu(x", AT % r"5:\d+" + ".*expected")
text_case("100,000 nested brackets", HEAD + "g (x) => (y) { y = Relu <a = " + "[" * 100_000, AT % r"5:\d+")
text_case("100,000 nested types", HEAD + "g (" + "seq(" * 100_000, AT % r"5:\d+")
text_case("100,000 nested graphs", HEAD + "g (x) => (y) {" + "y = If <t: graph = g () => (y) {" * 100_000, AT % r"5:\d+")
text_case("10 MB token", HEAD + "g (x) => (y) { y = " + "R" * 10_000_000 + "(x) }", r"bad\.onnxtxt:5:\d+: error: ", exit=1)
text_case("integer 2^63", model("   y = Relu <a = 9223372036854775808> (x)"), AT % r"7:18" + ".*(range|overflow|large|int64)")
text_case("float 1e999", model("   y = Relu <a = 1e999> (x)"), AT % r"7:18" + ".*(range|overflow|large)")
text_case("unknown ir_version", model("   y = Relu(x)").replace("ir_version: 8", "ir_version: 9999"),
          AT % r"2:\d+" + ".*ir_version")
text_case("opset missing", "<ir_version: 8>\ng (float[1] x) => (float[1] y) { y = Relu(x) }", r"bad\.onnxtxt.*error: .*opset")
text_case("opset twice", model("   y = Relu(x)").replace('["" : 17]', '["" : 17, "" : 18]'), AT % r"3:\d+" + ".*opset")
text_case("duplicate name", model("   y = Relu(x)\n   y = Relu(x)"), AT % r"8:4" + ".*y")
text_case("use before definition", model("   y = Relu(t)\n   t = Relu(x)"), AT % r"7:13" + ".*t")
text_case("cycle", model("   y = Add(x, t)\n   t = Relu(y)"), AT % r"7:\d+" + ".*t")
text_case("output never produced", model("   t = Relu(x)"), AT % r"5:\d+" + ".*y")

CONV = "   y = Conv <{}> (x, w)"


def conv(name, attrs, weight, message, inputs="float[1,3,8,8] x"):
    values = ",".join(["0"] * __import__("math").prod(weight))
    dims = ",".join(map(str, weight))
    text_case(name, model(CONV.format(attrs), inputs=inputs, outputs="float y", weights=f"float[{dims}] w = {{{values}}}").replace(
        "=> (float y)", "=> (float[a,b,c,d] y)"), AT % r"8:\d+" + message)


conv("Conv weight of another rank", "group = 1", (2, 3, 3), ".*rank")
conv("Conv group 0", "group = 0", (2, 3, 1, 1), ".*group")
conv("Conv group not dividing", "group = 2", (2, 3, 1, 1), ".*(group|channels)")
conv("Conv stride 0", "strides = [0, 1]", (2, 3, 1, 1), ".*stride")
conv("Conv dilation 2^40", "dilations = [1099511627776, 1]", (2, 3, 3, 3), ".*(dilation|kernel)")
conv("Conv negative pads", "pads = [-1, 0, 0, 0]", (2, 3, 1, 1), ".*pad")
conv("Conv kernel larger than the padded input", "group = 1", (1, 3, 9, 9), ".*(kernel|larger)")

text_case("dimension -1", model("   y = Relu(x)", inputs="float[-1,3] x"), AT % r"5:\d+")
text_case("dimension 2^62", model("   y = Add(x, x)", inputs="float[4611686018427387904,3] x", outputs="float[4611686018427387904,3] y"),
          r"bad\.onnxtxt:\d+:\d+: error: ")
text_case("dimension 0 with a convolution", model(CONV.format("group = 1"), inputs="float[1,3,0,8] x", outputs="float[1,1,1,1] y",
          weights="float[1,3,1,1] w = {1,2,3}"), r"bad\.onnxtxt:\d+:\d+: error: .*empty inputs are not supported", exit=3)
text_case("symbolic height", model("   y = Relu(x)", inputs="float[n,3,height,8] x", outputs="float[n,3,height,8] y"),
          r"error: .*--dim height=")
text_case("axis out of range", model("   y = Softmax <axis = 4> (x)"), AT % r"7:\d+" + ".*axis")
text_case("repeated perm", model("   y = Transpose <perm = [0, 1, 1, 2]> (x)"), AT % r"7:\d+" + ".*perm")
text_case("epsilon NaN", model("   y = LayerNormalization <epsilon: float = nan> (x, s)", weights="float[8] s = {1,1,1,1,1,1,1,1}"),
          AT % r"8:\d+" + ".*epsilon")
text_case("too few inputs", model("   y = Conv(x)"), AT % r"7:8" + ".*Conv expects 2 to 3 inputs, got 1")
text_case("element count", model("   y = Add(x, w)", weights="float[2] w = {1,2,3}"), AT % r"6:\d+" + ".*(2|3) ")
text_case("unknown operators, all at once", model("   t = Rleu(x)\n   y = Frobnicate(t)"), r"7:\d+: error: .*Rleu.*Relu(.|\n)*8:\d+: error: .*Frobnicate",
          exit=3)
text_case("unknown domain", model("   y = com.example.Thing(x)"), AT % r"7:\d+" + ".*com.example", exit=3)
text_case("names that are no C names", model('   y = Relu("a/b")', inputs='float[1,3,8,8] "a/b", float[1] int, float[1] "a\nb", float[1] "%n"'), "", exit=0,
          argv=["compile", "bad.onnxtxt", "--emit=obj", "--prefix=names", "-o", "names.o"], outputs=("names.o", "names.h"))
case("text", "no such file", exit=4, message=r"missing\.onnxtxt.*No such file", argv=["compile", "missing.onnxtxt", "-o", "out"])
