# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command line: python -m cnxc compile model/ -o tiny."""
import os
import sys

from cnxc.compiler import program


def main() -> None:
    """Becomes the compiler with this process's words."""
    path = program()
    os.execv(path, [path, *sys.argv[1:]])


if __name__ == "__main__":
    main()
