/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* @name@ in C++17, over the C functions of @name@.h: objects that free themselves, views instead of pointers and counts.
 *
 *     @name@::model model;
 *     @name@::context context(model);                                 // one for each thread
 *     for (const @name@::prediction &best : context.classify_file("cat.jpg"))
 *         std::cout << best.label << ' ' << best.score << '\n';
 *
 * What fails throws @name@::error. Functions that begin with try_ return a status instead, throw nothing and allocate nothing of
 * their own; without exceptions (-fno-exceptions) there are only these. What their words mean in full stands in @name@.h. */
#ifndef @NAME@_HPP
#define @NAME@_HPP

#include "@name@.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace @name@ {

using status = @name@_status;
using prediction = @name@_prediction;

/* What one item of each input and output takes; of several sizes of pictures the largest. */
struct tensor {
    std::size_t bytes; /* of an item */
    bool batched;      /* the first dimension is the batch: n items take n times that */
};
inline constexpr std::array<tensor, @n_inputs@> inputs{{@tensors_in@}};
inline constexpr std::array<tensor, @n_outputs@> outputs{{@tensors_out@}};

/* Elements side by side that somebody else owns: what std::span is in C++20. */
template <class T> class view {
  public:
    constexpr view() noexcept = default;
    constexpr view(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <std::size_t N> constexpr view(T (&array)[N]) noexcept : data_(array), size_(N) {}
    template <class C, class E = std::remove_pointer_t<decltype(std::data(std::declval<C &>()))>,
              class = std::enable_if_t<std::is_convertible_v<E (*)[], T (*)[]>>>
    constexpr view(C &&owner) noexcept : data_(std::data(owner)), size_(std::size(owner))
    {
    }
    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](std::size_t i) const noexcept { return data_[i]; }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

/* The memory of an input or output, whatever its elements: a vector, an array, a view. */
struct input {
    template <class C> input(const C &elements) noexcept : data(std::data(elements)), bytes(std::size(elements) * sizeof *std::data(elements)) {}
    const void *data;
    std::size_t bytes;
};
struct output {
    template <class C> output(C &elements) noexcept : data(std::data(elements)), bytes(std::size(elements) * sizeof *std::data(elements)) {}
    void *data;
    std::size_t bytes;
};

/* A picture in memory: @NAME@_FORMAT_RGB8 and so on; width, height, planes and strides as @name@.h says. */
struct image : @name@_image {
    image() noexcept : @name@_image() { struct_size = sizeof(@name@_image); }
    image(@name@_format of, std::int64_t wide, std::int64_t high, const void *pixels, std::int64_t stride = 0) noexcept : image()
    {
        format = of, width = wide, height = high, planes[0] = pixels, strides[0] = stride;
    }
};

/* The class of each pixel. What it points to is the context's, until its next call. */
struct segmentation : @name@_segmentation {
    segmentation() noexcept : @name@_segmentation() { struct_size = sizeof(@name@_segmentation); }
};

struct options : @name@_options {
    options() noexcept : @name@_options() { struct_size = sizeof(@name@_options); }
};

class error : public std::runtime_error {
  public:
    error(status code, const std::string &text) : std::runtime_error(text), code_(code) {}
    status code() const noexcept { return code_; }

  private:
    status code_;
};

/* A model that is ready. Copies are the same model; it lives as long as one of them or a context of it. */
class model {
  public:
    static status try_open(model &opened, const options &wanted = options()) noexcept
    {
        @name@_model *made = nullptr;
        status code = @name@_create(&wanted, &made);
        if (code == @NAME@_OK)
            opened.model_.reset(made, @name@_destroy);
        return code;
    }
    static model none() noexcept { return model(nullptr); } /* for try_open */
#ifdef __cpp_exceptions
    explicit model(const options &wanted = options())
    {
        if (status code = try_open(*this, wanted))
            throw error(code, code == @NAME@_ERROR_MEMORY ? @name@_status_text(code) : @name@_last_error());
    }
#endif
    std::int64_t n_labels() const noexcept { return @name@_n_labels(get()); }
    std::string_view label(std::int64_t i) const noexcept
    {
        const char *text = @name@_label(get(), i);
        return text ? std::string_view(text) : std::string_view();
    }
    static std::string_view info_json() noexcept { return @name@_info_json(); }
    static std::string_view licenses() noexcept { return @name@_licenses(); }
    const @name@_model *get() const noexcept { return model_.get(); }

  private:
    friend class context;
    explicit model(std::nullptr_t) noexcept {}
    std::shared_ptr<@name@_model> model_;
};

/* What one thread at a time runs the model with. */
class context {
  public:
    static context none() noexcept { return context(nullptr); } /* for try_open */
    static status try_open(context &opened, const model &of) noexcept
    {
        @name@_context *made = nullptr;
        status code = @name@_context_create(of.get(), nullptr, 0, &made);
        if (code == @NAME@_OK) {
            opened.context_.reset(made);
            opened.model_ = of.model_;
        }
        return code;
    }

    /* Inputs and outputs in the model's order, for so many items. */
    status try_run(view<const input> from, std::int64_t batch, view<const output> to) noexcept
    {
        const void *in[@n_inputs@ + 1] = {};
        void *out[@n_outputs@ + 1] = {};
        if (!fits(from, inputs, batch, in) || !fits(to, outputs, batch, out))
            return @NAME@_ERROR_ARGUMENT;
        return @name@_run(get(), in, batch, out);
    }
    status try_run_images(view<const image> images, view<const output> to) noexcept
    {
        void *out[@n_outputs@ + 1] = {};
        if (!fits(to, outputs, static_cast<std::int64_t>(images.size()), out))
            return @NAME@_ERROR_ARGUMENT;
        return @name@_run_images(get(), images.data(), static_cast<std::int64_t>(images.size()), out);
    }
    /* The best classes, best first, into `best`, n of them. */
    status try_classify_file(const char *path, view<prediction> best, std::int64_t &n) noexcept
    {
        return @name@_classify_file(get(), path, static_cast<std::int64_t>(best.size()), best.data(), &n);
    }
    status try_classify(view<const unsigned char> encoded, view<prediction> best, std::int64_t &n) noexcept
    {
        return @name@_classify_memory(get(), encoded.data(), encoded.size(), static_cast<std::int64_t>(best.size()), best.data(), &n);
    }
    status try_classify(const image &picture, view<prediction> best, std::int64_t &n) noexcept
    {
        return @name@_classify_images(get(), &picture, 1, static_cast<std::int64_t>(best.size()), best.data(), &n);
    }
    /* Of a model that labels pixels. */
    status try_segment_file(const char *path, segmentation &seen) noexcept { return @name@_segment_file(get(), path, &seen); }
    status try_segment(view<const unsigned char> encoded, segmentation &seen) noexcept
    {
        return @name@_segment_memory(get(), encoded.data(), encoded.size(), &seen);
    }
    status try_segment(const image &picture, segmentation &seen) noexcept { return @name@_segment_image(get(), &picture, &seen); }
#ifdef @NAME@_PIXEL_VALUES
    /* pixel_values: @NAME@_PIXEL_VALUES floats. */
    status try_prepare(const image &picture, view<float> pixel_values) noexcept
    {
        return pixel_values.size() < @NAME@_PIXEL_VALUES ? @NAME@_ERROR_ARGUMENT : @name@_prepare(get(), &picture, pixel_values.data());
    }
    status try_prepare(view<const unsigned char> encoded, view<float> pixel_values) noexcept
    {
        if (pixel_values.size() < @NAME@_PIXEL_VALUES)
            return @NAME@_ERROR_ARGUMENT;
        return @name@_prepare_encoded(get(), encoded.data(), encoded.size(), pixel_values.data());
    }
#endif
    status try_reserve(std::int64_t width, std::int64_t height, std::int64_t n) noexcept { return @name@_reserve(get(), width, height, n); }
    status try_set_image_size(std::int64_t height, std::int64_t width) noexcept { return @name@_context_set_image_size(get(), height, width); }

    /* Why the last call failed; "" where the sizes of buffers did not fit. */
    std::string_view reason() const noexcept { return @name@_context_error(get()); }
    @name@_context *get() const noexcept { return context_.get(); }

#ifdef __cpp_exceptions
    explicit context(const model &of)
    {
        if (status code = try_open(*this, of))
            throw error(code, code == @NAME@_ERROR_MEMORY ? @name@_status_text(code) : @name@_last_error());
    }
    void run(std::initializer_list<input> from, std::int64_t batch, std::initializer_list<output> to) { check(try_run(from, batch, to)); }
    void run_images(view<const image> images, std::initializer_list<output> to) { check(try_run_images(images, to)); }
    std::vector<prediction> classify_file(const std::string &path, std::int64_t k = 5)
    {
        return best_of(k, [&](view<prediction> best, std::int64_t &n) { return try_classify_file(path.c_str(), best, n); });
    }
    std::vector<prediction> classify(view<const unsigned char> encoded, std::int64_t k = 5)
    {
        return best_of(k, [&](view<prediction> best, std::int64_t &n) { return try_classify(encoded, best, n); });
    }
    std::vector<prediction> classify(const image &picture, std::int64_t k = 5)
    {
        return best_of(k, [&](view<prediction> best, std::int64_t &n) { return try_classify(picture, best, n); });
    }
    segmentation segment_file(const std::string &path)
    {
        segmentation seen;
        check(try_segment_file(path.c_str(), seen));
        return seen;
    }
    segmentation segment(view<const unsigned char> encoded)
    {
        segmentation seen;
        check(try_segment(encoded, seen));
        return seen;
    }
    segmentation segment(const image &picture)
    {
        segmentation seen;
        check(try_segment(picture, seen));
        return seen;
    }
#ifdef @NAME@_PIXEL_VALUES
    std::vector<float> prepare(const image &picture)
    {
        std::vector<float> pixel_values(@NAME@_PIXEL_VALUES);
        check(try_prepare(picture, pixel_values));
        return pixel_values;
    }
    std::vector<float> prepare(view<const unsigned char> encoded)
    {
        std::vector<float> pixel_values(@NAME@_PIXEL_VALUES);
        check(try_prepare(encoded, pixel_values));
        return pixel_values;
    }
#endif
    void reserve(std::int64_t width, std::int64_t height, std::int64_t n) { check(try_reserve(width, height, n)); }
    void set_image_size(std::int64_t height, std::int64_t width) { check(try_set_image_size(height, width)); }
#endif

  private:
    struct destroyer {
        void operator()(@name@_context *context) const noexcept { @name@_context_destroy(context); }
    };
    explicit context(std::nullptr_t) noexcept {}

    template <class Given, std::size_t N, class Pointer>
    static bool fits(view<const Given> given, const std::array<tensor, N> &wanted, std::int64_t batch, Pointer *pointers) noexcept
    {
        if (given.size() != N || batch < 1)
            return false;
        for (std::size_t i = 0; i < N; i++) {
            if (given[i].bytes / (wanted[i].batched ? static_cast<std::size_t>(batch) : 1) < wanted[i].bytes)
                return false;
            pointers[i] = given[i].data;
        }
        return true;
    }
#ifdef __cpp_exceptions
    void check(status code) const
    {
        if (code != @NAME@_OK)
            throw error(code, *reason().data() ? std::string(reason()) : @name@_status_text(code));
    }
    template <class Call> std::vector<prediction> best_of(std::int64_t k, Call call)
    {
        std::vector<prediction> best(k > 0 ? static_cast<std::size_t>(k) : 1);
        std::int64_t n = 0;
        check(call(view<prediction>(best), n));
        best.resize(static_cast<std::size_t>(n));
        return best;
    }
#endif
    std::shared_ptr<@name@_model> model_; /* before the context, so that it goes after it */
    std::unique_ptr<@name@_context, destroyer> context_;
};

} // namespace @name@

#endif
