// Convolutions driven by their input spikes, into LIF neurons and, where wanted, on into pooling neurons.
//
// A spike is an event: it adds one row of the weight to the current of each neuron that it reaches, so silent inputs cost
// nothing. Currents are sums in float and go into the potentials step by step; no array of all currents exists. Sums run in
// an order that depends neither on the number of threads nor on the other images of a batch.

#pragma once

#include <type_traits>
#include <vector>

#include "lists.hpp"
#include "tables.hpp"

namespace {

constexpr int64_t WIDEST = 4;  // vectors of output channels at a time: events are collected once for them
constexpr int64_t PARTS = 4;   // gradients of the weight are summed in so many parts, whatever the number of threads

using Floats = std::vector<float>;
using Vectors = std::vector<vec>;

// The inputs of a layer in a band of its rows of outputs, [0, rows) from `top` on. Looked-up inputs work row by row and may
// take a band that stays in the first-level cache; lists of events take all rows.
struct Sources {
    const std::vector<Input>& inputs;
    std::vector<Lists> lists;
    std::vector<Tables> tables;
    Grid grid;
    Sources(const std::vector<Input>& inputs, int64_t rows, int64_t width) : inputs(inputs), grid(rows, width) {
        for (const Input& in : inputs) {
            if (in.tabled()) tables.emplace_back(in);
            else lists.emplace_back(in, grid);
        }
    }
    static bool by_rows(const std::vector<Input>& inputs) {
        return std::all_of(inputs.begin(), inputs.end(), [](const Input& in) { return in.tabled(); });
    }
    void collect(int64_t step_and_image) {
        for (Lists& one : lists) one.collect(step_and_image);
        for (Tables& one : tables) one.collect(step_and_image);
    }
    // weights: of each input, its rows of LANES channels, as a table where it is looked up.
    template <typename Weights>
    void add_currents(const Weights& weights, int64_t top, vec* currents) {
        size_t list = 0, table = 0;
        for (size_t i = 0; i < inputs.size(); ++i) {
            if (!inputs[i].tabled()) lists[list++].add_currents(weights[i].data(), currents);
            else for (int64_t y = 0; y < grid.height; ++y)
                tables[table].add_currents(top + y, weights[i].data(), currents + grid.at(y, 0), grid.width);
            table += inputs[i].tabled();
        }
    }
    template <typename Weights>
    void add_gradients(Weights& weights, int64_t top, const vec* gradients) {
        size_t list = 0, table = 0;
        for (size_t i = 0; i < inputs.size(); ++i) {
            if (!inputs[i].tabled()) lists[list++].add_gradients(weights[i].data(), gradients);
            else for (int64_t y = 0; y < grid.height; ++y)
                tables[table].add_gradients(top + y, weights[i].data(), gradients + grid.at(y, 0), grid.width);
            table += inputs[i].tabled();
        }
    }
};

// The channels [first, first + lanes) of a layer, one vector.
struct Channels {
    int64_t first;
    int lanes;
};
inline int64_t vectors_of(int64_t channels) { return (channels + LANES - 1) / LANES; }
inline Channels channels_of(const Neurons& n, int64_t vector) {
    return {vector * LANES, int(std::min<int64_t>(LANES, n.channels - vector * LANES))};
}

// A band of rows of one image at step t: integrates the currents, which are zero afterwards, and writes the spikes, those of the
// pooling neurons where there are some. `counts` has room for a row of squares.
template <typename X, typename K>
void step_band(const Neurons& n, const Channels& c, const Grid& grid, int64_t t, int64_t image, int64_t top, vec* currents, vec* potentials,
               vec* pooled, ints* counts, X* spikes, K* kept) {
    const Constants k(n);
    const int64_t across = kept_of<K>(n.channels), channels = n.channels, side = n.pool, squares = grid.width / side;
    with_delay_and_lanes(n, c.lanes, [&](auto delay, auto lanes) {
        for (int64_t y = 0; y < grid.height; ++y) {
            const int64_t place = n.place(t, image, top + y);
            vec *current = currents + grid.at(y, 0), *potential = potentials + y * grid.width;
            K* to = kept ? kept + place * across + kept_of<K>(c.first) : nullptr;
            const auto next = [&] {
                const ints fires = step(k, delay, *potential++, *current, lanes, to);
                *current++ = vec{};
                if (to) to += across;
                return fires;
            };
            if (side == 1) {
                X* out = spikes + place * channels + c.first;
                for (int64_t x = 0; x < squares; ++x, out += channels) fire(next(), out, lanes);
                continue;
            }
            for (int64_t x = 0; x < squares; ++x) {
                ints count = y % side ? counts[x] : ints{};
                for (int64_t dx = 0; dx < side; ++dx) count -= next();  // a mask is -1 where a neuron fires
                counts[x] = count;
            }
            if (y % side < side - 1) continue;
            X* out = spikes + n.pooled(t, image, top + y) * channels + c.first;
            vec* square = pooled + y / side * squares;
            for (int64_t x = 0; x < squares; ++x, out += channels)
                fire(pool_step(n, square[x], __builtin_convertvector(counts[x], vec)), out, lanes);
        }
    });
}

// A band of rows of one image from `top` on: its potentials from those carried, or back to them.
template <bool BACK>
void carry_band(const Neurons& n, const Channels& c, int64_t image, int64_t top, Vectors& potentials) {
    float* carried = n.potential(image, top, c.first);
    for (vec& potential : potentials) {
        if (BACK) write(potential, carried, c.lanes);
        else potential = read(carried, c.lanes);
        carried += n.channels;
    }
}

// Vectors [from, to) of one image's channels; weights: by vector, then by input.
template <typename X, typename K>
void forward_image(const Neurons n, const std::vector<Input>& inputs, const std::vector<std::vector<Floats>>& weights, int64_t image,
                   int64_t from, int64_t to, X* spikes, K* kept) {
    const int64_t rows = Sources::by_rows(inputs) ? n.pool : n.height;
    Sources sources(inputs, rows, n.width);
    const Grid grid = sources.grid;
    std::vector<Vectors> potentials(to - from), pooled(to - from);
    Vectors currents(grid.size(), vec{});
    std::vector<ints> counts(n.width / n.pool);
    for (int64_t top = 0; top < n.height; top += rows) {
        for (Vectors& vectors : potentials) vectors.assign(rows * n.width, vec{});
        for (Vectors& vectors : pooled) vectors.assign(rows / n.pool * (n.width / n.pool), vec{});
        for (int64_t v = from; n.carried && v < to; ++v) carry_band<false>(n, channels_of(n, v), image, top, potentials[v - from]);
        for (int64_t t = 0; t < n.steps; ++t) {
            sources.collect(t * n.images + image);
            for (int64_t v = from; v < to; ++v) {
                sources.add_currents(weights[v], top, currents.data());
                step_band(n, channels_of(n, v), grid, t, image, top, currents.data(), potentials[v - from].data(), pooled[v - from].data(),
                          counts.data(), spikes, kept);
            }
        }
        for (int64_t v = from; n.carried && v < to; ++v) carry_band<true>(n, channels_of(n, v), image, top, potentials[v - from]);
    }
}

// The reverse scan of a band of rows of one image at step t: gives the gradients of currents, and writes them where wanted.
// dL/dS is read, or passes straight through the pooling neurons.
template <typename X, typename K>
void step_band_back(const Neurons& n, const Channels& c, const Grid& grid, int64_t t, int64_t image, int64_t top, const X* grad_spikes,
                    const K* kept, vec* adjoints, vec* gradients, X* grad_current) {
    const Constants k(n);
    const int64_t across = kept_of<K>(n.channels), channels = n.channels, side = n.pool;
    const int64_t later = side == 1 ? t : t + n.delay;  // the step of the pooling neurons that these spikes reach
    const float share = side == 1 ? 1.0f : 1.0f / (n.v * float(side * side));
    with_delay_and_lanes(n, c.lanes, [&](auto delay, auto lanes) {
        for (int64_t y = 0; y < grid.height; ++y) {
            const int64_t place = n.place(t, image, top + y);
            vec *adjoint = adjoints + y * grid.width, *gradient = gradients + grid.at(y, 0);
            const K* from = kept + place * across + kept_of<K>(c.first);
            const X* grad = grad_spikes + n.pooled(later, image, top + y) * channels + c.first;
            X* to = grad_current ? grad_current + place * channels + c.first : nullptr;
            for (int64_t square = 0; square < grid.width / side; ++square, grad += channels) {
                const vec arriving = later < n.steps ? read(grad, lanes) * share : vec{};
                for (int64_t dx = 0; dx < side; ++dx, from += across) {
                    const vec current = step_back(k, delay, *adjoint++, arriving, lanes, from);
                    *gradient++ = current;
                    if (!to) continue;
                    write(current, to, lanes);
                    to += channels;
                }
            }
        }
    });
}

// The reverse scan of vectors [from, to) of one image's channels; adds to the sums and, where wanted, writes dL/dI.
template <typename X, typename K>
void backward_image(const Neurons n, const std::vector<Input>& inputs, std::vector<std::vector<Floats>>& sums, int64_t image, int64_t from,
                    int64_t to, const X* grad_spikes, const K* kept, X* grad_current) {
    const int64_t rows = Sources::by_rows(inputs) ? 1 : n.height;
    Sources sources(inputs, rows, n.width);
    const Grid grid = sources.grid;
    std::vector<Vectors> adjoints(to - from);
    Vectors gradients(grid.size(), vec{});
    for (int64_t top = 0; top < n.height; top += rows) {
        for (Vectors& vectors : adjoints) vectors.assign(rows * n.width, vec{});
        for (int64_t t = n.steps - 1; t >= 0; --t) {
            sources.collect(t * n.images + image);
            for (int64_t v = from; v < to; ++v) {
                step_band_back(n, channels_of(n, v), grid, t, image, top, grad_spikes, kept, adjoints[v - from].data(), gradients.data(),
                               grad_current);
                sources.add_gradients(sums[v - from], top, gradients.data());
            }
        }
    }
}

// The weight's columns of one vector of channels as [rows, LANES], filled up with zeros.
Floats columns(const Input& in, int64_t channels, const Channels& c) {
    Floats slice(in.rows() * LANES, 0.0f);
    for (int64_t row = 0; row < in.rows(); ++row) std::copy_n(in.weight + row * channels + c.first, c.lanes, &slice[row * LANES]);
    return slice;
}

template <typename X, typename K>
void forward(const Neurons& n, const std::vector<Input>& inputs, X* spikes, K* kept) {
    const int64_t vectors = vectors_of(n.channels), groups = (vectors + WIDEST - 1) / WIDEST;
    std::vector<std::vector<Floats>> weights(vectors);
#pragma omp parallel for schedule(static)
    for (int64_t v = 0; v < vectors; ++v)
        for (const Input& in : inputs) {
            weights[v].push_back(columns(in, n.channels, channels_of(n, v)));
            if (in.tabled()) weights[v].back() = to_table(in, weights[v].back());
        }
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < groups * n.images; ++task) {
        const int64_t from = task / n.images * WIDEST;
        forward_image(n, inputs, weights, task % n.images, from, std::min(from + WIDEST, vectors), spikes, kept);
    }
}

