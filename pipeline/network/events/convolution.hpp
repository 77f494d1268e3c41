// Convolutions driven by their input spikes, into LIF neurons.
//
// A spike is an event: it adds one row of the weight to the current of each neuron that it reaches, so silent inputs cost
// nothing. Currents are sums in float and go into the potentials row by row; no array of all currents exists. Sums run in
// an order that depends neither on the number of threads nor on the other images of a batch.

#pragma once

#include <type_traits>
#include <vector>

#include "bits.hpp"
#include "neurons.hpp"

namespace {

constexpr int WIDEST = 4;     // vectors of output channels at a time: their weights fit the second-level cache
constexpr int64_t PARTS = 4;  // gradients of the weight are summed in so many parts, whatever the number of threads

// One input of a layer: bits, and a convolution of `size` x `size` with padding size / 2 over them.
struct Input {
    const uint8_t* bits;
    const float* weight;  // [size (x), size (y), channels, C']
    float* grad_weight;
    int64_t height, width, channels, size, stride;
    int64_t bytes() const { return (channels + 7) / 8; }
    int64_t rows() const { return size * size * channels; }  // of the weight
    int64_t most_events() const { return width * size * channels + 32; }
};

// The events that row y of outputs receives at one step, column by column: event e = (x * size + ky) * channels + c, a
// row of the weight but for the column's offset. Those of columns [a, b) are list[start[a]] to list[start[b]].
struct Events {
    std::vector<uint16_t> list;
    std::vector<int32_t> start;
    explicit Events(const Input& in) : list(in.most_events()), start(in.width + 3) {}

