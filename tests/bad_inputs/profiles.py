# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad CPU profiles: XML that reaches out, explodes or lies."""
import os

from harness import case

GOOD = """<profile name="mine" extends="x86-64-v3">
  <summary>a test's</summary>
  <l2 size="512K" shared-by="1"/>
  <cores count="4"/>
  <schedule>
    <choice op="gemm" shape="49x96x384" tile="6x16" row-block="24" prefetch="0" thread-split="4"/>
  </schedule>
</profile>
"""


def profile(name, text, message, exit=1, files=None, **how):
    case("profile", name, exit=exit, message=message, files={"p.xml": text, **(files or {})},
         argv=how.pop("argv", ["targets", "-mcpu=p.xml"]), **how)


def changed(name, old, new, message, **how):
    assert old in GOOD
    profile(name, GOOD.replace(old, new), message, **how)


def at(line, rule):
    return rf"p\.xml:{line}:\d+: error: .*{rule}"


def whole(name, parts, message, **how):
    profile(name, f'<profile name="mine" extends="x86-64-v3">\n{parts}\n</profile>\n', message, **how)


profile("the good one (control)", GOOD, "", exit=0)

# Reaching out of the file, and bombs
DOCTYPES = {
    "DOCTYPE": "<!DOCTYPE profile>",
    "DOCTYPE, external": '<!DOCTYPE profile SYSTEM "file:///etc/passwd">',
    "DOCTYPE, from the network": '<!DOCTYPE profile PUBLIC "-//x//y" "http://127.0.0.1:9/p.dtd">',
    "external entity": '<!DOCTYPE profile [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "parameter entity": '<!DOCTYPE profile [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>',
    "billion laughs": "<!DOCTYPE profile [<!ENTITY a0 'ha'>" + "".join(
        f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 12)) + "]>",
    "quadratic entity": f"<!DOCTYPE profile [<!ENTITY a '{'x' * 50000}'>]>",
}
for _name, _doctype in DOCTYPES.items():
    changed(_name, "<profile ", _doctype + "\n<profile ", at(1, "DOCTYPE"))
changed("DOCTYPE after a comment", "<profile ", "<!-- a\nb -->\n<!DOCTYPE profile>\n<profile ", at(3, "DOCTYPE"))
changed("undefined entity", "a test's", "&x;", at(2, "entity 'x' not defined"))
whole("XInclude", '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>',
      at(2, "include"))
profile("depth 20,000", "<profile>" + "<l2>" * 20000 + "</l2>" * 20000 + "</profile>", at(1, "nested too deeply"))
profile("depth 20,000, never closed", "<a>\n" * 20000, at(9, "nested too deeply"))
profile("larger than is read", GOOD + "<!--" + " " * 300000 + "-->", "error: .*at most 262144")
profile("much larger than is read", GOOD + " " * (2 << 20), "error: .*too large")
profile("20,000 attributes", "<profile " + " ".join(f"a{i}=''" for i in range(20000)) + "/>", at(1, "more attributes"))
profile("9,000 namespaces", "<profile " + " ".join(f"xmlns:a{i}='u'" for i in range(9000)) + "/>", at(1, "more attributes"))
whole("a schedule that is repeated 3,000 times", "<schedule/>" * 3000, at(2, "schedule"))

# Not XML
profile("empty", "", at(1, "empty"))
profile("not XML", "hello\n", at(1, ""))
profile("cut short", GOOD[:-14], r"p\.xml:\d+:\d+: error: ")
profile("NUL", GOOD.replace("mine", "mi\0ne"), r"p\.xml:\d+:\d+: error: ")
profile("invalid UTF-8", GOOD.encode().replace(b"a test", b"a \xff test"), at(2, ""))
profile("UTF-16", GOOD.encode("utf-16"), r"p\.xml:1:\d+: error: ")
profile("another encoding than it says", '<?xml version="1.0" encoding="ISO-8859-1"?>\n' + GOOD, "", exit=0)
changed("mismatched tags", "</schedule>", "</shedule>", at(7, "mismatch"))
changed("duplicate attribute", 'count="4"', 'count="4" count="8"', at(4, "redefined"))

# Not the schema's
whole("unknown element", '<l1d size="32K"/>\n<cash size="1M"/>', at(3, "unknown element <cash>"))
whole("near element", '<core count="4"/>', at(2, "did you mean <cores>"))
whole("out of order", '<l3 size="8M"/>\n<l2 size="1M"/>', at(3, "<l2> is out of place"))
whole("twice", '<l2 size="1M"/>\n<l2 size="1M"/>', at(3, "<l2> is out of place"))
whole("text", "hello", at(1, "text"))
whole("element of another namespace", '<l2 xmlns="urn:x" size="1M"/>', r"p\.xml:[12]:\d+: error: ")
profile("another root", "<cpu/>\n", at(1, "profile"))
profile("no name", '<profile extends="x86-64-v3"/>\n', at(1, ""))
for _name, _value in {"0": "0", "-1": "-1", "1e18": "1e18", "empty": "", "a word": "big", "hexadecimal": "0x8000"}.items():
    changed(f"cache size {_name}", 'size="512K"', f'size="{_value}"', at(3, f"attribute 'size' of <l2>.*can't be '{_value}'"))
for _value in ("1000000000000000000", "9999999999999999999G", "8589934591G", "9223372036854775808", "1"):
    changed(f"cache size {_value}", 'size="512K"', f'size="{_value}"', at(3, f"size of <l2> must be from.*{_value}"))
