# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Failing allocations and system calls: run.py CNXC PRELOAD [--all] [--stride N] [--turn N] [--only allocations|calls|limits].

Each allocation, and each call of the system, of a compilation, of a program in each of its modes and of a library's calls
fails once. Whatever fails must end with exit code 4 and a message (a library: with a status), or not matter; nothing may be
left behind, no signal may end it, and (--all) the same command afterwards must be right.

A compilation has some thousands of such places: here each STRIDE-th is tried (--stride), or MOST, from another one on each day (--turn:
the day). --all tries all but those inside LLVM, of which there are a thousand times more and a stride remains, and MOST_SLOW of commands
that have programs measure. Calls of the system are made to fail by strace. Ends with "N passed, N failed", where N counts the places.
"""
import argparse
import collections
import concurrent.futures
import datetime
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DIGITS = os.path.join(ROOT, "models", "digits")
SMALL = os.path.join(ROOT, "tests", "goldens", "models", "cls_one_stage")  # compiles in a third of the time, by the same functions
SEGMENTER = os.path.join(ROOT, "tests", "goldens", "family", "upernet")
PICTURE = os.path.join(DIGITS, "test", "eight", "4000.png")
PICTURES = os.path.dirname(PICTURE)
PACKAGE = ["LICENSES.txt", "sbom.cdx.json", "include", "include/p.h", "include/p.hpp", "lib", "lib/libp.a", "lib/libp.so", "lib/cmake", "lib/cmake/p",
           "lib/cmake/p/pConfig.cmake", "lib/pkgconfig", "lib/pkgconfig/p.pc", "python", "python/p.py", "rust", "rust/Cargo.toml", "rust/build.rs",
           "rust/src", "rust/src/lib.rs"]
STRIDE, LLVM_STRIDE = 397, 100003
MOST, MOST_SLOW = 40, 2000  # places of a command
SECONDS = 600  # until what still runs is taken to hang, however busy the machine
# What a call of the system can answer; EINTR is for calls that wait. strace makes a call fail by not making it, so close is not
# among them: a pipe that stays open is waited for.
ERRORS = {"openat": ("EMFILE", "EIO"), "read": ("EIO", "EINTR"), "pread64": ("EIO",), "write": ("ENOSPC", "EINTR"), "pwrite64": ("ENOSPC",),
          "mmap": ("ENOMEM",), "rename": ("EIO",), "renameat2": ("EIO",), "fsync": ("EIO",), "ftruncate": ("ENOSPC",),
          "mkdir": ("ENOSPC",), "unlink": ("EIO",), "dup2": ("EMFILE",), "pipe2": ("EMFILE",),
          "clone3": ("EAGAIN",), "vfork": ("EAGAIN",), "getdents64": ("EIO",)}


class Command:
    """A command, the program in it whose allocations count, the files that it writes when it succeeds, whether it says times, and
    whether it has programs run that take seconds."""

    def __init__(self, name, argv, outputs=(), timed=False, slow=False):
        self.name, self.argv, self.outputs, self.timed, self.slow = name, argv, set(outputs), timed, slow
        self.program = os.path.basename(argv[0])

    def run(self, folder, env=(), prefix=()):
        env = dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1", XDG_CACHE_HOME=f"{folder}/cache", TMPDIR=folder, **dict(env))
        return subprocess.run([*prefix, *self.argv], cwd=folder, env=env, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS)


def listing(folder):
    """All but the cache and what is whole in it."""
    names = {os.path.relpath(os.path.join(d, f), folder) for d, ds, fs in os.walk(folder) for f in [*fs, *ds]}
    return {name for name in names if not re.fullmatch(r"cache(/cnxc(/[^.].*)?)?", name)}


def commands(cnxc, program, small, seg, saved, pixels, paths):
    compile_ = [cnxc, "compile", SMALL, "-mcpu=x86-64-v3", "-j1"]
    return [
        Command("compile", [*compile_, "-o", "out"], ["out"]),
        Command("compile --emit=shared --weights", [*compile_, "--emit=shared", "--precision=int8", "-o", "libx.so", "--weights=w"],
                ["libx.so", "libx.h", "w"]),
        Command("compile --emit=package", [*compile_, "--emit=package", "-o", "p", "-MF=p.d"],
                ["p.d", "p", *(f"p/{path}" for path in PACKAGE)]),
        Command("compile --emit=onnxtxt", [*compile_, "--emit=onnxtxt", "-o", "t.onnxtxt"], ["t.onnxtxt", "t.onnxtxt.data"]),
        Command("weights", [cnxc, "weights", SMALL, f"--for={small}", "-j1", "-o", "w"], ["w"]),
        Command("info", [cnxc, "info", DIGITS, "--json", f"-mcpu={ROOT}/docs/tuned-profile.xml"]),
        Command("report", [cnxc, "report", saved, saved, "-o", "r.html"], ["r.html"]),
        Command("report of a model", [cnxc, "report", SMALL, saved, "--snr=none", "--threads=1", "-mcpu=x86-64-v3", "-o", "r.json"], ["r.json"],
                slow=True),
        Command("report of a program", [cnxc, "report", program, "--threads=1", "-o", "r.json"], ["r.json"], slow=True),
        Command("verify", [cnxc, "verify", SMALL, "-mcpu=x86-64-v3", "-j1"]),
        Command("explain", [cnxc, "explain", SMALL, "logits", "-mcpu=x86-64-v3"]),
        Command("bench A B", [cnxc, "bench", program, program, "--rounds=6", "--threads=1", "--per-op"], timed=True, slow=True),
        Command("eval", [cnxc, "eval", DIGITS, os.path.dirname(PICTURES), "--against=bf16", "--confusion=c.csv", "-mcpu=x86-64-v3", "-j1"], ["c.csv"],
                slow=True),
        Command("picture", [program, "--threads=2", PICTURE]),
        Command("json", [program, "--threads=1", "--json", PICTURE]),
        Command("pixels", [program, "--strict", "--dump-pixels", "x.npy", PICTURE], ["x.npy"]),
        Command("tensors", [program, "--threads=1", "--input", f"pixel_values={pixels}", "--output", "logits=y.npy"], ["y.npy"]),
        Command("folder", [program, "--threads=2", "-k1", "--jsonl", PICTURES]),
        Command("list", [program, "--threads=2", "-k1", "--csv", "--strict", f"--files-from={paths}", "--output", "logits=y.npy"],
                ["y.npy", "y.npy.paths.txt"]),
        Command("mask", [seg, "--threads=1", PICTURE, "-o", "m.png", "--overlay=s.png"], ["m.png", "s.png"]),
        Command("trace", [program, "--bench", "--runs=2", "--threads=2", "--per-op", "--trace=t.json"], ["t.json"], timed=True),
        Command("selftest", [program, "--selftest"], timed=True),
        Command("info of a program", [program, "--info"]),
    ]


def judge(command, result, left, right):
    """None, or what is wrong with the outcome of a command in which something failed; right: the outcome without."""
    said = result.stderr.decode(errors="replace").strip()
    if result.returncode == 0:
        if left != command.outputs:
            return f"ended with 0, but left {sorted(left)}"
        return None if result.stdout == right.stdout or command.timed else "ended with 0 and another answer"
    if result.returncode != 4:
        return f"ended with {result.returncode}, expected 4: {said[:300]}"
    if left:
        return f"ended with 4, but left {sorted(left)}"
    return None if said else "ended with 4 and said nothing"


def attempt(command, right, env=(), prefix=(), again=False):
    with tempfile.TemporaryDirectory(prefix="cnxc-fail-") as folder:
        try:
            result = command.run(folder, env, prefix)
            problem = judge(command, result, listing(folder), right)
            next_try = command.run(folder) if again and not problem else None
        except subprocess.TimeoutExpired:
            return f"still running after {SECONDS} s"
        if next_try and (next_try.returncode or not command.outputs <= listing(folder)):
            problem = f"the next try ended with {next_try.returncode}"
        return problem


# ── Allocations ───────────────────────────────────────────────────────────────────────────────────────────────────────


def allocation_work(command, preload, args):
    with tempfile.TemporaryDirectory(prefix="cnxc-fail-") as folder:
        right = command.run(folder)
        assert right.returncode == 0, (command.name, right.stderr)
    env = {"LD_PRELOAD": preload, "CNX_FAIL_PROGRAM": command.program}
    with tempfile.TemporaryDirectory(prefix="cnxc-fail-") as folder:
        assert command.run(folder, {**env, "CNX_FAIL_COUNT": f"{folder}/count"}).returncode == 0
        with open(f"{folder}/count") as f:
            others, llvms = map(int, f.read().split())
    if args.stride:
        stride = args.stride
    elif args.all or others < 1000:  # a program has few, and all are tried
        stride = max(1, others // MOST_SLOW) if command.slow else 1
    else:
        stride = max(STRIDE, others // MOST)
    for at in range(1 + args.turn % stride, others + 1, stride):
        yield f"{command.name}: allocation {at} of {others}", command, right, {**env, "CNX_FAIL_AT": str(at)}, ()
    for at in range(1 + args.turn * 101 % LLVM_STRIDE, llvms + 1, LLVM_STRIDE):
        yield f"{command.name}: allocation {at} of {llvms} in LLVM", command, right, {**env, "CNX_FAIL_LLVM_AT": str(at)}, ()


def library(cnxc, preload, folder):
    """The counts of library.c."""
    run = lambda *argv: subprocess.run(argv, check=True, cwd=folder, capture_output=True)
    run(cnxc, "compile", DIGITS, "--emit=shared", "--prefix=digits", "-o", "digits.so")
    run("cc", "-O1", "-I.", f"-I{ROOT}", f"{HERE}/library.c", "./digits.so", preload, "-Wl,-rpath,$ORIGIN", f"-Wl,-rpath,{os.path.dirname(preload)}",
        "-o", "library")
    said = subprocess.run([f"{folder}/library", PICTURE], capture_output=True, text=True, timeout=300)
    print(said.stdout.strip(), flush=True)
    counts = re.search(r"^(\d+) passed, (\d+) failed", said.stdout, re.M)
    return (int(counts[1]), int(counts[2])) if counts else (0, 1)


# ── Calls of the system ───────────────────────────────────────────────────────────────────────────────────────────────


def calls_of(command):
    """Name → numbers of the calls that come after the loader's, which has its own way to fail."""
    with tempfile.TemporaryDirectory(prefix="cnxc-fail-") as folder:
        log = f"{folder}.log"
        right = command.run(folder, prefix=["strace", "-o", log, "-e", "trace=munmap," + ",".join(ERRORS)])
        with open(log) as f:
            names = [re.match(r"(\w+)\(", line) for line in f if not line.startswith(("---", "+++"))]
            f.seek(0)
            lines = f.read().splitlines()
        os.unlink(log)
    assert right.returncode == 0, (command.name, right.stderr)
    last = max((i for i, line in enumerate(lines) if re.match(r'openat\(.*\.so[.\d]*"', line)), default=-1)
    last += next((i for i, line in enumerate(lines[last + 1:]) if line.startswith("munmap")), 0)  # of the libraries' cache
    seen, found = collections.Counter(), collections.defaultdict(list)
    for i, name in enumerate(names):
        if name:
            seen[name[1]] += 1
            if i > last and name[1] in ERRORS:
                found[name[1]].append(seen[name[1]])
    return right, found


