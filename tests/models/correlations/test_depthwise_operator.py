"""The operator behind depth-wise correlation: the common form's values and gradients, wherever training meets it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from siamtrack.models.correlations import depthwise, depthwise_operator
from siamtrack.models.correlations.depthwise import depthwise_correlation
from siamtrack.models.correlations.depthwise_operator import correlate_planes


def common_form(search: Tensor, kernel: Tensor) -> Tensor:
    """One group a plane, and torch's own gradient."""
    planes = search.shape[0] * search.shape[1]
    maps = search.reshape(1, planes, *search.shape[-2:])
    response = F.conv2d(maps, kernel.reshape(planes, 1, *kernel.shape[-2:]), groups=planes)
    return response.reshape(*search.shape[:2], *response.shape[-2:])


def maps(
    batch: int, channels: int, side: int, kernel: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    shapes = ((batch, channels, side, side + 1), (batch, channels, kernel, kernel))
    search, template = (torch.randn(shape, generator=draw, dtype=dtype) for shape in shapes)
    return search, template


def step(correlate: Callable[[Tensor, Tensor], Tensor], search: Tensor, kernel: Tensor) -> list[Tensor]:
    """Response and gradients under an uneven weight."""
    search, kernel = search.detach().requires_grad_(), kernel.detach().requires_grad_()
    response = correlate(search, kernel)
    weight = torch.linspace(-1, 2, response.numel()).view(response.shape).to(response.dtype)
    return [response.detach(), *torch.autograd.grad((response * weight).sum(), (search, kernel))]


@given(
    batch=st.integers(1, 5), channels=st.integers(1, 4), side=st.integers(3, 9), kernel=st.integers(1, 3),
    chunk=st.sampled_from([1, 100, 1 << 20]), widest=st.integers(1, 3),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_values_and_gradients_are_the_common_forms(batch, channels, side, kernel, chunk, widest):
    given_maps = maps(batch, channels, side, kernel, torch.float64)
    usual = depthwise_operator.CHUNK, depthwise_operator.WIDEST
    depthwise_operator.CHUNK, depthwise_operator.WIDEST = chunk, widest
    try:
        actual = step(correlate_planes, *given_maps)
    finally:
        depthwise_operator.CHUNK, depthwise_operator.WIDEST = usual
    for ours, theirs in zip(actual, step(common_form, *given_maps), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("widest", [1, 7])
def test_derivatives_of_first_and_second_order(widest, monkeypatch):
    monkeypatch.setattr(depthwise_operator, "WIDEST", widest)
    search, kernel = (t.requires_grad_() for t in maps(2, 2, 4, 2, torch.float64))
    assert torch.autograd.gradcheck(correlate_planes, (search, kernel))
    assert torch.autograd.gradgradcheck(correlate_planes, (search, kernel))


def test_torch_accepts_the_registration():
    search, kernel = (t.requires_grad_() for t in maps(2, 3, 6, 2))
    torch.library.opcheck(depthwise_operator._operator, (search, kernel))


class Convolutions(TorchDispatchMode):
    """Counts convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += "convolution" in str(function)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(("frozen", "passes"), [("template", 1), ("search", 1), ("", 2)])
def test_a_frozen_side_costs_no_gradient(frozen, passes):
    search, kernel = maps(2, 3, 6, 2)
    search.requires_grad_(frozen != "search")
    kernel.requires_grad_(frozen != "template")
    response = depthwise_correlation(search, kernel)
    with Convolutions() as seen:
        response.sum().backward()
    assert seen.count == passes
    assert (search.grad is None, kernel.grad is None) == (frozen == "search", frozen == "template")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_it_follows_autocast_as_a_convolution_does(dtype):
    search, kernel = maps(3, 4, 9, 3)
    with torch.autocast("cpu", dtype):
        actual = step(depthwise_correlation, search, kernel.to(dtype))  # a template that was frozen in half precision
        expected = step(common_form, search, kernel.to(dtype))
    exact = step(common_form, search, kernel)
    assert [t.dtype for t in actual] == [t.dtype for t in expected] == [dtype, torch.float32, dtype]
    for ours, truth in zip(actual, exact, strict=True):
        torch.testing.assert_close(ours.float(), truth, rtol=0, atol=0.02 * float(truth.abs().max()))


def test_one_template_for_all_samples():
    search, kernel = maps(4, 3, 8, 3)
    expected = step(lambda x, z: common_form(x, z.expand(4, -1, -1, -1)), search, kernel[:1])
    for ours, theirs in zip(step(depthwise_correlation, search, kernel[:1]), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_any_layout_gives_the_same():
    given_maps = maps(2, 8, 9, 3)
    strided = [m.contiguous(memory_format=torch.channels_last) for m in given_maps]
    for ours, theirs in zip(
        step(depthwise_correlation, *strided), step(depthwise_correlation, *given_maps), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_the_compiler_looks_through_it():
    search, kernel = maps(5, 4, 7, 2)
    compiled = torch.compile(
        lambda x, z: depthwise_correlation(x.relu(), z).square(), backend="aot_eager", fullgraph=True
    )
    expected = step(lambda x, z: common_form(x.relu(), z).square(), search, kernel)
    for ours, theirs in zip(step(compiled, search, kernel), expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_choice_is_one_place(monkeypatch):
    """Tracking takes the plain convolution, which every exporter knows; training takes what the device's entry says."""
    search, kernel = maps(2, 3, 6, 2)
    taken = []
    monkeypatch.setattr(
        depthwise, "correlate_planes", lambda *given: taken.append(len(given)) or correlate_planes(*given)
    )
    depthwise_correlation(search, kernel)
    with torch.no_grad():
        depthwise_correlation(search.requires_grad_(), kernel)
    assert not taken
    depthwise_correlation(search, kernel)
    assert taken == [2]
    monkeypatch.setattr(depthwise, "OWN_GRADIENT", frozenset())
    depthwise_correlation(search, kernel)
    assert taken == [2]
