// Inputs of many channels that fire seldom: lists of the places where each channel fires.
//
// With stride s, places (y, x) of one phase (y mod s, x mod s) reach outputs through the same taps of the kernel. A channel's
// weights at those taps stay in registers while its events are worked off, forward and, as their gradients, backward.

#pragma once

#include <vector>

#include "bits.hpp"
#include "input.hpp"

namespace {

constexpr int MOST_TAPS = 9;

// Places of one phase, with the taps that they share. From place (y, x) a tap leads `grid` further than output (y / s, x / s).
struct Phase {
    int taps = 0;
    int64_t weight[MOST_TAPS], grid[MOST_TAPS];  // the tap's number in the weight, and where it leads, in bytes of the grid
    std::vector<int32_t> place, output;          // in bytes of the input's bits, and of the grid
    Phase(const Input& in, const Grid& outputs, int64_t first_y, int64_t first_x) {
        const int64_t pad = in.size / 2;
        for (int64_t kx = 0; kx < in.size; ++kx)
            for (int64_t ky = 0; ky < in.size; ++ky) {
                const int64_t y = first_y + pad - ky, x = first_x + pad - kx;
                if (y % in.stride || x % in.stride) continue;
                weight[taps] = kx * in.size + ky;
                grid[taps++] = (y / in.stride * outputs.across + x / in.stride) * int64_t(sizeof(vec));
            }
        for (int64_t y = first_y; y < in.height; y += in.stride)
            for (int64_t x = first_x; x < in.width; x += in.stride) {
                place.push_back(int32_t((y * in.width + x) * in.bytes()));
                output.push_back(int32_t(outputs.at(y / in.stride, x / in.stride) * sizeof(vec)));
            }
    }
};

// The events of an input at one step and image, by phase and channel.
struct Lists {
    const Input& in;
    std::vector<Phase> phases;
    std::vector<std::vector<uint8_t>> planes;  // by phase: [channels in whole bytes, places in whole words of 32 bits]
    std::vector<uint16_t> events;              // places within a phase
    std::vector<int32_t> start;                // of (phase, channel)

    Lists(const Input& input, const Grid& outputs)
        : in(input), events(in.height * in.width * in.channels + 32), start(in.stride * in.stride * in.channels + 1) {
        for (int64_t y = 0; y < in.stride; ++y)
            for (int64_t x = 0; x < in.stride; ++x) {
                phases.emplace_back(in, outputs, y, x);
                planes.emplace_back(8 * in.bytes() * plane_bytes(phases.back()), 0);
            }
    }
    static int64_t plane_bytes(const Phase& phase) { return (int64_t(phase.place.size()) + 31) / 32 * 4; }

    void collect(int64_t step_and_image) {
        const uint8_t* bits = in.bits + step_and_image * in.height * in.width * in.bytes();
        uint16_t* to = events.data();
        int32_t* begin = start.data();
        for (size_t p = 0; p < phases.size(); ++p) {
            const std::vector<int32_t>& place = phases[p].place;
            const int64_t count = phases[p].taps ? place.size() : 0, row = plane_bytes(phases[p]);
            uint8_t* plane = planes[p].data();
            for (int64_t first = 0; first < count; first += 8)
                for (int64_t b = 0; b < in.bytes(); ++b) {
                    uint64_t square = 0;
                    const int64_t rows = std::min<int64_t>(8, count - first);
                    for (int64_t r = 0; r < rows; ++r) square |= uint64_t(bits[place[first + r] + b]) << 8 * r;
                    square = transposed(square);
                    for (int64_t c = 0; c < 8; ++c) plane[(8 * b + c) * row + first / 8] = uint8_t(square >> 8 * c);
                }
            for (int64_t c = 0; c < in.channels; ++c) {
                *begin++ = int32_t(to - events.data());
                for (int64_t first = 0; first < count; first += 32)
                    to = append(word_of(plane + c * row + first / 8, 4), uint16_t(first), to);
            }
        }
        *begin = int32_t(to - events.data());
    }

    // f(number of taps as a compile-time number, phase, channel, first event, end) for all that fired.
    template <typename F>
    void each(F&& f) const {
        const int32_t* begin = start.data();
        for (const Phase& phase : phases)
            for (int64_t c = 0; c < in.channels; ++c, ++begin) {
                const uint16_t *e = events.data() + begin[0], *end = events.data() + begin[1];
                if (e == end) continue;
                switch (phase.taps) {
                    case 1: f(std::integral_constant<int, 1>{}, phase, c, e, end); break;
                    case 2: f(std::integral_constant<int, 2>{}, phase, c, e, end); break;
                    case 4: f(std::integral_constant<int, 4>{}, phase, c, e, end); break;
                    default: f(std::integral_constant<int, 9>{}, phase, c, e, end);
                }
            }
    }

    // Adds the rows of the weight [taps * channels, LANES] of all events to the currents, a grid of outputs.
    void add_currents(const float* weight, vec* currents) const {
        each([&](auto taps, const Phase& phase, int64_t c, const uint16_t* e, const uint16_t* end) {
            vec row[taps.value];
            int64_t at[taps.value];
            for (int i = 0; i < taps.value; ++i) {
                row[i] = load<vec>(weight + (phase.weight[i] * in.channels + c) * LANES);
                at[i] = phase.grid[i];
            }
            const int32_t* output = phase.output.data();
            for (; e < end; ++e) {
                char* centre = reinterpret_cast<char*>(currents) + output[*e];
                for (int i = 0; i < taps.value; ++i) *reinterpret_cast<vec*>(centre + at[i]) += row[i];
            }
        });
    }

    // Adds the gradients of currents, a grid of outputs that is zero around, to the rows of all events.
    void add_gradients(float* grad_weight, const vec* gradients) const {
        each([&](auto taps, const Phase& phase, int64_t c, const uint16_t* e, const uint16_t* end) {
            vec row[taps.value];
            int64_t at[taps.value];
            for (int i = 0; i < taps.value; ++i) {
                row[i] = load<vec>(grad_weight + (phase.weight[i] * in.channels + c) * LANES);
                at[i] = phase.grid[i];
            }
            const int32_t* output = phase.output.data();
            for (; e < end; ++e) {
                const char* centre = reinterpret_cast<const char*>(gradients) + output[*e];
                for (int i = 0; i < taps.value; ++i) row[i] += *reinterpret_cast<const vec*>(centre + at[i]);
            }
            for (int i = 0; i < taps.value; ++i) store(row[i], grad_weight + (phase.weight[i] * in.channels + c) * LANES, LANES);
        });
    }
};

}  // namespace
