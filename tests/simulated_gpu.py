"""A GPU for tests on machines that have none: tensors know shape and device and hold no numbers.

Reading one, or asking how many cells a mask picks, is an error, and so is an operation on tensors of two devices. What
crosses between devices is seen as it is dispatched. The backward pass needs a driver and cannot be simulated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from siamtrack import contracts

GPU = torch.device("cuda:0")
no_gpu_here = pytest.mark.skipif(torch.cuda.is_available(), reason="simulates a GPU where there is none")


class Crossings(TorchDispatchMode):
    """Notes operations between devices for which the host waits; leaves out the fused optimisers, which have no shapes
    to tell.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "_fused_" in str(function):
            return None
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        tensors = [leaf for leaf in tree_leaves((args, result)) if isinstance(leaf, torch.Tensor)]
        if len({tensor.device for tensor in tensors}) > 1 and not kwargs.get("non_blocking"):
            self.found.append(f"{function} {[tuple(tensor.shape) for tensor in tensors]}")
        return result


def simulation(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTensorMode]:
    """For a fixture: grids are kept from step to step, which fake ones otherwise are not, and go with the test."""
    monkeypatch.setattr("siamtrack.contracts._makes_numbers", lambda device: True)
    kept = contracts._grid, contracts._anchor_boxes
    for cache in kept:
        cache.cache_clear()
    yield FakeTensorMode()
    for cache in kept:
        cache.cache_clear()
