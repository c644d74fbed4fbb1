"""Up-channel correlation against its definition, and the heads it refuses."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from siamtrack.config import ConfigError, load
from siamtrack.contracts import FeatureMap
from siamtrack.models import build_network
from siamtrack.models.correlations.up_channel import UpChannelCorrelation, up_channel_correlation


def test_every_sample_meets_its_own_kernels() -> None:
    search, kernel = torch.randn(3, 4, 6, 7), torch.randn(3, 5 * 4, 2, 3)
    actual = up_channel_correlation(search, kernel)
    for b in range(3):
        for k in range(5):
            expected = F.conv2d(search[b : b + 1], kernel[b : b + 1, 4 * k : 4 * k + 4])
            torch.testing.assert_close(actual[b, k], expected[0, 0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("branch", "answers", "adjusted"), [("cls", 6, False), ("loc", 12, True)])
def test_what_comes_out_are_answers(branch: str, answers: int, adjusted: bool) -> None:
    part = UpChannelCorrelation(4, branch, anchors=3)
    (kernel,) = part.kernel(FeatureMap(torch.randn(2, 4, 7, 7), 127, 8))
    assert kernel.shape == (2, 4 * answers, 5, 5)
    fused = part([(kernel,)], FeatureMap(torch.randn(2, 4, 31, 31), 255, 8))
    assert fused.map.shape == (2, answers, 25, 25)
    assert (part.spec.channels, part.spec.scores) == (answers, True)
    assert any(name.startswith("adjust") for name, _ in part.named_parameters()) == adjusted


@pytest.mark.parametrize(("branch", "anchors", "sentence"), [("corner", 1, "'corner'"), ("cls", 0, "ANCHORS: 0")])
def test_what_it_cannot_answer_is_refused(branch: str, anchors: int, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        UpChannelCorrelation(4, branch, anchors=anchors)


def test_a_head_that_reads_features_is_refused() -> None:
    cfg = load(None, ("MODEL.CORRELATION", "{NAME: up_channel}", "MODEL.BACKBONE", "{NAME: convnet}",
                      "MODEL.HEAD", "{NAME: oain}"))  # fmt: skip
    with pytest.raises(ConfigError, match="'up_channel' answers with scores, but head 'oain' wants features"):
        build_network(cfg)
