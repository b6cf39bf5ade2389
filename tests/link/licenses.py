# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""RUN: rm -rf %t && mkdir %t && %python %s %cnxc %root %t

What programs and libraries contain, they show the notices of: those of runtime/licenses, word for word; the C library's where it is
inside. cnxc shows its own licence, too."""
import ctypes
import os
import subprocess
import sys

CNXC, ROOT, FOLDER = sys.argv[1:]


def read(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as f:
        return f.read()


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def compiled(name, *options):
    path = os.path.join(FOLDER, name)
    output(CNXC, "compile", os.path.join(ROOT, "models", "digits"), "-mcpu=x86-64-v2" if os.uname().machine == "x86_64" else "-mcpu=aarch64", *options, "-o", path)
    return path


notices = {name.removesuffix(".txt"): read("runtime", "licenses", name) for name in os.listdir(os.path.join(ROOT, "runtime", "licenses"))}
glibc = notices.pop("glibc")
assert "This software is based in part on the work of the Independent JPEG Group." in notices["libjpeg-turbo"]
assert set(notices) == {"cnxc", "libjpeg-turbo", "libpng", "zlib", "libwebp", "xxhash"}, set(notices)

program, library, static = compiled("digits"), compiled("libdigits.so", "--emit=shared"), compiled("whole", "--static")
said = output(program, "--licenses")
for name, text in notices.items():
    assert f"==== {name} ====\n\n{text}" in said, name
assert sum(map(len, notices.values())) < len(said) < sum(map(len, notices.values())) + 200, len(said)
assert output(static, "--licenses") == f"{said}\n\n==== glibc ====\n\n{glibc}"
assert output(CNXC, "run", os.path.join(ROOT, "models", "digits"), "--licenses") == said

digits_licenses = ctypes.CDLL(library).digits_licenses
digits_licenses.restype = ctypes.c_char_p
assert digits_licenses().decode() == said
assert output(CNXC, "--licenses") == f"{read('LICENSE')}\n\n{said}"
