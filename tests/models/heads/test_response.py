"""The response head: SiamFC's, and on top of a correlation that gives features."""

from __future__ import annotations

import torch

from siamtrack.config import load
from siamtrack.contracts import Fused, FusedSpec, Response
from siamtrack.models import build_network
from siamtrack.models.build import dry_run
from siamtrack.models.heads.response import ResponseHead


def test_scores_are_averaged_over_levels_without_parameters() -> None:
    head = ResponseHead(({"cls": FusedSpec(1, scores=True)},) * 2)
    maps = torch.randn(2, 3, 1, 5, 5)
    prediction = head([{"cls": Fused(level, 255, 8)} for level in maps])
    torch.testing.assert_close(prediction.logit, maps.mean(0)[:, 0])
    assert not list(head.parameters())


def test_features_get_a_tower() -> None:
    cfg = load(None, ("MODEL.BACKBONE", "{NAME: convnet}", "MODEL.CORRELATION", "{NAME: depthwise, HIDDEN: 8}",
                      "MODEL.HEAD", "{NAME: response, HIDDEN: 8}"))  # fmt: skip
    network = build_network(cfg)
    prediction = dry_run(network, 127, 255)
    assert isinstance(prediction, Response)
    assert prediction.logit.shape == (1, 25, 25)
    assert sum(p.numel() for p in network.head.parameters()) == 8 * 8 + 2 * 8 + 8 + 1
