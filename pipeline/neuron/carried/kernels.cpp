// LIF neurons over a slice of time steps, from the potentials that the steps before left, for CPUs; the equations are in
// pipeline/neuron/lif.py. Arrays are [t, N] with the neurons contiguous; X is float or bfloat16. A potential says by itself
// whether it fired. The arithmetic has the order of the reference (compile with -ffp-contract=off).

#include <algorithm>
#include <cstdint>

#include "../fused/numbers.hpp"

namespace {

constexpr int64_t STRIP = 512;  // neurons at a time: their potentials stay in the first-level cache

// One step of `n` neurons; `s` says which fired. DELAY is compile-time so that the loop has no branches and becomes vectors.
template <bool DELAY, typename X>
inline void step(const X* __restrict current, X* __restrict spikes, float* __restrict u, float* __restrict s, int64_t n, float leak, float v) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
        if (DELAY) narrow(s[i], spikes[i]);
        u[i] = leak * u[i] + widen(current[i]) - v * s[i];
        s[i] = u[i] >= v ? 1.0f : 0.0f;
        if (!DELAY) narrow(s[i], spikes[i]);
    }
}

template <bool DELAY, typename X>
void carried(const X* current, X* spikes, float* potential, int64_t steps, int64_t neurons, float leak, float v) {
#pragma omp parallel for schedule(static) if (neurons > 8 * STRIP)
    for (int64_t first = 0; first < neurons; first += STRIP) {
        const int64_t width = std::min(STRIP, neurons - first);
        alignas(64) float u[STRIP], s[STRIP];
        std::copy_n(potential + first, width, u);
        for (int64_t i = 0; i < width; ++i) s[i] = u[i] >= v ? 1.0f : 0.0f;
        for (int64_t t = 0; t < steps; ++t) {
            const int64_t row = t * neurons + first;
            step<DELAY>(current + row, spikes + row, u, s, width, leak, v);
        }
        std::copy_n(u, width, potential + first);
    }
}

template <typename X>
void carried(const X* current, X* spikes, float* potential, int64_t steps, int64_t neurons, float leak, float v, int delay) {
    delay ? carried<true>(current, spikes, potential, steps, neurons, leak, v)
          : carried<false>(current, spikes, potential, steps, neurons, leak, v);
}

}  // namespace

#define EXPORT(SUFFIX, X)                                                                                                           \
    extern "C" void lif_slice_##SUFFIX(const X* current, X* spikes, float* potential, int64_t steps, int64_t neurons, float leak, \
                                       float v, int delay) {                                                                      \
        carried<X>(current, spikes, potential, steps, neurons, leak, v, delay);                                                   \
    }

EXPORT(float, float)
EXPORT(bfloat16, bfloat16)
