"""The layers of STARK's transformer: attention, encoder and decoder layer, and sine positions that know padding.

Sequences are ``[B, L, C]``. Positions are added to queries and keys of every layer, never to values. Layers normalise
after each residual sum. ``keep`` is ``[B, 1, 1, L]`` bool, True where a key takes part, which is what
``scaled_dot_product_attention`` wants; padding masks and ``nn.MultiheadAttention`` mean the opposite.

Source: DETR (Carion et al., ECCV 2020); STARK ``lib/models/stark/transformer.py``, ``position_encoding.py``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_TEMPERATURE = 10000.0


def sine_positions(mask: Tensor, channels: int) -> Tensor:
    """Where a cell lies among the cells that are not padding, as sines and cosines.

    Rows and columns are counted from 1 over unmasked cells and divided by the last count times 2 pi, each row and
    column by its own. The first half of the channels is of y, the second of x; sines on even, cosines on odd ones.

    Args:
        mask: ``[B, H, W]`` bool, True = padding.
        channels: C, a multiple of 4.

    Returns:
        ``[B, H * W, C]`` float32.
    """
    inside = (~mask).float()
    y, x = inside.cumsum(1), inside.cumsum(2)
    y = y / (y[:, -1:] + 1e-6) * (2 * math.pi)
    x = x / (x[:, :, -1:] + 1e-6) * (2 * math.pi)
    half = channels // 2
    step = torch.arange(half, dtype=torch.float32, device=mask.device)
    period = _TEMPERATURE ** (2 * torch.div(step, 2, rounding_mode="floor") / half)
    angle = torch.stack([y, x], -1)[..., None] / period  # [B, H, W, 2, C / 2]
    waves = torch.stack([angle[..., 0::2].sin(), angle[..., 1::2].cos()], -1)
    return waves.flatten(3).flatten(1, 2)


class Attention(nn.Module):
    """Multi-head attention with one projection matrix for query, key and value, in this order.

    Args:
        channels: C, a multiple of ``heads``.
        heads: how many.
        dropout: on the attention weights.
    """

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_proj = nn.Linear(channels, 3 * channels)
        self.out_proj = nn.Linear(channels, channels)
        nn.init.zeros_(self.in_proj.bias)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, keep: Tensor | None = None) -> Tensor:
        """``[B, L, C]``, ``[B, M, C]`` twice, ``keep [B, 1, 1, M]`` -> ``[B, L, C]``."""
        weights, biases = self.in_proj.weight.chunk(3), self.in_proj.bias.chunk(3)
        q, k, v = (
            F.linear(x, weight, bias).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for x, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=keep, dropout_p=dropout)
        result: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return result


class _FeedForward(nn.Module):
    def __init__(self, channels: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.linear1 = nn.Linear(channels, hidden)
        self.linear2 = nn.Linear(hidden, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.linear2(self.dropout(F.relu(self.linear1(x))))
        return result


class EncoderLayer(nn.Module):
    """Self-attention, then two linear layers."""

    def __init__(self, channels: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(channels, heads, dropout)
        self.feedforward = _FeedForward(channels, feedforward, dropout)
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, position: Tensor, keep: Tensor) -> Tensor:
        """``x`` and ``position`` ``[B, L, C]`` -> ``[B, L, C]``."""
        placed = x + position
        x = self.norm1(x + self.dropout(self.attention(placed, placed, x, keep)))
        result: Tensor = self.norm2(x + self.dropout(self.feedforward(x)))
        return result


class DecoderLayer(nn.Module):
    """Self-attention of the queries, attention to the encoded sequence, then two linear layers."""

    def __init__(self, channels: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.self_attention = Attention(channels, heads, dropout)
        self.cross_attention = Attention(channels, heads, dropout)
        self.feedforward = _FeedForward(channels, feedforward, dropout)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, target: Tensor, query: Tensor, encoded: Tensor, position: Tensor, keep: Tensor) -> Tensor:
        """``target`` and ``query`` (its position) ``[B, Q, C]``, ``encoded`` and ``position`` ``[B, L, C]``."""
        placed = target + query
        target = self.norm1(target + self.dropout(self.self_attention(placed, placed, target)))
        crossed = self.cross_attention(target + query, encoded + position, encoded, keep)
        target = self.norm2(target + self.dropout(crossed))
        result: Tensor = self.norm3(target + self.dropout(self.feedforward(target)))
        return result
