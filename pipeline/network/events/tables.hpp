// Convolutions over inputs of few channels, such as the encoder's signed spikes, whose places are one byte each.
//
// So few channels fire too often for lists of events to pay. What a place contributes through a tap of the kernel depends on
// its byte alone, so it is looked up; for the gradient of the weight the gradients of currents are summed by byte first.

#pragma once

#include <vector>

#include "input.hpp"

namespace {

// The table's row of byte b and tap (kx, ky) is b * taps + tap, as NV vectors: a silent place's rows lie side by side, not a power of two apart.
inline int64_t table_rows(const Input& in) { return (int64_t(1) << in.channels) * in.size * in.size; }

// f(row of the table, row of the weight) for each one in each byte, at each tap.
template <typename F>
inline void each_one(const Input& in, F&& f) {
    const int64_t taps = in.size * in.size;
    for (int64_t row = 0; row < table_rows(in); ++row)
        for (int64_t c = 0; c < in.channels; ++c)
            if (row / taps >> c & 1) f(row, row % taps * in.channels + c);
}

// Sums of the weight's rows [taps * channels, width] over the ones of each byte.
std::vector<float> to_table(const Input& in, const std::vector<float>& rows, int64_t width) {
    std::vector<float> table(table_rows(in) * width, 0.0f);
    each_one(in, [&](int64_t to, int64_t from) {
        for (int64_t i = 0; i < width; ++i) table[to * width + i] += rows[from * width + i];
    });
    return table;
}

// The transpose: what was summed by byte goes to the rows of the weight whose channels fired.
std::vector<float> from_table(const Input& in, const std::vector<float>& table, int64_t width) {
    std::vector<float> rows(in.rows() * width, 0.0f);
    each_one(in, [&](int64_t from, int64_t to) {
        for (int64_t i = 0; i < width; ++i) rows[to * width + i] += table[from * width + i];
    });
    return rows;
}

// The rows of bytes that row y of outputs reaches at one step, silent beyond the borders.
struct Rows {
    std::vector<uint8_t> bytes;
    int64_t width;
    explicit Rows(const Input& in) : bytes(in.size * (in.width + in.size)), width(in.width + in.size) {}

    void collect(const Input& in, int64_t step_and_image, int64_t y) {
        const int64_t top = y * in.stride - in.size / 2;
        for (int64_t k = 0; k < in.size; ++k) {
            uint8_t* to = &bytes[k * width + in.size / 2];
            if (top + k < 0 || top + k >= in.height) std::memset(to, 0, in.width);
            else std::memcpy(to, in.bits + (step_and_image * in.height + top + k) * in.width, in.width);
        }
    }
};

// f(row of the table) for each tap of an output column whose first tap is at `corner`.
template <int SIZE, typename F>
inline void each_tap(const uint8_t* corner, int64_t width, F&& f) {
#pragma GCC unroll 3
    for (int kx = 0; kx < SIZE; ++kx)
#pragma GCC unroll 3
        for (int ky = 0; ky < SIZE; ++ky) f(int64_t(corner[ky * width + kx]) * (SIZE * SIZE) + kx * SIZE + ky);
}

template <int SIZE, int NV>
inline void gather(const Input& in, const Rows& rows, const float* table, vec* currents, int64_t columns) {
    const uint8_t* corner = rows.bytes.data();
    const int64_t stride = in.stride, width = rows.width;
    for (int64_t x = 0; x < columns; ++x, corner += stride) {
        vec sum[NV];
        for (int k = 0; k < NV; ++k) sum[k] = currents[x * NV + k];
        each_tap<SIZE>(corner, width, [&](int64_t row) {
            for (int k = 0; k < NV; ++k) sum[k] += load<vec>(table + (row * NV + k) * LANES);
        });
        for (int k = 0; k < NV; ++k) currents[x * NV + k] = sum[k];
    }
}

template <int SIZE, int NV>
inline void scatter(const Input& in, const Rows& rows, float* table, const vec* gradients, int64_t columns) {
    const uint8_t* corner = rows.bytes.data();
    const int64_t stride = in.stride, width = rows.width;
    for (int64_t x = 0; x < columns; ++x, corner += stride) {
        vec gradient[NV];
        for (int k = 0; k < NV; ++k) gradient[k] = gradients[x * NV + k];
        each_tap<SIZE>(corner, width, [&](int64_t row) {
            for (int k = 0; k < NV; ++k) {
                float* sum = table + (row * NV + k) * LANES;
                store(load<vec>(sum) + gradient[k], sum, LANES);
            }
        });
    }
}

}  // namespace
