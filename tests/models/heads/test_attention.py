"""Laws of the parallel cross attention."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.models.heads.attention import ChannelAttention, SpatialAttention


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_channel_weights_do_not_depend_on_places(seed):
    torch.manual_seed(0)
    attention, x = ChannelAttention(16, 4), drawn(2, 16, 4, 5, seed=seed)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(attention(x.flatten(2)[:, :, order].view_as(x)), attention(x))


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_spatial_weights_do_not_depend_on_the_order_of_channels(seed):
    torch.manual_seed(0)
    attention, x = SpatialAttention(), drawn(2, 16, 4, 5, seed=seed)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(attention(x[:, order], x[:, order]), attention(x, x))


def test_weights_stay_within_the_sum_of_the_gammas():
    torch.manual_seed(0)
    places = SpatialAttention((1.0, 0.5), descriptor="concat")(drawn(2, 8, 9, 9) * 50, drawn(2, 8, 9, 9, seed=1))
    assert places.shape == (2, 1, 9, 9)
    assert (places >= 0).all()
    assert (places <= 1.5).all()


def test_summing_maps_first_equals_summing_products():
    torch.manual_seed(0)
    attention, x, value = SpatialAttention(), drawn(1, 8, 6, 6), drawn(1, 8, 6, 6, seed=1)
    maps = attention.maps(x, x)
    expected = sum(gamma * maps[:, i : i + 1] * value for i, gamma in enumerate((1.0, 1.0, 1.0, 0.05)))
    torch.testing.assert_close(attention(x, x) * value, expected)


def test_the_second_pool_may_look_elsewhere():
    torch.manual_seed(0)
    attention, x, other = SpatialAttention(), drawn(1, 8, 6, 6), drawn(1, 8, 6, 6, seed=1)
    assert not torch.allclose(attention(x, other), attention(x, x))
    expected = x.mean(1, keepdim=True) + other.amax(1, keepdim=True)
    torch.testing.assert_close(attention.describe(x, other), expected)
