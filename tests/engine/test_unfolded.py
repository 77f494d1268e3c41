"""Convolutions as matrix products, against the library's in float64."""

import pytest
import torch
from torch.nn.functional import conv2d

from pipeline.engine import unfolded


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 7), (1, 2)])
def test_current_and_gradients_are_those_of_the_library(size, stride, height, width):
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 5, (3, 4, height, width), generator=generator).double().contiguous(memory_format=torch.channels_last)
    weight = torch.randn(6, 4, size, size, dtype=torch.float64, generator=generator)
    found = []
    for convolve in (lambda a, b: unfolded._Unfolded.apply(a, b, stride), lambda a, b: conv2d(a, b, None, stride, size // 2)):
        a, b = x.clone().requires_grad_(), weight.clone().requires_grad_()
        current = convolve(a, b)
        torch.sin(current).sum().backward()
        found.append((current.detach(), a.grad, b.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-6, atol=1e-5)


def test_bfloat16_is_about_as_exact_as_the_library():
    generator = torch.Generator().manual_seed(0)
    counts = torch.randint(0, 5, (32, 128, 8, 8), generator=generator).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(64, 128, 3, 3, generator=generator) / 34
    upstream = torch.randn(32, 64, 8, 8, generator=generator)
    results = []
    for convolve, dtype in ((unfolded.convolve, torch.bfloat16), (plain, torch.bfloat16), (plain, torch.float64)):
        x = counts.to(dtype).requires_grad_()
        kernel = weight.clone().to(torch.promote_types(dtype, torch.float32)).requires_grad_()
        current = convolve(x, kernel, 1)
        current.backward(upstream.to(dtype))
        results.append([value.double() for value in (current.detach(), x.grad, kernel.grad)])
    for own, library, exact in zip(*results, strict=True):
        assert 0 < (own - exact).norm() < 1.25 * (library - exact).norm()  # parts of dL/dx are rounded before they are added


def plain(x, weight, stride):
    return conv2d(x, weight.to(x.dtype), stride=stride, padding=weight.shape[2] // 2)


def test_products_only_where_images_are_small_and_they_are_faster(monkeypatch):
    taken = []
    monkeypatch.setattr(unfolded, "as_product", lambda x, weight, stride: taken.append(tuple(x.shape)))
    monkeypatch.setattr(unfolded, "product_is_faster", lambda weight, height, width, stride: weight == (64, 64, 3, 3))
    for channels, side, stride in ((64, 8, 1), (64, 16, 2), (64, 16, 1), (3, 8, 1)):
        unfolded.convolve(torch.zeros(1, channels, side, side), torch.zeros(64, channels, 3, 3), stride)
    assert taken == [(1, 64, 8, 8), (1, 64, 16, 16)]


def test_each_shape_is_measured_once_per_machine_where_no_gradient_is_asked_for_too(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    measured = []
    monkeypatch.setattr(unfolded, "time_ratio", lambda library, product: measured.append((library(), product())) or 2.0)
    first_asked = unfolded.product_is_faster.__wrapped__
    with torch.inference_mode():
        assert first_asked((3, 2, 3, 3), 4, 5, 2) and first_asked((3, 2, 3, 3), 4, 5, 2)
    ((library, product),) = measured
    for one, other in zip(library, product, strict=True):
        assert one.shape == other.shape
