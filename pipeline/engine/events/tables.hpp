// Convolutions over inputs of few channels, such as the encoder's signed spikes, whose places are one byte each.
//
// So few channels fire too often for lists of events to pay. What a place contributes through a tap of the kernel depends on
// its byte alone, so it is looked up; for the gradient of the weight the gradients of currents are summed by byte first.

#pragma once

#include <vector>

#include "input.hpp"

namespace {

// The table's row of byte b and tap (kx, ky) is b * taps + tap: a silent place's rows lie side by side, not a power of two apart.
inline int64_t table_rows(const Input& in) { return (int64_t(1) << in.channels) * in.size * in.size; }

// f(row of the table, row of the weight) for each one in each byte, at each tap.
template <typename F>
inline void each_one(const Input& in, F&& f) {
    const int64_t taps = in.size * in.size;
    for (int64_t row = 0; row < table_rows(in); ++row)
        for (int64_t c = 0; c < in.channels; ++c)
            if (row / taps >> c & 1) f(row, row % taps * in.channels + c);
}

// Sums of the weight's rows [taps * channels, LANES] over the ones of each byte.
std::vector<float> to_table(const Input& in, const std::vector<float>& rows) {
    std::vector<float> table(table_rows(in) * LANES, 0.0f);
    each_one(in, [&](int64_t to, int64_t from) {
        for (int64_t i = 0; i < LANES; ++i) table[to * LANES + i] += rows[from * LANES + i];
    });
    return table;
}

// The transpose: what was summed by byte goes to the rows of the weight whose channels fired.
std::vector<float> from_table(const Input& in, const std::vector<float>& table) {
    std::vector<float> rows(in.rows() * LANES, 0.0f);
    each_one(in, [&](int64_t from, int64_t to) {
        for (int64_t i = 0; i < LANES; ++i) rows[to * LANES + i] += table[from * LANES + i];
    });
    return rows;
}

// An input whose bytes are looked up, row by row of outputs.
struct Tables {
    const Input& in;
    std::vector<uint8_t> reach;  // [size, width + 2]: the bytes that a row of outputs reaches, silent beyond the borders
    int64_t step_and_image = 0;
    explicit Tables(const Input& input) : in(input), reach(in.size * (in.width + 2)) {}

    void collect(int64_t chosen) { step_and_image = chosen; }

    const uint8_t* row(int64_t y) {
        const int64_t pad = in.size / 2, top = y * in.stride - pad;
        for (int64_t k = 0; k < in.size; ++k) {
            uint8_t* to = &reach[k * (in.width + 2) + pad];
            if (top + k < 0 || top + k >= in.height) std::memset(to, 0, in.width);
            else std::memcpy(to, in.bits + (step_and_image * in.height + top + k) * in.width, in.width);
        }
        return reach.data();
    }

    // f(row of the table) for each tap of an output column whose first tap is at `corner`.
    template <int SIZE, typename F>
    static void each_tap(const uint8_t* corner, int64_t width, F&& f) {
#pragma GCC unroll 3
        for (int kx = 0; kx < SIZE; ++kx)
#pragma GCC unroll 3
            for (int ky = 0; ky < SIZE; ++ky) f(int64_t(corner[ky * width + kx]) * (SIZE * SIZE) + kx * SIZE + ky);
    }

    template <int SIZE>
    void add_row(int64_t y, const float* table, vec* currents, int64_t columns) {
        const uint8_t* corner = row(y);
        const int64_t stride = in.stride, width = in.width + 2;
        for (int64_t x = 0; x < columns; ++x, corner += stride) {
            vec sum = currents[x];
            each_tap<SIZE>(corner, width, [&](int64_t entry) { sum += load<vec>(table + entry * LANES); });
            currents[x] = sum;
        }
    }
    template <int SIZE>
    void take_row(int64_t y, float* table, const vec* gradients, int64_t columns) {
        const uint8_t* corner = row(y);
        const int64_t stride = in.stride, width = in.width + 2;
        for (int64_t x = 0; x < columns; ++x, corner += stride) {
            const vec gradient = gradients[x];
            each_tap<SIZE>(corner, width, [&](int64_t entry) {
                store(load<vec>(table + entry * LANES) + gradient, table + entry * LANES, LANES);
            });
        }
    }
    void add_currents(int64_t y, const float* table, vec* currents, int64_t columns) {
        in.size == 1 ? add_row<1>(y, table, currents, columns) : add_row<3>(y, table, currents, columns);
    }
    void add_gradients(int64_t y, float* table, const vec* gradients, int64_t columns) {
        in.size == 1 ? take_row<1>(y, table, gradients, columns) : take_row<3>(y, table, gradients, columns);
    }
};

}  // namespace
