# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad inputs: a table of cases, each run once, each checked for exit code, message and leftovers.

    case("text", "unterminated string", exit=1, message=r"bad.onnxtxt:3:9: error: .*unterminated string")

A case makes its files in a folder of its own, runs one command there and must end with the stated exit code
and one matching line on standard error, without control characters. Nothing may be left in the folder that was not there before, and no
sanitizer may have spoken. Run it with a build that has AddressSanitizer and UBSan: that is what it is for.
"""
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

CASES = []


@dataclass
class Case:
    group: str
    name: str
    exit: int                      # the exit code the process must end with
    message: str                   # a regular expression that standard error must contain; "" for exit 0
    files: dict = field(default_factory=dict)  # name -> bytes or str
    setup: object = None           # a function of the folder, after the files are written
    argv: list = None              # after cnxc; default: compile the first file
    program: str = "cnxc"          # or "model": the executable compiled from models/digits
    stdin: bytes = None
    shell: str = None              # a shell command instead; $CNXC is the compiler, $MODEL the executable, $DIGITS its model
    outputs: tuple = ()            # files that the command may leave (exit 0)
    peak_mb: float = None          # memory that it may take beside what the program's --version takes
    cpu_s: int = 0                 # the processor's time that it may take, 0: any; with peak_mb, of a compilation


def case(group, name, **how):
    CASES.append(Case(group, name, **how))


def text_case(name, text, message, exit=1, group="text", **how):
    case(group, name, exit=exit, message=message, files={"bad.onnxtxt": text}, **how)


def _listing(folder):
    return {os.path.relpath(os.path.join(d, f), folder) for d, _, fs in os.walk(folder) for f in fs}


def _environment(programs):
    env = dict(os.environ, CNXC=programs["cnxc"], MODEL=programs["model"], DIGITS=programs["digits"], NO_COLOR="1", LC_ALL="C.UTF-8")
    env["ASAN_OPTIONS"] = "detect_leaks=1:exitcode=99:allocator_may_return_null=1:" + env.get("ASAN_OPTIONS", "")
    env["UBSAN_OPTIONS"] = "print_stacktrace=1:" + env.get("UBSAN_OPTIONS", "")
    return env


# Runs a command and says on standard error how many kB it had at its peak, at least those of this small Python.
PEAK = """import os, resource, sys
seconds = int(sys.argv[1])
if seconds:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
child = os.spawnvp(os.P_WAIT, sys.argv[2], sys.argv[2:])
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(child)"""


def _measured(command, seconds=0):
    return [sys.executable, "-S", "-E", "-c", PEAK, str(seconds), *command]


def _peak_kb(error):
    return int(re.search(r"^peak (\d+)$", error, re.M)[1])


@functools.lru_cache(None)
def _version_kb(program):
    return _peak_kb(subprocess.run(_measured([program, "--version"]), capture_output=True, text=True).stderr)


@functools.lru_cache(None)
def _is_sanitized(program):
    with open(program, "rb") as f:
        return b"__asan_init" in f.read()


def _bounds(case, program):
    """Seconds and MB. What is bounded in both is a compilation, which takes a debug build with sanitizers as much more."""
    more = case.cpu_s and _is_sanitized(program)
    return case.cpu_s * (10 if more else 1), case.peak_mb * (4 if more else 1)


# What malloc answers with NULL there is none of anywhere.
NULL_TOLD = re.compile(r"^==\d+==WARNING: AddressSanitizer failed to allocate .*\n", re.M)


def run(case, programs, timeout=60):
    """None if the case holds, else what is wrong."""
    folder = tempfile.mkdtemp(prefix="cnxc-bad-")
    try:
        for name, content in case.files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(content.encode() if isinstance(content, str) else content)
        if case.setup:
            case.setup(folder)
        before = _listing(folder)
        if case.shell:
            command = ["bash", "-c", case.shell]
        else:
            argv = case.argv if case.argv is not None else ["compile", next(iter(case.files), "bad.onnxtxt"), "-o", "out"]
            command = [programs[case.program], *argv]
        if case.peak_mb is not None:
            seconds, most_mb = _bounds(case, programs[case.program])
            command = _measured(command, seconds)
            timeout = max(timeout, 30 * seconds)  # others may keep the machine busy
        result = subprocess.run(command, cwd=folder, env=_environment(programs), capture_output=True, timeout=timeout,
                                input=case.stdin if case.stdin is not None else b"")
        error = result.stderr.decode(errors="replace")
        problems = []
        if result.returncode != case.exit:
            code = result.returncode
            said = signal.Signals(-code).name if code < 0 else str(code)
            problems.append(f"exit {said}, expected {case.exit}")
        if case.message and not re.search(case.message, error):
            problems.append(f"no message like {case.message!r}")
        if "Sanitizer" in NULL_TOLD.sub("", error) or "runtime error:" in error:
            problems.append("a sanitizer spoke")
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", error):
            problems.append("a terminal would obey a part of the message")
        if case.peak_mb is not None:
            mb = (_peak_kb(error) - _version_kb(programs[case.program])) / 1024
            if mb > most_mb:
                problems.append(f"it took {mb:.1f} MB, expected at most {most_mb}")
        left = _listing(folder) - before - set(case.outputs)
        if left:
            problems.append(f"left behind: {sorted(left)}")
        if not problems:
            return None
        return "; ".join(problems) + "\n      stderr: " + error.strip()[:600].replace("\n", "\n      ")
    except subprocess.TimeoutExpired:
        return f"still running after {timeout} s"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
