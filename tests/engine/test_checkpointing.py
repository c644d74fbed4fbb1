"""Gradient checkpointing changes memory and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from siamtrack.config import ConfigError
from siamtrack.engine.checkpointing import checkpoint_modules
from siamtrack.models.weights import read_weights
from tests.engine.toy import ToyNet, run


def kept(net: nn.Module, x: Tensor) -> int:
    """Numbers that autograd keeps for the backward pass, parameters apart."""
    own, count = {p.data_ptr() for p in net.parameters()}, 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal count
        count += tensor.numel() if tensor.data_ptr() not in own else 0
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        net(x)
    return count


@pytest.mark.parametrize("eval_mode", [False, True])
def test_less_is_kept_and_gradients_and_statistics_are_the_same(eval_mode: bool) -> None:
    nets = []
    for patterns in ([], ["backbone", "neck"]):
        torch.manual_seed(0)
        net = ToyNet(0.3).train(not eval_mode)
        checkpoint_modules(net, patterns)
        torch.manual_seed(1)
        net(torch.randn(4, 3, 9, 9)).square().sum().backward()
        nets.append(net)
    plain, checkpointed = nets
    for (name, a), (_, b) in zip(plain.named_parameters(), checkpointed.named_parameters(), strict=True):
        assert torch.equal(a.grad, b.grad), name
    for name, buffer in plain.named_buffers():
        assert torch.equal(buffer, checkpointed.get_buffer(name)), name
    x = torch.randn(4, 3, 9, 9)
    assert kept(checkpointed, x) < 0.5 * kept(plain, x)


def test_a_run_ends_alike(tmp_path: Path) -> None:
    run(tmp_path / "plain")
    run(tmp_path / "less", "TRAIN.CHECKPOINTING", "['backbone', 'neck.*']")
    a, b = (read_weights(tmp_path / f"{name}/checkpoints/epoch-0002.safetensors").state for name in ("plain", "less"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_the_outermost_of_nested_modules_counts() -> None:
    net = ToyNet(0.0)
    assert checkpoint_modules(net, ["backbone*", "neck.?"]) == ["backbone", "neck.0", "neck.1", "neck.2"]


def test_a_pattern_that_fits_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"CHECKPOINTING: no module fits the pattern 'layer4'.*backbone, head, neck"):
        checkpoint_modules(ToyNet(0.0), ["layer4"])
