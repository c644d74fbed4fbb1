"""Tracking with a response alone: SiamFC's scale pyramid."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from siamtrack.config import ConfigError
from siamtrack.contracts import Crop, Response
from siamtrack.crops import CropPolicy
from siamtrack.models import SiameseNetwork
from siamtrack.tracking.centred import CentredTracker
from siamtrack.tracking.dense import cosine_window
from siamtrack.tracking.tracker import Box, Result, trackers

_LARGEST = 4  # of a lost target, in sides of the frame; without a limit its crop would grow until memory is full


@dataclass(frozen=True)
class Peak:
    """The place that won a frame.

    Attributes:
        scale: index into the pyramid.
        x: px of that scale's search crop from its middle.
        y: likewise.
        score: of the strongest cell of that scale, in [0, 1].
    """

    scale: int
    x: float
    y: float
    score: float


@trackers.register("response")
class ResponseTracker(CentredTracker):
    """Searches several scales at once and goes to the peak of the best one's enlarged response.

    The size follows the winning scale by ``scale_lr`` and keeps its aspect ratio. Neither size nor place is cut to
    the frame. The score is the logistic of the strongest cell, which SiamFC trains as a logit. Scales with a response
    that is not finite do not count; where none does, the target stays, with score 0.

    Args:
        network: makes :class:`Response`.
        policy: how crops are cut.
        scales: of the pyramid, odd.
        scale_step: factor between neighbouring scales.
        scale_lr: how fast the size follows.
        scale_penalty: factor on the responses of all scales but the middle one; of negative responses it makes more.
        window_influence: share of the cosine window, in [0, 1].
        upsampling: cells of the enlarged response per cell.

    Raises:
        ConfigError: an option is outside its range.

    Source: SiamFC (Bertinetto et al., ECCV 2016 workshops), section 3; siamfc-pytorch ``siamfc/siamfc.py``.
    """

    serves = (Response,)

    def __init__(
        self,
        network: SiameseNetwork,
        policy: CropPolicy,
        *,
        scales: int = 3,
        scale_step: float = 1.0375,
        scale_lr: float = 0.59,
        scale_penalty: float = 0.9745,
        window_influence: float = 0.176,
        upsampling: int = 16,
    ) -> None:
        if scales < 1 or scales % 2 == 0:
            raise ConfigError(f"TRACK.SCALES: {scales} have none in their middle; take an odd number.")
        if scale_step <= 0 or upsampling < 1:
            raise ConfigError(
                f"TRACK: SCALE_STEP {scale_step} should be above 0 and UPSAMPLING {upsampling} at least 1."
            )
        super().__init__(network, policy)
        self.factors = scale_step ** np.linspace(-(scales // 2), scales // 2, scales)
        self.scale_lr, self.scale_penalty, self.window_influence = scale_lr, scale_penalty, window_influence
        self.upsampling = upsampling

    @torch.inference_mode()
    def _start(self, frame: np.ndarray, box: Box) -> None:
        self.memory = self._remember(frame, box).expand(len(self.factors))

    @torch.inference_mode()
    def _step(self, frame: np.ndarray) -> Result:
        w, h = self.size
        cuts = [self.policy.search(frame, self.centre, (w * f, h * f), self.padding) for f in self.factors]
        pyramid = Crop(torch.cat([crop.pixels for crop, _ in cuts]))
        prediction = self.network.locate(self.memory, pyramid.to(self.device))
        assert isinstance(prediction, Response)
        peak = self.choose(prediction.logit.cpu().numpy(), prediction.stride)
        placement = cuts[peak.scale][1]
        middle = prediction.size // 2
        self.centre = placement.to_frame(middle + peak.x, middle + peak.y)
        self._rescale(float(self.factors[peak.scale]), frame.shape)
        (x, y), (w, h) = self.centre, self.size
        return Result((x - w / 2, y - h / 2, w, h), peak.score)

    def choose(self, logit: np.ndarray, stride: int) -> Peak:
        """The best scale and its peak.

        Args:
            logit: ``[scales, H, W]`` float32.
            stride: px between cells.
        """
        height, width = logit.shape[1] * self.upsampling, logit.shape[2] * self.upsampling
        enlarged = np.stack([cv2.resize(r, (width, height), interpolation=cv2.INTER_CUBIC) for r in logit])
        other = np.arange(len(logit)) != len(logit) // 2
        enlarged[other] *= self.scale_penalty
        finite = np.isfinite(logit).all((1, 2))
        if not finite.any():
            return Peak(len(logit) // 2, 0.0, 0.0, 0.0)
        best = int(np.where(finite, enlarged.max((1, 2)), -np.inf).argmax())
        response = enlarged[best] - enlarged[best].min()
        response /= response.sum() + 1e-16
        window = normalised_window(height, width)
        response = (1 - self.window_influence) * response + self.window_influence * window
        row, column = np.unravel_index(int(response.argmax()), response.shape)
        step = stride / self.upsampling
        score = 1 / (1 + math.exp(min(-float(logit[best].max()), 700.0)))  # exp(710) is too large for a float
        return Peak(best, (int(column) - (width - 1) / 2) * step, (int(row) - (height - 1) / 2) * step, score)

    def _rescale(self, factor: float, shape: tuple[int, ...]) -> None:
        growth = 1 - self.scale_lr + self.scale_lr * factor
        smallest, largest = 1 / min(self.size), _LARGEST * max(shape[:2]) / max(self.size)
        growth = min(max(growth, min(smallest, 1.0)), max(largest, 1.0))
        self.size = self.size[0] * growth, self.size[1] * growth


@functools.lru_cache(maxsize=4)
def normalised_window(height: int, width: int) -> np.ndarray:
    """``[height, width]`` float64 Hanning window with sum 1."""
    window = cosine_window(height, width).reshape(height, width)
    normalised: np.ndarray = window / window.sum()
    return normalised
