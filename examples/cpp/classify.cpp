/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include <cstdio>
#include <digits.hpp>

int main(int argc, char **argv)
try {
    digits::model model;
    digits::context context(model);
    for (int i = 1; i < argc; i++)
        for (const digits::prediction &best : context.classify_file(argv[i], 1))
            std::printf("%s %.2f\n", best.label, best.score);
} catch (const digits::error &error) {
    std::puts(error.what());
    return 1;
}
