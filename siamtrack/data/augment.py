"""Augmentation: drawn on the host as numbers; colours are done in batch on the device.

The original (SiamBAN ``datasets/augmentation.py``) works on one image at a time: grey, warp, colour, blur, flip.
Here the warp, with the flip in it, has been done on uint8 when crops arrive; grey, blur and colour follow on the
device. Grey after the warp differs from grey before it by at most one grey level. The colour is a constant per
channel, so it commutes with the blur, which is thereby done on integers and exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from siamtrack.config import ConfigError
from siamtrack.contracts import map_tensors
from siamtrack.crops import Jitter
from siamtrack.data import streams

BLUR_SIZES = np.arange(5, 46, 2)
_REACH = int(BLUR_SIZES[-1]) // 2

# Three standard normals to the colour that is subtracted, RGB rows: pysot's matrix with its rows as they are, since
# the reversal there turns them into BGR.
COLOR_BASIS = np.array(
    [
        [-0.55919361, 0.98062831, -0.41940627],
        [1.72091413, 0.19879334, -1.82968581],
        [4.64467907, 4.73710203, 4.88324118],
    ]
)
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, RGB: OpenCV's grey


@dataclass(eq=False)
class Photometry:
    """What happens to the colours of a batch of crops.

    Which samples turn grey or are blurred are index lists whose lengths the host knows, so that the device never has
    to be asked.

    Attributes:
        offset: ``[B, 3]`` float32 RGB, subtracted; the result is not clipped.
        gray: ``[G]`` int64, samples that turn grey.
        blurred: ``[N]`` int64, samples that are blurred.
        blur_size: ``[N]`` int64, odd, px.
        blur_weight: ``[N]`` float32 in [0, 1], the share of the vertical line of the cross; the rest is horizontal.
        gain: ``[B]`` float32, a factor on the brightness, after which values are cut to 0..255; ``None``: none.
    """

    offset: Tensor
    gray: Tensor
    blurred: Tensor
    blur_size: Tensor
    blur_weight: Tensor
    gain: Tensor | None = None

    @classmethod
    def from_draws(
        cls,
        gray: np.ndarray,
        offset: np.ndarray,
        blur: np.ndarray,
        weight: np.ndarray,
        gain: np.ndarray | None = None,
    ) -> Photometry:
        """From one value per sample: ``gray [B]`` bool, ``offset [B, 3]``, ``blur [B]`` size or 0, ``weight [B]``,
        ``gain [B]``.
        """
        blurred = np.flatnonzero(blur)
        return cls(
            offset=torch.from_numpy(np.asarray(offset, np.float32)),
            gray=torch.from_numpy(np.flatnonzero(gray)),
            blurred=torch.from_numpy(blurred),
            blur_size=torch.from_numpy(np.asarray(blur[blurred], np.int64)),
            blur_weight=torch.from_numpy(np.asarray(weight[blurred], np.float32)),
            gain=None if gain is None else torch.from_numpy(np.asarray(gain, np.float32)),
        )

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Photometry:
        """A copy with every tensor on ``device``."""
        return map_tensors(self, lambda t: t.to(device, non_blocking=non_blocking))


# Drawing ------------------------------------------------------------------------------------------------------------


class CropAugmentation:
    """What is drawn for one kind of crop (``DATA.AUGMENT.TEMPLATE`` or ``.SEARCH``).

    Args:
        options: SHIFT (the crop policy's unit), SCALE (fraction; with SCALE_DRAW normal a standard deviation),
            BRIGHTNESS (fraction), COLOR, BLUR, FLIP (probabilities).
        where: the key of the options, for errors.

    Raises:
        ConfigError: an option is outside its range.
    """

    WORDS = 16  # random words a crop takes, used or not: samples stay the same when an option changes

    def __init__(self, options: Mapping[str, Any], where: str) -> None:
        self.shift, self.scale = float(options["SHIFT"]), float(options["SCALE"])
        self.color, self.blur, self.flip = (_probability(options, key, where) for key in ("COLOR", "BLUR", "FLIP"))
        if self.shift < 0:
            raise ConfigError(f"{where}.SHIFT: {self.shift} is a distance in pixels; it should be 0 or more.")
        self.brightness = float(options["BRIGHTNESS"])
        for key, value in (("SCALE", self.scale), ("BRIGHTNESS", self.brightness)):
            if not 0 <= value < 1:
                raise ConfigError(f"{where}.{key}: {value} is a relative change; it should be from 0 to below 1.")
        if options["SCALE_DRAW"] not in ("uniform", "normal"):
            raise ConfigError(f"{where}.SCALE_DRAW: {options['SCALE_DRAW']!r} should be uniform or normal.")
        self.normal = options["SCALE_DRAW"] == "normal"

    def jitter(self, words: np.ndarray, mirror: np.ndarray | None = None) -> Jitter:
        """The windows of B crops from their random words ``[B, WORDS]`` uint64; ``mirror [B]`` goes for the sample."""
        signed = 2 * streams.uniform(words[:, :4]) - 1
        scale = streams.normal(words[:, :2]) if self.normal else signed[:, :2]
        return Jitter(
            scale=scale * self.scale,
            shift=signed[:, 2:] * self.shift,
            flip=streams.uniform(words[:, 4]) < self.flip,
            mirror=mirror,
        )

    def photometry(self, words: np.ndarray, gray: np.ndarray) -> Photometry:
        """The colours of B crops from the same words; ``gray [B]`` bool was drawn for the pair."""
        coloured, blurred, weight = streams.uniform(words[:, 5:8]).T
        size = BLUR_SIZES[streams.integers(words[:, 8], np.full(len(words), len(BLUR_SIZES)))]
        offset = streams.normal(words[:, 9:13])[:, :3] @ COLOR_BASIS.T
        gain = 1 + self.brightness * (2 * streams.uniform(words[:, 13]) - 1) if self.brightness else None
        return Photometry.from_draws(
            gray=gray,
            offset=np.where((coloured < self.color)[:, None], offset, 0.0),
            blur=np.where(blurred < self.blur, size, 0),
            weight=weight,
            gain=gain,
        )


class Augmentation:
    """All of ``DATA.AUGMENT``.

    Args:
        options: GRAY, MIRROR, TEMPLATE, SEARCH; see ``siamtrack.config.defaults``.

    Raises:
        ConfigError: an option is outside its range.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        where = "DATA.AUGMENT"
        self.gray, self.mirror = (_probability(options, key, where) for key in ("GRAY", "MIRROR"))
        self.template = CropAugmentation(options["TEMPLATE"], f"{where}.TEMPLATE")
        self.search = CropAugmentation(options["SEARCH"], f"{where}.SEARCH")


def _probability(options: Mapping[str, Any], key: str, where: str) -> float:
    value = float(options[key])
    if not 0 <= value <= 1:
        raise ConfigError(f"{where}.{key}: {value} is a probability; it should be from 0 to 1.")
    return value


# Doing --------------------------------------------------------------------------------------------------------------


def adjust_colours(pixels: Tensor, photometry: Photometry) -> Tensor:
    """Grey, blur, brightness, then colour, on the device of ``pixels`` and without host synchronisation.

    Args:
        pixels: ``[B, 3, S, S]`` uint8 RGB.
        photometry: on the same device.

    Returns:
        ``[B, 3, S, S]`` float32, which may leave 0..255.
    """
    image = pixels.float()
    if len(photometry.gray):
        image.index_copy_(0, photometry.gray, _gray(image.index_select(0, photometry.gray)))
    if len(photometry.blurred):
        chosen = image.index_select(0, photometry.blurred)
        image.index_copy_(0, photometry.blurred, cross_blur(chosen, photometry.blur_size, photometry.blur_weight))
    if photometry.gain is not None:
        image.mul_(photometry.gain[:, None, None, None]).clamp_(0, 255)
    return image.sub_(photometry.offset[:, :, None, None])


def _gray(image: Tensor) -> Tensor:
    red, green, blue = image.unbind(1)
    luma = (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue).round_()
    return luma[:, None].expand_as(image)


def cross_blur(image: Tensor, size: Tensor, weight: Tensor) -> Tensor:
    """Two crossed lines as one kernel: ``weight`` on the vertical, ``1 - weight`` on the horizontal.

    Border reflect-101, like ``cv2.filter2D`` with that kernel.

    Args:
        image: ``[N, C, H, W]`` float32 with integer values (running sums of integers are exact).
        size: ``[N]`` int64, odd, at most 45.
        weight: ``[N]`` float32 in [0, 1].
    """
    return (_by_opencv if image.device.type == "cpu" else _by_running_sums)(image, size, weight)


def _by_running_sums(image: Tensor, size: Tensor, weight: Tensor) -> Tensor:
    """:func:`cross_blur` without asking the device for a size."""
    shape = (-1, 1, 1, 1)
    whole = image.to(torch.int32)
    vertical, horizontal = _box_sums(whole, size, -2), _box_sums(whole, size, -1)
    share = (weight / size).view(shape)
    return vertical.float() * share + horizontal.float() * (1.0 / size.view(shape) - share)


def _by_opencv(image: Tensor, size: Tensor, weight: Tensor) -> Tensor:
    """:func:`cross_blur` on a CPU, where it is four times as fast."""
    blurred = np.empty(image.shape, np.float32)
    for planes, result, side, share in zip(
        image.contiguous().numpy(), blurred, size.tolist(), weight.tolist(), strict=True
    ):
        for plane, out in zip(planes, result, strict=True):
            vertical = cv2.blur(plane, (1, side), borderType=cv2.BORDER_REFLECT_101)
            horizontal = cv2.blur(plane, (side, 1), borderType=cv2.BORDER_REFLECT_101)
            cv2.addWeighted(vertical, share, horizontal, 1 - share, 0.0, dst=out)
    return torch.from_numpy(blurred)


def _box_sums(image: Tensor, size: Tensor, dim: int) -> Tensor:
    """``[N, C, H, W]`` int32: sums over ``size`` pixels along one axis, centred, as differences of running sums."""
    length = image.shape[dim]
    position = torch.arange(-_REACH - 1, length + _REACH, device=image.device)
    # reflect-101 at both ends, also of images narrower than the kernel
    period = max(2 * (length - 1), 1)
    reflected = (length - 1) - (position.remainder(period) - (length - 1)).abs()
    sums = image.index_select(dim, reflected).cumsum(dim, dtype=torch.int32)

    cells = torch.arange(length, device=image.device)
    if dim == -2:
        cells = cells[:, None]
    centre = cells + _REACH + 1
    half = (size // 2).view(-1, 1, 1, 1)
    above = (centre + half).expand_as(image)
    below = (centre - half - 1).expand_as(image)
    return sums.gather(dim, above) - sums.gather(dim, below)
