"""Depth-wise correlation: what the crop option keeps."""

from __future__ import annotations

import torch

from siamtrack.contracts import FeatureMap
from siamtrack.models.correlations.depthwise import DepthwiseCorrelation


def test_cropping_in_the_correlation_equals_cropping_before_it():
    torch.manual_seed(0)
    cutting, whole = DepthwiseCorrelation(8, "cls", hidden=8, crop=7).eval(), DepthwiseCorrelation(8, "cls", hidden=8)
    whole.load_state_dict(cutting.state_dict())
    template = FeatureMap(torch.randn(2, 8, 15, 15), 127, 8)
    (kernel,) = cutting.kernel(template)
    (expected,) = whole.eval().kernel(template.center(7))
    assert kernel.shape == (2, 8, 5, 5)
    assert torch.equal(kernel, expected)
