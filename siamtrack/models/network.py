"""The one network: backbone -> neck -> enhancer -> correlation -> head.

A template is remembered, a search is located. Tracking calls the two in turn; training calls ``forward``, which is
the same two on a batch.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from siamtrack.config import ConfigError
from siamtrack.contracts import Crop, FeatureMap, Fused, Memory, Prediction, Remembered, map_tensors
from siamtrack.models.slots import Backbone, Correlation, Enhancer, Head, Neck

SHARED = "shared"  # the key of a correlation that serves all branches of the head


class Pixels(nn.Module):
    """What the network does to pixels first.

    Args:
        order: channel order of the network's input; crops are RGB.
        mean: per channel in RGB order, 0..255, subtracted.
        std: per channel in RGB order, 0..255, divided by.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        order: Literal["rgb", "bgr"] = "bgr",
        mean: tuple[float, float, float] = (0.0, 0.0, 0.0),
        std: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        super().__init__()
        self.order = order
        self.plain = tuple(mean) == (0, 0, 0) and tuple(std) == (1, 1, 1)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """``[B, 3, S, S]`` RGB 0..255, uint8 or float -> float32 in the network's order and scale."""
        values = pixels.float()
        if not self.plain:
            values = (values - self.mean) / self.std
        return values.flip(1) if self.order == "bgr" else values


class SiameseNetwork(nn.Module):
    """A Siamese tracker's network, put together from five parts.

    Args:
        pixels: from RGB 0..255 to the backbone's input.
        backbone: ``[B, 3, S, S]`` -> list of maps, one a level.
        neck: list of :class:`FeatureMap` -> list of :class:`FeatureMap`.
        enhancer: acts on each level's map, or, if ``joint``, on template and search together in every frame.
        correlations: per level, per branch of the head (or under ``shared``), what joins template and search.
        head: list of ``{branch: Fused}`` -> prediction.

    Attributes:
        remarks: what there is to say of parts that work together, but not as intended
            (:func:`siamtrack.models.pairing.remarks`).
    """

    remarks: tuple[str, ...] = ()

    def __init__(
        self,
        pixels: nn.Module,
        backbone: Backbone,
        neck: Neck,
        enhancer: Enhancer,
        correlations: nn.ModuleList,
        head: Head,
    ) -> None:
        super().__init__()
        self.pixels = pixels
        self.backbone = backbone
        self.neck = neck
        self.enhancer = enhancer
        self.correlations = correlations
        self.head = head

    @property
    def max_templates(self) -> int | None:
        """How many templates it can remember of a target; ``None``: any number."""
        limits = [joint.max_templates for i in range(len(self.correlations)) for joint in self._joints(i).values()]
        known = [limit for limit in (*limits, 1 if self.enhancer.joint else None) if limit is not None]
        return min(known, default=None)

    def remember(self, template: Crop) -> Memory:
        """What the tracker keeps of a template ``[B, 3, S, S]``; its box, where a part wants one, in crop px."""
        levels = self._features(template, is_template=True)
        if self.enhancer.joint:
            return Memory((Remembered(levels=tuple(levels)),))
        return Memory((Remembered(kernels=self._kernels([self.enhancer(level) for level in levels])),))

    def locate(self, memory: Memory, search: Crop) -> Prediction:
        """Where the remembered targets ``[B]`` are in the searches ``[B, 3, S, S]``; float32.

        Raises:
            ConfigError: more templates are remembered than the parts can take.
        """
        if self.max_templates is not None and len(memory.templates) > self.max_templates:
            raise ConfigError(
                f"MODEL: enhancer and correlation take {self.max_templates} template(s), but the memory holds "
                f"{len(memory.templates)}; take a correlation of several, such as transformer, and no joint enhancer, "
                "or sample and track with fewer (DATA.SAMPLER, TRACK)."
            )
        levels = self._features(search, is_template=False)
        if self.enhancer.joint:
            (template,) = memory.templates
            pairs = [self.enhancer(z, x) for z, x in zip(template.levels, levels, strict=True)]
            memory = Memory((Remembered(kernels=self._kernels([z for z, _ in pairs])),))
            levels = [x for _, x in pairs]
        else:
            levels = [self.enhancer(level) for level in levels]
        fused = [self._fuse(memory, i, level) for i, level in enumerate(levels)]
        prediction: Prediction = self.head(fused)
        return map_tensors(prediction, Tensor.float)

    def forward(self, templates: tuple[Crop, ...], search: Crop) -> Prediction:
        """A training batch: remember each template, then locate the search."""
        memory = self.remember(templates[0])
        for template in templates[1:]:
            memory = memory + self.remember(template)
        return self.locate(memory, search)

    def _features(self, crop: Crop, is_template: bool) -> list[FeatureMap]:
        maps = self.backbone(self.pixels(crop.pixels))
        levels = [
            FeatureMap(m, crop.size, self.backbone.stride, _resized(crop.mask, m), crop.box, level, is_template)
            for level, m in enumerate(maps)
        ]
        return list(self.neck(levels, template=is_template))

    def _kernels(self, levels: list[FeatureMap]) -> tuple[dict[str, tuple[Tensor, ...]], ...]:
        return tuple(
            {branch: correlation.kernel(level) for branch, correlation in self._joints(i).items()}
            for i, level in enumerate(levels)
        )

    def _fuse(self, memory: Memory, level: int, search: FeatureMap) -> dict[str, Fused]:
        fused: dict[str, Fused] = {
            branch: correlation([template.kernels[level][branch] for template in memory.templates], search)
            for branch, correlation in self._joints(level).items()
        }
        return {branch: fused[branch if branch in fused else SHARED] for branch in self.head.branches}

    def _joints(self, level: int) -> dict[str, Correlation]:
        """The correlations of one level by branch."""
        return cast("dict[str, Correlation]", self.correlations[level])


def _resized(mask: Tensor | None, feature: Tensor) -> Tensor | None:
    """A crop's padding mask ``[B, S, S]`` at the size of a map, nearest neighbour."""
    if mask is None:
        return None
    return F.interpolate(mask[:, None].float(), feature.shape[-2:])[:, 0].bool()
