"""Frozen batch norms folded into the convolutions before them, for as long as both are frozen.

A batch norm whose statistics and parameters are constants is a scale and a shift of each channel, which the convolution
before it can do on its way. The modules keep their parameters and names; only what they compute in ``forward`` changes,
and :func:`unfold` takes that back. A folded model can be moved, converted and copied like any other, for the folded
weights are buffers, which no state dict holds. Which batch norm follows which convolution is read from a trace of the
module that owns both (``torch.fx``), so that nothing is folded that is used elsewhere as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MethodType

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision.ops import FrozenBatchNorm2d

NORMS = (nn.BatchNorm2d, FrozenBatchNorm2d)
_FOLDED = ("folded_weight", "folded_bias")


def fold(model: nn.Module) -> int:
    """Fold every batch norm that has stopped learning into a frozen convolution before it; returns how many.

    To be called when parameters and modes are set: a batch norm in training mode, or one with a parameter that learns,
    stays as it is, and so does one after a convolution that learns.
    """
    pairs = [pair for owner in model.modules() for pair in _pairs(owner)]
    for convolution, norm in pairs:
        _fold(convolution, norm)
    return len(pairs)


def unfold(model: nn.Module) -> None:
    """Let every folded module compute by its own parameters again."""
    for module in model.modules():
        if getattr(module.__dict__.get("forward"), "__func__", None) in (_convolve, _hand_on):
            del module.forward
            for name in _FOLDED:
                if hasattr(module, name):
                    delattr(module, name)


class _Shallow(fx.Tracer):
    """Follows one module's own ``forward``, its children being opaque."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True


def _pairs(owner: nn.Module) -> Iterator[tuple[nn.Conv2d, nn.Module]]:
    """Frozen convolutions and batch norms among the children, the one fed by the other and by nothing else."""
    children = dict(owner.named_children())
    if not any(_is_frozen_norm(child) for child in children.values()):
        return
    try:
        graph = _Shallow().trace(owner)
    except Exception:  # a forward that decides by values cannot be traced: it is run as it is
        return
    for node in graph.nodes:
        if node.op != "call_module" or not _is_frozen_norm(children.get(node.target)):
            continue
        (source, *_) = node.all_input_nodes
        convolution = children.get(source.target) if source.op == "call_module" else None
        if _is_frozen_convolution(convolution) and len(source.users) == 1 and _called_once(graph, source, node):
            yield convolution, children[node.target]  # type: ignore[misc]


def _called_once(graph: fx.Graph, *calls: fx.Node) -> bool:
    targets = [node.target for node in graph.nodes if node.op == "call_module"]
    return all(targets.count(call.target) == 1 for call in calls)


def _is_frozen_norm(module: nn.Module | None) -> bool:
    if not isinstance(module, NORMS) or not _is_constant(module):
        return False
    return isinstance(module, FrozenBatchNorm2d) or (not module.training and module.running_mean is not None)


def _is_frozen_convolution(module: nn.Module | None) -> bool:
    return isinstance(module, nn.Conv2d) and module.padding_mode == "zeros" and _is_constant(module)


def _is_constant(module: nn.Module) -> bool:
    """Nothing of it learns, and its ``forward`` is its class's."""
    return "forward" not in module.__dict__ and not any(p.requires_grad for p in module.parameters())


def _fold(convolution: nn.Conv2d, norm: nn.Module) -> None:
    statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
    fused = fuse_conv_bn_weights(convolution.weight, convolution.bias, *statistics)  # type: ignore[arg-type]
    layout = torch.channels_last if _is_channels_last(convolution.weight) else torch.contiguous_format
    weight, bias = fused[0].detach().contiguous(memory_format=layout), fused[1].detach()
    for name, tensor in zip(_FOLDED, (weight, bias), strict=True):
        convolution.register_buffer(name, tensor, persistent=False)
    for module, forward in ((convolution, _convolve), (norm, _hand_on)):
        module.forward = MethodType(forward, module)  # type: ignore[method-assign]  # bound, so that a copy is its own


def _convolve(self: nn.Conv2d, x: Tensor) -> Tensor:
    result: Tensor = self._conv_forward(x, self.folded_weight, self.folded_bias)  # type: ignore[arg-type]
    return result


def _hand_on(self: nn.Module, x: Tensor) -> Tensor:
    return x


def _is_channels_last(weight: Tensor) -> bool:
    return weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()
