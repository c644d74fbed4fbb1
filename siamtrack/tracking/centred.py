"""What trackers of the SiamFC family share: a network, a crop policy, and a target that is a centre and a size."""

from __future__ import annotations

import numpy as np
import torch

from siamtrack.contracts import Memory
from siamtrack.crops import CropPolicy
from siamtrack.models import SiameseNetwork
from siamtrack.tracking.tracker import Box, Tracker


class CentredTracker(Tracker):
    """Follows a centre and a size with one template, from the first frame.

    Args:
        network: put into eval mode.
        policy: how crops are cut.

    Attributes:
        centre: of the target, frame px.
        size: width and height of the target, frame px.
        padding: colour outside the frame, that of the first frame for ever.
    """

    padding: np.ndarray

    def __init__(self, network: SiameseNetwork, policy: CropPolicy) -> None:
        self.network, self.policy = network.eval(), policy
        self.centre, self.size = (0.0, 0.0), (0.0, 0.0)

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return next(self.network.parameters()).device

    def _remember(self, frame: np.ndarray, box: Box) -> Memory:
        """Take centre, size and padding from the first frame; what the network keeps of it."""
        x, y, w, h = box
        self.centre, self.size = (x + w / 2, y + h / 2), (w, h)
        self.padding = self.policy.padding(frame)
        crop, _ = self.policy.template(frame, self.centre, self.size, self.padding)
        return self.network.remember(crop.to(self.device))
