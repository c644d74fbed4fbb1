"""The straightforward way of each original to a training batch, to compare with.

Written from what the originals do, step by step and in their number formats; what they compute in passing (labels,
masks, boxes) is computed here too. Frames are read by ``cv2.imread`` as there.

``PysotPairs``: hqucv/siamban ``datasets/dataset.py``, ``augmentation.py``, ``point_target.py``. ``StarkPairs``:
researchmm/Stark ``lib/train/data/processing.py``, ``processing_utils.py``, ``transforms.py``.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.utils.data import default_collate

COLOURS = np.array(
    [
        [-0.55919361, 0.98062831, -0.41940627],
        [1.72091413, 0.19879334, -1.82968581],
        [4.64467907, 4.73710203, 4.88324118],
    ]
)


@dataclass(frozen=True)
class Video:
    """Frames of a video: their files, and the target's boxes ``[F, 4]`` xywh."""

    paths: tuple[str, ...]
    boxes: np.ndarray

    def two(self) -> tuple[int, int]:
        """Numbers of a template and a search frame."""
        return random.randrange(len(self.paths)), random.randrange(len(self.paths))


# pysot and SiamBAN --------------------------------------------------------------------------------------------------


class PysotPairs:
    """Samples of ``siamban_r50_l234``: template shift 4, scale .05, colour; search shift 64, scale .18, blur .2.

    Outside a whole frame lies black, which costs nothing; siamtrack puts the frame's mean colour there.

    Args:
        videos: frames that are read.
        pre_cut: the frames are 511-pixel crops about their targets at the scale of the template; otherwise whole
            frames, from which the crops are cut.
        negative: share of pairs from two videos.
    """

    def __init__(self, videos: list[Video], pre_cut: bool, negative: float = 0.2) -> None:
        self.videos, self.pre_cut, self.negative = videos, pre_cut, negative

    def batch(self, count: int) -> dict[str, torch.Tensor]:
        """``count`` samples, collated."""
        return default_collate([self.sample() for _ in range(count)])

    def sample(self) -> dict[str, np.ndarray]:
        """One pair as float32 pixels and dense labels."""
        negative = random.random() < self.negative
        video = random.choice(self.videos)
        first, second = video.two()
        other = random.choice(self.videos) if negative else video
        gray = random.random() < 0.0
        second = random.randrange(len(other.paths)) if negative else second
        template, _ = self._crop(video, first, 127, 4, 0.05, 0.0, gray)
        search, box = self._crop(other, second, 255, 64, 0.18, 0.2, gray)
        label, distances = point_target(box, negative)
        return {
            "template": template.transpose((2, 0, 1)).astype(np.float32),
            "search": search.transpose((2, 0, 1)).astype(np.float32),
            "label_cls": label,
            "label_loc": distances,
            "bbox": np.array(box),
        }

    def _crop(
        self, video: Video, frame: int, size: int, shift: float, scale: float, blur: float, gray: bool
    ) -> tuple[np.ndarray, list[float]]:
        image = cv2.imread(video.paths[frame])
        x, y, w, h = video.boxes[frame]
        context = math.sqrt((w + 0.5 * (w + h)) * (h + 0.5 * (w + h)))
        unit = 1.0 if self.pre_cut else context / 127  # frame px per px of a 511 crop
        if gray:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        factors = [min(1 + random.uniform(-scale, scale), 510 / size) for _ in range(2)]
        moved = []
        for factor in factors:
            room = 255 - size * factor / 2
            moved.append(min(max(random.uniform(-shift, shift), -room), room))
        centre = (image.shape[1] // 2, image.shape[0] // 2) if self.pre_cut else (x + w / 2, y + h / 2)
        sides = [size * factor * unit for factor in factors]
        corner = [c + m * unit - side / 2 for c, m, side in zip(centre, moved, sides, strict=True)]
        a, b = (size - 1) / sides[0], (size - 1) / sides[1]
        mapping = np.array([[a, 0, -a * corner[0]], [0, b, -b * corner[1]]]).astype(float)
        crop = cv2.warpAffine(image, mapping, (size, size), borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0))
        half = w * a / 2, h * b / 2
        middle = (centre[0] - corner[0]) * a, (centre[1] - corner[1]) * b
        box = [middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]]

        crop = crop - np.dot(COLOURS, np.random.randn(3, 1)).reshape(3)
        if random.random() < blur:
            crop = cv2.filter2D(crop, -1, cross())
        return crop, box


