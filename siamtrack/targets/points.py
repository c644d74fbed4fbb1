"""Labels for anchor-free heads: ellipses inside the box, sub-sampled in batch on the device."""

from __future__ import annotations

import torch
from torch import Tensor

from siamtrack.boxes import xyxy_to_cxcywh, xyxy_to_ltrb
from siamtrack.contracts import Batch, Points, Targets
from siamtrack.targets.registry import labellers
from siamtrack.targets.sampling import subsample


@labellers.register("points")
class PointLabeller:
    """SiamBAN's two ellipses: 1 inside the inner, 0 outside the outer, -1 between and on the edges.

    Of a positive pair at most ``positives`` and ``negatives`` cells keep their label, the rest become -1; missing
    positives are not made up for by negatives. Of a negative pair, whose search box holds somebody else, at most
    ``negative_pair`` cells of the inner ellipse are labelled 0 and everything else is ignored: hard negatives only.
    A box whose inner ellipse holds no cell gives no positive.

    Args:
        inner: semi-axes of the inner ellipse, in sides of the box.
        outer: semi-axes of the outer ellipse, in sides of the box.
        positives: cells per positive pair; 0: all.
        negatives: cells per positive pair; 0: all.
        negative_pair: cells per negative pair; 0: all.

    Source: SiamBAN (Chen et al., CVPR 2020), section 3.3; ``datasets/point_target.py``.
    """

    serves = (Points,)

    def __init__(
        self,
        *,
        inner: float = 0.25,
        outer: float = 0.5,
        positives: int = 16,
        negatives: int = 48,
        negative_pair: int = 16,
    ) -> None:
        self.inner, self.outer = inner, outer
        self.positives, self.negatives, self.negative_pair = positives, negatives, negative_pair

    def __call__(self, prediction: Points, batch: Batch) -> Targets:
        assert batch.search.box is not None
        box, present = batch.search.box, batch.present
        points = prediction.points()
        positive, negative, hard = self.candidates(points, box, present)
        positive = subsample(positive, batch.seed, self.positives, purpose=0)
        negative = subsample(negative, batch.seed, self.negatives, purpose=1)
        hard = subsample(hard, batch.seed, self.negative_pair, purpose=2)
        label = torch.where(positive, 1, torch.where(negative | hard, 0, -1)).to(torch.int8)
        ltrb = xyxy_to_ltrb(points.permute(1, 2, 0), box[:, None, None]).permute(0, 3, 1, 2)
        return Targets(box, present, label, ltrb * present[:, None, None, None])

    def candidates(self, points: Tensor, box: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Before sub-sampling, each ``[B, H, W]`` bool: positives, negatives, hard negatives of negative pairs."""
        centre_x, centre_y, width, height = xyxy_to_cxcywh(box)[:, :, None, None].unbind(1)
        off_x, off_y = (centre_x - points[0]) / width, (centre_y - points[1]) / height
        inside = (off_x / self.inner).square() + (off_y / self.inner).square() < 1
        outside = (off_x / self.outer).square() + (off_y / self.outer).square() > 1
        real = present[:, None, None]
        return inside & real, outside & real, inside & ~real
