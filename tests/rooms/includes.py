# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Each room knows only what stands to its left: what a file may include and what its library may link, by its room. A source
# includes its own header first.
# RUN: %python %s %root
import os
import re
import sys

ROOT = sys.argv[1]
# What of the project each room may include, beside itself: rooms, or single headers.
IR = ["ir/base", "ir"]
ROOMS = {
    "ir/base": [],
    "ir": ["ir/base"],
    "runtime": ["ir/base/endings.h", "ir/base/escape.h", "ir/base/npy.h", "ir/base/terminal.h", "ir/base/utf8.h", "ir/base/words.h"],
    "compiler/frontend/input": IR + ["runtime/model.h"],
    "compiler/frontend/text": IR + ["compiler/frontend/input"],
    "compiler/frontend/onnx": IR + ["compiler/frontend/input"],
    "compiler/frontend/checkpoint": IR + ["compiler/frontend/input"],
    "compiler/frontend/convnext": IR + ["compiler/frontend/input", "compiler/frontend/checkpoint", "runtime/model.h"],
    "compiler/frontend/upernet": IR + ["compiler/frontend/input", "compiler/frontend/checkpoint", "compiler/frontend/convnext"],
    "compiler/frontend": IR + ["compiler/frontend"],
    "compiler/passes": IR,
    "compiler/target": IR + ["runtime/model.h", "runtime/cpu.h"],
    "compiler/schedule": IR + ["compiler/target"],
    "compiler/codegen": ["ir/base", "ir/ops.def", "ir/quantize.h", "compiler/schedule/program.h", "compiler/schedule/kernels.def", "compiler/target", "runtime/model.h"],
    "compiler/link": ["ir/base"],
    "compiler/build": IR + ["compiler/" + room for room in "target frontend passes schedule codegen link".split()] + ["runtime/model.h"],
    "compiler/package": IR + ["compiler/build", "compiler/link", "runtime/licenses.h"] + ["compiler/" + room for room in "target frontend passes schedule codegen".split()],
    "compiler/report": IR + ["compiler/" + room for room in "target passes schedule build".split()],
    "compiler/driver": IR + ["compiler/" + room for room in "target frontend schedule build package report".split()] + ["runtime/cli/options.def", "runtime/licenses.h"],
}
# Libraries that stay in one room.
OUTSIDE = {
    "llvm-c/": ["compiler/codegen"],
    "llvm/": ["compiler/link"],
    "lld/": ["compiler/link"],
    "libxml/": ["compiler/target"],
    "hdf5.h": ["compiler/frontend/checkpoint"],
    "jansson.h": ["compiler/frontend/input", "compiler/frontend/checkpoint", "compiler/frontend/convnext", "compiler/frontend/upernet", "compiler/build", "compiler/package",
                  "compiler/report", "compiler/driver"],
    "jpeglib.h": ["runtime"],
    "png.h": ["runtime"],
    "webp/": ["runtime"],
    "onnx.pb-c.h": ["compiler/frontend/onnx"],
    "protobuf-c/": ["compiler/frontend/onnx"],
}


def room_of(path):
    return next(room for room in sorted(ROOMS, key=len, reverse=True) if path.startswith(room + "/"))


