/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The subcommands: one row each; main.c calls it, help.c prints it. */
#include "compiler/driver/driver.h"

#include <string.h>

static const Command commands[] = {
    {"compile", C_COMPILE, "MODEL -o FILE [options]", "compile a model to an executable, library, object or text",
     "cnxc compile model/ -o tiny             # an executable: ./tiny cat.jpg\n"
     "cnxc compile model.onnx --emit=shared -o libtiny.so\n"
     "cnxc compile model/ --emit=onnxtxt -o tiny.onnxtxt\n",
     1, 1, false},
    {"run", C_RUN, "MODEL IMAGE... [options] [-- program's options]",
     "compile to a cache and run; options of the program do without -- where cnxc has none of that name",
     "cnxc run model/ cat.jpg                 # five best labels\n"
     "cnxc run model/ -k 1 --json cat.jpg dog.png\n"
     "cnxc run model/ --precision=bf16 -- --info\n",
     1, 1, true},
    {"bench", C_BENCH, "MODEL|PROGRAM [MODEL|PROGRAM] [options]",
     "time per image, share of this machine's peak; of two, which is faster",
     "cnxc bench model/ --threads 1           # the median of two seconds' worth of runs\n"
     "cnxc bench model/ --per-op --json       # the time of each region\n"
     "cnxc bench ./old ./new --fail-if-slower=2%      # two programs in turn, for CI\n"
     "cnxc bench model/ --against=bf16        # what another precision would give\n",
     1, 2, false},
    {"eval", C_EVAL, "MODEL DIR [options]", "top-1 and top-5 accuracy over a folder of class folders",
     "cnxc eval model/ pictures/              # pictures/LABEL/*.jpg\n"
     "cnxc eval model/ pictures/ --precision=bf16 --against=f32\n",
     2, 2, false},
    {"verify", C_VERIFY, "MODEL [options]", "compare compiled code with the reference interpreter",
     "cnxc verify model.onnx --per-node\n", 1, 1, false},
    {"check", C_CHECK, "MODEL [options]", "parse and verify; list everything unsupported; write nothing",
     "cnxc check model.onnxtxt\n", 1, 1, false},
    {"info", C_INFO, "MODEL [options]", "inputs, outputs, layers, arithmetic, parameters, memory, fusion",
     "cnxc info model/ --json\n", 1, 1, false},
    {"report", C_REPORT, "MODEL [OTHER] [options]",
     "all of it on one page: graph, regions, times beside peaks and predictions, memory, precision, how to get it again",
     "cnxc report model/ -o report.html\n"
     "cnxc report model.onnx --precision=bf16 --json\n"
     "cnxc report model/ old.json -o report.html   # what became slower since; OTHER is a model, a program or a saved report\n",
     1, 2, false},
    {"explain", C_EXPLAIN, "MODEL VALUE [options]",
     "one value's story: its origin, what passes did, its region, its bytes, its error",
     "cnxc explain model/ encoder.stages.0.layers.0.pwconv1.weight\n"
     "cnxc explain model.onnx logits --json\n",
     2, 2, false},
    {"tune", C_TUNE, "MODEL -o PROFILE.xml [options]", "measure schedules on this machine, keep the fastest in a CPU profile",
     "cnxc tune model/ -o mine.xml            # a minute; again: goes on from there\n"
     "cnxc tune model/ -o mine.xml --budget=10m --threads 1\n"
     "cnxc compile model/ -mcpu=mine.xml -o tiny\n",
     1, 1, false},
    {"weights", C_WEIGHTS, "MODEL --for=PROGRAM -o FILE [options]",
     "pack another checkpoint of the same graph for a compiled program",
     "cnxc weights retrained/ --for=tiny -o tiny.weights       # tiny: cnxc compile model/ -o tiny --weights=tiny.weights\n"
     "cnxc weights retrained/ --for=libtiny.so -o new.weights\n",
     1, 1, false},
    {"targets", C_TARGETS, "[options]", "CPUs that are known, and which one this machine is",
     "cnxc targets --peak\n"
     "cnxc targets --host --xml > mine.xml    # then: cnxc compile model/ -mcpu=mine.xml -o tiny\n",
     0, 0, false},
    {"help", C_HELP, "[COMMAND] [--format=KIND]", "help, also as man page and completions",
     "cnxc help compile\n"
     "cnxc help --format=bash > /etc/bash_completion.d/cnxc\n",
     0, 1, false},
};

int64_t command_count(void) { return countof(commands); }

const Command *command_at(int64_t index) { return &commands[index]; }

const Command *command_find(const char *name)
{
    for (int64_t i = 0; i < countof(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}
