// One input of a layer of convolutions into spiking neurons.

#pragma once

#include <cstdint>

#include "neurons.hpp"

namespace {

constexpr int64_t MOST_TABLED = 6;  // channels: the tables of 64 bytes' values fit the first-level cache

// One input of a layer: bits, and a convolution of `size` x `size` with padding size / 2 over them.
struct Input {
    const uint8_t* bits;
    const float* weight;  // [size (x), size (y), channels, C']
    float* grad_weight;
    int64_t height, width, channels, size, stride;
    int64_t bytes() const { return (channels + 7) / 8; }
    int64_t rows() const { return size * size * channels; }  // of the weight
    int64_t most_events() const { return width * size * channels + 32; }
    bool tabled() const { return channels <= MOST_TABLED && (size == 1 || size == 3); }
};

}  // namespace
