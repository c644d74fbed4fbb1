"""``TRAIN.COMPILE``: every kind of network goes through the compiler, answers as before, and learns."""

from __future__ import annotations

import copy

import pytest
import torch

from siamtrack.engine.preparation import _missing_compiler
from siamtrack.losses import Criterion
from siamtrack.targets import labellers
from tests.combination import Combination, batch, built, tensors, train
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


@pytest.mark.slow
@pytest.mark.skipif(bool(_missing_compiler(torch.device("cpu"))), reason="generated code needs a C++ compiler")
def test_generated_code_has_the_same_losses_and_gradients():
    """The default backend, on a small SiamBAN."""
    cfg, eager = built(Combination("depthwise", "none", "ban"))
    compiled = copy.deepcopy(eager)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    try:
        with torch._dynamo.config.patch(suppress_errors=False):
            compiled.compile(dynamic=False, fullgraph=True)
            losses = [_losses(cfg, network, seed) for seed in range(2) for network in (eager, compiled)]
        assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1, "compiled anew for the second batch"
    finally:
        torch._dynamo.reset()
    for ours, theirs in zip(losses[1::2], losses[::2], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)
    for (name, a), (_, b) in zip(compiled.named_parameters(), eager.named_parameters(), strict=True):
        assert float((a.grad - b.grad).norm()) <= 1e-4 * float(b.grad.norm()) + 1e-6, name


def _losses(cfg, network, seed):
    """Terms on two random pairs; gradients are added to those of the network."""
    pairs = batch(1, seed=seed)
    prediction = network.train()(pairs.templates, pairs.search)
    terms = Criterion(cfg.LOSSES, network.head.makes)(prediction, labellers.build(cfg.TARGETS)(prediction, pairs))
    torch.stack(list(terms.values())).sum().backward()
    return {name: float(term.detach()) for name, term in terms.items()}
