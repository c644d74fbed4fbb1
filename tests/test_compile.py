"""``TRAIN.COMPILE``: every kind of network goes through the compiler, answers as before, and learns."""

from __future__ import annotations

import pytest
import torch

from siamtrack import config
from siamtrack.crops import crop_policies
from siamtrack.models import build_network
from siamtrack.models.slots import backbones
from siamtrack.tracking import build_tracker
from tests.combination import batch, tensors, train
from tests.test_configs import FIRST, Recorded, load, recorded


@pytest.mark.slow
@pytest.mark.parametrize("name", FIRST.values())
def test_every_configuration_compiles(name, monkeypatch):
    """Without code generation, which needs a compiler: what can go wrong with a network is capture and its gradient."""
    cfg = load(name)
    policy = crop_policies.build(cfg.CROP)
    sizes = frozenset({policy.template_size, policy.search_size, policy.train_search_size})
    given = recorded(config.dump({"MODEL": {"BACKBONE": cfg.MODEL.BACKBONE}}), sizes)
    monkeypatch.setattr(backbones, "build", lambda section: Recorded(*given))
    torch.manual_seed(0)
    network = build_network(cfg)
    pairs = batch(build_tracker(cfg, network).templates, sizes=(policy.template_size, policy.train_search_size))
    network.eval()
    with torch.no_grad():
        expected = tensors(network(pairs.templates, pairs.search))
    torch._dynamo.reset()
    try:
        network.compile(backend="aot_eager", dynamic=False)
        with torch.no_grad():
            actual = tensors(network(pairs.templates, pairs.search))
        for ours, theirs in zip(actual, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
        assert len(train(cfg, network, [pairs])) == len(cfg.LOSSES)
        assert torch._dynamo.utils.counters["frames"]["ok"] > 0, "nothing was compiled"
    finally:
        torch._dynamo.reset()
