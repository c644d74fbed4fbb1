"""The five slots of a network: what a part of each kind must offer, and the registries of the parts.

``backbone -> neck -> enhancer -> correlation -> head``. The registries stand here and not in the packages of the parts,
so that a part and the network can import them without importing each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from torch import Tensor, nn

from siamtrack.contracts import FeatureMap, Fused, FusedSpec, Prediction
from siamtrack.registry import Registry

Attends = Literal["self", "cross"]  # within one side, or between template and search


class Backbone(nn.Module):
    """Pixels to maps: ``forward([B, 3, S, S]) -> [[B, C_i, H, W], ...]``, one a level, all of one stride.

    Attributes:
        channels: of each level.
        stride: pixels of the crop between neighbouring cells.
    """

    channels: tuple[int, ...]
    stride: int


class Neck(nn.Module):
    """Levels to levels: ``forward(list[FeatureMap], template: bool) -> list[FeatureMap]``.

    Attributes:
        channels: of each level it gives.
    """

    channels: tuple[int, ...]


class Enhancer(nn.Module):
    """Acts on levels before they are correlated.

    ``forward(level) -> level``; a joint one ``forward(template, search) -> (template, search)``, in every frame.

    Attributes:
        channels: of each level it gives.
        joint: whether template and search must be enhanced together; the template's levels are then remembered.
            It serves one template.
        attends: the attention it computes; a correlation that computes the same makes it a control.
    """

    channels: tuple[int, ...]
    joint: ClassVar[bool] = False
    attends: ClassVar[tuple[Attends, ...]] = ()


class Correlation(nn.Module):
    """Joins one level of template and search for one branch of the head.

    ``forward(kernels, search) -> Fused``; ``kernels`` holds, for each template, what :meth:`kernel` gave.

    Attributes:
        spec: what its result will look like.
        shared: one correlation serves all branches of the head.
        max_templates: how many templates it can take; ``None``: any number.
        max_levels: how many levels it makes sense for; ``None``: any number.
        attends: the attention it computes.
    """

    spec: FusedSpec
    shared: ClassVar[bool] = False
    max_templates: ClassVar[int | None] = 1
    max_levels: ClassVar[int | None] = None
    attends: ClassVar[tuple[Attends, ...]] = ()

    def kernel(self, template: FeatureMap) -> tuple[Tensor, ...]:
        """What is remembered of a template, each tensor with the batch first; computed once."""
        raise NotImplementedError

    def forward(self, kernels: Sequence[tuple[Tensor, ...]], search: FeatureMap) -> Fused:
        raise NotImplementedError


class Head(nn.Module):
    """Correlated features to a prediction: ``forward([{branch: Fused}, ...]) -> Prediction``.

    Attributes:
        branches: the names of the features it reads on each level.
        makes: the kind of prediction.
        reads_scores: it can read a correlation that gives scores in place of features (``FusedSpec.scores``).
        max_levels: how many levels it reads; ``None``: any number.
        contrasts: its branches inform each other, which says something only where they see different features.
        needs_target: it reads ``Fused.target``; the constructor sets it where an option decides.
    """

    branches: ClassVar[tuple[str, ...]]
    makes: ClassVar[type[Prediction]]
    reads_scores: ClassVar[bool] = False
    max_levels: ClassVar[int | None] = None
    contrasts: ClassVar[bool] = False
    needs_target: bool = False


backbones: Registry[Backbone] = Registry("backbone", "MODEL.BACKBONE", package="siamtrack.models.backbones")
necks: Registry[Neck] = Registry("neck", "MODEL.NECK", package="siamtrack.models.necks")
enhancers: Registry[Enhancer] = Registry("enhancer", "MODEL.ENHANCER", package="siamtrack.models.enhancers")
correlations: Registry[Correlation] = Registry(
    "correlation", "MODEL.CORRELATION", package="siamtrack.models.correlations"
)
heads: Registry[Head] = Registry("head", "MODEL.HEAD", package="siamtrack.models.heads")
