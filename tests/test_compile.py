"""``TRAIN.COMPILE``: every kind of network goes through the compiler, answers as before, and learns."""

from __future__ import annotations

import pytest
import torch

from tests.combination import tensors, train
from tests.test_configs import FIRST, behind_recorded_maps, load


@pytest.mark.slow
@pytest.mark.parametrize("name", FIRST.values())
def test_every_configuration_compiles(name, monkeypatch):
    """Without code generation, which needs a compiler: what can go wrong with a network is capture and its gradient."""
    cfg = load(name)
    network, pairs = behind_recorded_maps(cfg, monkeypatch)
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
