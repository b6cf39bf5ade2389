# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""python3 classify.py MODEL PICTURE…"""
import sys

import cnxc

model = cnxc.compile(sys.argv[1])
for path, best in zip(sys.argv[2:], model(sys.argv[2:], top_k=1)):
    print(f"{path}\t{best[0]['label']}\t{best[0]['score']:.3f}")
