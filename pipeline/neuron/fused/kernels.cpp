// Fused scans over whole spike trains for CPUs; the reference is pipeline/neuron/{lif,pool}.py, the equations are there.
//
// Arrays are [T, N] with the neurons contiguous; X is float or bfloat16. Potentials stay in cache, in float, a strip
// of neurons at a time through all steps, so memory is read and written once. The arithmetic has the order of the
// reference (compile with -ffp-contract=off), so spikes are the same to the bit.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "levels.hpp"
#include "numbers.hpp"

namespace {

constexpr int64_t STRIP = 512;  // neurons at a time: their state stays in the first-level cache, a row is whole cache lines
constexpr int64_t LANES = 16;  // floats in a 512-bit vector
constexpr std::true_type yes{};
constexpr std::false_type no{};

// What backward needs of a potential: itself in float mode, the surrogate's triangle as a level in bfloat16 mode.
inline void keep(float u, float v, float& out) { out = u; }
inline void keep(float u, float v, uint8_t& out) {
    out = uint8_t(std::max(0.0f, 1.0f - std::fabs(u / v - 1.0f)) * LEVELS + 0.5f);
}
inline float slope(float u, float v, float damping) { return damping * std::max(0.0f, 1.0f - std::fabs(u / v - 1.0f)); }
inline float slope(uint8_t kept, float, float damping) { return (damping / LEVELS) * float(kept); }

inline uint8_t nonzero(float x) { return x != 0.0f; }
inline uint8_t nonzero(bfloat16 x) { return (x.bits & 0x7fff) != 0; }
inline uint8_t below_zero(float x) { return x < 0.0f; }
inline uint8_t below_zero(bfloat16 x) { return x.bits >> 15; }

// Eight bytes of 0 or 1 into the bits of one: the product moves byte i to bit 56 + i.
inline void gather_bits(const uint8_t* flags, uint8_t* bytes, int64_t count) {
    for (int64_t b = 0; b < count; ++b) {
        uint64_t eight;
        std::memcpy(&eight, flags + 8 * b, 8);
        bytes[b] = uint8_t((eight * 0x0102040810204080ull) >> 56);
    }
}

// For every byte of bits, the eight values 0 or 1 as X, and the eight sign bits.
template <typename X>
struct Spread {
    using Word = std::conditional_t<sizeof(X) == 2, uint16_t, uint32_t>;
    std::array<std::array<Word, 8>, 256> one{}, sign{};
    Spread() {
        for (int byte = 0; byte < 256; ++byte)
            for (int i = 0; i < 8; ++i) {
                X value;
                narrow(float((byte >> i) & 1), value);
                std::memcpy(&one[byte][i], &value, sizeof(X));
                sign[byte][i] = Word((byte >> i) & 1) << (8 * sizeof(X) - 1);
            }
    }
};

// One step of `n` neurons. DELAY, KEEP and EXTRA are compile-time so that the loop has no branches and becomes vectors.
template <bool DELAY, bool KEEP, bool EXTRA, typename X, typename K>
inline void lif_step(const X* __restrict current, const X* __restrict extra, X* __restrict spikes, K* __restrict kept, float* __restrict u,
                     float* __restrict s, int64_t n, float leak, float v) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) {
        if (DELAY) {
            narrow(s[i], spikes[i]);
            if (KEEP) keep(u[i], v, kept[i]);
        }
        float input = widen(current[i]);
        if (EXTRA) input += widen(extra[i]);
        u[i] = leak * u[i] + input - v * s[i];
        s[i] = u[i] >= v ? 1.0f : 0.0f;
        if (!DELAY) {
            narrow(s[i], spikes[i]);
            if (KEEP) keep(u[i], v, kept[i]);
        }
    }
}

template <bool DELAY, bool KEEP, bool EXTRA, typename X, typename K>
void lif_forward(const X* current, const X* extra, X* spikes, K* kept, int64_t steps, int64_t neurons, float leak, float v) {
    const int64_t strips = (neurons + STRIP - 1) / STRIP;
#pragma omp parallel for schedule(static)
    for (int64_t strip = 0; strip < strips; ++strip) {
        const int64_t first = strip * STRIP, width = std::min(STRIP, neurons - first);
        alignas(64) float u[STRIP] = {}, s[STRIP] = {};
        for (int64_t t = 0; t < steps; ++t) {
            const int64_t row = t * neurons + first;
            const X* more = EXTRA ? extra + row : nullptr;
            if constexpr (KEEP && std::is_same_v<K, uint8_t>) {
                alignas(64) uint8_t levels[STRIP];
                lif_step<DELAY, true, EXTRA>(current + row, more, spikes + row, levels, u, s, width, leak, v);
                pack_levels(levels, kept + t * level_bytes(neurons) + level_bytes(first), width);
            } else {
                K* kept_row = KEEP ? kept + row : nullptr;
                lif_step<DELAY, KEEP, EXTRA>(current + row, more, spikes + row, kept_row, u, s, width, leak, v);
            }
        }
    }
}

