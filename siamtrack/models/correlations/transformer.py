"""STARK's transformer as a correlation: templates and search in one sequence, and a query that asks for the target."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from siamtrack.config import ConfigError
from siamtrack.contracts import FeatureMap, Fused, FusedSpec
from siamtrack.models.correlations.encoder_decoder import DecoderLayer, EncoderLayer, sine_positions
from siamtrack.models.slots import Correlation, correlations


@correlations.register("transformer")
class TransformerCorrelation(Correlation):
    """Encoder over the cells of all templates and of the search, decoder with one query, similarity enhancement.

    The sequence is the templates in order, then the search; only content and positions (normalised within each crop)
    tell them apart. Padding is attended to by nobody. The decoder's answer ``d [C]`` weighs every encoded search cell
    ``s`` by the plain product ``s . d``: no scaling, no softmax, so the map may reach tens; it is also given on as
    :attr:`Fused.target`, for a score head.

    Args:
        channels: of the template's and the search's map; a multiple of 4 and of ``heads``.
        branch: all branches of the head share this one.
        heads: of each attention.
        feedforward: hidden width of the two linear layers of each layer.
        encoder_layers: how many.
        decoder_layers: how many.
        dropout: of attention weights, sub-layers and hidden layers.

    Raises:
        ConfigError: ``channels`` and ``heads`` do not fit, or there is no layer.

    Source: STARK (Yan et al., ICCV 2021), sections 3.1 and 3.2; ``lib/models/stark/stark_s.py``.
    """

    shared = True
    max_templates = None
    max_levels = 1
    attends = ("self", "cross")

    def __init__(
        self,
        channels: int,
        branch: str,
        *,
        heads: int = 8,
        feedforward: int = 2048,
        encoder_layers: int = 6,
        decoder_layers: int = 6,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if heads < 1 or channels % heads or channels % 4:
            raise ConfigError(
                f"MODEL.CORRELATION.HEADS: {heads} does not fit the {channels} channels that the neck gives; channels "
                "must be a multiple of HEADS and of 4."
            )
        if min(encoder_layers, decoder_layers) < 1:
            raise ConfigError("MODEL.CORRELATION: ENCODER_LAYERS and DECODER_LAYERS should be 1 or more.")
        self.spec = FusedSpec(channels, target=channels)
        shape = (channels, heads, feedforward, dropout)
        self.encoder = nn.ModuleList(EncoderLayer(*shape) for _ in range(encoder_layers))
        self.decoder = nn.ModuleList(DecoderLayer(*shape) for _ in range(decoder_layers))
        self.norm = nn.LayerNorm(channels)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        self.query = nn.Parameter(torch.randn(1, channels))

    def kernel(self, template: FeatureMap) -> tuple[Tensor, ...]:
        """Cells ``[B, h w, C]``, their positions ``[B, h w, C]`` and their padding ``[B, h w]``."""
        return self._tokens(template)

    def forward(self, kernels: Sequence[tuple[Tensor, ...]], search: FeatureMap) -> Fused:
        """``map [B, C, H, W]`` and ``target [B, C]``; any number of templates."""
        parts = zip(*kernels, self._tokens(search), strict=True)
        sequence, position, padding = (torch.cat(part, 1) for part in parts)
        keep = ~padding[:, None, None]
        for encode in self.encoder:
            sequence = encode(sequence, position, keep)
        query = self.query.expand(len(sequence), -1, -1)
        target = torch.zeros_like(query)
        for decode in self.decoder:
            target = decode(target, query, sequence, position, keep)
        target = self.norm(target)

        cells = sequence[:, -search.map.shape[-2:].numel() :]
        enhanced = cells * (cells * target).sum(-1, keepdim=True)
        fused = enhanced.transpose(1, 2).unflatten(2, search.map.shape[-2:])
        return Fused(fused, search.size, search.stride, target[:, 0])

    def _tokens(self, level: FeatureMap) -> tuple[Tensor, Tensor, Tensor]:
        """A map's cells row by row, their positions and their padding."""
        batch, channels, height, width = level.map.shape
        mask = level.mask
        if mask is None:
            mask = torch.zeros(batch, height, width, dtype=torch.bool, device=level.map.device)
        return level.map.flatten(2).transpose(1, 2), sine_positions(mask, channels), mask.flatten(1)
