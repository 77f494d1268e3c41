// Convolutions over lists of events: inputs of many channels that fire seldom.

#pragma once

#include <vector>

#include "bits.hpp"
#include "input.hpp"

namespace {

// The events that row y of outputs receives at one step, column by column: event e = (x * size + ky) * channels + c, a
// row of the weight but for the column's offset. Those of columns [a, b) are list[start[a]] to list[start[b]].
struct Events {
    std::vector<uint16_t> list;
    std::vector<int32_t> start;
    explicit Events(const Input& in) : list(in.most_events()), start(in.width + 3) {}

    void collect(const Input& in, int64_t step_and_image, int64_t y) {
        const int64_t bytes = in.bytes(), top = y * in.stride - in.size / 2;
        const int64_t first = std::max<int64_t>(0, -top), last = std::min(in.size, in.height - top);
        const uint8_t* image = in.bits + step_and_image * in.height * in.width * bytes;
        uint16_t* to = list.data();
        for (int64_t x = 0; x < in.width; ++x) {
            start[x + 1] = int32_t(to - list.data());
            uint64_t pending = 0;  // bits of this column in the order of their numbers, up to 32 at a time
            int64_t filled = 0;
            uint16_t base = uint16_t((x * in.size + first) * in.channels);
            for (int64_t k = first; k < last; ++k) {
                const uint8_t* place = image + ((top + k) * in.width + x) * bytes;
                for (int64_t c = 0; c < in.channels; c += 32) {
                    pending |= uint64_t(word_of(place + c / 8, bytes - c / 8)) << filled;
                    filled += std::min<int64_t>(32, in.channels - c);
                    if (filled < 32) continue;
                    to = append(uint32_t(pending), base, to);
                    base += 32, pending >>= 32, filled -= 32;
                }
            }
            if (filled) to = append(uint32_t(pending), base, to);
        }
        start[in.width + 1] = start[in.width + 2] = int32_t(to - list.data());
    }
};

// f(first event, end, offset of the column in the list's numbers) for each output column x.
template <typename F>
inline void each_column(const Input& in, const Events& events, int64_t columns, F&& f) {
    const uint16_t* list = events.list.data();
    const int32_t* start = events.start.data() + 1;
    const int64_t size = in.size, stride = in.stride, column = in.size * in.channels;
    for (int64_t x = 0, left = -size / 2; x < columns; ++x, left += stride) f(x, list + start[left], list + start[left + size], left * column);
}

// Adds to the currents [columns, NV vectors] of a row the rows of the weight [rows, NV vectors] of all their events.
template <int NV>
inline void gather(const Input& in, const Events& events, const float* weight, vec* currents, int64_t columns) {
    each_column(in, events, columns, [&](int64_t x, const uint16_t* e, const uint16_t* end, int64_t offset) {
        const float* base = weight - offset * (NV * LANES);
        vec even[NV], odd[NV] = {};
        for (int k = 0; k < NV; ++k) even[k] = currents[x * NV + k];
        for (; e + 1 < end; e += 2) {
            const float *one = base + e[0] * (NV * LANES), *two = base + e[1] * (NV * LANES);
            for (int k = 0; k < NV; ++k) even[k] += load<vec>(one + k * LANES);
            for (int k = 0; k < NV; ++k) odd[k] += load<vec>(two + k * LANES);
        }
        if (e < end)
            for (int k = 0; k < NV; ++k) even[k] += load<vec>(base + e[0] * (NV * LANES) + k * LANES);
        for (int k = 0; k < NV; ++k) currents[x * NV + k] = even[k] + odd[k];
    });
}

// Adds the gradients [columns, NV vectors] of a row to the rows of the weight's gradient of all their events.
template <int NV>
inline void scatter(const Input& in, const Events& events, float* grad_weight, const vec* gradients, int64_t columns) {
    each_column(in, events, columns, [&](int64_t x, const uint16_t* e, const uint16_t* end, int64_t offset) {
        float* base = grad_weight - offset * (NV * LANES);
        vec gradient[NV];
        for (int k = 0; k < NV; ++k) gradient[k] = gradients[x * NV + k];
        for (; e < end; ++e) {
            float* row = base + *e * (NV * LANES);
            for (int k = 0; k < NV; ++k) store(load<vec>(row + k * LANES) + gradient[k], row + k * LANES, LANES);
        }
    });
}

}  // namespace