changed("unknown attribute", "shared-by", "shared", at(3, "attribute 'shared' of <l2>"))
changed("cores 0", 'count="4"', 'count="0"', at(4, "'count' of <cores>"))
changed("cores 10^8", 'count="4"', 'count="100000000"', at(4, "count of <cores> must be from"))
whole("vectors of 24 bytes", '<vectors bytes="24"/>', at(2, "'bytes' of <vectors>.*24"))
whole("vectors without their features", '<vectors bytes="64" registers="32"/>', at(1, "features that are not listed: .*avx512f"))
whole("features taken away from vectors", '<features remove="avx2"/>', at(1, "features that are not listed: avx2"))
whole("unknown feature", '<features add="avx2 avx512vnny"/>', at(2, "avx512vnny.*did you mean 'avx512vnni'"))
whole("feature that nothing checks", '<features add="sse4a"/>', at(2, "sse4a"))
whole("feature with a comma", '<features add="avx2,+avx512f"/>', at(2, "value of <features>"))
whole("unknown LLVM CPU", '<llvm cpu="znver9"/>', at(2, "LLVM knows no CPU 'znver9'"))
whole("another target than the extended one's", '<llvm target="aarch64" cpu="generic"/>', at(2, "target is aarch64"))
profile("nothing but a name", '<profile name="mine"/>\n', at(1, "no <llvm cpu"))
changed("name with a slash", 'name="mine"', 'name="../mine"', at(1, "'name' of <profile>.*'../mine'"))

# Choices
changed("shape of two numbers", "49x96x384", "49x96", at(6, "'shape' of <choice>.*'49x96'"))
changed("shape of another operator", "49x96x384", "49x96x384x3x3", at(6, "shape of a gemm has 3 numbers"))
changed("shape 0", "49x96x384", "0x96x384", at(6, "'shape' of <choice>.*'0x96x384'"))
changed("unknown operator", 'op="gemm"', 'op="gem"', at(6, "'op' of <choice>.*'gem'"))
changed("tile that is no multiple of the vector", "6x16", "6x12", "error: a tile of 6x12: .*multiple of 8")
changed("tile beyond the registers", "6x16", "14x32", "error: a tile of 14x32 needs 62 vector registers, there are 16")
changed("row block 0", 'row-block="24"', 'row-block="0"', at(6, "'row-block' of <choice>.*'0'"))
changed("tried 0", 'thread-split="4"', 'thread-split="4" tried="0"', at(6, "'tried' of <choice>.*'0'"))
changed("a shape twice", "</schedule>", '<choice op="gemm" shape="49x96x384"/></schedule>', at(7, "second choice for gemm 49x96x384"))

# Extending
changed("extends nothing known", "x86-64-v3", "x86-64-v33", at(1, "did you mean 'x86-64-v3'"))
changed("extends a missing file", "x86-64-v3", "other.xml", "error: can't read 'other.xml'", exit=4)
changed("extends a file elsewhere", "x86-64-v3", "../p.xml", at(1, "extends"))
changed("extends an absolute path", "x86-64-v3", "/etc/p.xml", at(1, "extends"))
changed("extends itself", "x86-64-v3", "p.xml", at(1, "leads back"))
changed("extends in a cycle", "x86-64-v3", "a.xml", r"b\.xml:1:\d+: error: .*leads back",
        files={"a.xml": '<profile name="a" extends="b.xml"/>', "b.xml": '<profile name="b" extends="p.xml"/>'})
changed("extends through many others", "x86-64-v3", "c0.xml", "error: .*through more than 16 others",
        files={f"c{i}.xml": f'<profile name="c" extends="c{i + 1}.xml"/>' for i in range(40)})
changed("extends a bad file", "x86-64-v3", "a.xml", r"a\.xml:2:\d+: error: .*'size' of <l2>",
        files={"a.xml": '<profile name="a" extends="x86-64-v3">\n<l2 size="0"/></profile>'})


# Files
def fifo(folder):
    os.mkfifo(os.path.join(folder, "q.xml"))


for _name, _path, _exit in (("a missing file", "no.xml", 4), ("a directory", "d.xml", 1), ("a pipe", "q.xml", 1)):
    case("profile", _name, exit=_exit, message=f"error: can't read '{_path}'", files={"d.xml/x": ""}, setup=fifo,
         argv=["targets", f"-mcpu={_path}"])
case("profile", "/dev/zero", exit=1, message="error: can't read", argv=["targets", "-mcpu=z.xml"],
     setup=lambda folder: os.symlink("/dev/zero", os.path.join(folder, "z.xml")))
case("profile", "a bad profile stops a compilation", exit=1, message=r"p\.xml:1:\d+: error: .*DOCTYPE",
     files={"m.onnxtxt": '<ir_version: 9, opset_import: ["": 17]>\nm (float[1] x) => (float[1] y) {\n  y = Relu(x)\n}\n',
            "p.xml": "<!DOCTYPE profile>\n" + GOOD}, argv=["compile", "m.onnxtxt", "-mcpu=p.xml", "-o", "out"])
case("profile", "a profile of another system's CPU", exit=2, message="is a CPU of aarch64-linux-gnu, the target is",
     files={"m.onnxtxt": '<ir_version: 9, opset_import: ["": 17]>\nm (float[1] x) => (float[1] y) {\n  y = Relu(x)\n}\n',
            "p.xml": '<profile name="mine" extends="neoverse-v1"/>'}, argv=["compile", "m.onnxtxt", "-mcpu=p.xml", "-o", "out"])
