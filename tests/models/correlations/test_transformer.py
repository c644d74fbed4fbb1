"""The transformer as a correlation: masks, positions, several templates, and attention as PyTorch means it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from siamtrack.contracts import FeatureMap
from siamtrack.models.correlations.encoder_decoder import Attention, sine_positions
from siamtrack.models.correlations.transformer import TransformerCorrelation


def level(cells: int, seed: int, padded: tuple[int, int] = (0, 0)) -> FeatureMap:
    """A map of two samples; so many columns at the left and rows at the bottom are padding."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(2, cells, cells, dtype=torch.bool)
    columns, rows = padded
    mask[:, :, :columns] = True
    mask[:, cells - rows :] = True
    return FeatureMap(torch.randn(2, 16, cells, cells, generator=generator), cells * 16, 16, mask)


@pytest.fixture(scope="module")
def correlation() -> TransformerCorrelation:
    torch.manual_seed(3)
    shape = {"heads": 4, "feedforward": 32, "encoder_layers": 2, "decoder_layers": 2}
    return TransformerCorrelation(16, "shared", **shape).eval()


def test_attention_is_that_of_pytorch_with_the_mask_the_other_way_round() -> None:
    torch.manual_seed(0)
    ours, theirs = Attention(16, 4, 0.0), nn.MultiheadAttention(16, 4, batch_first=True)
    nn.init.normal_(theirs.in_proj_bias)
    ours.in_proj.weight.data, ours.in_proj.bias.data = theirs.in_proj_weight.data, theirs.in_proj_bias.data
    ours.out_proj.load_state_dict(theirs.out_proj.state_dict())
    query, key, value = torch.randn(2, 5, 16), torch.randn(2, 7, 16), torch.randn(2, 7, 16)
    padding = torch.tensor([[False] * 5 + [True] * 2, [True] + [False] * 6])
    expected, _ = theirs(query, key, value, key_padding_mask=padding)
    torch.testing.assert_close(ours(query, key, value, ~padding[:, None, None]), expected)


def test_positions_by_hand() -> None:
    """The second column of three that are not padding: y and x first, then ever slower waves."""
    mask = torch.zeros(1, 2, 4, dtype=torch.bool)
    mask[:, :, 0] = True
    position = sine_positions(mask, 8).reshape(2, 4, 8)
    y, x = 2 / 2 * 2 * math.pi, 2 / 3 * 2 * math.pi
    slow = 10000 ** (2 / 4)
    expected = [math.sin(y), math.cos(y), math.sin(y / slow), math.cos(y / slow)]
    expected += [math.sin(x), math.cos(x), math.sin(x / slow), math.cos(x / slow)]
    torch.testing.assert_close(position[1, 2], torch.tensor(expected), atol=2e-5, rtol=0)
    # a padded column counts nothing
    torch.testing.assert_close(position[1, 0, :4], torch.tensor([0.0, 1.0, 0.0, 1.0]))


def test_nobody_attends_to_padding(correlation) -> None:
    """What stands in padded cells changes nothing but those cells themselves."""
    template, search = level(4, 1, padded=(1, 0)), level(6, 2, padded=(2, 1))
    plain = correlation([correlation.kernel(template)], search)
    spoilt = [f.with_map(torch.where(f.mask[:, None], 50.0, f.map)) for f in (template, search)]
    other = correlation([correlation.kernel(spoilt[0])], spoilt[1])
    clean = ~search.mask[:, None].expand_as(plain.map)
    torch.testing.assert_close(other.map[clean], plain.map[clean])
    torch.testing.assert_close(other.target, plain.target)
    assert not torch.allclose(other.map[~clean], plain.map[~clean])


def test_no_mask_is_a_mask_without_padding(correlation) -> None:
    template, search = level(4, 1), level(6, 2)
    bare = [FeatureMap(f.map, f.size, f.stride) for f in (template, search)]
    with_masks = correlation([correlation.kernel(template)], search)
    without = correlation([correlation.kernel(bare[0])], bare[1])
    assert torch.equal(with_masks.map, without.map)


def test_templates_may_be_many_and_a_copy_of_one_is_not_nothing(correlation) -> None:
    first, second, search = (correlation.kernel(level(4, 1)), correlation.kernel(level(4, 5)), level(6, 2))
    one, two = correlation([first], search), correlation([first, second], search)
    assert one.map.shape == two.map.shape == (2, 16, 6, 6)
    assert two.target.shape == (2, 16)
    assert not torch.allclose(one.map, two.map)
    # there is no embedding that tells templates apart, so their order does not matter
    torch.testing.assert_close(correlation([second, first], search).map, two.map)


def test_enhancement_weighs_each_cell_by_its_product_with_the_answer(correlation) -> None:
    search = level(6, 2)
    encoded = []
    handle = correlation.encoder[-1].register_forward_hook(lambda _, __, out: encoded.append(out))
    fused = correlation([correlation.kernel(level(4, 1))], search)
    handle.remove()
    cells = encoded[0][:, -36:]
    expected = cells * torch.einsum("blc,bc->bl", cells, fused.target)[..., None]
    torch.testing.assert_close(fused.map.flatten(2).transpose(1, 2), expected)


def test_dropout_only_in_training(correlation) -> None:
    kernel, search = correlation.kernel(level(4, 1)), level(6, 2)
    assert torch.equal(correlation([kernel], search).map, correlation([kernel], search).map)
    correlation.train()
    try:
        assert not torch.equal(correlation([kernel], search).map, correlation([kernel], search).map)
    finally:
        correlation.eval()
