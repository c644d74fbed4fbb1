"""An exponential moving average of the weights, for validation and export (``TRAIN.EMA``)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Average:
    """A second set of weights that follows those that learn: ``average += (1 - decay) * (weights - average)``.

    Running statistics are averaged alike; counters are the model's own. In the first steps the decay is smaller, so
    that the average forgets the initial weights: ``min(decay, (1 + n) / (10 + n))`` at step n, as TensorFlow's
    ``ExponentialMovingAverage`` has it.

    Args:
        model: whose weights are followed; its tensors must stay the same objects.
        decay: 0..1, usually 0.999 or more.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = model
        self.decay = decay
        self.updates = 0
        tensors = {id(t): t for t in model.state_dict(keep_vars=True).values() if t.is_floating_point()}
        self._live = [tensor.detach() for tensor in tensors.values()]
        self._kept = [tensor.detach().clone() for tensor in tensors.values()]
        self._place = {key: place for place, key in enumerate(tensors)}

    @torch.no_grad()
    def update(self, skip: Tensor) -> None:
        """Follow a step, unless the scalar float tensor ``skip`` is 1; does not wait for the device."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        distance = torch._foreach_sub(self._live, self._kept)
        torch._foreach_mul_(distance, (1 - decay) * (1 - skip))
        torch._foreach_add_(self._kept, distance)

    def weights(self) -> dict[str, Tensor]:
        """The averaged weights, as the model's state dict."""
        state = self.model.state_dict(keep_vars=True)
        return {name: self._kept[self._place[id(t)]] if id(t) in self._place else t for name, t in state.items()}

    @contextlib.contextmanager
    @torch.no_grad()
    def in_place(self) -> Iterator[None]:
        """The model with the averaged weights; afterwards it has its own again, bit for bit."""
        own = [tensor.clone() for tensor in self._live]
        torch._foreach_copy_(self._live, self._kept)
        try:
            yield
        finally:
            torch._foreach_copy_(self._live, own)

    def state_dict(self) -> dict[str, Any]:
        """Steps followed, and the weights that learn; the averaged ones are what a checkpoint's weights file holds."""
        return {"updates": self.updates, "learning": self.model.state_dict()}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """To be called with the averaged weights in the model."""
        self.updates = state["updates"]
        torch._foreach_copy_(self._kept, self._live)
        self.model.load_state_dict(state["learning"])