def cross() -> np.ndarray:
    """A kernel of two crossed lines, of random size and weights."""
    size = random.choice(list(range(5, 46, 2)))
    kernel = np.zeros((size, size))
    middle, weight = size // 2, random.random()
    kernel[:, middle] += 1.0 / size * weight
    kernel[middle, :] += 1.0 / size * (1 - weight)
    return kernel


def point_target(box: list[float], negative: bool) -> tuple[np.ndarray, np.ndarray]:
    """Labels ``[25, 25]`` and distances ``[4, 25, 25]``: 16 positives, 48 negatives, 16 in negative pairs."""
    grid = 127 - 96 + 8.0 * np.arange(25)
    px, py = np.meshgrid(grid, grid)
    label = -1 * np.ones((25, 25), dtype=np.int64)
    centre_x, centre_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    w, h = box[2] - box[0], box[3] - box[1]
    distances = np.stack([px - box[0], py - box[1], box[2] - px, box[3] - py]).astype(np.float32)
    inner = np.square(centre_x - px) / np.square(w / 4) + np.square(centre_y - py) / np.square(h / 4) < 1
    outer = np.square(centre_x - px) / np.square(w / 2) + np.square(centre_y - py) / np.square(h / 2) > 1

    def some(where: tuple[np.ndarray, ...], most: int) -> tuple[np.ndarray, ...]:
        total = where[0].shape[0]
        if total <= most:
            return where
        chosen = np.arange(total)
        np.random.shuffle(chosen)
        return tuple(axis[chosen[:most]] for axis in where)

    if negative:
        label[some(np.where(inner), 16)] = 0
        return label, distances
    label[some(np.where(inner), 16)] = 1
    label[some(np.where(outer), 48)] = 0
    return label, distances


# STARK --------------------------------------------------------------------------------------------------------------


