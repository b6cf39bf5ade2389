# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""RUN: rm -rf %t && mkdir %t && %python %s %cnxc %root/models/digits %t
UNSUPPORTED: sanitize

However little memory there is: either it is enough, or exit code 4 and a sentence (or 127 and the loader's, where the libraries
themselves do not fit), and nothing is left behind. Not with AddressSanitizer, which needs terabytes of addresses.
"""
import os
import resource
import subprocess
import sys

STEP = 128  # kB
STEPS = 40


def reaches_main(command, limit):
    return subprocess.run([command[0], "--version"], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
                          capture_output=True).returncode != -6


def run(command, kilobytes, folder):
    limit = (kilobytes * 1024, kilobytes * 1024)
    done = subprocess.run(command, cwd=folder, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
                          capture_output=True, text=True)
    left = set(os.listdir(folder)) - {"model"}
    assert not left, f"{kilobytes} kB: left behind {left}"
    unmapped = done.returncode == -11 and not done.stderr  # so the kernel ends what it cannot even map
    unmapped |= done.returncode == -6 and not reaches_main(command, limit)  # and C++ what has no memory for its libraries' own data
    assert done.returncode in (0, 4, 127) or unmapped, f"{kilobytes} kB: exit {done.returncode}: {done.stderr}"
    assert done.returncode != 4 or "error: " in done.stderr, f"{kilobytes} kB: no message"
    return done.returncode


def below_enough(command, folder):
    """Finds how much is enough, then takes away more and more."""
    low, high = 0, 4 << 20
    assert run(command, high, folder) == 0
    while high - low > STEP:
        middle = (low + high) // 2
        low, high = (low, middle) if run(command, middle, folder) == 0 else (middle, high)
    codes = [run(command, high - i * STEP, folder) for i in range(STEPS)]
    assert 4 in codes, f"nothing below {high} kB led to exit code 4: {codes}"


def main():
    cnxc, digits, folder = sys.argv[1:]
    picture = os.path.join(digits, "test", "one", sorted(os.listdir(os.path.join(digits, "test", "one")))[0])
    below_enough([cnxc, "compile", digits, "-o", "model"], folder)
    below_enough([os.path.join(folder, "model"), picture], folder)


main()
