// Convolutions driven by their input spikes, into LIF neurons.
//
// A spike is an event: it adds one row of the weight to the current of each neuron that it reaches, so silent inputs cost
// nothing. Currents are sums in float and go into the potentials row by row; no array of all currents exists. Sums run in
// an order that depends neither on the number of threads nor on the other images of a batch.

#pragma once

#include <type_traits>
#include <vector>

#include "lists.hpp"
#include "tables.hpp"

namespace {

constexpr int WIDEST = 4;     // vectors of output channels at a time: their weights fit the second-level cache
constexpr int64_t PARTS = 4;  // gradients of the weight are summed in so many parts, whatever the number of threads

// What row y of outputs receives from an input at one step: as tables where channels are few, as a list of events elsewhere.
struct Source {
    const Input& in;
    Events events;
    Rows rows;
    explicit Source(const Input& input) : in(input), events(input), rows(input) {}

    void collect(int64_t step_and_image, int64_t y) {
        if (in.tabled()) rows.collect(in, step_and_image, y);
        else events.collect(in, step_and_image, y);
    }
    template <int NV>
    void add_currents(const float* weight, vec* currents, int64_t columns) const {
        if (!in.tabled()) gather<NV>(in, events, weight, currents, columns);
        else if (in.size == 1) gather<1, NV>(in, rows, weight, currents, columns);
        else gather<3, NV>(in, rows, weight, currents, columns);
    }
    template <int NV>
    void add_gradients(float* grad_weight, const vec* gradients, int64_t columns) const {
        if (!in.tabled()) scatter<NV>(in, events, grad_weight, gradients, columns);
        else if (in.size == 1) scatter<1, NV>(in, rows, grad_weight, gradients, columns);
        else scatter<3, NV>(in, rows, grad_weight, gradients, columns);
    }
};

// Sums over a row's squares of n.pool columns, added to those of the rows above unless it is the first.
template <int NV>
inline void add_columns(const Neurons& n, const vec* spikes, vec* sums, bool first) {
    for (int64_t x = 0; x < n.width / n.pool; ++x)
        for (int k = 0; k < NV; ++k) {
            vec sum = first ? vec{} : sums[x * NV + k];
            for (int64_t i = 0; i < n.pool; ++i) sum += spikes[(x * n.pool + i) * NV + k];
            sums[x * NV + k] = sum;
        }
}

template <bool FULL>
inline int lanes_of(int64_t channels, int64_t first) {
    return FULL ? LANES : int(std::min<int64_t>(LANES, channels - first));
}

// Output channels [first, first + NV * LANES) of one image; the weights are those channels' alone. Rows that are pooled
// together go through the steps together.
template <int NV, bool FULL, typename X, typename K>
void forward_image(const Neurons n, const std::vector<Input>& inputs, const float* const* weights,
                   int64_t image, int64_t first, X* spikes, K* kept) {
    std::vector<Source> sources(inputs.begin(), inputs.end());
    std::vector<vec> potentials(n.pool * n.width * NV), currents(n.width * NV), pooled(n.width * NV), sums(n.width * NV);
    const float inverse = 1.0f / n.v;
    for (int64_t top = 0; top < n.height; top += n.pool) {
        std::fill(potentials.begin(), potentials.end(), vec{});
        std::fill(pooled.begin(), pooled.end(), vec{});
        for (int64_t t = 0; t < n.steps; ++t) {
            for (int64_t y = top; y < top + n.pool; ++y) {
                std::fill(currents.begin(), currents.end(), vec{});
                for (size_t i = 0; i < inputs.size(); ++i) {
                    sources[i].collect(t * n.images + image, y);
                    sources[i].template add_currents<NV>(weights[i], currents.data(), n.width);
                }
                vec* potential = &potentials[(y - top) * n.width * NV];
                const int64_t row = n.place(t, image, y);
                for (int64_t x = 0; x < n.width; ++x)
                    for (int k = 0; k < NV; ++k) {
                        const int64_t channel = first + k * LANES;
                        const int lanes = lanes_of<FULL>(n.channels, channel);
                        const ints fires = step(n, potential[x * NV + k], currents[x * NV + k], inverse, row + x, channel, lanes, kept);
                        if (n.pool == 1) fire(fires, spikes + (row + x) * n.channels + channel, lanes);
                        else currents[x * NV + k] = ones_where(fires);
                    }
                if (n.pool > 1) add_columns<NV>(n, currents.data(), sums.data(), y == top);
            }
            const int64_t row = n.pooled(t, image, top);
            for (int64_t x = 0; n.pool > 1 && x < n.width / n.pool; ++x)
                for (int k = 0; k < NV; ++k) {
                    const int64_t channel = first + k * LANES;
                    fire(pool_step(n, pooled[x * NV + k], sums[x * NV + k]), spikes + (row + x) * n.channels + channel,
                         lanes_of<FULL>(n.channels, channel));
                }
        }
    }
}

// dL/dS of neurons at (t, y, x): read, or straight through the pooling neuron that they feed.
template <typename X>
inline vec grad_of_spikes(const Neurons& n, const X* grad_spikes, int64_t t, int64_t image, int64_t y, int64_t x, int64_t channel, int lanes) {
    if (n.pool == 1) return read(grad_spikes + (n.place(t, image, y) + x) * n.channels + channel, lanes);
    if (t + n.delay >= n.steps) return vec{};
    const float share = 1.0f / (n.v * float(n.pool * n.pool));
    return read(grad_spikes + (n.pooled(t + n.delay, image, y) + x / n.pool) * n.channels + channel, lanes) * share;
}

// The reverse scan of the same channels of some images; adds to grad_weights and, where wanted, writes dL/dI.
template <int NV, bool FULL, typename X, typename K>
void backward_images(const Neurons n, const std::vector<Input>& inputs, float* const* grad_weights, int64_t from, int64_t to, int64_t first,
                     const X* grad_spikes, const K* kept, X* grad_current) {
    std::vector<vec> adjoints(n.width * NV), gradients(n.width * NV);
    std::vector<Source> sources(inputs.begin(), inputs.end());
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
                        const vec grad = grad_of_spikes(n, grad_spikes, t, image, y, x, channel, lanes);
                        gradients[x * NV + k] = step_back(n, adjoints[x * NV + k], inverse, row + x, channel, lanes, grad, kept, grad_current);
                    }
                for (size_t i = 0; i < inputs.size(); ++i) {
                    sources[i].collect(t * n.images + image, y);
                    sources[i].template add_gradients<NV>(grad_weights[i], gradients.data(), n.width);
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
            for (const Input& in : inputs) {
                slices[group].push_back(columns(in, n.channels, first, nv.value));
                if (in.tabled()) slices[group].back() = to_table(in, slices[group].back(), nv.value * LANES);
            }
        });
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < groups(n.channels) * n.images; ++task) {
        const int64_t group = task / n.images, image = task % n.images;
        std::vector<const float*> weights;
        for (const auto& slice : slices[group]) weights.push_back(slice.data());
        with_group(n.channels, group, [&](auto nv, int64_t first) {
            with_fullness(n, first + nv.value * LANES, [&](auto full) {
                forward_image<nv.value, full.value>(n, inputs, weights.data(), image, first, spikes, kept);
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
            for (const Input& in : inputs) sums[task].emplace_back((in.tabled() ? table_rows(in) : in.rows()) * nv.value * LANES, 0.0f);
            for (auto& sum : sums[task]) grads.push_back(sum.data());
            const int64_t from = part * n.images / parts, to = (part + 1) * n.images / parts;
            with_fullness(n, first + nv.value * LANES, [&](auto full) {
                backward_images<nv.value, full.value>(n, inputs, grads.data(), from, to, first, grad_spikes, kept, grad_current);
            });
            for (size_t i = 0; i < inputs.size(); ++i)
                if (inputs[i].tabled()) sums[task][i] = from_table(inputs[i], sums[task][i], nv.value * LANES);
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
