"""Pixel-wise correlation: what the softmax over the template's cells implies."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from siamtrack.contracts import FeatureMap
from siamtrack.models.correlations.pixelwise import PixelwiseCorrelation, pixelwise_correlation


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_definition_cell_by_cell():
    z, x = drawn(2, 3, 2, 2), drawn(2, 3, 4, 5, seed=1)
    out = pixelwise_correlation(z, x)
    for b in range(2):
        for row in range(4):
            for column in range(5):
                cell, template = x[b, :, row, column], z[b].flatten(1)
                weights = torch.softmax(template.T @ cell / math.sqrt(3), 0)
                torch.testing.assert_close(out[b, :3, row, column], template @ weights)
    assert torch.equal(out[:, 3:], x)


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(6)))
def test_where_a_template_cell_lies_does_not_matter(order):
    z, x = drawn(1, 4, 2, 3), drawn(1, 4, 3, 3, seed=1)
    shuffled = z.flatten(2)[..., list(order)].view_as(z)
    torch.testing.assert_close(pixelwise_correlation(shuffled, x), pixelwise_correlation(z, x))


def test_matches_lie_between_the_templates_values():
    z, x = drawn(2, 8, 7, 7), 5 * drawn(2, 8, 9, 9, seed=1)
    matched = pixelwise_correlation(z, x)[:, :8].flatten(2)
    low, high = z.flatten(2).aminmax(dim=2)
    assert (matched >= low[..., None] - 1e-5).all()
    assert (matched <= high[..., None] + 1e-5).all()


def test_a_cell_of_great_similarity_is_matched_with_itself():
    z = 20 * torch.eye(4).view(1, 4, 2, 2)
    matched = pixelwise_correlation(z, z)[:, :4]
    torch.testing.assert_close(matched, z, rtol=1e-5, atol=1e-5)


def test_the_part_remembers_the_centre_and_promises_what_it_gives():
    part = PixelwiseCorrelation(4, "shared", crop=7)
    template, search = FeatureMap(drawn(1, 4, 15, 15), 127, 8), FeatureMap(drawn(1, 4, 31, 31, seed=1), 255, 8)
    kernel = part.kernel(template)
    assert kernel[0].shape == (1, 4, 7, 7)
    fused = part([kernel], search)
    assert (fused.map.shape[1], fused.size, fused.stride) == (part.spec.channels, 255, 8)
    cut_before = PixelwiseCorrelation(4, "shared")
    assert torch.equal(fused.map, cut_before([cut_before.kernel(template.center(7))], search).map)
    assert not list(part.parameters())


def test_weights_sum_to_one_in_lower_precision_too():
    """What all template cells share is matched as it is, however large the similarities are."""
    z = torch.cat([torch.full((1, 1, 7, 7), 3.0), 40 * drawn(1, 15, 7, 7)], 1)
    with torch.autocast("cpu", torch.bfloat16):
        out = pixelwise_correlation(z, 40 * drawn(1, 16, 6, 6, seed=1))
    torch.testing.assert_close(out[:, 0].float(), torch.full((1, 6, 6), 3.0), rtol=0.02, atol=0)
