# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Completions as shells really make them: bash and zsh on a terminal, where Tab is pressed and the line is run, with a function in
# cnxc's place that says its words; fish says what it would offer.
# RUN: rm -rf %t && mkdir -p %t
# RUN: %python %s %cnxc %t
import os
import pty
import select
import signal
import subprocess
import sys
import time

CNXC, FOLDER = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
os.chdir(FOLDER)
for name in ("model.onnx", "mine.xml", "cat.jpg"):
    open(name, "w").close()
os.mkdir("folder")

# What is typed before Tab, and the words of the line that comes of it.
LINES = [
    ("cnxc com", ["compile"]),
    ("cnxc -v -O2 comp", ["-v", "-O2", "compile"]),
    ("cnxc help bench", ["help", "bench"]),
    ("cnxc help expl", ["help", "explain"]),
    ("cnxc compile --emit=sh", ["compile", "--emit=shared"]),
    ("cnxc compile --emit st", ["compile", "--emit", "static"]),
    ("cnxc compile --precision=b", ["compile", "--precision=bf16"]),
    ("cnxc compile -mcpu=znver5", ["compile", "-mcpu=znver5"]),
    ("cnxc compile -mcpu=sapph", ["compile", "-mcpu=sapphirerapids"]),
    ("cnxc compile -mcpu=haswell,sapph", ["compile", "-mcpu=haswell,sapphirerapids"]),
    ("cnxc compile -mcpu=min", ["compile", "-mcpu=mine.xml"]),
    ("cnxc compile --target=aar", ["compile", "--target=aarch64-linux-gnu"]),
    ("cnxc compile --target x86", ["compile", "--target", "x86_64-linux-gnu"]),
    ("cnxc compile mod", ["compile", "model.onnx"]),
    ("cnxc compile -o fold", ["compile", "-o", "folder"]),
    ("cnxc compile --save", ["compile", "--save-temps"]),
    ("cnxc bench --against=int", ["bench", "--against=int8"]),
    ("cnxc run model.onnx cat", ["run", "model.onnx", "cat.jpg"]),
    ("cnxc run model.onnx --self", ["run", "model.onnx", "--selftest"]),
    ("cnxc run model.onnx --files-from=cat", ["run", "model.onnx", "--files-from=cat.jpg"]),
]
# Typed before two Tabs, and some of what is offered.
LISTS = [
    ("cnxc compile -O", ["-O0", "-O1", "-O2", "-O3"]),
    ("cnxc compile --emit=", ["exe", "shared", "package", "dot"]),
    ("cnxc help ", ["compile", "targets", "weights"]),
    ("cnxc run m --j", ["--json", "--jsonl"]),
]


class Shell:
    def __init__(self, words, setup):
        env = {"PATH": os.environ["PATH"], "HOME": FOLDER, "TERM": "xterm", "COLUMNS": "200"}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(words[0], words, env)
        for line in setup:
            self.run(line)

    # Until the shell has printed the mark, or says nothing more for a while.
    def read(self, mark=None, quiet=0.3, most=20):
        got, end = "", time.time() + most
        while time.time() < end and not (mark and mark in got):
            if not select.select([self.terminal], [], [], most if mark else quiet)[0]:
                break
            got += os.read(self.terminal, 65536).decode(errors="replace")
        return got

    def send(self, text):
        os.write(self.terminal, text.encode())

    # `d""one`: what is echoed is not yet the mark.
    def run(self, line):
        self.send(line + '; echo d""one\n')
        return self.read("done")

    def complete(self, line):
        self.send(line + "\t")
        self.read()
        return self.run("")

    def offers(self, line):
        self.send(line + "\t\t\t")
        shown = self.read()
        self.send("\x15") # kill the line
        self.read()
        return shown

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def check_terminal(name, words, setup):
    shell = Shell(words, setup)
    for line, expected in LINES:
        got = shell.complete(line).replace("/>", ">") # zsh takes the slash away again
        want = "said:" + "".join(f"<{word}>" for word in expected) + ":"
        assert want in got, f"{name}: {line!r} became {got!r}, expected {want}"
    for line, expected in LISTS:
        got = shell.offers(line)
        if len(expected) > 1:
            assert all(word in got.replace(line, "") for word in expected), f"{name}: {line!r} offers {got!r}"
    shell.end()


def check_fish(script):
    for line, expected in LINES + LISTS:
        if line.endswith("sapph") and "," in line:
            continue # fish has no lists
        quoted = line.replace("'", "\\'")
        got = subprocess.run(["fish", "--no-config", "-c", f"source {script}; complete -C '{quoted}'"], capture_output=True, text=True, env={**os.environ, "HOME": FOLDER}).stdout
        offered = [row.split("\t")[0].rstrip("/") for row in got.splitlines()]
        for word in [expected[-1]] if (line, expected) in LINES else expected:
            assert any(word in (offer, offer.split("=")[-1]) or word.split("=")[-1] == offer for offer in offered), f"fish: {line!r} offers {offered}"


def script(shell, name):
    with open(name, "wb") as out:
        subprocess.run([CNXC, "help", f"--format={shell}"], stdout=out, check=True)
    return os.path.abspath(name)


SAY = "cnxc() { printf said:; printf '<%s>' \"$@\"; echo :; }"
check_terminal("bash", ["bash", "--norc", "--noprofile", "-i"],
               ["PS1='> '", "bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; bind 'set completion-query-items 0'; bind 'set page-completions off'", f". {script('bash', 'cnxc.bash')}", SAY])
os.mkdir("functions")
script("zsh", "functions/_cnxc")
check_terminal("zsh", ["zsh", "-f", "-i"],
               ["PS1='> '", "unsetopt prompt_sp beep; zstyle ':completion:*' list-prompt ''; LISTMAX=0", f"fpath=({FOLDER}/functions $fpath)", "autoload -U compinit; compinit -u -D", SAY])
check_fish(script("fish", "cnxc.fish"))
print("ok")
