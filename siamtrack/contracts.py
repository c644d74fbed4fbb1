"""What passes between the rooms: crops, feature maps, memories, predictions and targets.

Letters in the shapes: B batch, C channels, H and W cells, S side of a crop, A anchors, D a vector, N cells or anchors
flattened. px are pixels of the search crop. Everything a later room needs (side, stride, mask, box) travels with the
thing itself.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from siamtrack.boxes import cxcywh_to_xyxy, ltrb_to_xyxy

T = TypeVar("T")


def map_tensors(value: T, function: Callable[[Tensor], Tensor]) -> T:
    """The same structure (contracts, tuples, lists, dicts) with ``function`` applied to every tensor in it."""
    if isinstance(value, Tensor):
        return function(value)  # type: ignore[return-value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: map_tensors(getattr(value, f.name), function) for f in dataclasses.fields(value)}
        return type(value)(**fields)
    if isinstance(value, (tuple, list)):
        return type(value)(map_tensors(item, function) for item in value)  # type: ignore[call-arg, return-value]
    if isinstance(value, dict):
        return {key: map_tensors(item, function) for key, item in value.items()}  # type: ignore[return-value]
    return value


class _Movable:
    """Contracts that can follow the data to a device."""

    def to(self: T, device: torch.device | str, non_blocking: bool = False) -> T:
        """A copy with every tensor on ``device``."""
        return map_tensors(self, lambda t: t.to(device, non_blocking=non_blocking))

    def pin_memory(self: T) -> T:
        """A copy in page-locked memory; the loader asks for it when there is a GPU."""
        return map_tensors(self, Tensor.pin_memory)


# Images -------------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Crop(_Movable):
    """Square cut-outs of frames.

    Attributes:
        pixels: ``[B, 3, S, S]`` uint8 or float, RGB, 0..255 (augmented ones may leave that range).
        box: ``[B, 4]`` float32 xyxy in px of this crop, or ``None`` where unknown.
        mask: ``[B, S, S]`` bool, True where the crop lies outside the frame, or ``None``: not asked for.
    """

    pixels: Tensor
    box: Tensor | None = None
    mask: Tensor | None = None

    @property
    def size(self) -> int:
        """Side S in pixels."""
        return int(self.pixels.shape[-1])


@dataclass(frozen=True)
class Placement:
    """Where a crop lies in its frame: ``frame = crop * scale + (x, y)``.

    It is the nominal map of the original implementation, which is not always the inverse of the crop's own warp
    (SiamBAN maps back with 127 / s_z although the cut side was rounded).
    """

    scale: float
    x: float
    y: float

    def to_frame(self, x: float, y: float) -> tuple[float, float]:
        """A point of the crop in frame pixels."""
        return x * self.scale + self.x, y * self.scale + self.y

    def to_crop(self, x: float, y: float) -> tuple[float, float]:
        """A point of the frame in crop pixels."""
        return (x - self.x) / self.scale, (y - self.y) / self.scale


@dataclass(eq=False)
class Batch(_Movable):
    """What a training step sees.

    Attributes:
        templates: one crop per template the tracker keeps; Siamese trackers of the SiamFC family have one.
        search: the search crops, with boxes.
        present: ``[B]`` bool, False for a negative pair: the search box is then somebody else's.
        seed: ``[B]`` int64, one number per sample; whatever is drawn on the device is drawn from it, so that a step
            does not depend on how samples were spread over devices.
    """

    templates: tuple[Crop, ...]
    search: Crop
    present: Tensor
    seed: Tensor

    def __len__(self) -> int:
        return int(self.present.shape[0])


# Features -----------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=64)
@torch.inference_mode(False)  # a grid first asked for while tracking serves training as well
def _grid(height: int, width: int, size: int, stride: int, device: torch.device) -> Tensor:
    x = size // 2 + (torch.arange(width, device=device) - width // 2) * stride
    y = size // 2 + (torch.arange(height, device=device) - height // 2) * stride
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)]).float()


def grid_points(height: int, width: int, size: int, stride: int, device: torch.device | str = "cpu") -> Tensor:
    """``[2, H, W]`` float32 px: x and y of every cell's point in a crop of side ``size``.

    Cell j lies at ``size // 2 + (j - n // 2) * stride``: one rule for every tracker here, odd and even maps.
    """
    place = torch.device(device)
    return (_grid if _makes_numbers(place) else _grid.__wrapped__)(height, width, size, stride, place)


def _makes_numbers(device: torch.device) -> bool:
    """Whether a tensor made now is an ordinary one; those of an export are not, and nothing of them may be kept."""
    return type(torch.empty(0, device=device)) is Tensor


@functools.lru_cache(maxsize=64)
@torch.inference_mode(False)
def _anchor_boxes(
    sizes: tuple[tuple[float, float], ...], height: int, width: int, size: int, stride: int, device: torch.device
) -> Tensor:
    shape = (len(sizes), height, width, 2)
    points = grid_points(height, width, size, stride, device).permute(1, 2, 0).expand(shape)
    extent = torch.tensor(sizes, device=device)[:, None, None].expand(shape)
    anchors: Tensor = cxcywh_to_xyxy(torch.cat([points, extent], -1))
    return anchors


@dataclass(eq=False)
class FeatureMap(_Movable):
    """A map and what is known of it.

    Attributes:
        map: ``[B, C, H, W]``.
        size: side of the crop it was computed from, px.
        stride: px between neighbouring cells.
        mask: ``[B, H, W]`` bool, True = padding, or ``None``.
        box: ``[B, 4]`` float32 xyxy in px of the crop (the template's target), or ``None``.
        level: which of the backbone's levels it is, counted from 0.
        template: whether it comes from a template or from a search.
    """

    map: Tensor
    size: int
    stride: int
    mask: Tensor | None = None
    box: Tensor | None = None
    level: int = 0
    template: bool = False

    def points(self) -> Tensor:
        """``[2, H, W]`` float32 px, see :func:`grid_points`."""
        return grid_points(self.map.shape[-2], self.map.shape[-1], self.size, self.stride, self.map.device)

    def center(self, n: int) -> FeatureMap:
        """The central n x n cells, map and mask alike; smaller maps stay whole."""
        height, width = self.map.shape[-2:]
        top, left = max(0, (height - n) // 2), max(0, (width - n) // 2)
        cut = (..., slice(top, top + n), slice(left, left + n))
        return dataclasses.replace(self, map=self.map[cut], mask=None if self.mask is None else self.mask[cut])

    def with_map(self, new: Tensor) -> FeatureMap:
        """The same place with another map."""
        return dataclasses.replace(self, map=new)


@dataclass(eq=False)
class Fused(_Movable):
    """What a correlation makes of template and search.

    Attributes:
        map: ``[B, C, H, W]``.
        size: side of the search crop, px.
        stride: px between cells.
        target: ``[B, D]`` a decoder's answer for the target, or ``None``; only a score head reads it.
    """

    map: Tensor
    size: int
    stride: int
    target: Tensor | None = None


@dataclass(frozen=True)
class FusedSpec:
    """What a correlation promises of its :class:`Fused`.

    Attributes:
        channels: of the map.
        target: D of the target, or 0.
        scores: the map holds the branch's answers already, not features: a head adds nothing to it.
    """

    channels: int
    target: int = 0
    scores: bool = False


@dataclass(eq=False)
class Remembered(_Movable):
    """What is kept of one template.

    Attributes:
        kernels: per level a dict of branch to the tensors its correlation asked for; empty for a joint enhancer.
        levels: per level the template's feature map, kept only where a joint enhancer needs it in every frame.
    """

    kernels: tuple[dict[str, tuple[Tensor, ...]], ...] = ()
    levels: tuple[FeatureMap, ...] = ()


@dataclass(eq=False)
class Memory(_Movable):
    """Everything a tracker keeps of its target, computed once; the batch axis counts targets."""

    templates: tuple[Remembered, ...]

    def __add__(self, other: Memory) -> Memory:
        """The templates of both, in order."""
        return Memory(self.templates + other.templates)

    def __getitem__(self, index: Any) -> Memory:
        """The targets at ``index`` (a slice or an integer array) of the batch axis."""
        return map_tensors(self, lambda t: t[index])

    def detach(self) -> Memory:
        """The same numbers without their history."""
        return map_tensors(self, Tensor.detach)

    def expand(self, n: int) -> Memory:
        """One target for ``n`` searches, without copying."""
        return map_tensors(self, lambda t: t.expand(n, *t.shape[1:]))

    def replaced(self, slot: int, other: Memory) -> Memory:
        """Template ``slot`` exchanged for the (only) template of ``other``."""
        templates = list(self.templates)
        (templates[slot],) = other.templates
        return Memory(tuple(templates))


# Predictions --------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Points(_Movable):
    """One logit and one box per cell.

    Attributes:
        logit: ``[B, H, W]`` target minus background.
        ltrb: ``[B, 4, H, W]`` px, distances from the cell's point to the sides of its box.
        size: side of the search crop, px.
        stride: px between cells.
        align: ``[B, H, W]`` a second opinion on the score, or ``None``.
    """

    logit: Tensor
    ltrb: Tensor
    size: int
    stride: int
    align: Tensor | None = None

    def points(self) -> Tensor:
        """``[2, H, W]`` float32 px, see :func:`grid_points`."""
        return grid_points(self.logit.shape[-2], self.logit.shape[-1], self.size, self.stride, self.logit.device)

    def boxes(self) -> Tensor:
        """``[B, H, W, 4]`` xyxy px, not clipped to the crop."""
        boxes: Tensor = ltrb_to_xyxy(self.points().permute(1, 2, 0), self.ltrb.permute(0, 2, 3, 1))
        return boxes

    def flat(self) -> tuple[Tensor, Tensor]:
        """``logit [B, N]`` and ``boxes [B, N, 4]``, row by row."""
        return self.logit.flatten(1), self.boxes().flatten(1, 2)


@dataclass(eq=False)
class Anchors(_Movable):
    """One logit and one box per anchor and cell.

    Attributes:
        logit: ``[B, A, H, W]`` target minus background.
        delta: ``[B, 4, A, H, W]`` dx, dy in anchor sides and dw, dh logarithmic, as in Faster R-CNN.
        sizes: (w, h) px of each anchor.
        size: side of the search crop, px.
        stride: px between cells.
    """

    logit: Tensor
    delta: Tensor
    sizes: tuple[tuple[float, float], ...]
    size: int
    stride: int

    def anchors(self) -> Tensor:
        """``[A, H, W, 4]`` float32 xyxy px."""
        # kept: copying the sizes to a GPU in every step would make the host wait
        make = _anchor_boxes if _makes_numbers(self.logit.device) else _anchor_boxes.__wrapped__
        return make(self.sizes, *self.logit.shape[-2:], self.size, self.stride, self.logit.device)

    def boxes(self) -> Tensor:
        """``[B, A, H, W, 4]`` xyxy px, not clipped to the crop."""
        anchors = self.anchors()
        extent = anchors[..., 2:] - anchors[..., :2]
        centre = anchors[..., :2] + extent / 2
        delta = self.delta.permute(0, 2, 3, 4, 1)
        moved, grown = centre + delta[..., :2] * extent, extent * delta[..., 2:].exp()
        boxes: Tensor = cxcywh_to_xyxy(torch.cat([moved, grown], -1))
        return boxes

    def flat(self) -> tuple[Tensor, Tensor]:
        """``logit [B, N]`` and ``boxes [B, N, 4]``, in the order anchor, row, column."""
        return self.logit.flatten(1), self.boxes().flatten(1, 3)


@dataclass(eq=False)
class Corners(_Movable):
    """One box as the expectation of two corner maps.

    Attributes:
        box: ``[B, 4]`` xyxy px.
        top_left: ``[B, H, W]`` probabilities summing to 1.
        bottom_right: ``[B, H, W]`` likewise.
        size: side of the search crop, px.
        stride: px between cells.
        score: ``[B]`` logit that the target is there, or ``None``.
    """

    box: Tensor
    top_left: Tensor
    bottom_right: Tensor
    size: int
    stride: int
    score: Tensor | None = None


@dataclass(eq=False)
class Response(_Movable):
    """One logit per cell and no box (SiamFC).

    Attributes:
        logit: ``[B, H, W]``.
        size: side of the search crop, px.
        stride: px between cells.
    """

    logit: Tensor
    size: int
    stride: int


Prediction = Points | Anchors | Corners | Response


@dataclass(eq=False)
class Targets(_Movable):
    """What a prediction should have been; ``None`` where a kind of prediction has no such thing.

    Attributes:
        box: ``[B, 4]`` xyxy px of the search crop.
        present: ``[B]`` bool.
        label: shaped like the logit, int8: 1 target, 0 background, -1 ignored.
        code: shaped like ``ltrb`` or ``delta``.
        weight: shaped like the logit, for the box loss.
    """

    box: Tensor
    present: Tensor
    label: Tensor | None = None
    code: Tensor | None = None
    weight: Tensor | None = None