template <typename X, typename K>
void backward(const Neurons& n, const std::vector<Input>& inputs, const X* grad_spikes, const K* kept, X* grad_current) {
    const int64_t vectors = vectors_of(n.channels), groups = (vectors + WIDEST - 1) / WIDEST, parts = std::min(PARTS, n.images);
    std::vector<std::vector<std::vector<Floats>>> sums(groups * parts);  // then by vector and input
#pragma omp parallel for schedule(dynamic)
    for (int64_t task = 0; task < groups * parts; ++task) {
        const int64_t from = task / parts * WIDEST, to = std::min(from + WIDEST, vectors), part = task % parts;
        for (int64_t v = from; v < to; ++v) {
            sums[task].emplace_back();
            for (const Input& in : inputs) sums[task].back().emplace_back((in.tabled() ? table_rows(in) : in.rows()) * LANES, 0.0f);
        }
        for (int64_t image = part * n.images / parts; image < (part + 1) * n.images / parts; ++image)
            backward_image(n, inputs, sums[task], image, from, to, grad_spikes, kept, grad_current);
        for (auto& vector : sums[task])
            for (size_t i = 0; i < inputs.size(); ++i)
                if (inputs[i].tabled()) vector[i] = from_table(inputs[i], vector[i]);
    }
    for (size_t i = 0; i < inputs.size(); ++i)
#pragma omp parallel for schedule(static)
        for (int64_t row = 0; row < inputs[i].rows(); ++row)
            for (int64_t channel = 0; channel < n.channels; ++channel) {
                const int64_t v = channel / LANES;
                float total = 0.0f;
                for (int64_t part = 0; part < parts; ++part)
                    total += sums[v / WIDEST * parts + part][v % WIDEST][i][row * LANES + channel % LANES];
                inputs[i].grad_weight[row * n.channels + channel] = total;
            }
}

}  // namespace
