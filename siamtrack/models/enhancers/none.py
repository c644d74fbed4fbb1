"""No enhancer: features go on as the neck made them."""

from __future__ import annotations

from siamtrack.contracts import FeatureMap
from siamtrack.models.slots import Enhancer, enhancers


@enhancers.register("none")
class NoEnhancer(Enhancer):
    """Leaves a level as it is.

    Args:
        channels: of each level.
    """

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, level: FeatureMap) -> FeatureMap:
        return level
