// Convolutions over inputs of few channels, such as the encoder's signed spikes, whose places are one byte each.
//
// So few channels fire too often for lists of events to pay. What a place contributes through a tap of the kernel depends on
// its byte alone, so it is looked up; for the gradient of the weight the gradients of currents are summed by byte first.

#pragma once

#include <vector>

#include "input.hpp"

namespace {

// The table's row of tap (kx, ky) and byte b is tap * bytes + b, as NV vectors.
inline int64_t table_rows(const Input& in) { return in.size * in.size * (int64_t(1) << in.channels); }

// Sums of the weight's rows [taps * channels, width] over the ones of each byte.
std::vector<float> to_table(const Input& in, const std::vector<float>& rows, int64_t width) {
    std::vector<float> table(table_rows(in) * width, 0.0f);
    for (int64_t entry = 0; entry < table_rows(in); ++entry)
        for (int64_t c = 0; c < in.channels; ++c)
            if (entry >> c & 1) {
                const float* row = &rows[((entry >> in.channels) * in.channels + c) * width];
                for (int64_t i = 0; i < width; ++i) table[entry * width + i] += row[i];
            }
    return table;
}

// The transpose: what was summed by byte goes to the rows of the weight whose channels fired.
std::vector<float> from_table(const Input& in, const std::vector<float>& table, int64_t width) {
    std::vector<float> rows(in.rows() * width, 0.0f);
    for (int64_t entry = 0; entry < table_rows(in); ++entry)
        for (int64_t c = 0; c < in.channels; ++c)
            if (entry >> c & 1) {
                float* row = &rows[((entry >> in.channels) * in.channels + c) * width];
                for (int64_t i = 0; i < width; ++i) row[i] += table[entry * width + i];
            }
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

// f(tap and byte as a row of the table) for each tap of an output column whose first tap is at `corner`.
template <int SIZE, typename F>
inline void each_tap(const uint8_t* corner, int64_t width, int64_t channels, F&& f) {
#pragma GCC unroll 3
    for (int kx = 0; kx < SIZE; ++kx)
#pragma GCC unroll 3
        for (int ky = 0; ky < SIZE; ++ky) f((int64_t(kx * SIZE + ky) << channels) + corner[ky * width + kx]);
}

template <int SIZE, int NV>
inline void gather(const Input& in, const Rows& rows, const float* table, vec* currents, int64_t columns) {
    const uint8_t* corner = rows.bytes.data();
    const int64_t stride = in.stride, channels = in.channels, width = rows.width;
    for (int64_t x = 0; x < columns; ++x, corner += stride) {
        vec sum[NV];
        for (int k = 0; k < NV; ++k) sum[k] = currents[x * NV + k];
        each_tap<SIZE>(corner, width, channels, [&](int64_t entry) {
            for (int k = 0; k < NV; ++k) sum[k] += load<vec>(table + (entry * NV + k) * LANES);
        });
        for (int k = 0; k < NV; ++k) currents[x * NV + k] = sum[k];
    }
}

template <int SIZE, int NV>
inline void scatter(const Input& in, const Rows& rows, float* table, const vec* gradients, int64_t columns) {
    const uint8_t* corner = rows.bytes.data();
    const int64_t stride = in.stride, channels = in.channels, width = rows.width;
    for (int64_t x = 0; x < columns; ++x, corner += stride) {
        vec gradient[NV];
        for (int k = 0; k < NV; ++k) gradient[k] = gradients[x * NV + k];
        each_tap<SIZE>(corner, width, channels, [&](int64_t entry) {
            for (int k = 0; k < NV; ++k) {
                float* sum = table + (entry * NV + k) * LANES;
                store(load<vec>(sum) + gradient[k], sum, LANES);
            }
        });
    }
}

}  // namespace
