"""Labels for anchor heads: by overlap, sub-sampled in batch on the device."""

from __future__ import annotations

import torch
from torch import Tensor

from siamtrack.boxes import iou, xyxy_to_cxcywh
from siamtrack.config import ConfigError
from siamtrack.contracts import Anchors, Batch, Targets
from siamtrack.targets.registry import labellers
from siamtrack.targets.sampling import subsample


@labellers.register("anchors")
class AnchorLabeller:
    """SiamRPN's rule: 1 above one IoU with the box, 0 below another, -1 between; no best anchor is made positive.

    Of a positive pair at most ``positives`` and ``negatives`` anchors keep their label, the rest become -1; missing
    positives are not made up for by negatives. Every positive weighs 1 / (their number + 1e-6) in the box loss. Of a
    negative pair ``negative_pair`` anchors of the cells around the box are 0 and everything else is ignored; that
    window is centred on the cell ``ceil`` finds after half a cell has been added, one further than the cell a
    centred box lies in.

    Args:
        positive_iou: anchors above it are positive.
        negative_iou: anchors below it are negative.
        positives: anchors per positive pair; 0: all.
        negatives: anchors per positive pair; 0: all.
        negative_pair: anchors per negative pair; 0: all.
        window: side of a negative pair's window, cells, odd.

    Raises:
        ConfigError: thresholds or window do not fit.

    Source: SiamRPN++ (Li et al., CVPR 2019); pysot ``datasets/anchor_target.py``.
    """

    serves = (Anchors,)

    def __init__(
        self,
        *,
        positive_iou: float = 0.6,
        negative_iou: float = 0.3,
        positives: int = 16,
        negatives: int = 48,
        negative_pair: int = 16,
        window: int = 7,
    ) -> None:
        if not 0 <= negative_iou <= positive_iou <= 1:
            raise ConfigError(
                f"TARGETS: NEGATIVE_IOU {negative_iou} and POSITIVE_IOU {positive_iou} should lie in 0..1, in this "
                "order."
            )
        if window < 1 or window % 2 == 0:
            raise ConfigError(f"TARGETS.WINDOW: {window} cells have no cell in their middle; take an odd number.")
        self.positive_iou, self.negative_iou = positive_iou, negative_iou
        self.positives, self.negatives, self.negative_pair = positives, negatives, negative_pair
        self.window = window

    def __call__(self, prediction: Anchors, batch: Batch) -> Targets:
        assert batch.search.box is not None
        box, present = batch.search.box, batch.present
        positive, negative, hard = self.candidates(prediction, box, present)
        positive = subsample(positive, batch.seed, self.positives, purpose=0)
        negative = subsample(negative, batch.seed, self.negatives, purpose=1)
        hard = subsample(hard, batch.seed, self.negative_pair, purpose=2)
        label = torch.where(positive, 1, torch.where(negative | hard, 0, -1)).to(torch.int8)
        weight = positive / (positive.sum((1, 2, 3), keepdim=True) + 1e-6)
        delta = encode(prediction.anchors(), box[:, None, None, None]).movedim(-1, 1)
        delta = torch.where(present[:, None, None, None, None], delta, 0.0)
        return Targets(box, present, label, delta, weight)

    def candidates(self, prediction: Anchors, box: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Before sub-sampling, each ``[B, A, H, W]`` bool: positives, negatives, hard negatives of negative pairs."""
        overlap = iou(prediction.anchors(), box[:, None, None, None])
        real = present[:, None, None, None]
        hard = self._around(prediction, box)[:, None].expand_as(overlap)
        return (overlap > self.positive_iou) & real, (overlap < self.negative_iou) & real, hard & ~real

    def _around(self, prediction: Anchors, box: Tensor) -> Tensor:
        """``[B, H, W]`` bool: the cells of the window, as far as it lies on the map."""
        centre = xyxy_to_cxcywh(box)[:, :2]
        middle = torch.ceil((centre - prediction.size // 2) / prediction.stride + 0.5)
        near = [
            ((torch.arange(n, device=box.device) - n // 2 - middle[:, axis, None]).abs() <= self.window // 2)
            for axis, n in enumerate(reversed(prediction.logit.shape[-2:]))
        ]
        return near[1][:, :, None] & near[0][:, None, :]


def encode(anchors: Tensor, box: Tensor) -> Tensor:
    """What :meth:`Anchors.boxes` decodes: ``[..., 4]`` dx, dy in anchor sides and dw, dh logarithmic.

    Args:
        anchors: ``[..., 4]`` xyxy px.
        box: ``[..., 4]`` xyxy px, broadcastable; a side below 1e-3 px counts as that.
    """
    anchor, target = xyxy_to_cxcywh(anchors), xyxy_to_cxcywh(box)
    extent = anchor[..., 2:]
    shift = (target[..., :2] - anchor[..., :2]) / extent
    return torch.cat([shift, torch.log(target[..., 2:].clamp(min=1e-3) / extent)], -1)
