"""No neck: levels go on as the backbone made them."""

from __future__ import annotations

from siamtrack.contracts import FeatureMap
from siamtrack.models.slots import Neck, necks


@necks.register("none")
class NoNeck(Neck):
    """Leaves levels as they are, templates whole.

    Args:
        channels: of each level the backbone gives.
    """

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, maps: list[FeatureMap], template: bool) -> list[FeatureMap]:
        return maps