def sources(root):
    for top in ("ir", "compiler", "runtime"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in names:
                if name.endswith((".c", ".cpp", ".h", ".l", ".y", ".def")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def allowed(path, header):
    room = room_of(path)
    for prefix, rooms in OUTSIDE.items():
        if header.startswith(prefix):
            return room in rooms
    if header.startswith(("ir/", "compiler/", "runtime/")) and path[:-2] + ".h" in ROOMS["runtime"]:
        return header in ROOMS["runtime"]  # compiled into the runtime: it needs nothing else
    if header.startswith(("ir/", "compiler/", "runtime/")):
        theirs = room_of(header)
        return room == theirs or header in ROOMS[room] or any(theirs == r or theirs.startswith(r + "/") for r in ROOMS[room] if not r.endswith(".h"))
    return True


def mistakes(path, text, exists):
    headers = re.findall(r'^[ \t]*#[ \t]*include[ \t]+["<]([^">]+)[">]', text, re.M)
    for header in headers:
        if not allowed(path, header):
            yield f"{path} must not include {header}"
    own = os.path.splitext(path)[0] + ".h"
    if path.endswith((".c", ".cpp")) and exists(own) and headers[:1] != [own]:
        yield f"{path} must include {own} first"


# A library holds a room; cnxc_ir also ir/base.
LIBRARIES = {"cnxc_" + os.path.basename(room): room for room in ROOMS if room != "ir/base"}


# It is linked for what may be included: a whole room, or one of its headers.
def may_link(room, library):
    theirs = LIBRARIES.get(library)
    return theirs and (theirs == room or any(theirs == r or theirs.startswith(r + "/") or theirs + "/base" == r or r.endswith(".h") and room_of(r) == theirs
                                             for r in ROOMS[room]))


def link_mistakes(path, text):
    for call in re.findall(r"target_link_libraries\(([^)]*)\)", text):
        for library in re.findall(r"\bcnxc_\w+", call):
            if not may_link(os.path.dirname(path), library):
                yield f"{path} must not link {library}"


# The test notices what it is there for.
for path, header in [("ir/graph.c", "compiler/passes/pipeline.h"), ("ir/base/str.c", "ir/graph.h"), ("runtime/model.c", "compiler/codegen/codegen.h"), ("runtime/cli/text.c", "ir/base/str.h"), ("ir/base/npy.c", "ir/base/vec.h"),
                     ("runtime/cli/cli.c", "llvm-c/Core.h"), ("compiler/frontend/frontend.c", "compiler/codegen/emit.h"),
                     ("compiler/frontend/checkpoint/zip.c", "compiler/frontend/convnext/convnext.h"),
                     ("compiler/frontend/text/build.c", "compiler/frontend/onnx/onnx.h"), ("compiler/frontend/input/json.c", "compiler/frontend/frontend.h"),
                     ("compiler/codegen/gemm.c", "compiler/schedule/lower.h"), ("compiler/passes/fuse.c", "compiler/frontend/text/tree.h"),
                     ("compiler/codegen/gemm.c", "ir/graph.h"), ("compiler/link/link.c", "llvm-c/Core.h"), ("compiler/build/build.c", "compiler/driver/driver.h"),
                     ("compiler/report/info.c", "compiler/driver/driver.h"), ("compiler/build/cache.c", "compiler/report/bench.h")]:
    assert list(mistakes(path, f'#include "{header}"\n', lambda _: False)), (path, header)
for room, library in [("compiler/link", "cnxc_schedule"), ("compiler/schedule", "cnxc_passes"), ("compiler/build", "cnxc_driver"), ("ir", "cnxc_target"),
                      ("compiler/frontend/text", "cnxc_frontend"), ("compiler/frontend/onnx", "cnxc_convnext"), ("runtime", "cnxc_ir")]:
    assert list(link_mistakes(f"{room}/CMakeLists.txt", f"target_link_libraries(x PUBLIC m\n  {library} pthread)")), (room, library)
assert list(mistakes("ir/op.c", '#include <stdio.h>\n#include "ir/op.h"\n', lambda _: True))

found, count = [], 0
for path in sorted(sources(ROOT)):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        found += mistakes(path, f.read(), lambda header: os.path.exists(os.path.join(ROOT, header)))
    count += 1
assert count > 100, count
libraries = [f"{room}/CMakeLists.txt" for room in ROOMS if os.path.exists(os.path.join(ROOT, room, "CMakeLists.txt"))]
for path in libraries:
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        found += link_mistakes(path, f.read())
assert len(libraries) >= len(ROOMS) - 1, libraries
sys.exit("\n".join(found) or 0)
