// Sixteen neurons at a time: one step of LIF neurons forward and backward. The equations are in pipeline/neuron/lif.py.
//
// X is float or bfloat16, K what is kept of the potentials: themselves in float, the surrogate's triangle as packed levels in
// bfloat16. One neuron's arithmetic has the order of the reference (compile with -ffp-contract=off).

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "../../neuron/fused/levels.hpp"

namespace {

constexpr int LANES = 16;         // floats in a 512-bit vector

typedef float vec __attribute__((vector_size(64)));
typedef int32_t ints __attribute__((vector_size(64)));
typedef uint16_t halves __attribute__((vector_size(32)));
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

struct bfloat16 {
    uint16_t bits;
};

// Conversions that some compilers do number by number.
#if defined(__AVX512F__)
inline bytes16 to_bytes(const ints& x) { return (bytes16)_mm512_cvtepi32_epi8((__m512i)x); }
inline halves to_halves(const ints& x) { return (halves)_mm512_cvtepi32_epi16((__m512i)x); }
inline ints to_ints(const halves& x) { return (ints)_mm512_cvtepu16_epi32((__m256i)x); }
inline vec to_floats(const bytes16& x) { return (vec)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32((__m128i)x)); }
#else
inline bytes16 to_bytes(const ints& x) { return __builtin_convertvector(x, bytes16); }
inline halves to_halves(const ints& x) { return __builtin_convertvector(x, halves); }
inline ints to_ints(const halves& x) { return __builtin_convertvector(x, ints); }
inline vec to_floats(const bytes16& x) { return __builtin_convertvector(x, vec); }
#endif

template <typename V, typename P>
inline V load(const P* from) {
    V value;
    std::memcpy(&value, from, sizeof(V));
    return value;
}
template <typename V, typename P>
inline void store(const V& value, P* to, int lanes) {
    if (lanes == LANES) std::memcpy(static_cast<void*>(to), &value, sizeof(V));
    else std::memcpy(static_cast<void*>(to), &value, lanes * sizeof(P));
}

inline vec all(float value) { return value + vec{}; }

inline vec read(const float* from, int lanes) {
    if (lanes == LANES) return load<vec>(from);
    vec value{};
    std::memcpy(&value, from, lanes * sizeof(float));
    return value;
}
inline vec read(const bfloat16* from, int lanes) {
    halves narrow{};
    if (lanes == LANES) narrow = load<halves>(from);
    else std::memcpy(&narrow, from, lanes * sizeof(bfloat16));
    const ints wide = to_ints(narrow) << 16;
    return (vec)wide;
}
inline void write(const vec& value, float* to, int lanes) { store(value, to, lanes); }
inline void write(const vec& value, bfloat16* to, int lanes) {  // round to nearest even; finite values only
    const ints wide = (ints)value;
    const ints rounded = ((wide + 0x7fff + ((wide >> 16) & 1)) >> 16) & 0xffff;
    store(to_halves(rounded), to, lanes);
}

// Spikes of a mask of all ones or zeros per neuron.
inline void fire(const ints& mask, float* to, int lanes) { store(mask & 0x3f800000, to, lanes); }
inline void fire(const ints& mask, bfloat16* to, int lanes) { store(to_halves(mask & 0x3f80), to, lanes); }