    void collect(const Input& in, int64_t step_and_image, int64_t y) {
        const int64_t bytes = in.bytes(), top = y * in.stride - in.size / 2;
        const int64_t first = std::max<int64_t>(0, -top), last = std::min(in.size, in.height - top);
        const uint8_t* image = in.bits + step_and_image * in.height * in.width * bytes;
        uint16_t* to = list.data();
        for (int64_t x = 0; x < in.width; ++x) {
            start[x + 1] = int32_t(to - list.data());
            uint64_t pending = 0;  // bits of this column in the order of their numbers, up to 32 at a time
            int64_t filled = 0;
            uint16_t base = uint16_t((x * in.size + first) * in.channels);
            for (int64_t k = first; k < last; ++k) {
                const uint8_t* place = image + ((top + k) * in.width + x) * bytes;
                for (int64_t c = 0; c < in.channels; c += 32) {
                    pending |= uint64_t(word_of(place + c / 8, bytes - c / 8)) << filled;
                    filled += std::min<int64_t>(32, in.channels - c);
                    if (filled < 32) continue;
                    to = append(uint32_t(pending), base, to);
                    base += 32, pending >>= 32, filled -= 32;
                }
            }
            if (filled) to = append(uint32_t(pending), base, to);
        }
        start[in.width + 1] = start[in.width + 2] = int32_t(to - list.data());
    }
};

// f(first event, end, offset of the column in the list's numbers) for each output column x.
template <typename F>
inline void each_column(const Input& in, const Events& events, int64_t columns, F&& f) {
    for (int64_t x = 0; x < columns; ++x) {
        const int64_t left = x * in.stride - in.size / 2;
        const uint16_t* list = events.list.data();
        f(x, list + events.start[left + 1], list + events.start[left + 1 + in.size], left * in.size * in.channels);
    }
}

// Adds to the currents [columns, NV vectors] of a row the rows of the weight [rows, NV vectors] of all their events.
template <int NV>
inline void gather(const Input& in, const Events& events, const float* weight, vec* currents, int64_t columns) {
    each_column(in, events, columns, [&](int64_t x, const uint16_t* e, const uint16_t* end, int64_t offset) {
        const float* base = weight - offset * (NV * LANES);
        vec even[NV], odd[NV] = {};
        for (int k = 0; k < NV; ++k) even[k] = currents[x * NV + k];
        for (; e + 1 < end; e += 2) {
            const float *one = base + e[0] * (NV * LANES), *two = base + e[1] * (NV * LANES);
            for (int k = 0; k < NV; ++k) even[k] += load<vec>(one + k * LANES);
            for (int k = 0; k < NV; ++k) odd[k] += load<vec>(two + k * LANES);
        }
        if (e < end)
            for (int k = 0; k < NV; ++k) even[k] += load<vec>(base + e[0] * (NV * LANES) + k * LANES);
        for (int k = 0; k < NV; ++k) currents[x * NV + k] = even[k] + odd[k];
    });
}

// Adds the gradients [columns, NV vectors] of a row to the rows of the weight's gradient of all their events.
template <int NV>
inline void scatter(const Input& in, const Events& events, float* grad_weight, const vec* gradients, int64_t columns) {
    each_column(in, events, columns, [&](int64_t x, const uint16_t* e, const uint16_t* end, int64_t offset) {
        float* base = grad_weight - offset * (NV * LANES);
        vec gradient[NV];
        for (int k = 0; k < NV; ++k) gradient[k] = gradients[x * NV + k];
        for (; e < end; ++e) {
            float* row = base + *e * (NV * LANES);
            for (int k = 0; k < NV; ++k) store(load<vec>(row + k * LANES) + gradient[k], row + k * LANES, LANES);
        }
    });
}

template <bool FULL>
inline int lanes_of(int64_t channels, int64_t first) {
    return FULL ? LANES : int(std::min<int64_t>(LANES, channels - first));
}

// Output channels [first, first + NV * LANES) of one image; the weights are those channels' alone.
template <int NV, bool FULL, typename X, typename K>
void forward_image(const Neurons& n, const std::vector<Input>& inputs, const float* const* weights, std::vector<Events>& events,
                   int64_t image, int64_t first, X* spikes, K* kept) {
    std::vector<vec> potentials(n.width * NV), currents(n.width * NV);
    const float inverse = 1.0f / n.v;
    for (int64_t y = 0; y < n.height; ++y) {
        std::fill(potentials.begin(), potentials.end(), vec{});
        for (int64_t t = 0; t < n.steps; ++t) {
            std::fill(currents.begin(), currents.end(), vec{});
            for (size_t i = 0; i < inputs.size(); ++i) {
                events[i].collect(inputs[i], t * n.images + image, y);
                gather<NV>(inputs[i], events[i], weights[i], currents.data(), n.width);
            }
            const int64_t row = n.place(t, image, y);
            for (int64_t x = 0; x < n.width; ++x)
                for (int k = 0; k < NV; ++k) {
                    const int64_t channel = first + k * LANES;
                    const int lanes = lanes_of<FULL>(n.channels, channel);
                    step(n, potentials[x * NV + k], currents[x * NV + k], inverse, row + x, channel, lanes, spikes, kept);
                }
        }
    }
}

// The reverse scan of the same channels of some images; adds to grad_weights and writes dL/dI.
template <int NV, bool FULL, typename X, typename K>
void backward_images(const Neurons& n, const std::vector<Input>& inputs, float* const* grad_weights, int64_t from, int64_t to, int64_t first,
                     const X* grad_spikes, const K* kept, X* grad_current) {
    std::vector<vec> adjoints(n.width * NV), gradients(n.width * NV);
    std::vector<Events> events(inputs.begin(), inputs.end());
    const float inverse = 1.0f / n.v;
    for (int64_t image = from; image < to; ++image)
        for (int64_t y = 0; y < n.height; ++y) {
            std::fill(adjoints.begin(), adjoints.end(), vec{});
            for (int64_t t = n.steps - 1; t >= 0; --t) {
                const int64_t row = n.place(t, image, y);
                for (int64_t x = 0; x < n.width; ++x)
                    for (int k = 0; k < NV; ++k) {
                        const int64_t channel = first + k * LANES;
                        const int lanes = lanes_of<FULL>(n.channels, channel);
                        gradients[x * NV + k] = step_back(n, adjoints[x * NV + k], inverse, row + x, channel, lanes, grad_spikes, kept,
                                                          grad_current);
                    }
                for (size_t i = 0; i < inputs.size(); ++i) {
                    events[i].collect(inputs[i], t * n.images + image, y);
                    scatter<NV>(inputs[i], events[i], grad_weights[i], gradients.data(), n.width);
                }
            }
        }
}

// The weight's columns [first, first + vectors * LANES) as [rows, vectors * LANES], filled up with zeros.
std::vector<float> columns(const Input& in, int64_t channels, int64_t first, int vectors) {
    const int64_t width = vectors * LANES, real = std::min(width, channels - first);
    std::vector<float> slice(in.rows() * width, 0.0f);
    for (int64_t row = 0; row < in.rows(); ++row) std::copy_n(in.weight + row * channels + first, real, &slice[row * width]);
    return slice;
}

// f(NV as a compile-time number, first channel) for each group of output channels is task `group` of `groups(channels)`.
int64_t groups(int64_t channels) { return (channels + WIDEST * LANES - 1) / (WIDEST * LANES); }
template <typename F>
void with_group(int64_t channels, int64_t group, F&& f) {
    const int64_t first = group * WIDEST * LANES, left = (channels - first + LANES - 1) / LANES;
    switch (std::min<int64_t>(WIDEST, left)) {
        case 1: return f(std::integral_constant<int, 1>{}, first);
        case 2: return f(std::integral_constant<int, 2>{}, first);
        case 3: return f(std::integral_constant<int, 3>{}, first);
        default: return f(std::integral_constant<int, 4>{}, first);
    }
}

// f(whether all vectors up to channel `end` are full) as a compile-time flag.
template <typename F>
void with_fullness(const Neurons& n, int64_t end, F&& f) {
    end <= n.channels ? f(std::true_type{}) : f(std::false_type{});
}

template <typename X, typename K>
void forward(const Neurons& n, const std::vector<Input>& inputs, X* spikes, K* kept) {
    std::vector<std::vector<std::vector<float>>> slices(groups(n.channels));
#pragma omp parallel for schedule(static)
    for (int64_t group = 0; group < groups(n.channels); ++group)
        with_group(n.channels, group, [&](auto nv, int64_t first) {
            for (const Input& in : inputs) slices[group].push_back(columns(in, n.channels, first, nv.value));
        });
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < groups(n.channels) * n.images; ++task) {
        const int64_t group = task / n.images, image = task % n.images;
        std::vector<const float*> weights;
        for (const auto& slice : slices[group]) weights.push_back(slice.data());
        std::vector<Events> events(inputs.begin(), inputs.end());
        with_group(n.channels, group, [&](auto nv, int64_t first) {
            with_fullness(n, first + nv.value * LANES, [&](auto full) {
                forward_image<nv.value, full.value>(n, inputs, weights.data(), events, image, first, spikes, kept);
            });
        });
    }
}

