# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# lit's configuration. A test is a file with RUN lines; FileCheck compares what it prints with its CHECK lines.
#   lit tests --param cnxc=build/release/bin/cnxc --param python=…/bin/python
import os
import shutil

import lit.formats

here = os.path.dirname(os.path.abspath(__file__))
build = lit_config.params["build"]

config.name = "cnxc"
config.test_format = lit.formats.ShTest(execute_external=True)
config.suffixes = [".onnxtxt", ".test", ".py"]
config.excludes = ["goldens", "bad_inputs", "bench", "fuzz", "mutations", "node_tests", "failures", "python", "ray", "systems", "tools", "lit.cfg.py", "Inputs"]
config.test_source_root = here
config.test_exec_root = os.path.join(build, "lit")

bin = os.path.join(build, "bin")
config.substitutions += [
    ("%cnxc", os.path.join(bin, "cnxc")),
    ("%bin", bin),
    ("%build", build),
    ("%filecheck", "FileCheck-19 --dump-input-context=5"),
    ("%not", os.path.join(here, "tools", "exits")),
    ("%python", lit_config.params.get("python", "python3")),
    ("%root", os.path.dirname(here)),
]
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "HOME", "TMPDIR"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
config.environment["PATH"] = os.environ["PATH"]
config.environment["NO_COLOR"] = "1"
config.environment["XDG_CACHE_HOME"] = os.path.join(build, "cache")
if lit_config.params.get("sanitize"):
    config.available_features.add("sanitize")
if os.path.exists("/proc/cpuinfo") and " avx512_bf16 " in open("/proc/cpuinfo").read():
    config.available_features.add("avx512_bf16")
if shutil.which("qemu-x86_64"):
    config.available_features.add("qemu")
if shutil.which("qemu-aarch64") and os.path.exists(os.path.join(build, "lib", "cnxc", "aarch64-linux-gnu", "libcnxrt.a")):
    config.available_features.add("aarch64")
if shutil.which("chromium"):
    config.available_features.add("chromium")
