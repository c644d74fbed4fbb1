"""Crop policies: which part of a frame the network sees, and where that part lies in the frame.

A policy serves both sides. A tracker asks for ``template`` and ``search`` crops around a centre, one frame at a
time. Training asks ``place`` for the windows of a whole batch of boxes and ``cut`` for the pixels under one of
them. Frames and crops are RGB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from siamtrack.contracts import Crop, Placement
from siamtrack.registry import Registry


@dataclass(frozen=True)
class Jitter:
    """How the windows of a batch differ from the plain window around the target.

    What ``scale`` and ``shift`` are measured in is the policy's to say; 0 leaves the window.

    Attributes:
        scale: ``[B, 2]`` change of the window's size in x and y.
        shift: ``[B, 2]`` displacement of the window in x and y.
        flip: ``[B]`` bool, the crop is mirrored left to right.
        mirror: ``[B]`` bool, the whole frame is mirrored before anything else; ``None``: never.
    """

    scale: np.ndarray
    shift: np.ndarray
    flip: np.ndarray
    mirror: np.ndarray | None = None

    @property
    def mirrored(self) -> np.ndarray:
        """``[B]`` bool: ``mirror``, also where it is ``None``."""
        return np.zeros(len(self.flip), bool) if self.mirror is None else self.mirror

    @classmethod
    def none(cls, count: int) -> Jitter:
        """The plain windows of ``count`` targets."""
        return cls(np.zeros((count, 2)), np.zeros((count, 2)), np.zeros(count, bool))


class CropPolicy(Protocol):
    """What trackers and the loader ask of a policy.

    Attributes:
        template_size: side of the template crops, px.
        search_size: side of a tracker's search crops, px.
        train_search_size: side of the search crops of training, px; at the same scale.
    """

    template_size: int
    search_size: int
    train_search_size: int

    def padding(self, frame: np.ndarray) -> np.ndarray:
        """``[3]`` uint8 RGB that a tracker started on this frame pads its crops with."""
        ...

    def template(
        self, frame: np.ndarray, centre: tuple[float, float], size: tuple[float, float], padding: Any = None
    ) -> tuple[Crop, Placement]:
        """The template crop of a target, ``[1, 3, template_size, template_size]`` uint8, with its box.

        Args:
            frame: RGB uint8 ``[H, W, 3]``.
            centre: of the target, frame px.
            size: width and height of the target, frame px.
            padding: ``[3]`` RGB; ``None``: ``self.padding(frame)``.

        Raises:
            ValueError: centre or size is not finite, or a side is not positive.
        """
        ...

    def search(
        self, frame: np.ndarray, centre: tuple[float, float], size: tuple[float, float], padding: Any = None
    ) -> tuple[Crop, Placement]:
        """The search crop around the last known target, ``[1, 3, search_size, search_size]`` uint8; as above."""
        ...

    def place(self, boxes_xywh: np.ndarray, jitter: Jitter, search: bool) -> tuple[np.ndarray, np.ndarray]:
        """Windows and boxes of a batch of training crops, before any frame is opened.

        Args:
            boxes_xywh: ``[B, 4]`` targets, frame px; a row of NaN asks for a window about the middle of the frame.
            jitter: of B windows.
            search: search crops, otherwise template crops.

        Returns:
            ``[B, ...]`` float64 windows, which ``cut`` and ``mask`` of the same policy understand, and ``[B, 4]``
            float64 xyxy boxes in the crops.

        Raises:
            ValueError: a row of NaN, from a policy that has no window for it.
        """
        ...

    def cut(self, frame: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
        """The pixels ``[size, size, 3]`` uint8 under one window of ``place``.

        ``frame`` may be something that decodes what is looked at: it has the frame's shape, gives rectangles by
        ``frame[top:bottom, left:right]`` and its colour by ``frame.mean_colour()``, and becomes whole as an array.
        """
        ...

    def mask(self, shape: tuple[int, ...], window: np.ndarray, size: int) -> np.ndarray | None:
        """Where that crop of a frame of ``shape`` (H, W, ...) is padding: ``[size, size]`` bool, or ``None``: unasked.

        A crop that is padding throughout cannot be trained on; the loader then draws the sample again.
        """
        ...


crop_policies: Registry[CropPolicy] = Registry("crop policy", "CROP", package="siamtrack.crops")
