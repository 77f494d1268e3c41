// What one input of a layer of convolutions into spiking neurons is, and the grid that its outputs are worked on in.

#pragma once

#include <cstdint>

#include "neurons.hpp"

namespace {

constexpr int64_t MOST_TABLED = 6;  // channels: the tables of 64 bytes' values fit the first-level cache

// One input of a layer: bits, and a convolution of `size` x `size` with padding size / 2 over them; size is 1 or 3, stride 1 or 2.
struct Input {
    const uint8_t* bits;
    const float* weight;  // [size (x), size (y), channels, C']
    float* grad_weight;
    int64_t height, width, channels, size, stride;
    int64_t bytes() const { return (channels + 7) / 8; }
    int64_t rows() const { return size * size * channels; }  // of the weight
    bool tabled() const { return channels <= MOST_TABLED; }
};

// Rows of outputs with a border of one all around, of LANES channels.
struct Grid {
    int64_t height, width, across;
    Grid(int64_t height, int64_t width) : height(height), width(width), across(width + 2) {}
    int64_t size() const { return (height + 2) * across; }
    int64_t at(int64_t y, int64_t x) const { return (y + 1) * across + x + 1; }
};

}  // namespace
