"""Labels for a response without boxes: a diamond of cells."""

from __future__ import annotations

from typing import Literal

import torch

from siamtrack.boxes import xyxy_to_cxcywh
from siamtrack.config import ConfigError
from siamtrack.contracts import Batch, Response, Targets, grid_points
from siamtrack.targets.registry import labellers


@labellers.register("response")
class ResponseLabeller:
    """SiamFC's labels: 1 within a city-block distance, 0 elsewhere; of a negative pair 0 everywhere.

    The original's labels stay in the middle of the crop, also where the random crop has moved the target by up to
    4 px: half a cell. Where searches are shifted further, centre them on the box.

    Args:
        radius: px, largest distance of a positive cell's point; 16 px at stride 8 are 13 cells.
        centre: ``crop``: the middle of the search crop; ``box``: that of its box.

    Raises:
        ConfigError: the radius is negative.

    Source: siamfc-pytorch ``siamfc/siamfc.py``, ``_create_labels``.
    """

    serves = (Response,)

    def __init__(self, *, radius: float = 16.0, centre: Literal["crop", "box"] = "crop") -> None:
        if radius < 0:
            raise ConfigError(f"TARGETS.RADIUS: {radius} px should be 0 or more.")
        self.radius, self.centre = radius, centre

    def __call__(self, prediction: Response, batch: Batch) -> Targets:
        assert batch.search.box is not None
        box, present = batch.search.box, batch.present
        height, width = prediction.logit.shape[-2:]
        points = grid_points(height, width, prediction.size, prediction.stride, box.device)
        if self.centre == "box":
            middle = xyxy_to_cxcywh(box)[:, :2, None, None]
        else:
            middle = points.new_full((len(box), 2, 1, 1), prediction.size // 2)
        near = (points - middle).abs().sum(1) <= self.radius
        return Targets(box, present, (near & present[:, None, None]).to(torch.int8))
