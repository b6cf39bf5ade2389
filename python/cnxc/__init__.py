# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""cnxc, the ConvNeXt compiler, from Python.

    import cnxc
    model = cnxc.compile("convnext-tiny-224/", precision="int8")   # cached; cnxc.load("libtiny.so") for what is compiled already
    model("cat.jpg", top_k=5)                                      # [{"label": "tabby", "score": 0.82}, …]
    model.run(pixel_values=x)                                      # {"logits": array}

`python -m cnxc` is the command line. `cnxc.ray` does the same on many machines.
"""
from cnxc.compiler import CompilerWarning, compile
from cnxc.model import BugError, Error, InputError, Model, ResourceError, UnsupportedError, UsageError, load

__all__ = ["BugError", "CompilerWarning", "Error", "InputError", "Model", "ResourceError", "UnsupportedError", "UsageError", "compile",
           "load"]