template <typename X, typename K>
void backward(const Neurons& n, const std::vector<Input>& inputs, const X* grad_spikes, const K* kept, X* grad_current) {
    const int64_t parts = std::min(PARTS, n.images);
    std::vector<std::vector<std::vector<float>>> sums(groups(n.channels) * parts);
#pragma omp parallel for schedule(dynamic)
    for (int64_t task = 0; task < groups(n.channels) * parts; ++task) {
        const int64_t group = task / parts, part = task % parts;
        with_group(n.channels, group, [&](auto nv, int64_t first) {
            std::vector<float*> grads;
            for (const Input& in : inputs) sums[task].emplace_back(in.rows() * nv.value * LANES, 0.0f);
            for (auto& sum : sums[task]) grads.push_back(sum.data());
            const int64_t from = part * n.images / parts, to = (part + 1) * n.images / parts;
            with_fullness(n, first + nv.value * LANES, [&](auto full) {
                backward_images<nv.value, full.value>(n, inputs, grads.data(), from, to, first, grad_spikes, kept, grad_current);
            });
        });
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
        const int64_t rows = inputs[i].rows();
#pragma omp parallel for schedule(static)
        for (int64_t row = 0; row < rows; ++row)
            for (int64_t group = 0; group < groups(n.channels); ++group)
                with_group(n.channels, group, [&](auto nv, int64_t first) {
                    constexpr int width = nv.value * LANES;
                    const int64_t real = std::min<int64_t>(width, n.channels - first);
                    float* to = inputs[i].grad_weight + row * n.channels + first;
                    for (int64_t c = 0; c < real; ++c) {
                        float total = 0.0f;
                        for (int64_t part = 0; part < parts; ++part) total += sums[group * parts + part][i][row * width + c];
                        to[c] = total;
                    }
                });
    }
}

}  // namespace
