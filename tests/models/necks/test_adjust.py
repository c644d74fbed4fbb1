"""The adjusting neck: what it keeps of a template, and what stands in for batch norm."""

from __future__ import annotations

import pytest
import torch

from siamtrack.contracts import FeatureMap
from siamtrack.models.necks.adjust import AdjustNeck


@pytest.mark.parametrize(("cells", "kept"), [(7, 7), (0, 15)])
def test_templates_are_cut_to_their_centre_and_searches_never(cells, kept):
    neck = AdjustNeck((4, 6), out=8, template_cells=cells).eval()
    levels = [FeatureMap(torch.randn(1, c, 15, 15), 127, 8) for c in (4, 6)]
    assert [f.map.shape for f in neck(levels, template=True)] == [(1, 8, kept, kept)] * 2
    assert [f.map.shape for f in neck(levels, template=False)] == [(1, 8, 15, 15)] * 2


def test_without_batch_norm_a_bias_stands_in():
    with_norm, without = AdjustNeck((4,), out=8), AdjustNeck((4,), out=8, norm="none")
    assert not any("bn" in name for name in without.state_dict())
    assert set(dict(without.named_parameters())) == {"levels.0.conv.weight", "levels.0.conv.bias"}
    assert "levels.0.conv.bias" not in with_norm.state_dict()
    level = FeatureMap(torch.full((2, 4, 3, 3), 5.0), 63, 8)
    (out,) = without([level], template=False)
    weight, bias = without.levels[0].conv.weight, without.levels[0].conv.bias
    torch.testing.assert_close(out.map[0, :, 0, 0], 5 * weight.sum((1, 2, 3)) + bias)
