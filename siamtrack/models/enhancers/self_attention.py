"""SiamSA's self-attention: before they are correlated, the cells of a map look at each other."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from siamtrack.config import ConfigError
from siamtrack.contracts import FeatureMap
from siamtrack.models.slots import Attends, Enhancer, enhancers


class SelfAttention(nn.Module):
    """``alpha (X S) + X`` with ``S = softmax(q^T k)``, X ``[C, n]`` for the n = H W cells of a map; one set of weights.

    See :class:`SelfAttentionEnhancer` for the options.
    """

    alpha: Tensor

    def __init__(
        self,
        channels: int,
        hidden: int,
        *,
        softmax: Literal["columns", "rows"] = "columns",
        transposed: bool = False,
        scaled: bool = False,
        value: bool = False,
        bias: bool = True,
        initialisation: Literal["default", "normal"] = "default",
        alpha: float = 0.0,
        learn_alpha: bool = True,
    ) -> None:
        super().__init__()
        self.axis = 1 if softmax == "columns" else 2
        self.transposed = transposed
        self.divisor = math.sqrt(hidden) if scaled else 1.0
        self.query = nn.Conv2d(channels, hidden, 1, bias=bias)
        self.key = nn.Conv2d(channels, hidden, 1, bias=bias)
        self.value = nn.Conv2d(channels, channels, 1, bias=bias) if value else nn.Identity()
        if initialisation == "normal":
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.normal_(module.weight, std=0.01)
        start = torch.tensor(alpha)
        if learn_alpha:
            self.alpha = nn.Parameter(start)
        else:
            self.register_buffer("alpha", start)

    def attention(self, x: Tensor) -> Tensor:
        """``[B, C, H, W]`` -> S ``[B, n, n]`` float32, index of the query's cell first."""
        q, k = self.query(x).flatten(2), self.key(x).flatten(2)
        energy: Tensor = q.transpose(1, 2) @ k / self.divisor
        return energy.float().softmax(self.axis)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, H, W]`` -> the same shape; at alpha 0 the same numbers."""
        weights = self.attention(x).to(x.dtype)
        if self.transposed:
            weights = weights.transpose(1, 2)
        attended = self.value(x).flatten(2) @ weights
        result: Tensor = self.alpha * attended.view_as(x) + x
        return result


@enhancers.register("self_attention")
class SelfAttentionEnhancer(Enhancer):
    """Every cell of a map takes over something of the cells that resemble it, in template and search alike.

    ``S = softmax(q^T k)`` (equation 6) and ``X_s = alpha (X S) + X`` (equation 7), q and k being 1x1 convolutions of X
    to fewer channels. An image attends to itself alone. At alpha 0, the start, features pass unchanged: the network
    then equals the one without this part, whose checkpoints fit but for the names in here, and only alpha gets a
    gradient in the very first step.

    The paper, which prints neither axes nor constants, leaves open (default first):

    - Place: after the neck, template cut to its centre. On the whole template: ``MODEL.NECK.TEMPLATE_CELLS: 0`` and
      ``MODEL.CORRELATION.CROP: 7``. On the backbone's own maps: neck ``attentive`` in place of this enhancer.
    - Normalisation of q and k: none.

    Args:
        channels: of each level.
        softmax: ``columns``: over the first index of S, so that with the X S of equation 7 each cell becomes a
            weighted mean of cells, the convention of the paper's equation 2. ``rows``: over the second; the size of a
            cell's answer then depends on how often it is attended to.
        transposed: multiply by S^T instead; with ``softmax: rows`` the usual non-local form.
        scaled: divide q^T k by the root of their channels; equation 6 does not, equation 2 does.
        value: multiply a 1x1 convolution of X instead of X itself.
        bias: of the 1x1 convolutions. That of q cancels in the default softmax.
        reduction: channels of X for each channel of q and k.
        alpha: start of the weight; the paper calls it a hyper-parameter and gives no value.
        learn_alpha: whether it learns or stays.
        per_level: own weights for each level, or one set for all.
        per_side: own weights for template and search, or one set for both (PW-Corr compares them by inner product, so
            that they should stay in one space).
        initialisation: of the 1x1 convolutions: PyTorch's, or normal with standard deviation 0.01.

    Raises:
        ConfigError: one set of weights for levels of different width, or nothing left of them after the reduction.

    Source: SiamSA-RBO, "Pixel-wise matching improved by self-attention" (in Chinese), section 3.2; no public code.
    """

    attends: ClassVar[tuple[Attends, ...]] = ("self",)

    def __init__(
        self,
        channels: tuple[int, ...],
        *,
        softmax: Literal["columns", "rows"] = "columns",
        transposed: bool = False,
        scaled: bool = False,
        value: bool = False,
        bias: bool = True,
        reduction: int = 8,
        alpha: float = 0.0,
        learn_alpha: bool = True,
        per_level: bool = True,
        per_side: bool = False,
        initialisation: Literal["default", "normal"] = "default",
    ) -> None:
        super().__init__()
        if not per_level and len(set(channels)) > 1:
            raise ConfigError(
                f"MODEL.ENHANCER.PER_LEVEL: one set of weights needs levels of one width, but they have "
                f"{list(channels)} channels; leave it true."
            )
        if not 1 <= reduction <= min(channels):
            raise ConfigError(
                f"MODEL.ENHANCER.REDUCTION: {reduction} should lie between 1 and the {min(channels)} channels of the "
                "narrowest level."
            )

        def modules() -> nn.ModuleList:
            return nn.ModuleList(
                SelfAttention(
                    width,
                    width // reduction,
                    softmax=softmax,
                    transposed=transposed,
                    scaled=scaled,
                    value=value,
                    bias=bias,
                    initialisation=initialisation,
                    alpha=alpha,
                    learn_alpha=learn_alpha,
                )
                for width in (channels if per_level else channels[:1])
            )

        self.channels = channels
        self.per_level = per_level
        self.levels = modules()
        self.templates = modules() if per_side else None

    def forward(self, level: FeatureMap) -> FeatureMap:
        """A level ``[B, C, H, W]`` of either side -> the same, attended."""
        weights = self.templates if level.template and self.templates is not None else self.levels
        return level.with_map(weights[level.level if self.per_level else 0](level.map))
