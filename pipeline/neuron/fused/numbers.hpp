// float and bfloat16 values, alike for every kernel.
#pragma once

#include <cstdint>
#include <cstring>

struct bfloat16 {
    uint16_t bits;
};

inline float widen(float x) { return x; }
inline float widen(bfloat16 x) {
    const uint32_t wide = uint32_t(x.bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
}
inline void narrow(float value, float& out) { out = value; }
inline void narrow(float value, bfloat16& out) {  // round to nearest even; finite values only
    uint32_t wide;
    std::memcpy(&wide, &value, 4);
    out.bits = uint16_t((wide + 0x7fff + ((wide >> 16) & 1)) >> 16);
}
