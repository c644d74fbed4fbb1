"""Keeping arithmetic in float32 that a network's lower precision would spoil or that has no lower-precision kernel."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """A context without autocast on ``device``; tensors that are to be float32 in it still need ``float()``."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()  # the dry run's meta device has no autocast
