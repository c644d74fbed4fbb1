"""The same network in fewer operations, for tracking: batch norm folded into the convolutions before it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from siamtrack.contracts import Crop, Prediction
from siamtrack.models.network import SiameseNetwork


@torch.no_grad()
def fold_batch_norm(network: SiameseNetwork, template: Crop, search: Crop) -> int:
    """Fold every batch norm that reads nothing but one convolution's output into that convolution, in place.

    Which they are is seen in one pass over the crops given, not guessed from names or order. Afterwards the network
    cannot be trained, nor saved as what it was.

    Args:
        network: in evaluation mode.
        template: ``[1, 3, S, S]``, any pixels.
        search: ``[1, 3, S, S]``, any pixels.

    Returns:
        How many were folded.

    Raises:
        ValueError: the network is in training mode, where batch norm is no fixed map; or a part of it reads what stands
            between a convolution and its batch norm, so that its answers changed. It is of no use then.
    """
    if network.training:
        raise ValueError("batch norm can be folded in evaluation mode only; call network.eval() first.")
    with _watched(network) as seen:
        before = network.locate(network.remember(template), search)
    pairs = [(norm, conv) for norm, (conv, *more) in seen.items() if conv is not None and not more]
    readers = Counter(conv for _, conv in pairs)
    # a convolution that two of them read keeps its own output
    folded = {norm: conv for norm, conv in pairs if readers[conv] == 1}
    for norm, conv in folded.items():
        assert norm.running_mean is not None
        assert norm.running_var is not None
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if child in folded:
                setattr(parent, name, nn.Identity())
    if not _close(before, network.locate(network.remember(template), search)):
        raise ValueError("folding batch norm changed what the network answers: one of its parts looks in between.")
    return len(folded)


def _close(a: Prediction, b: Prediction) -> bool:
    """Whether two predictions agree to a thousandth of their largest numbers, far more than rounding does to them."""
    pairs = [(getattr(a, field.name), getattr(b, field.name)) for field in dataclasses.fields(a)]
    return all(
        bool((x - y).abs().max() <= 1e-3 * x.abs().max().clamp(min=1e-3))
        for x, y in pairs
        if isinstance(x, Tensor) and x.is_floating_point()
    )


@contextmanager
def _watched(network: nn.Module) -> Iterator[dict[nn.BatchNorm2d, set[nn.Conv2d | None]]]:
    """Filled while the network runs: batch norm -> the convolutions whose outputs it read, ``None`` for all else."""
    made: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # holds the tensors too, so that no id is given out twice
    seen: dict[nn.BatchNorm2d, set[nn.Conv2d | None]] = {}

    def after(conv: Any, _: Any, output: Tensor) -> None:
        made[id(output)] = (conv, output)

    def before(norm: Any, inputs: tuple[Tensor, ...]) -> None:
        seen.setdefault(norm, set()).add(made[id(inputs[0])][0] if id(inputs[0]) in made else None)

    hooks = [m.register_forward_hook(after) for m in network.modules() if type(m) is nn.Conv2d]
    hooks += [m.register_forward_pre_hook(before) for m in network.modules() if type(m) is nn.BatchNorm2d]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
