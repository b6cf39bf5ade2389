/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Every function of digits.hpp, with what must fail: all.cpp PICTURE. Prints the label. */
#include <digits.hpp>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

static void require(bool holds, int line)
{
    if (!holds)
        std::exit((std::printf("line %d\n", line), 1));
}
#define REQUIRE(holds) require(holds, __LINE__)

/* What it throws says so. */
template <class Call> static std::string said(digits::status code, Call call)
{
    try {
        call();
    } catch (const digits::error &error) {
        REQUIRE(error.code() == code);
        return error.what();
    }
    return "";
}

static digits::context made_of_temporary() { return digits::context(digits::model()); } /* which keeps the model */

int main(int, char **argv)
{
    digits::options options;
    options.n_threads = 2;
    digits::model model(options), same = model;
    digits::context context(model), other = made_of_temporary();
    const std::vector<digits::prediction> best = context.classify_file(argv[1], 3);
    REQUIRE(best.size() == 3 && model.label(best[0].index) == best[0].label && model.n_labels() == 10 &&
            same.get() == model.get());
    REQUIRE(model.label(10).empty() && model.info_json().find("digits") != std::string_view::npos && !model.licenses().empty());

    std::ifstream file(argv[1], std::ios::binary);
    std::vector<unsigned char> bytes((std::istreambuf_iterator<char>(file)), {});
    REQUIRE(other.classify(bytes)[0].score == best[0].score && other.classify(bytes).size() == 5);
    std::vector<float> pixels = context.prepare(bytes), logits(2 * 10), again(10);
    REQUIRE(pixels.size() == DIGITS_PIXEL_VALUES && digits::inputs[0].bytes == pixels.size() * sizeof(float) &&
            digits::outputs[0].batched);

    std::vector<float> both(pixels);
    both.insert(both.end(), pixels.begin(), pixels.end());
    context.run({both}, 2, {logits});
    context.run({pixels}, 1, {again});
    REQUIRE(std::memcmp(logits.data() + 10, again.data(), 40) == 0);

    std::vector<unsigned char> gray(40 * 30 * 3, 200);
    digits::image image(DIGITS_FORMAT_RGB8, 40, 30, gray.data()), images[] = {image, image};
    context.reserve(40, 30, 2);
    context.run_images(images, {logits});
    REQUIRE(logits[0] == logits[10] && context.classify(image, 1).size() == 1 && context.prepare(image).size() == pixels.size());

    REQUIRE(said(DIGITS_ERROR_ARGUMENT, [&] { context.run({pixels}, 2, {logits}); }) != "");
    REQUIRE(said(DIGITS_ERROR_ARGUMENT, [&] { context.run({pixels}, 1, {}); }) != "");
    REQUIRE(said(DIGITS_ERROR_ARGUMENT, [&] { context.run_images(digits::view<const digits::image>(), {logits}); }) != "");
    REQUIRE(said(DIGITS_ERROR_FILE, [&] { context.classify_file("none.png"); }) != "");
    REQUIRE(said(DIGITS_ERROR_UNSUPPORTED, [&] { context.set_image_size(7, 7); }) != "");
    REQUIRE(said(DIGITS_ERROR_UNSUPPORTED, [&] { context.segment_file(argv[1]); }) == "this model does not label pixels");
    REQUIRE(said(DIGITS_ERROR_UNSUPPORTED, [&] { context.segment(bytes); }) != "");
    REQUIRE(said(DIGITS_ERROR_UNSUPPORTED, [&] { context.segment(image); }) != "");
    float few[3];
    REQUIRE(context.try_prepare(image, few) == DIGITS_ERROR_ARGUMENT);
    options.n_threads = -1;
    REQUIRE(said(DIGITS_ERROR_ARGUMENT, [&] { digits::model wrong(options); }).find("-1") != std::string::npos);
    digits::model none = digits::model::none();
    digits::context idle = digits::context::none();
    REQUIRE(digits::model::try_open(none, options) == DIGITS_ERROR_ARGUMENT && digits::model::try_open(none) == DIGITS_OK);
    REQUIRE(digits::context::try_open(idle, none) == DIGITS_OK);
    digits::prediction first[1];
    std::int64_t n = 0;
    REQUIRE(idle.try_classify_file(argv[1], first, n) == DIGITS_OK && n == 1);
    digits::context moved = std::move(idle);
    std::puts(first[0].label);
}