class StarkPairs:
    """Samples of ``stark_s/baseline``: a template and a search frame, their boxes and attention masks.

    Args:
        videos: frames that are read.
    """

    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])

    def __init__(self, videos: list[Video]) -> None:
        self.videos = videos

    def batch(self, count: int) -> dict[str, torch.Tensor]:
        """``count`` samples, stacked."""
        samples = [self.sample() for _ in range(count)]
        return {key: torch.stack([sample[key] for sample in samples], 1) for key in samples[0]}

    def sample(self) -> dict[str, torch.Tensor]:
        """One pair."""
        video = random.choice(self.videos)
        numbers = video.two()
        images = [cv2.cvtColor(cv2.imread(video.paths[n]), cv2.COLOR_BGR2RGB) for n in numbers]
        boxes = [torch.tensor(video.boxes[n], dtype=torch.float32) for n in numbers]
        masks = [torch.zeros(image.shape[:2]) for image in images]
        if random.random() < 0.05:
            images = [np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)] * 3, axis=2) for image in images]
        if random.random() < 0.5:
            images = [np.fliplr(image).copy() for image in images]
            masks = [mask.flip((-1,)) for mask in masks]
            boxes = [mirrored(box, image.shape[1]) for box, image in zip(boxes, images, strict=True)]
        made: dict[str, list[torch.Tensor]] = {}
        for name, image, box, mask, factor, size, jitter in (
            ("template", images[0], boxes[0], masks[0], 2.0, 128, (0.0, 0.0)),
            ("search", images[1], boxes[1], masks[1], 5.0, 320, (4.5, 0.5)),
        ):
            looked_at = jittered(box, *jitter)
            while not shows_frame(image, looked_at, factor):  # the original draws another sample, which is dearer
                looked_at = jittered(box, *jitter)
            crop, attention, scale, mask = stark_crop(image, looked_at, mask, factor, size)
            made[name] = self._tensors(crop, attention, mask, placed(box, looked_at, scale, size))
            all_padding(made[name][3], size // 16)
        return {
            f"{name}_{what}": value[None]
            for name, values in made.items()
            for what, value in zip(("images", "anno", "masks", "att"), values, strict=True)
        }

    def _tensors(
        self, crop: np.ndarray, attention: np.ndarray, mask: torch.Tensor, box: torch.Tensor
    ) -> list[torch.Tensor]:
        brightness = np.random.uniform(0.8, 1.2)
        pixels = torch.from_numpy(crop.transpose((2, 0, 1))).float().mul(brightness / 255.0).clamp(0.0, 1.0)
        seen = torch.from_numpy(attention)
        if random.random() < 0.5:
            pixels, seen, mask = pixels.flip((-1,)), seen.flip((-1,)), mask.flip((-1,))
            box = torch.stack([1 - box[0] - box[2], box[1], box[2], box[3]])
        pixels = pixels.sub(self.mean[:, None, None]).div(self.deviation[:, None, None])
        return [pixels, box, mask, seen]


def all_padding(attention: torch.Tensor, cells: int) -> bool:
    """Whether a sample is of no use, which the original asks of every mask, whole and by cells."""
    by_cells = torch.nn.functional.interpolate(attention[None, None].float(), size=cells).to(torch.bool)
    return bool((attention == 1).all()) or bool((by_cells == 1).all())


def mirrored(box: torch.Tensor, width: int) -> torch.Tensor:
    """A box ``[4]`` xywh in the mirrored frame."""
    turned = box.clone()
    turned[0] = (width - 1) - (box[0] + box[2])
    return turned


def jittered(box: torch.Tensor, centre: float, scale: float) -> torch.Tensor:
    """A box drawn around a box: ``[4]`` xywh."""
    size = box[2:4] * torch.exp(torch.randn(2) * scale)
    reach = size.prod().sqrt() * torch.tensor(centre).float()
    middle = box[0:2] + 0.5 * box[2:4] + reach * (torch.rand(2) - 0.5)
    return torch.cat((middle - 0.5 * size, size), dim=0)


def shows_frame(image: np.ndarray, box: torch.Tensor, factor: float) -> bool:
    """Whether something of the frame lies in the square around a box."""
    side = factor * float(box[2:4].prod().sqrt())
    low, high = box[0:2] + 0.5 * box[2:4] - side / 2 + 2, box[0:2] + 0.5 * box[2:4] + side / 2 - 2
    return bool((high > 0).all()) and float(low[0]) < image.shape[1] - 2 and float(low[1]) < image.shape[0] - 2


def stark_crop(
    image: np.ndarray, box: torch.Tensor, mask: torch.Tensor, factor: float, size: int
) -> tuple[np.ndarray, np.ndarray, float, torch.Tensor]:
    """Pixels, attention mask, scale and object mask of the square around a box."""
    x, y, w, h = box.tolist()
    side = math.ceil(math.sqrt(w * h) * factor)
    x1, y1 = round(x + 0.5 * w - side * 0.5), round(y + 0.5 * h - side * 0.5)
    x2, y2 = x1 + side, y1 + side
    left, top = max(0, -x1), max(0, -y1)
    right, bottom = max(x2 - image.shape[1] + 1, 0), max(y2 - image.shape[0] + 1, 0)
    part = image[max(y1, 0) : y2 - bottom, max(x1, 0) : x2 - right]
    part_mask = mask[max(y1, 0) : y2 - bottom, max(x1, 0) : x2 - right]
    padded = cv2.copyMakeBorder(part, top, bottom, left, right, cv2.BORDER_CONSTANT)
    height, width = padded.shape[:2]
    attention = np.ones((height, width))
    attention[top : height - bottom or None, left : width - right or None] = 0
    padded_mask = torch.nn.functional.pad(part_mask, pad=(left, right, top, bottom), mode="constant", value=0)
    crop = cv2.resize(padded, (size, size))
    attention = cv2.resize(attention, (size, size)).astype(np.bool_)
    small = torch.nn.functional.interpolate(padded_mask[None, None], (size, size), mode="bilinear", align_corners=False)
    return crop, attention, size / side, small[0, 0]


def placed(box: torch.Tensor, looked_at: torch.Tensor, scale: float, size: int) -> torch.Tensor:
    """A box ``[4]`` xywh in the crop around another, in units of the crop."""
    middle, looked = box[0:2] + 0.5 * box[2:4], looked_at[0:2] + 0.5 * looked_at[2:4]
    centre = (size - 1) / 2 + (middle - looked) * scale
    extent = box[2:4] * scale
    return torch.cat((centre - 0.5 * extent, extent)) / size
