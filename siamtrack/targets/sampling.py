"""Drawing cells at random, in batch, on the device, from the samples' own seeds.

A cell's key is a hash of (sample seed, cell number, purpose). Keeping the cells with the largest keys is a uniform
draw without replacement that needs no generator state, no loop over images and no host synchronisation, and that
does not depend on which device or process a sample landed on.
"""

from __future__ import annotations

import torch
from torch import Tensor

_GOLDEN = -0x61C8864680B583EB  # the 64-bit golden ratio increment as a signed number
_MIX_1 = -0x40A7B892E31B1A47  # SplitMix64's two multipliers, signed
_MIX_2 = -0x6B2FB644ECCEEE15


def _shifted(value: Tensor, bits: int) -> Tensor:
    """Logical right shift: int64 shifts arithmetically, so the sign's copies are cut off."""
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def cell_keys(seed: Tensor, cells: int, purpose: int = 0) -> Tensor:
    """``[B, cells]`` int64 >= 0, evenly spread, the same for the same (seed, cell, purpose) on every device.

    Args:
        seed: ``[B]`` int64.
        cells: N.
        purpose: tells several draws of one sample apart.

    Source: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
    """
    counter = torch.arange(1, cells + 1, device=seed.device, dtype=torch.int64) + purpose * cells
    z = seed[:, None] + counter * _GOLDEN
    z = (z ^ _shifted(z, 30)) * _MIX_1
    z = (z ^ _shifted(z, 27)) * _MIX_2
    return _shifted(z ^ _shifted(z, 31), 1)


def draw(candidates: Tensor, keys: Tensor, count: int) -> Tensor:
    """At most ``count`` of the candidates of each row, uniformly without replacement.

    Args:
        candidates: ``[B, N]`` bool.
        keys: ``[B, N]`` int64 >= 0, from :func:`cell_keys`.
        count: cells to keep; rows with fewer candidates keep them all.

    Returns:
        ``[B, N]`` bool.
    """
    values, index = keys.masked_fill(~candidates, -1).topk(min(count, keys.shape[1]), dim=1)
    return torch.zeros_like(candidates).scatter(1, index, values >= 0)


def subsample(candidates: Tensor, seed: Tensor, count: int, purpose: int) -> Tensor:
    """At most ``count`` of each sample's candidates; all of them where ``count`` is 0.

    Args:
        candidates: ``[B, ...]`` bool.
        seed: ``[B]`` int64.
        count: cells to keep.
        purpose: tells several draws of one sample apart.
    """
    if count == 0:
        return candidates
    flat = candidates.flatten(1)
    return draw(flat, cell_keys(seed, flat.shape[1], purpose), count).view_as(candidates)
