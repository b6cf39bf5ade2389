# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Does the golden suite notice broken rules? run.py [--fast] [--only PATTERN] [--work FOLDER] [--jobs N]

Copies the sources, builds cnxc there, and runs the golden cases of all mutants (mutants.py), which must pass. Then, for
each mutant: breaks its rule in the copy, builds what has changed, and runs its cases, which must fail now; prints the case
that noticed and what it said. Ends with "N passed, N failed": a mutant fails that no case notices, that does not build,
or whose place in the source is gone.

    run.py --only 'grn-*'      noticed  grn-residual-dropped: v2_cls by folder at O3: 2.3e+05 times what is allowed
"""
import argparse
import concurrent.futures
import fnmatch
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "goldens"))

import goldens
import mutants
import run_checkpoints
import run_models
import run_pictures
import run_processors


# ── A copy of the sources, and its build ──

def read(path):
    with open(path, "rb") as f:
        return f.read()


def sources():
    yield from ("CMakeLists.txt", "LICENSE")
    for top in ("cmake", "ir", "compiler", "runtime", "python", "tests"):
        for folder, subfolders, names in os.walk(os.path.join(ROOT, top)):
            subfolders[:] = [s for s in subfolders if s not in ("goldens", "__pycache__")]
            yield from (os.path.relpath(os.path.join(folder, n), ROOT) for n in names)


def copy_sources(to):
    """Writes only what differs, so that a second run builds little."""
    wanted = set(sources())
    for name in wanted:
        copy = os.path.join(to, name)
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        if not os.path.exists(copy) or read(copy) != read(os.path.join(ROOT, name)):
            shutil.copyfile(os.path.join(ROOT, name), copy)
    for folder, _, names in os.walk(to):
        for name in names:
            if os.path.relpath(os.path.join(folder, name), to) not in wanted:
                os.remove(os.path.join(folder, name))


class Tree:
    def __init__(self, work, jobs):
        self.source, self.build, self.jobs = os.path.join(work, "source"), os.path.join(work, "build"), jobs
        self.cnxc = os.path.join(self.build, "bin", "cnxc")
        copy_sources(self.source)
        goldens.run(["cmake", "-S", self.source, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug"])
        self.make()

    def make(self):
        done = subprocess.run(["ninja", "-C", self.build, "-j", str(self.jobs), "cnxc"], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError("does not build: " + next((line for line in done.stdout.splitlines() if "error:" in line), done.stdout[-300:]))

    def mutate(self, mutant):
        """Returns what undoes it."""
        path = os.path.join(self.source, mutant.file)
        original = read(path)
        text = original.decode()
        if text.count(mutant.old) != 1:
            raise RuntimeError(f"{mutant.file} has its place {text.count(mutant.old)} times, expected once")
        write(path, text.replace(mutant.old, mutant.new).encode())
        return lambda: write(path, original)


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


# ── Golden cases ──

def matches(name, patterns):
    return any(fnmatch.fnmatch(name, p) for p in patterns.split(",")) if patterns else False


def model_checks(mutant, manifest):
    for case in manifest["models"]:
        if matches(case["name"], mutant.models):
            for road, path in run_models.roads_of(case, mutant.roads.split(",")):
                yield from (("models", case["name"], road, path, level) for level in mutant.levels.split(","))


def picture_checks(mutant, manifest):
    for kind in ("images", "e2e"):
        for case in manifest[kind]:
            if matches(case["name"], mutant.pictures) and case["name"] not in run_pictures.NOT_BY_FILE:
                yield kind, case["name"]


def checks_of(mutant, manifest):
    checkpoints = (("checkpoint", pattern) for pattern in mutant.checkpoints.split(",") if pattern)
    processors = (("processor", name) for name in run_processors.CASES if matches(name, mutant.processors))
    return [*model_checks(mutant, manifest), *picture_checks(mutant, manifest), *checkpoints, *processors]


def check_checkpoints(cnxc, pattern):
    """What the first failing case of a pattern says."""
    results = ((label, goldens.attempt(*what)[0]) for _, label, *what in run_checkpoints.work_list(cnxc, ["O3"], pattern))
    return next((f"{label}: {gist(problem)}" for label, problem in results if problem), "")


def gist(message):
    """The line of a long message that names the error."""
    lines = message.splitlines()
    return next((line for line in lines if "error:" in line), lines[-1])


CHECKS = {"models": run_models.check, "images": run_pictures.check_pixels, "e2e": run_pictures.check_scores_pil,
          "processor": run_processors.check_pixels}


def check(cnxc, manifest, what):
    """"" if the case passes, else what it says."""
    kind, name, *rest = what
    if kind == "checkpoint":
        return check_checkpoints(cnxc, name)
    case = run_processors.CASES[name] if kind == "processor" else next(c for c in manifest[kind] if c["name"] == name)
    problem, _ = goldens.attempt(CHECKS[kind], cnxc, case, *rest)
    road = f" by {rest[0]} at {rest[2]}" if rest else ""
    return f"{name}{road}: {gist(problem)}" if problem else ""


def failures(cnxc, manifest, checks, jobs):
    """What the failing ones of the checks say, as they are found."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        yield from filter(None, pool.map(lambda what: check(cnxc, manifest, what), checks))


# ── All mutants ──

def try_mutant(tree, manifest, mutant, jobs):
    """Whether a case noticed it, and what that case says."""
    checks = checks_of(mutant, manifest)
    try:
        undo = tree.mutate(mutant)
        try:
            tree.make()
            noticed = list(failures(tree.cnxc, manifest, checks, jobs))
        finally:
            undo()
    except RuntimeError as e:
        return False, str(e)
    if noticed:
        return True, f"{noticed[0]} ({len(noticed)} of {len(checks)} cases)"
    return False, "not noticed by " + (mutant.models or mutant.pictures or mutant.checkpoints or mutant.processors)


def unbroken(tree, manifest, chosen, jobs):
    """The cases of all mutants pass as long as nothing is broken."""
    checks = {c: None for m in chosen for c in checks_of(m, manifest)}
    problems = list(failures(tree.cnxc, manifest, checks, jobs))
    for problem in problems:
        print(f"FAIL without a mutation: {problem}", flush=True)
    return not problems


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--fast", action="store_true", help="only the mutants marked so")
    ap.add_argument("--only", default="*")
    ap.add_argument("--work", default=os.path.join(ROOT, "build", "mutations"))
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    a = ap.parse_args()
    chosen = [m for m in mutants.MUTANTS if fnmatch.fnmatch(m.name, a.only) and (m.fast or not a.fast)]
    manifest, tree, failed = goldens.manifest(), Tree(os.path.abspath(a.work), a.jobs), 0
    sound = unbroken(tree, manifest, chosen, a.jobs)
    for mutant in chosen if sound else []:
        noticed, text = try_mutant(tree, manifest, mutant, a.jobs)
        failed += not noticed
        print(f"{'noticed ' if noticed else 'FAIL'} {mutant.name}: {text}", flush=True)
    passed = len(chosen) - failed if sound else 0
    print(f"{passed} passed, {failed if sound else max(1, len(chosen))} failed")
    return 0 if passed and passed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
