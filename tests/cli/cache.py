# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""RUN: rm -rf %t && mkdir %t && %python %s %cnxc %root/models/digits %t

The cache of `cnxc run` and `cnxc compile --cached`: an entry that was damaged is compiled anew; those not used for longest go where all take more than
$CNXC_CACHE_BYTES; and what a killed compiler leaves goes with the next one, but nothing of one that still runs. Several at once, any
of which may be killed, never give a wrong answer.
"""
import concurrent.futures
import ctypes
import glob
import os
import random
import signal
import subprocess
import sys
import time

CNXC, DIGITS, FOLDER = sys.argv[1:]
CACHE = f"{FOLDER}/cache"
PICTURE = sorted(glob.glob(f"{DIGITS}/test/seven/*.png"))[0]


def environment(**more):
    return dict(os.environ, XDG_CACHE_HOME=CACHE, TMPDIR=FOLDER, **more)


def run(*options, code=0, **env):
    """Standard error of a run that answers "seven"."""
    done = subprocess.run([CNXC, "run", "-v", *options, DIGITS, "-k1", PICTURE], env=environment(**env), capture_output=True, text=True)
    assert done.returncode == code, (code, done)
    assert code or "\tseven\t" in done.stdout, done
    return done.stderr


def entries():
    return set(glob.glob(f"{CACHE}/cnxc/digits-*"))


def folders(where):
    return glob.glob(f"{where}/.cnxc-*")


def damage(entry, change):
    whole = open(entry, "rb").read()
    os.unlink(entry)
    with open(entry, "wb") as file:
        file.write(change(whole))
    os.chmod(entry, 0o755)


def flip(part):
    def change(whole):
        at = min(int(len(whole) * part), len(whole) - 1)
        return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:]
    return change


def test_damage():
    run()
    entry, = entries()
    assert "cached: " in run()
    changes = [flip(part) for part in (0, 0.01, 0.1, 0.3, 0.6, 0.9, 1)]
    for change in [*changes, lambda whole: b"", lambda whole: whole[:16], lambda whole: whole[:-1], lambda whole: whole[:len(whole) // 2]]:
        damage(entry, change)
        assert "damaged, so compiled anew" in run()
        assert "cached: " in run()
    os.chmod(entry, 0o644)
    assert "damaged, so compiled anew" in run()
    assert entries() == {entry}


def test_limit():
    first, = entries()
    size = os.path.getsize(first)
    run("-O1")
    second, = entries() - {first}
    time.sleep(0.05)
    run()  # the first is now the one used last
    room = str(size + os.path.getsize(second) + size // 2)
    run("-O2", CNXC_CACHE_BYTES=room)
    assert first in entries() and second not in entries() and len(entries()) == 2, entries()
    run("-O1", CNXC_CACHE_BYTES="0")
    assert entries() == {second}
    assert "CNXC_CACHE_BYTES is a number of bytes, got '1G'" in run(code=2, CNXC_CACHE_BYTES="1G")
    assert "got '-1'" in run(code=2, CNXC_CACHE_BYTES="-1")
    assert r"got '\t\\'" in run(code=2, CNXC_CACHE_BYTES="\t\\")  # escaped, and once


def start(output, *options):
    return subprocess.Popen([CNXC, "compile", *options, DIGITS, "-o", output], env=environment())


def wait_for_folder(where, process):
    while not glob.glob(f"{where}/.cnxc-*/*.o") and process.poll() is None:
        time.sleep(0.001)
    return process.poll() is None


# Kills some while another one is stopped: what they leave goes, all else stays.
def sweep_beside(place, kept):
    kept_running = [f for f in folders(place) if f not in kept and os.listdir(f)]
    assert len(kept_running) == 1, kept_running
    for i in range(5):
        killed = start(f"{place}/killed")
        time.sleep(0.02 * (i + 1))
        killed.kill()
        killed.wait()
    assert start(f"{place}/other").wait() == 0
    assert sorted(folders(place)) == sorted(kept + kept_running), folders(place)


def test_sweep():
    place = f"{FOLDER}/sweep"
    os.mkdir(place)
    for strange in (".cnxc-abcdef", ".cnxc-abcdeg", ".cnxc-longer-name"):
        os.mkdir(f"{place}/{strange}")
    kept = [f"{place}/.cnxc-longer-name", f"{place}/.cnxc-abcdeg"]
    for folder in kept:
        open(f"{folder}/file", "w").close()
    os.symlink(kept[0], f"{place}/.cnxc-abcdeh")
    kept.append(f"{place}/.cnxc-abcdeh")
    if os.getuid() == 0:
        kept.append(f"{place}/.cnxc-abcdei")
        os.mkdir(kept[-1])
        open(f"{kept[-1]}/.cnxc-lock", "w").close()
        os.chown(kept[-1], 12345, 12345)
    slow = start(f"{place}/slow")
    assert wait_for_folder(place, slow)
    os.kill(slow.pid, signal.SIGSTOP)
    try:
        sweep_beside(place, kept)
    finally:
        os.kill(slow.pid, signal.SIGCONT)
    assert slow.wait() == 0 and start(f"{place}/other").wait() == 0
    assert sorted(folders(place)) == sorted(kept), folders(place)
    subprocess.run([f"{place}/slow", PICTURE], check=True, stdout=subprocess.DEVNULL)


def one_of_many(seed):
    choose = random.Random(seed)
    command = [CNXC, "run", f"-O{choose.choice((1, 3))}", DIGITS, "-k1", PICTURE]
    process = subprocess.Popen(command, env=environment(CNXC_CACHE_BYTES="0"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = choose.choice((None, signal.SIGKILL, signal.SIGTERM))
    if end:
        time.sleep(choose.random() * 0.5)
        process.send_signal(end)
    out, err = process.communicate()
    if process.returncode == 0:
        return "\tseven\t" in out, out, err
    return end and process.returncode == -end, process.returncode, err


def test_many():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for ok, *said in pool.map(one_of_many, range(48)):
            assert ok, said
    run("-O0", CNXC_CACHE_BYTES="0")
    assert len(entries()) == 1 and not folders(f"{CACHE}/cnxc") and not folders(FOLDER), os.listdir(f"{CACHE}/cnxc")


def cached(*options, code=0):
    done = subprocess.run([CNXC, "compile", "--cached", DIGITS, *options], env=environment(), capture_output=True, text=True)
    assert done.returncode == code, (code, done)
    return done.stderr if code else done.stdout.removesuffix("\n")


# What decides an artifact decides its place; the executable is that of `cnxc run`.
def test_cached():
    program, library = cached(), cached("--emit=shared")
    assert program == cached("-O3") and f"cached: {program}\n" in run() and library == cached("--emit", "shared")
    others = [cached("--emit=shared", option) for option in ("--image-size=32,64", "--image-size=64,32", "--image-size=64", "-mcpu=x86-64-v2,x86-64-v3",
                                                             "-mcpu=x86-64-v2", "--outputs=probabilities", "--precision=bf16")]
    assert len({program, library, *others}) == 9, others
    assert [ctypes.CDLL(path).digits_abi_version() for path in (library, *others)] == [3] * 8
    for words in ("-o x", "--weights x", "--prefix x", "--save-temps", "-###", "--static", "--config-only"):
        assert f"--cached goes without {words.split()[0]}\n" in cached(*words.split(), code=2)
    assert "--cached goes with --emit=exe and shared, got asm" in cached("--emit=asm", code=2)


# So does each library that is linked, of the compiler that links it.
def test_libraries():
    top = os.path.dirname(os.path.dirname(CNXC))
    for name in "bin/cnxc", "lib/cnxc":
        subprocess.run(["cp", "-r", "-p", "--parents", name, FOLDER], check=True, cwd=top)

    def place():
        return subprocess.run([f"{FOLDER}/bin/cnxc", "compile", "--cached", DIGITS], env=environment(), capture_output=True, text=True, check=True).stdout

    before = place()
    assert place() == before
    os.utime(f"{FOLDER}/lib/cnxc/libwebp.a", (1, 1))
    assert place() != before


test_damage()
test_limit()
test_cached()
test_libraries()
test_sweep()
test_many()
