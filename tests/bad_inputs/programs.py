# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs that cnxc asks and that are none of its own, saved reports that it did not write, and outputs in the place of inputs."""
import json

from harness import case

INFO = {"version": "1", "task": "raw", "cpu": "x", "precision": "f32", "opt_level": 3, "graph_hash": "a", "weights_hash": "b"}
TIMES = {"median_ms": 1, "p90_ms": 1, "p99_ms": 1, "runs": 2, "threads": 1, "batch": 1, "gflops": 1, "per_op": [{"name": "a", "ms": 1, "gflops": 0}]}
GREETING = {"threads": 1, "batch": 1, "flops": 1e308, "phases": ["a", "a"]}
TURN = {"ms": [1e-300], "phases_ms": [1, 2]}
REPORT = {"format": "cnxc-report", "version": 1, "model": {}, "how": {}, "time": {}, "regions": []}


def script(info="", times="", turns=()):
    """A program that answers so; turns: the greeting, then what it says to each line."""
    rows = [("info", info), ("turns", ""), ("bench", times)]
    says = "".join(f"*--{word}*) {turns_of(turns) if word == 'turns' else echo(text)};;\n" for word, text in rows)
    return f'#!/bin/sh\ncase "$*" in\n{says}esac\n'


def echo(value):
    return "cat <<'END'\n%s\nEND\n" % (value if isinstance(value, str) else json.dumps(value))


def turns_of(turns):
    return echo(turns[0]) + f"while read line; do\n{echo(turns[1])}\ndone\n" if turns else "exit 0"


def program(name, text, command, message, exit=1, **how):
    case("programs", name, exit=exit, message=message, files={"p": text}, shell=f'chmod +x p; "$CNXC" {command}', **how)


for word, command in ("bench", "bench p"), ("two", 'bench p "$MODEL"'), ("report", "report p --json"):
    program(f"{word}: a list", script([]), command, "'./p' is no program that cnxc has made: graph_hash is not a string")
    program(f"{word}: no JSON", script("{"), command, "'./p' is no program that cnxc has made")
    program(f"{word}: a hash of no text", script({**INFO, "weights_hash": 1}), command, "no program that cnxc has made: weights_hash is not a string")
    program(f"{word}: ended by a signal", "#!/bin/sh\nkill -SEGV $$\n", command, "ended by signal 11", exit=4)
    program(f"{word}: without an end", "#!/bin/sh\nexec yes\n", command, "'./p' says more than 64 MB", exit=4)
    program(f"{word}: an interpreter that is not there", "#!/nowhere/x\n", command, "'./p' can't be run: No such file", exit=4)
for word, times, message in [("a list", [], "median_ms is not a number"), ("a name of no text", {**TIMES, "per_op": [{"name": 1}]}, r"per_op\[0\].name is not a string")]:
    program(f"times: {word}", script(INFO, times), "report p --json", message)
for word, turns, message in [("no names", ({**GREETING, "phases": [1]}, {}), r"phases\[0\] is not a string"), ("no times", (GREETING, {"ms": 3}), "ms is not a list"),
                             ("a word for a time", (GREETING, {**TURN, "ms": ["1"]}), r"ms\[0\] is not a number")]:
    program(f"turns: {word}", script(INFO, TIMES, turns), "bench p p --rounds=6 --per-op", message)
program("turns: one that takes none", script(INFO, TIMES), "bench p p --rounds=6", "ended before its last turn", exit=4)
program("turns: times of nothing, rates without end (control)", script(INFO, TIMES, (GREETING, {**TURN, "ms": []})), "bench p p --rounds=6 --per-op > /dev/null", "", exit=0)
program("turns: a name that is not UTF-8 (control)", script(INFO, TIMES, (GREETING, TURN)),
        "bench p p --rounds=6 > /dev/null; cp p \"$(printf 'p\\377\\033')\"; \"$CNXC\" bench p p?? --rounds=6; c=$?; rm p??; exit $c", "", exit=0)


program("hashes alone (control)", script({"graph_hash": "a", "weights_hash": "b", "precision": 1}, TIMES, (GREETING, TURN)),
        "bench p p --rounds=6 > /dev/null && \"$CNXC\" report p --json > /dev/null", "", exit=0)


def report(name, text, message, exit=1):
    case("reports", name, exit=exit, message=message, files={"r.json": text}, argv=["report", "r.json", "--json"])


DEEP = json.dumps({**REPORT, "peaks": 0}).replace(": 0", ": " + "[" * 31 + "]" * 31)
report("31 levels in one more (control)", DEEP, "", exit=0)
report("32 levels in one more", DEEP.replace("[]", "[[]]"), "it has more than 32 levels")
report("a key twice", json.dumps(REPORT).replace("{", '{"how": 1, ', 1), "duplicate object key")

for other in ("old.json", "./old.json"):
    case("reports", f"the other one is the output: {other}", exit=4, message="the output .*old.json' is the input",
         files={"new.json": json.dumps(REPORT), "old.json": json.dumps(REPORT)}, argv=["report", "new.json", "old.json", "-o", other])
for name in ("config.json", "model.safetensors", "preprocessor_config.json"):
    for command in ("report m -o m/{} --snr=none", "eval m m/test --confusion=m/{}"):
        case("reports", f"{command.split()[0]}: the output is the model's {name}", exit=4, message=rf"the output 'm/{name}' (is the input|holds weights of the input)",
             shell=f'cp -r "$DIGITS" m; XDG_CACHE_HOME=m "$CNXC" {command.format(name)}; c=$?; cmp m/{name} "$DIGITS/{name}" && rm -r m && exit $c')
case("reports", "eval: the output is a picture", exit=4, message="the output 'm/test/eight/4000.png' is an input, too",
     shell='cp -r "$DIGITS" m; XDG_CACHE_HOME=m "$CNXC" eval m m/test --confusion=m/test/eight/4000.png; c=$?; rm -r m; exit $c')

ODD = r"""cp -r "$DIGITS" m; d=$(printf 'm\377\033'); mv m "$d"; """
for command in ("explain {} logits", "explain {} classifier.weight --json", "info {} --json", "report {} --snr=none --json"):
    case("reports", f"a folder whose name is not UTF-8 (control): {command.split()[0]}", exit=0, message="",
         shell=f'{ODD} "$CNXC" {command.format(chr(34) + "$d" + chr(34))} > said; c=$?; grep -q logits said && ! grep -q "$(printf "\\377")" said && rm -r "$d" said; exit $c')
case("reports", "a picture whose name is not UTF-8 is one that was answered (control)", exit=0, message="",
     shell=r"""mkdir -p a/eight; cp "$DIGITS/test/eight/4000.png" "$(printf 'a/eight/x\377.png')"; mkdir a/eight/folder.png
     XDG_CACHE_HOME=a "$CNXC" eval "$DIGITS" a > said; grep -q '^top-1 100.00 % .* 1 picture$' said && rm -r a said""")

MANY = {**REPORT, "regions": [{"output": str(i), "kind": "k", "ms": 1, "phases": [], "origin": [{}] * 600} for i in range(600)]}
case("reports", "600 regions of 600 nodes that are called the same (control)", exit=0, message="", files={"r.json": json.dumps(MANY)},
     shell='"$CNXC" report r.json r.json --json > /dev/null')
