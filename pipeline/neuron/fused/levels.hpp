// What backward needs of a potential in bfloat16 mode: the surrogate's triangle in steps of 1/127, seven bits each.
//
// Eight levels take seven bytes, one after the other from the lowest bit on; fewer than eight take a byte each.
// pipeline/neuron/levels.py is the same in torch operations.

#pragma once

#include <cstdint>
#include <cstring>
#if defined(__BMI2__)
#include <immintrin.h>
#endif

namespace {

constexpr float LEVELS = 127.0f;
constexpr uint64_t SEVENS = 0x7f7f7f7f7f7f7f7full;  // the low seven bits of every byte

// Bytes that the levels of `count` neurons take.
inline int64_t level_bytes(int64_t count) { return count - (count >> 3); }

// Eight levels, a byte each, to 56 bits and back.
#if defined(__BMI2__)
inline uint64_t squeeze(uint64_t levels) { return _pext_u64(levels, SEVENS); }
inline uint64_t spread(uint64_t bits) { return _pdep_u64(bits, SEVENS); }
#else
inline uint64_t squeeze(uint64_t levels) {
    uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits |= (levels >> 8 * i & 0x7f) << 7 * i;
    return bits;
}
inline uint64_t spread(uint64_t bits) {
    uint64_t levels = 0;
    for (int i = 0; i < 8; ++i) levels |= (bits >> 7 * i & 0x7f) << 8 * i;
    return levels;
}
#endif

// While more eights follow, whole words are moved: the seventh byte's neighbour is theirs.
inline void pack_levels(const uint8_t* levels, uint8_t* to, int64_t count) {
    for (; count >= 8; count -= 8, levels += 8, to += 7) {
        uint64_t eight;
        std::memcpy(&eight, levels, 8);
        eight = squeeze(eight);
        if (count >= 16) std::memcpy(to, &eight, 8);
        else std::memcpy(to, &eight, 7);
    }
    std::memcpy(to, levels, count);
}

inline void unpack_levels(const uint8_t* from, uint8_t* levels, int64_t count) {
    for (; count >= 8; count -= 8, levels += 8, from += 7) {
        uint64_t eight = 0;
        if (count >= 16) std::memcpy(&eight, from, 8);
        else std::memcpy(&eight, from, 7);
        eight = spread(eight);
        std::memcpy(levels, &eight, 8);
    }
    std::memcpy(levels, from, count);
}

}  // namespace
