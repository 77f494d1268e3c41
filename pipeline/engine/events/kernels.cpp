// Synapses driven by their input spikes, into LIF neurons, for CPUs: the functions that pipeline/engine/events/synapses.py calls.
//
// Spikes are [T, images, H, W, C], channels last. As input they are bits, lowest first, each place in whole bytes.

#include "convolution.hpp"
#include "linear.hpp"

namespace {

std::vector<Input> inputs_of(const uint8_t* bits, const float* weight, float* grad, const int64_t* shape, const uint8_t* bits2,
                             const float* weight2, float* grad2, const int64_t* shape2) {
    std::vector<Input> inputs{{bits, weight, grad, shape[0], shape[1], shape[2], shape[3], shape[4]}};
    if (bits2) inputs.push_back({bits2, weight2, grad2, shape2[0], shape2[1], shape2[2], shape2[3], shape2[4]});
    return inputs;
}

}  // namespace

// shape: height, width, channels, size, stride of an input; neurons: steps, images, height,
// width, channels of the outputs before pooling, delay, pool.
#define EXPORT(SUFFIX, X, K)                                                                                                                 \
    extern "C" void event_forward_##SUFFIX(const uint8_t* bits, const float* weight, const int64_t* shape, const uint8_t* bits2,             \
                                           const float* weight2, const int64_t* shape2, const int64_t* neurons, float leak, float v,         \
                                           X* spikes, K* kept, float* carried) {                                                             \
        const Neurons n{neurons[0], neurons[1], neurons[2], neurons[3], neurons[4], leak, v, 0.0f, int(neurons[5]), neurons[6], carried};    \
        forward<X, K>(n, inputs_of(bits, weight, nullptr, shape, bits2, weight2, nullptr, shape2), spikes, kept);                            \
    }                                                                                                                                        \
    extern "C" void event_backward_##SUFFIX(const uint8_t* bits, float* grad_weight, const int64_t* shape, const uint8_t* bits2,             \
                                            float* grad_weight2, const int64_t* shape2, const int64_t* neurons, float leak, float v,         \
                                            float damping, const X* grad_spikes, const K* kept, X* grad_current) {                           \
        const Neurons n{neurons[0], neurons[1], neurons[2], neurons[3], neurons[4], leak, v, damping, int(neurons[5]), neurons[6], nullptr}; \
        backward<X, K>(n, inputs_of(bits, nullptr, grad_weight, shape, bits2, nullptr, grad_weight2, shape2), grad_spikes, kept,             \
                       grad_current);                                                                                                        \
    }                                                                                                                                        \
    extern "C" void event_linear_forward_##SUFFIX(const uint8_t* bits, const float* weight, int64_t inputs, const int64_t* neurons,          \
                                                  float leak, float v, X* spikes, K* kept, float* carried) {                                 \
        const Neurons n{neurons[0], neurons[1], 1, 1, neurons[2], leak, v, 0.0f, int(neurons[3]), 1, carried};                               \
        linear_forward<X, K>(n, {bits, weight, nullptr, inputs, n.channels}, spikes, kept);                                                  \
    }                                                                                                                                        \
    extern "C" void event_linear_backward_##SUFFIX(const uint8_t* bits, float* grad_weight, int64_t inputs, const int64_t* neurons,          \
                                                   float leak, float v, float damping, const X* grad_spikes, const K* kept,                  \
                                                   X* grad_current) {                                                                        \
        const Neurons n{neurons[0], neurons[1], 1, 1, neurons[2], leak, v, damping, int(neurons[3]), 1, nullptr};                            \
        linear_backward<X, K>(n, {bits, nullptr, grad_weight, inputs, n.channels}, grad_spikes, kept, grad_current);                         \
    }                                                                                                                                        \
    extern "C" void event_bits_##SUFFIX(const X* spikes, uint8_t* bits, int64_t places, int64_t channels, int is_signed) {                   \
        is_signed ? to_signed_bits<X>(spikes, bits, places, channels) : to_bits<X>(spikes, bits, places, channels);                          \
    }

EXPORT(float, float, float)
EXPORT(bfloat16, bfloat16, uint8_t)
