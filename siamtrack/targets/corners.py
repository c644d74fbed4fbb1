"""Targets for corner heads: the true box, as far as the crop shows it."""

from __future__ import annotations

from siamtrack.boxes import clip_xyxy
from siamtrack.contracts import Batch, Corners, Targets
from siamtrack.targets.registry import labellers


@labellers.register("corners")
class CornerLabeller:
    """The search crop's box, cut to the crop; and whether the target is there.

    A box outside the crop becomes an empty one at its edge.

    Source: STARK ``lib/train/actors/stark_s.py``, where the true boxes are clamped to 0..1.
    """

    serves = (Corners,)

    def __call__(self, prediction: Corners, batch: Batch) -> Targets:
        assert batch.search.box is not None
        return Targets(clip_xyxy(batch.search.box, prediction.size, prediction.size), batch.present)
