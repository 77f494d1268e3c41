// Batch normalisation into integer neurons, for CPUs; the equations are in pipeline/neuron/integer.py and scan.py beside this.
//
// Arrays are [T, R, C]: R places of all images, C channels contiguous; X is float or bfloat16. A normalised current is
// scale[c] * x + shift[c], in units of the threshold. Sums over places are added up chunk by chunk in a fixed order, so results do
// not depend on the number of threads.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../fused/numbers.hpp"

namespace {

constexpr int64_t CHUNK = 256;  // places whose sums are added in float; chunks are added in double

// Two sums per channel over chunks of `rows`: add(row, first, second) adds one row to floats.
template <typename Add>
void chunked_sums(int64_t rows, int64_t channels, double* first, double* second, Add add) {
    const int64_t chunks = (rows + CHUNK - 1) / CHUNK;
    std::vector<float> partial(2 * chunks * channels, 0.0f);
#pragma omp parallel for schedule(static)
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        float* own = partial.data() + 2 * chunk * channels;
        for (int64_t row = chunk * CHUNK; row < std::min(rows, (chunk + 1) * CHUNK); ++row) add(row, own, own + channels);
    }
    std::fill_n(first, channels, 0.0);
    std::fill_n(second, channels, 0.0);
    for (int64_t chunk = 0; chunk < chunks; ++chunk)
        for (int64_t c = 0; c < channels; ++c) {
            first[c] += partial[2 * chunk * channels + c];
            second[c] += partial[(2 * chunk + 1) * channels + c];
        }
}

// Sums of x - x[0] and of its square, over T * R rows.
template <typename X>
void moments(const X* x, double* sum, double* squares, int64_t rows, int64_t channels) {
    std::vector<float> origin(channels);
    for (int64_t c = 0; c < channels; ++c) origin[c] = widen(x[c]);
    const float* __restrict from = origin.data();
    chunked_sums(rows, channels, sum, squares, [=](int64_t row, float* __restrict s, float* __restrict q) {
        const X* __restrict at = x + row * channels;
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c) {
            const float d = widen(at[c]) - from[c];
            s[c] += d;
            q[c] += d * d;
        }
    });
}

// floor(u + 1/2) within 0 .. most, and no number where u is none: u - u. A cast to integers truncates; a branch would not become vectors.
inline float fired(float u, float most) { return float(int32_t(std::min(std::max(u + 0.5f, 0.0f), most))) + (u - u); }

template <typename X>
void forward(const X* x, const float* scale, const float* shift, X* counts, int64_t steps, int64_t rows, int64_t channels, float leak,
             float most) {
    const int64_t step = rows * channels;
#pragma omp parallel
    {
        std::vector<float> potential(channels), spike(channels);
        float *__restrict u = potential.data(), *__restrict s = spike.data();
#pragma omp for schedule(static)
        for (int64_t row = 0; row < rows; ++row) {
            std::fill_n(u, channels, 0.0f);
            std::fill_n(s, channels, 0.0f);
            for (int64_t t = 0; t < steps; ++t) {
                const X* __restrict at = x + t * step + row * channels;
                X* __restrict out = counts + t * step + row * channels;
#pragma omp simd
                for (int64_t c = 0; c < channels; ++c) {
                    u[c] = leak * u[c] + (scale[c] * widen(at[c]) + shift[c]) - s[c];
                    s[c] = fired(u[c], most);
                    narrow(s[c], out[c]);
                }
            }
        }
    }
}

// dL/d(normalised current) of dL/dcounts into `grad_x`, and its sums per channel, alone and times x - mean.
template <typename X>
void backward_neurons(const X* grad, const X* x, const float* scale, const float* shift, const float* mean, X* grad_x, double* sum,
                      double* product, int64_t steps, int64_t rows, int64_t channels, float leak, float most) {
    const int64_t step = rows * channels;
    chunked_sums(rows, channels, sum, product, [=](int64_t row, float* __restrict total, float* __restrict times) {
        static thread_local std::vector<float> room;
        room.assign((steps + 3) * channels, 0.0f);
        float *__restrict u = room.data(), *__restrict s = u + channels, *__restrict adjoint = s + channels,
              *__restrict inside = adjoint + channels;
        for (int64_t t = 0; t < steps; ++t) {
            const X* __restrict at = x + t * step + row * channels;
#pragma omp simd
            for (int64_t c = 0; c < channels; ++c) {
                u[c] = leak * u[c] + (scale[c] * widen(at[c]) + shift[c]) - s[c];
                s[c] = fired(u[c], most);
                inside[t * channels + c] = u[c] > 0.0f && u[c] < most ? 1.0f : 0.0f;
            }
        }
        for (int64_t t = steps - 1; t >= 0; --t) {
            const int64_t at = t * step + row * channels;
#pragma omp simd
            for (int64_t c = 0; c < channels; ++c) {
                adjoint[c] = inside[t * channels + c] * (widen(grad[at + c]) - adjoint[c]) + leak * adjoint[c];
                narrow(adjoint[c], grad_x[at + c]);
                total[c] += adjoint[c];
                times[c] += adjoint[c] * (widen(x[at + c]) - mean[c]);
            }
        }
    });
}

// dL/dx = scale (dI - offset - slope (x - mean)) in place of the dI in `grad_x`.
template <typename X>
void backward_norm(const X* x, const float* scale, const float* mean, const float* offset, const float* slope, X* grad_x, int64_t rows,
                   int64_t channels) {
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < rows; ++row) {
        const X* __restrict at = x + row * channels;
        X* __restrict out = grad_x + row * channels;
#pragma omp simd
        for (int64_t c = 0; c < channels; ++c)
            narrow(scale[c] * (widen(out[c]) - offset[c] - slope[c] * (widen(at[c]) - mean[c])), out[c]);
    }
}

}  // namespace

#define EXPORT(SUFFIX, X)                                                                                                            \
    extern "C" void moments_##SUFFIX(const X* x, double* sum, double* squares, int64_t rows, int64_t channels) {                    \
        moments<X>(x, sum, squares, rows, channels);                                                                                 \
    }                                                                                                                                \
    extern "C" void forward_##SUFFIX(const X* x, const float* scale, const float* shift, X* counts, int64_t steps, int64_t rows,    \
                                     int64_t channels, float leak, float most) {                                                    \
        forward<X>(x, scale, shift, counts, steps, rows, channels, leak, most);                                                      \
    }                                                                                                                                \
    extern "C" void backward_neurons_##SUFFIX(const X* grad, const X* x, const float* scale, const float* shift, const float* mean, \
                                              X* grad_x, double* sum, double* product, int64_t steps, int64_t rows,                 \
                                              int64_t channels, float leak, float most) {                                           \
        backward_neurons<X>(grad, x, scale, shift, mean, grad_x, sum, product, steps, rows, channels, leak, most);                   \
    }                                                                                                                                \
    extern "C" void backward_norm_##SUFFIX(const X* x, const float* scale, const float* mean, const float* offset,                 \
                                           const float* slope, X* grad_x, int64_t rows, int64_t channels) {                          \
        backward_norm<X>(x, scale, mean, offset, slope, grad_x, rows, channels);                                                     \
    }

EXPORT(float, float)
EXPORT(bfloat16, bfloat16)
