// Spikes as bits, and lists of the ones among them.

#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace {

typedef uint16_t eight __attribute__((vector_size(16)));

// Appends base + the position of each one in `word`, in order; may write up to 32 numbers, returns where the next goes.
#if defined(__AVX512VBMI2__) && defined(__AVX512BW__)
const struct Positions {
    uint16_t value[32];
    Positions() { for (int i = 0; i < 32; ++i) value[i] = uint16_t(i); }
} positions;
inline uint16_t* append(uint32_t word, uint16_t base, uint16_t* to) {
    const __m512i numbers = _mm512_add_epi16(_mm512_loadu_si512(positions.value), _mm512_set1_epi16(short(base)));
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi16(word, numbers));
    return to + __builtin_popcount(word);
}
#else
const struct Ones {  // of every byte
    uint16_t position[256][8] = {};
    uint8_t count[256] = {};
    Ones() {
        for (int byte = 0; byte < 256; ++byte)
            for (int i = 0; i < 8; ++i)
                if ((byte >> i) & 1) position[byte][count[byte]++] = uint16_t(i);
    }
} ones;
inline uint16_t* append(uint32_t word, uint16_t base, uint16_t* to) {
    for (; word; word >>= 8, base += 8) {
        eight numbers;
        std::memcpy(&numbers, ones.position[word & 255], sizeof numbers);
        numbers += base;
        std::memcpy(to, &numbers, sizeof numbers);
        to += ones.count[word & 255];
    }
    return to;
}
#endif

// Up to four bytes as one word.
inline uint32_t word_of(const uint8_t* from, int64_t bytes) {
    uint32_t word = 0;
    if (bytes >= 4) std::memcpy(&word, from, 4);
    else for (int64_t b = 0; b < bytes; ++b) word |= uint32_t(from[b]) << (8 * b);
    return word;
}

// A square of bits turned over its diagonal: bit c of byte r becomes bit r of byte c.
inline uint64_t transposed(uint64_t x) {
    uint64_t t = (x ^ (x >> 7)) & 0x00aa00aa00aa00aaull;
    x ^= t ^ (t << 7);
    t = (x ^ (x >> 14)) & 0x0000cccc0000ccccull;
    x ^= t ^ (t << 14);
    t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0ull;
    return x ^ t ^ (t << 28);
}

template <typename X>
using Word = std::conditional_t<sizeof(X) == 2, uint16_t, uint32_t>;

// Spikes [places, channels] to bits, `bytes` per place, lowest first; -0 is no spike.
template <typename X>
void to_bits(const X* spikes, uint8_t* bits, int64_t places, int64_t channels) {
    const int64_t bytes = (channels + 7) / 8;
#pragma omp parallel for schedule(static)
    for (int64_t place = 0; place < places; ++place) {
        int64_t b = 0;
#if defined(__AVX512BW__) && defined(__AVX512VL__)
        if constexpr (sizeof(X) == 2)
            for (; 8 * b + 16 <= channels; b += 2) {
                const __m256i some = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(spikes + place * channels + 8 * b));
                const uint16_t sixteen = _mm256_test_epi16_mask(some, _mm256_set1_epi16(0x7fff));
                std::memcpy(bits + place * bytes + b, &sixteen, 2);
            }
#endif
        for (; b < bytes; ++b) {
            uint8_t flags[8] = {};
            const auto test = [&](int64_t count) {
                for (int64_t i = 0; i < count; ++i) {
                    Word<X> word;
                    std::memcpy(&word, spikes + place * channels + 8 * b + i, sizeof(X));
                    flags[i] = Word<X>(word << 1) != 0;
                }
            };
            8 * b + 8 <= channels ? test(8) : test(channels - 8 * b);
            uint64_t all_flags;
            std::memcpy(&all_flags, flags, 8);
            bits[place * bytes + b] = uint8_t((all_flags * 0x0102040810204080ull) >> 56);  // the product moves byte i to bit 56 + i
        }
    }
}

// Spikes in {-1, 0, 1} [places, channels], at most 32 channels, to twice as many bits: the positive ones, then the negative ones.
template <typename X>
void to_signed_bits(const X* spikes, uint8_t* bits, int64_t places, int64_t channels) {
    const int64_t bytes = (2 * channels + 7) / 8;
    int64_t done = 0;
#if defined(__AVX512BW__) && defined(__BMI2__)
    // 32 places at a time, as `channels` vectors; then eight places' bits of each sign into the low bits of a byte each.
    if (sizeof(X) == 2 && bytes == 1) {
        done = places / 32 * 32;
        const uint64_t each = 0x0101010101010101ull * ((1u << channels) - 1);
#pragma omp parallel for schedule(static)
        for (int64_t first = 0; first < done; first += 32) {
            uint8_t positive[4 * 4 + 8], negative[4 * 4 + 8];
            for (int64_t v = 0; v < channels; ++v) {
                const __m512i some = _mm512_loadu_si512(spikes + first * channels + 32 * v);
                const uint32_t fired = _mm512_test_epi16_mask(some, _mm512_set1_epi16(0x7fff)), sign = _mm512_movepi16_mask(some);
                const uint32_t above = fired & ~sign, below = fired & sign;
                std::memcpy(positive + 4 * v, &above, 4);
                std::memcpy(negative + 4 * v, &below, 4);
            }
            for (int64_t eight = 0; eight < 4; ++eight) {
                uint64_t above, below;
                std::memcpy(&above, positive + eight * channels, 8);
                std::memcpy(&below, negative + eight * channels, 8);
                const uint64_t found = _pdep_u64(above, each) | _pdep_u64(below, each) << channels;
                std::memcpy(bits + first + 8 * eight, &found, 8);
            }
        }
    }
#endif
#pragma omp parallel for schedule(static)
    for (int64_t place = done; place < places; ++place) {
        uint64_t found = 0;
        for (int64_t c = 0; c < channels; ++c) {
            Word<X> word;
            std::memcpy(&word, spikes + place * channels + c, sizeof(X));
            const bool negative = word >> (8 * sizeof(X) - 1);
            found |= uint64_t(Word<X>(word << 1) != 0) << (c + (negative ? channels : 0));
        }
        std::memcpy(bits + place * bytes, &found, bytes);
    }
}

}  // namespace