template <typename X, typename K>
void lif_forward(const X* current, const X* extra, X* spikes, K* kept, int64_t steps, int64_t neurons, float leak, float v, int delay) {
    auto call = [&](auto d, auto k, auto e) {
        lif_forward<d.value, k.value, e.value>(current, extra, spikes, kept, steps, neurons, leak, v);
    };
    auto with_delay = [&](auto d) {
        if (kept) extra ? call(d, yes, yes) : call(d, yes, no);
        else extra ? call(d, no, yes) : call(d, no, no);
    };
    delay ? with_delay(yes) : with_delay(no);
}

template <bool DELAY, typename X, typename K>
void lif_backward(const X* grad_spikes, const K* kept, X* grad_current, int64_t steps, int64_t neurons, float leak, float v, float damping) {
    const int64_t strips = (neurons + STRIP - 1) / STRIP;
#pragma omp parallel for schedule(static)
    for (int64_t strip = 0; strip < strips; ++strip) {
        const int64_t first = strip * STRIP, width = std::min(STRIP, neurons - first);
        alignas(64) float adjoint[STRIP] = {};
        for (int64_t t = steps - 1; t >= 0; --t) {
            const X* __restrict grad = grad_spikes + t * neurons + first;
            alignas(64) uint8_t levels[STRIP];
            const K* __restrict held;
            if constexpr (std::is_same_v<K, uint8_t>) {
                unpack_levels(kept + t * level_bytes(neurons) + level_bytes(first), levels, width);
                held = levels;
            } else {
                held = kept + t * neurons + first;
            }
            X* __restrict out = grad_current + t * neurons + first;
#pragma omp simd
            for (int64_t i = 0; i < width; ++i) {
                if (DELAY) narrow(adjoint[i], out[i]);
                const float g = slope(held[i], v, damping);
                adjoint[i] = g * (widen(grad[i]) - v * adjoint[i]) + leak * adjoint[i];
                if (!DELAY) narrow(adjoint[i], out[i]);
            }
        }
    }
}

template <typename X, typename K>
void lif_backward(const X* grad_spikes, const K* kept, X* grad_current, int64_t steps, int64_t neurons, float leak, float v, float damping,
                  int delay) {
    if (delay) lif_backward<true>(grad_spikes, kept, grad_current, steps, neurons, leak, v, damping);
    else lif_backward<false>(grad_spikes, kept, grad_current, steps, neurons, leak, v, damping);
}

// sum[0..n) of a size x size square of places, `across` values apart in a row and `down` from row to row.
template <typename X>
inline void add_square(const X* in, float* __restrict sum, int64_t n, int64_t size, int64_t across, int64_t down) {
    float total[LANES] = {};
    for (int64_t dy = 0; dy < size; ++dy)
        for (int64_t dx = 0; dx < size; ++dx) {
            const X* from = in + dy * down + dx * across;
            if (n == LANES) {
#pragma omp simd
                for (int64_t i = 0; i < LANES; ++i) total[i] += widen(from[i]);
            } else {
                for (int64_t i = 0; i < n; ++i) total[i] += widen(from[i]);
            }
        }
    for (int64_t i = 0; i < n; ++i) sum[i] = total[i];
}

// Average pooling of spikes [T, images, H, W, C] over size x size, then integrate and fire; a row of outputs at a time.
template <typename X>
void pool_forward(const X* input, X* spikes, int64_t steps, int64_t images, int64_t height, int64_t width, int64_t channels, int64_t size,
                  float v, int delay) {
    const int64_t rows = height / size, columns = width / size;
    const int64_t in_step = images * height * width * channels, out_step = images * rows * columns * channels;
    const int64_t neurons = columns * channels;
    const float share = float(size * size);
#pragma omp parallel for schedule(static)
    for (int64_t place = 0; place < images * rows; ++place) {
        const int64_t top = (place / rows * height + place % rows * size) * width * channels;
        std::vector<float> potential(neurons, 0.0f), spike(neurons, 0.0f), sums(neurons);
        float *__restrict u = potential.data(), *__restrict s = spike.data(), *__restrict sum = sums.data();
        for (int64_t t = 0; t < steps; ++t) {
            const X* in = input + t * in_step + top;
            X* __restrict out = spikes + t * out_step + place * neurons;
            for (int64_t x = 0; x < columns; ++x)
                for (int64_t c = 0; c < channels; c += LANES)
                    add_square(in + x * size * channels + c, sum + x * channels + c, std::min(LANES, channels - c), size, channels,
                               width * channels);
            auto fire = [&](auto d) {
#pragma omp simd
                for (int64_t i = 0; i < neurons; ++i) {
                    if (d.value) narrow(s[i], out[i]);
                    u[i] = u[i] + sum[i] / share - v * s[i];
                    s[i] = u[i] >= v ? 1.0f : 0.0f;
                    if (!d.value) narrow(s[i], out[i]);
                }
            };
            delay ? fire(yes) : fire(no);
        }
    }
}