def call_work(command, args):
    right, found = calls_of(command)
    turn = args.turn
    for name, numbers in sorted(found.items()):
        for error in ERRORS[name]:
            stride = 1 if args.all or len(numbers) < 12 else max(1, len(numbers) // 6)
            for at in numbers[turn % stride::stride]:
                yield (f"{command.name}: {name} {at} answers {error}", command, right, (),
                       ("strace", "-o", "/dev/null", "-e", f"trace={name}", "-e", f"inject={name}:error={error}:when={at}"))


def limit_work(command, args):
    """Files that may grow to so many bytes: a write that is cut short, then one that fails."""
    with tempfile.TemporaryDirectory(prefix="cnxc-fail-") as folder:
        right = command.run(folder)
        sizes = [os.path.getsize(os.path.join(folder, name)) for name in command.outputs]
    for size in sorted(set(sizes)):
        for limit in {1, size // 2, size - 1}:
            yield f"{command.name}: files of at most {limit} bytes", command, right, (), ("prlimit", f"--fsize={limit}:{limit}")


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("preload", type=os.path.abspath)
    ap.add_argument("--all", action="store_true")
    ap.add_argument("--stride", type=int)
    ap.add_argument("--turn", type=int, default=datetime.date.today().toordinal())
    ap.add_argument("--only", default="allocations,calls,limits")
    ap.add_argument("--command", default="")
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    args = ap.parse_args()
    print(f"turn {args.turn}")
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="cnxc-fail-programs-") as folder:
        program, small, seg, saved = (f"{folder}/{name}" for name in ("digits", "small", "seg", "saved.json"))
        subprocess.run([args.cnxc, "compile", DIGITS, "-o", program], check=True)
        subprocess.run([args.cnxc, "compile", SMALL, "-mcpu=x86-64-v3", "--precision=int8", "-o", small, f"--weights={folder}/small.w"], check=True)
        subprocess.run([args.cnxc, "report", SMALL, "-o", saved], check=True)
        subprocess.run([args.cnxc, "compile", SEGMENTER, "--image-size=64", "-o", seg], check=True, stderr=subprocess.DEVNULL)
        work = []
        pixels, paths = f"{folder}/pixels.npy", f"{folder}/paths.txt"
        subprocess.run([program, "--dump-pixels", pixels, PICTURE], check=True)
        with open(paths, "w") as f:
            f.write(f"{PICTURE}\n{PICTURES}\n")
        for command in commands(args.cnxc, program, small, seg, saved, pixels, paths):
            if not re.search(args.command, command.name):
                continue
            if "allocations" in args.only:
                work += allocation_work(command, args.preload, args)
            if "calls" in args.only:
                work += call_work(command, args)
            if "limits" in args.only:
                work += limit_work(command, args)
        if "allocations" in args.only and not args.command:
            passed, failed = library(args.cnxc, args.preload, folder)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for item, problem in zip(work, pool.map(lambda w: attempt(*w[1:], again=args.all or bool(args.stride)), work)):
                passed, failed = passed + (not problem), failed + bool(problem)
                if problem:
                    print(f"FAIL {item[0]}: {problem}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
