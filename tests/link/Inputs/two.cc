/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
// Two models in one C++ program, each shared by several threads, each thread with contexts of its own: every answer to
// the same picture is the same.
#include "digits.h"
#include "raw.h"

#include <cstdio>
#include <thread>
#include <vector>

static bool work(const digits_model *digits, const raw_model *raw, const char *picture, float *score)
{
    digits_context *reader;
    raw_context *runner;
    if (digits_context_create(digits, nullptr, 0, &reader) || raw_context_create(raw, nullptr, 0, &runner))
        return false;
    std::vector<float> in(3 * 32 * 32, 0.5f), first(10), logits(10);
    const void *inputs[] = {in.data()};
    void *outputs[] = {logits.data()};
    bool ok = true;
    for (int i = 0; i < 20 && ok; i++) {
        digits_prediction best;
        int64_t n;
        ok = !digits_classify_file(reader, picture, 1, &best, &n) && n == 1 && (i == 0 || best.score == *score) &&
             !raw_run(runner, inputs, 1, outputs) && (i == 0 || logits == first);
        *score = best.score;
        first = logits;
    }
    digits_context_destroy(reader);
    raw_context_destroy(runner);
    return ok;
}

int main(int, char **argv)
{
    const int n_threads = 4;
    digits_model *digits;
    raw_model *raw;
    if (digits_create(nullptr, &digits) || raw_create(nullptr, &raw))
        return 1;
    std::vector<std::thread> threads;
    float scores[n_threads];
    bool ok[n_threads];
    for (int t = 0; t < n_threads; t++)
        threads.emplace_back([=, &scores, &ok] { ok[t] = work(digits, raw, argv[1], &scores[t]); });
    for (std::thread &thread : threads)
        thread.join();
    digits_destroy(digits);
    raw_destroy(raw);
    for (int t = 0; t < n_threads; t++)
        if (!ok[t] || scores[t] != scores[0])
            return 1;
    std::printf("%.4f\n", scores[0]);
}