// The gradient passes straight through: dL/dX[t] = dL/dS[t + delay] / (v size^2), at every pooled place.
template <typename X>
void pool_backward(const X* grad_spikes, X* grad_input, int64_t steps, int64_t images, int64_t height, int64_t width, int64_t channels,
                   int64_t size, float v, int delay) {
    const int64_t rows = height / size, columns = width / size;
    const int64_t in_step = images * height * width * channels, out_step = images * rows * columns * channels;
    const float scale = 1.0f / (v * float(size * size));
#pragma omp parallel for schedule(static)
    for (int64_t place = 0; place < steps * images * height; ++place) {
        const int64_t t = place / (images * height), image = place / height % images, y = place % height;
        X* out = grad_input + t * in_step + (image * height + y) * width * channels;
        const int64_t from = t + delay;
        if (from >= steps || y / size >= rows) {
            std::memset(static_cast<void*>(out), 0, sizeof(X) * width * channels);
            continue;
        }
        const X* in = grad_spikes + from * out_step + (image * rows + y / size) * columns * channels;
        for (int64_t x = 0; x < width; ++x) {
            const bool inside = x / size < columns;
#pragma omp simd
            for (int64_t c = 0; c < channels; ++c)
                narrow(inside ? widen(in[(x / size) * channels + c]) * scale : 0.0f, out[x * channels + c]);
        }
    }
}

// Spikes to one bit each (two where they are signed: fired, then negative, in separate planes), eight to a byte, lowest first.
template <typename X>
void pack(const X* spikes, uint8_t* fired, uint8_t* negative, int64_t count) {
    constexpr int64_t BLOCK = 512;
    const int64_t blocks = (count + BLOCK - 1) / BLOCK;
#pragma omp parallel for schedule(static)
    for (int64_t block = 0; block < blocks; ++block) {
        const int64_t first = block * BLOCK, n = std::min(BLOCK, count - first);
        const X* __restrict from = spikes + first;
        alignas(64) uint8_t on[BLOCK] = {}, minus[BLOCK] = {};
#pragma omp simd
        for (int64_t i = 0; i < n; ++i) {
            on[i] = nonzero(from[i]);
            minus[i] = below_zero(from[i]);
        }
        gather_bits(on, fired + first / 8, (n + 7) / 8);
        if (negative) gather_bits(minus, negative + first / 8, (n + 7) / 8);
    }
}

template <typename X>
void unpack(const uint8_t* fired, const uint8_t* negative, X* spikes, int64_t count) {
    static const Spread<X> table;
    const int64_t bytes = count / 8;
#pragma omp parallel for schedule(static)
    for (int64_t b = 0; b < bytes; ++b) {
        auto value = table.one[fired[b]];
        if (negative)
            for (int i = 0; i < 8; ++i) value[i] |= table.sign[negative[b]][i];
        std::memcpy(spikes + 8 * b, value.data(), sizeof(value));
    }
    for (int64_t i = 8 * bytes; i < count; ++i) {
        const bool on = (fired[bytes] >> (i % 8)) & 1, minus = negative && ((negative[bytes] >> (i % 8)) & 1);
        narrow(on ? (minus ? -1.0f : 1.0f) : 0.0f, spikes[i]);
    }
}

}  // namespace

#define EXPORT(SUFFIX, X, K)                                                                                                              \
    extern "C" void lif_forward_##SUFFIX(const X* current, const X* extra, X* spikes, K* kept, int64_t steps, int64_t neurons, float leak, \
                                         float v, int delay) {                                                                            \
        lif_forward<X, K>(current, extra, spikes, kept, steps, neurons, leak, v, delay);                                                  \
    }                                                                                                                                     \
    extern "C" void lif_backward_##SUFFIX(const X* grad_spikes, const K* kept, X* grad_current, int64_t steps, int64_t neurons,           \
                                          float leak, float v, float damping, int delay) {                                                \
        lif_backward<X, K>(grad_spikes, kept, grad_current, steps, neurons, leak, v, damping, delay);                                     \
    }                                                                                                                                     \
    extern "C" void pool_forward_##SUFFIX(const X* input, X* spikes, int64_t steps, int64_t images, int64_t height, int64_t width,        \
                                          int64_t channels, int64_t size, float v, int delay) {                                           \
        pool_forward<X>(input, spikes, steps, images, height, width, channels, size, v, delay);                                           \
    }                                                                                                                                     \
    extern "C" void pool_backward_##SUFFIX(const X* grad_spikes, X* grad_input, int64_t steps, int64_t images, int64_t height,            \
                                           int64_t width, int64_t channels, int64_t size, float v, int delay) {                           \
        pool_backward<X>(grad_spikes, grad_input, steps, images, height, width, channels, size, v, delay);                                \
    }                                                                                                                                     \
    extern "C" void pack_##SUFFIX(const X* spikes, uint8_t* fired, uint8_t* negative, int64_t count) {                                    \
        pack<X>(spikes, fired, negative, count);                                                                                          \
    }                                                                                                                                     \
    extern "C" void unpack_##SUFFIX(const uint8_t* fired, const uint8_t* negative, X* spikes, int64_t count) {                            \
        unpack<X>(fired, negative, spikes, count);                                                                                        \
    }

EXPORT(float, float, float)
EXPORT(bfloat16, bfloat16, uint8_t)
