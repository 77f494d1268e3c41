// What backward needs of a potential in bfloat16 mode: the surrogate's triangle in steps of 1/127, seven bits each.
//
// Eight levels take seven bytes, whose eighth bits hold the eighth level; fewer take a byte each.
// pipeline/neuron/levels.py is the same in torch operations.

#pragma once

#include <cstdint>
#include <cstring>

namespace {

constexpr float LEVELS = 127.0f;
constexpr uint64_t SEVENS = 0x0000040810204081ull;  // one bit in seven: a product with it moves bit i by 7 k for every k

// Bytes that the levels of `count` neurons take.
inline int64_t level_bytes(int64_t count) { return count / 8 * 7 + count % 8; }

inline void pack_levels(const uint8_t* levels, uint8_t* to, int64_t count) {
    for (; count >= 8; count -= 8, levels += 8, to += 7) {
        uint64_t eight;
        std::memcpy(&eight, levels, 8);
        eight |= ((eight >> 56) * SEVENS & 0x0001010101010101ull) << 7;
        std::memcpy(to, &eight, 7);
    }
    std::memcpy(to, levels, count);
}

inline void unpack_levels(const uint8_t* from, uint8_t* levels, int64_t count) {
    for (; count >= 8; count -= 8, levels += 8, from += 7) {
        uint64_t eight = 0;
        std::memcpy(&eight, from, 7);
        const uint64_t eighth = ((eight >> 7 & 0x0001010101010101ull) * SEVENS) >> 42 & 0x7f;
        eight = (eight & 0x007f7f7f7f7f7f7full) | eighth << 56;
        std::memcpy(levels, &eight, 8);
    }
    std::memcpy(levels, from, count);
}

}  // namespace
