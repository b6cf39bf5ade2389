#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Files of all quantizers, of all models, made and compared: run.sh CNXC PYTHON FOLDER. PYTHON has what requirements.txt lists.
here=$(dirname "$0")
rm -rf "$3"
"$2" "$here/Inputs/make.py" "$1" "$3" && "$2" "$here/compare.py" "$1" "$3"/*.onnx --inputs 12
