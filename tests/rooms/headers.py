# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Each header stands alone: it compiles as a file's only include, without a warning, and may be included twice.
# RUN: %python %s %root %t
import os
import shutil
import subprocess
import sys

ROOT, FOLDER = sys.argv[1:]


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def complaints(header, flags):
    text = f'#include "{header}"\n#include "{header}"\nextern int not_empty;\n'
    command = ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Werror", "-fsyntax-only", *flags, "-x", "c", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True).stderr


shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
shutil.copy("/usr/include/onnx/onnx.proto", FOLDER)
output("protoc-c", f"--c_out={FOLDER}", f"--proto_path={FOLDER}", f"{FOLDER}/onnx.proto")
flags = ["-I", ROOT, "-I", FOLDER, *output("llvm-config-19", "--cflags"), *output("pkg-config", "--cflags", "libxml-2.0")]

headers = []
for top in ("ir", "compiler", "runtime"):
    for folder, _, names in os.walk(os.path.join(ROOT, top)):
        headers += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names if name.endswith(".h")]
assert len(headers) > 40, headers

with open(f"{FOLDER}/leans.h", "w") as f:
    f.write("size_t length(void);\n")
assert "size_t" in complaints("leans.h", flags)  # the test notices a header that leans on another

sys.exit("\n".join(filter(None, (complaints(header, flags) for header in sorted(headers)))) or 0)
