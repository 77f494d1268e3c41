// Fully connected synapses driven by their input spikes, into LIF neurons; as in convolution.hpp, sums do not depend on the
// number of threads.

#pragma once

#include <omp.h>

#include <type_traits>
#include <vector>

#include "bits.hpp"
#include "neurons.hpp"

namespace {

// Fully connected synapses: inputs are bits [T * images, inputs], the weight is [inputs, outputs], outputs a multiple of LANES.
struct Matrix {
    const uint8_t* bits;
    const float* weight;
    float* grad_weight;
    int64_t inputs, outputs;
};
constexpr int WIDE = 8;         // vectors of outputs at a time
constexpr int64_t CHUNK = 512;  // inputs at a time: their weights fit the second-level cache

// The inputs of [first, last) that fire in a row, counted from first; returns the end of the list.
inline const uint16_t* fired(const Matrix& m, int64_t row, int64_t first, int64_t last, uint16_t* list) {
    const int64_t bytes = (m.inputs + 7) / 8;
    const uint8_t* from = m.bits + row * bytes;
    uint16_t* to = list;
    for (int64_t i = first; i < last; i += 32) to = append(word_of(from + i / 8, bytes - i / 8), uint16_t(i - first), to);
    return to;
}

// f(NV as a compile-time number, first output) of a group of WIDE vectors or fewer.
template <typename F>
void with_wide_group(int64_t outputs, int64_t group, F&& f) {
    const int64_t first = group * WIDE * LANES, vectors = std::min<int64_t>(WIDE, (outputs - first) / LANES);
    if (vectors == 8) return f(std::integral_constant<int, 8>{}, first);
    // Fewer than eight: in fours and ones.
    int64_t done = 0;
    for (; done + 4 <= vectors; done += 4) f(std::integral_constant<int, 4>{}, first + done * LANES);
    for (; done < vectors; ++done) f(std::integral_constant<int, 1>{}, first + done * LANES);
}
int64_t wide_groups(int64_t outputs) { return (outputs + WIDE * LANES - 1) / (WIDE * LANES); }

// Outputs [first, first + NV * LANES) of images [from, to).
template <int NV, typename X, typename K>
void linear_forward(const Neurons& n, const Matrix& m, int64_t from, int64_t to, int64_t first, X* spikes, K* kept) {
    std::vector<vec> currents(n.steps * (to - from) * NV), potentials(NV);
    std::vector<uint16_t> list(CHUNK + 32);
    for (int64_t chunk = 0; chunk < m.inputs; chunk += CHUNK)
        for (int64_t t = 0; t < n.steps; ++t)
            for (int64_t image = from; image < to; ++image) {
                const int64_t last = std::min(chunk + CHUNK, m.inputs);
                const uint16_t* end = fired(m, t * n.images + image, chunk, last, list.data());
                vec* current = &currents[(t * (to - from) + image - from) * NV];
                vec total[NV];
                for (int k = 0; k < NV; ++k) total[k] = current[k];
                for (const uint16_t* e = list.data(); e < end; ++e) {
                    const float* row = m.weight + (chunk + *e) * m.outputs + first;
                    for (int k = 0; k < NV; ++k) total[k] += load<vec>(row + k * LANES);
                }
                for (int k = 0; k < NV; ++k) current[k] = total[k];
            }
    const Constants constants(n);
    const int64_t across = kept_of<K>(n.channels);
    for (int64_t image = from; image < to; ++image) {
        float* carried = n.carried ? n.potential(image, 0, first) : nullptr;
        for (int k = 0; k < NV; ++k) potentials[k] = carried ? load<vec>(carried + k * LANES) : vec{};
        for (int64_t t = 0; t < n.steps; ++t)
            for (int k = 0; k < NV; ++k) {
                const int64_t row = t * n.images + image, channel = first + k * LANES;
                const vec& current = currents[(t * (to - from) + image - from) * NV + k];
                K* keep_to = kept ? kept + row * across + kept_of<K>(channel) : nullptr;
                fire(step(constants, n.delay, potentials[k], current, LANES, keep_to), spikes + row * n.channels + channel, LANES);
            }
        for (int k = 0; carried && k < NV; ++k) store(potentials[k], carried + k * LANES, LANES);
    }
}

template <typename X, typename K>
void linear_forward(const Neurons& n, const Matrix& m, X* spikes, K* kept) {
    const int64_t parts = std::min<int64_t>(omp_get_max_threads(), n.images);
#pragma omp parallel for schedule(dynamic)
    for (int64_t task = 0; task < wide_groups(m.outputs) * parts; ++task)
        with_wide_group(m.outputs, task / parts, [&](auto nv, int64_t first) {
            const int64_t part = task % parts;
            linear_forward<nv.value>(n, m, part * n.images / parts, (part + 1) * n.images / parts, first, spikes, kept);
        });
}

// The gradient of the weight of inputs [from, to), input by input over the rows in which it fires; `from` is a multiple of 8.
template <int NV>
void add_gradients(const Matrix& m, int64_t rows, int64_t from, int64_t to, int64_t first, const vec* gradients) {
    const int64_t bytes = (m.inputs + 7) / 8, plane_bytes = (rows + 31) / 32 * 4, across = m.outputs / LANES;
    std::vector<uint8_t> planes(8 * plane_bytes, 0);  // of eight inputs, a bit for each row
    std::vector<uint16_t> list(rows + 32);
    for (int64_t input = from; input < to; input += 8) {
        for (int64_t row = 0; row < rows; row += 8) {
            uint64_t square = 0;
            for (int64_t r = 0; r < std::min<int64_t>(8, rows - row); ++r)
                square |= uint64_t(m.bits[(row + r) * bytes + input / 8]) << 8 * r;
            square = transposed(square);
            for (int64_t i = 0; i < 8; ++i) planes[i * plane_bytes + row / 8] = uint8_t(square >> 8 * i);
        }
        for (int64_t i = 0; i < std::min<int64_t>(8, to - input); ++i) {
            uint16_t* end = list.data();
            for (int64_t row = 0; row < rows; row += 32) end = append(word_of(&planes[i * plane_bytes + row / 8], 4), uint16_t(row), end);
            vec sum[NV] = {};
            for (const uint16_t* e = list.data(); e < end; ++e) {
                const vec* gradient = &gradients[*e * across + first / LANES];
                for (int k = 0; k < NV; ++k) sum[k] += gradient[k];
            }
            for (int k = 0; k < NV; ++k) store(sum[k], m.grad_weight + (input + i) * m.outputs + first + k * LANES, LANES);
        }
    }
}

template <typename X, typename K>
void linear_backward(const Neurons& n, const Matrix& m, const X* grad_spikes, const K* kept, X* grad_current) {
    const int64_t vectors = m.outputs / LANES, rows = n.steps * n.images;
    std::vector<vec> gradients(rows * vectors);
    const Constants constants(n);
    const int64_t across = kept_of<K>(n.channels);
#pragma omp parallel for schedule(static)
    for (int64_t neuron = 0; neuron < n.images * vectors; ++neuron) {
        const int64_t image = neuron / vectors, k = neuron % vectors;
        vec adjoint{};
        for (int64_t t = n.steps - 1; t >= 0; --t) {
            const int64_t row = t * n.images + image;
            const vec grad = read(grad_spikes + row * n.channels + k * LANES, LANES);
            const K* from = kept + row * across + kept_of<K>(k * LANES);
            gradients[row * vectors + k] = step_back(constants, n.delay, adjoint, grad, LANES, from);
            write(gradients[row * vectors + k], grad_current + row * n.channels + k * LANES, LANES);
        }
    }
    const int64_t chunks = (m.inputs + CHUNK - 1) / CHUNK;
#pragma omp parallel for schedule(dynamic)
    for (int64_t task = 0; task < wide_groups(m.outputs) * chunks; ++task)
        with_wide_group(m.outputs, task / chunks, [&](auto nv, int64_t first) {
            const int64_t from = task % chunks * CHUNK, to = std::min(from + CHUNK, m.inputs);
            add_gradients<nv.value>(m, rows, from, to, first, gradients.data());
        });
}

}  // namespace
