"""The same pictures from a training step, with what the network made of it."""

from __future__ import annotations

import numpy as np

from siamtrack.contracts import Batch, Prediction, Targets
from siamtrack.preview.samples import samples_of
from siamtrack.preview.sheet import draw_sheet


def batch_sheet(batch: Batch, targets: Targets, prediction: Prediction, limit: int = 8, side: int = 160) -> np.ndarray:
    """``[H, W, 3]`` uint8 RGB: samples with labels, score maps and the boxes of the best cells.

    The host waits for the device: not for every step.

    Args:
        batch: as the network saw it.
        targets: its labels.
        prediction: what the network made of it.
        limit: samples that are drawn.
        side: of a search crop, px.
    """
    samples = samples_of(batch, targets, prediction, limit)
    return draw_sheet(samples, f"{min(limit, len(batch))} of a batch of {len(batch)}", side)
