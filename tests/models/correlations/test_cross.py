"""Plain cross-correlation against its definition."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.contracts import FeatureMap
from siamtrack.models.correlations.cross import CrossCorrelation, cross_correlation


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.integers(0, 2**31))
def test_it_is_the_sum_of_products(batch: int, channels: int, side: int, more: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    search = torch.randn(batch, channels, side + more, side + more + 1, generator=draw)
    kernel = torch.randn(batch, channels, side, side, generator=draw)
    actual = cross_correlation(search, kernel)
    assert actual.shape == (batch, 1, more + 1, more + 2)
    for b in range(batch):
        for y in range(more + 1):
            for x in range(more + 2):
                expected = (search[b, :, y : y + side, x : x + side] * kernel[b]).sum()
                torch.testing.assert_close(actual[b, 0, y, x], expected, rtol=1e-4, atol=1e-4)


def test_an_expanded_kernel_serves_all_searches() -> None:
    search, kernel = torch.randn(3, 4, 9, 9), torch.randn(1, 4, 5, 5)
    shared = cross_correlation(search, kernel.expand(3, -1, -1, -1))
    torch.testing.assert_close(shared, cross_correlation(search, kernel.repeat(3, 1, 1, 1)))


def test_the_response_is_scaled() -> None:
    part = CrossCorrelation(2, "shared", scale=0.5)
    search = FeatureMap(torch.ones(1, 2, 3, 3), 255, 8)
    fused = part([part.kernel(FeatureMap(torch.ones(1, 2, 3, 3), 127, 8))], search)
    assert fused.map.item() == 0.5 * 2 * 9
    assert (fused.size, fused.stride) == (255, 8)