// 1 - |u/v - 1|, the surrogate's triangle where it is positive; `inverse` is 1 / v.
inline vec height(const vec& u, float inverse) { return 1.0f - (vec)((ints)(u * inverse - 1.0f) & 0x7fffffff); }
inline void keep(const vec& u, float, float* kept, int lanes) { store(u, kept, lanes); }
inline void keep(const vec& u, float inverse, uint8_t* kept, int lanes) {
    const ints level = __builtin_convertvector(height(u, inverse) * LEVELS + 0.5f, ints);
    const bytes16 levels = to_bytes(level > 0 ? level : ints{});
    if (lanes < LANES) return pack_levels(reinterpret_cast<const uint8_t*>(&levels), kept, lanes);
    const uint64_t low = squeeze(((words2)levels)[0]), high = squeeze(((words2)levels)[1]);
    std::memcpy(kept, &low, 8);  // the last byte is the first of `high`
    std::memcpy(kept + 7, &high, 7);
}
inline vec slope(const float* kept, float inverse, float damping, int lanes) {
    const vec triangle = height(read(kept, lanes), inverse);
    return damping * (triangle > 0.0f ? triangle : vec{});
}
inline vec slope(const uint8_t* kept, float, float damping, int lanes) {
    bytes16 levels{};
    if (lanes < LANES) {
        unpack_levels(kept, reinterpret_cast<uint8_t*>(&levels), lanes);
    } else {
        uint64_t low, high;
        std::memcpy(&low, kept, 8);
        std::memcpy(&high, kept + 6, 8);
        levels = (bytes16)words2{spread(low), spread(high >> 8)};
    }
    return (damping / LEVELS) * to_floats(levels);
}

struct Neurons {
    int64_t steps, images, height, width, channels;  // of the outputs, before pooling
    float leak, v, damping;
    int delay;
    int64_t pool;  // side of the squares that are averaged into integrate-and-fire neurons; 1 for none
    float* carried;  // potentials [images, height, width, channels] to start from and to leave; null: 0 at the start; not with pool
    int64_t place(int64_t t, int64_t image, int64_t y) const { return ((t * images + image) * height + y) * width; }
    float* potential(int64_t image, int64_t y, int64_t channel) const { return carried + place(0, image, y) * channels + channel; }
    int64_t pooled(int64_t t, int64_t image, int64_t y) const {
        return ((t * images + image) * (height / pool) + y / pool) * (width / pool);
    }
};

// What a step needs of them, copied: loops that write may then keep it in registers.
struct Constants {
    float leak, v, inverse, damping;
    explicit Constants(const Neurons& n) : leak(n.leak), v(n.v), inverse(1.0f / n.v), damping(n.damping) {}
};

// f(delay, lanes), both known when compiled if there are LANES of them, so that loops have no branches for them.
template <typename F>
inline void with_delay_and_lanes(const Neurons& n, int lanes, F&& f) {
    const auto with_lanes = [&](auto delay) { lanes == LANES ? f(delay, std::integral_constant<int, LANES>{}) : f(delay, lanes); };
    n.delay ? with_lanes(std::true_type{}) : with_lanes(std::false_type{});
}

// How many K are kept of `channels` neurons.
template <typename K>
inline int64_t kept_of(int64_t channels) {
    return std::is_same_v<K, float> ? channels : level_bytes(channels);
}

// One step of LANES neurons: integrates the current, keeps what is wanted, returns who fires.
template <typename K>
inline ints step(const Constants k, bool delay, vec& potential, const vec& current, int lanes, K* kept) {
    const vec before = potential;
    potential = k.leak * before + current - (before >= k.v ? all(k.v) : vec{});
    const vec u = delay ? before : potential;
    if (kept) keep(u, k.inverse, kept, lanes);
    return u >= k.v;
}

// One step of pooling neurons that receive `sum` spikes of a square; the equations are in pipeline/neuron/pool.py.
inline ints pool_step(const Neurons& n, vec& potential, const vec& sum) {
    const vec before = potential;
    potential = before + sum / float(n.pool * n.pool) - (before >= n.v ? all(n.v) : vec{});
    return (n.delay ? before : potential) >= n.v;
}

// One step of the reverse scan of LANES neurons: returns dL/dI.
template <typename K>
inline vec step_back(const Constants k, bool delay, vec& adjoint, const vec& grad_spikes, int lanes, const K* kept) {
    const vec later = adjoint;
    adjoint = slope(kept, k.inverse, k.damping, lanes) * (grad_spikes - k.v * later) + k.leak * later;
    return delay ? later : adjoint;
}

}  // namespace
