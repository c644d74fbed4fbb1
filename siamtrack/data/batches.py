"""Training batches on the host: the samples of a run by number, drawn, decoded and cut."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from siamtrack.contracts import Crop, map_tensors
from siamtrack.crops import CropPolicy
from siamtrack.data import streams
from siamtrack.data.augment import Augmentation, CropAugmentation, Photometry
from siamtrack.data.decode import decode_crops, to_planes
from siamtrack.data.mixture import Mixture
from siamtrack.data.picture import Decoder
from siamtrack.data.quarantine import Unreadable
from siamtrack.data.sampling import Sampler
from siamtrack.data.sequence import DataError

log = logging.getLogger(__name__)

_ATTEMPTS = 20  # draws of one sample before the data are blamed


@dataclass(eq=False)
class RawBatch:
    """A micro-batch as the workers make it: little to carry, everything else is done on the device.

    Attributes:
        templates: uint8 crops with boxes, one entry per template.
        search: uint8 crops with boxes.
        photometry: one per template, then that of the search crops.
        present: ``[B]`` bool.
        seed: ``[B]`` int64 >= 0, one number per sample for what is drawn on the device.
        rows: ``[B, templates + 1]`` int64, the mixture's rows behind the crops.
        unreadable: images that samples of it asked for in vain before others took their place.
    """

    templates: tuple[Crop, ...]
    search: Crop
    photometry: tuple[Photometry, ...]
    present: Tensor
    seed: Tensor
    rows: Tensor
    unreadable: tuple[Unreadable, ...] = ()

    def __len__(self) -> int:
        return int(self.present.shape[0])

    def to(self, device: torch.device | str, non_blocking: bool = False) -> RawBatch:
        """A copy with every tensor on ``device``."""
        return map_tensors(self, lambda t: t.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> RawBatch:
        """A copy in page-locked memory."""
        return map_tensors(self, Tensor.pin_memory)


@dataclass(eq=False)
class _Draws:
    """What was drawn for B samples, before a frame is opened; lists hold one entry per template, then the search.

    Attributes:
        words: ``[B, W]`` uint64, all that the samples own.
        rows: ``[B]`` rows of the mixture.
        windows: ``[B, ...]`` of the crop policy.
        boxes: ``[B, 4]`` float64 xyxy, px of the crops.
        present: ``[B]`` bool.
    """

    words: np.ndarray
    rows: list[np.ndarray]
    windows: list[np.ndarray]
    boxes: list[np.ndarray]
    present: np.ndarray

    def replace(self, sample: int, other: _Draws) -> None:
        """Put the only sample of ``other`` in the place of one."""
        for mine, its in zip(self._arrays(), other._arrays(), strict=True):
            mine[sample] = its[0]

    def _arrays(self) -> list[np.ndarray]:
        return [self.words, *self.rows, *self.windows, *self.boxes, self.present]


class BatchMaker(Dataset["RawBatch | DataError"]):
    """Makes the samples ``first .. first + count - 1`` of a run, anywhere and in any order the same.

    Args:
        policy: places and cuts the crops.
        mixture: the data.
        sampler: draws the frames.
        augmentation: draws geometry and colours.
        decoder: see :class:`siamtrack.data.picture.Picture`.
    """

    _COMMON = 4  # words of a sample that are not the sampler's or a crop's: grey, seed, mirror

    def __init__(
        self,
        policy: CropPolicy,
        mixture: Mixture,
        sampler: Sampler,
        augmentation: Augmentation,
        decoder: Decoder = "auto",
    ) -> None:
        self.policy, self.mixture, self.sampler, self.augmentation = policy, mixture, sampler, augmentation
        self.decoder = decoder
        self._kinds = [augmentation.template] * sampler.templates + [augmentation.search]
        self._sizes = [policy.template_size] * sampler.templates + [policy.train_search_size]

    def make(self, first: int, count: int) -> RawBatch:
        """Samples by number, counted from the beginning of training.

        A sample with a crop that shows nothing of its frame, or with an image that cannot be read, is drawn again, from
        words of its own.

        Raises:
            DataError: a sample cannot be had however often it is drawn; names the path.
        """
        drawn = self._draw(first, count, attempt=0)
        pixels = [np.empty((count, 3, size, size), np.uint8) for size in self._sizes]
        masks = [np.empty((count, size, size), bool) for size in self._sizes]
        masked = False
        unreadable: list[Unreadable] = []
        for sample in range(count):  # one decode each: nothing here to do for all at once
            crops, padded = self._visible(drawn, sample, first + sample, unreadable)
            for i, (crop, mask) in enumerate(zip(crops, padded, strict=True)):
                to_planes(crop, pixels[i][sample])
                if mask is not None:
                    masks[i][sample], masked = mask, True

        common, _, *per_crop = self._split(drawn.words)
        gray = streams.uniform(common[:, 0]) < self.augmentation.gray
        *templates, search = (
            Crop(
                torch.from_numpy(image),
                torch.from_numpy(boxes.astype(np.float32)),
                torch.from_numpy(mask) if masked else None,
            )
            for image, boxes, mask in zip(pixels, drawn.boxes, masks, strict=True)
        )
        return RawBatch(
            templates=tuple(templates),
            search=search,
            photometry=tuple(kind.photometry(bits, gray) for kind, bits in zip(self._kinds, per_crop, strict=True)),
            present=torch.from_numpy(drawn.present),
            seed=torch.from_numpy((common[:, 1] >> np.uint64(1)).astype(np.int64)),
            rows=torch.from_numpy(np.stack(drawn.rows, 1)),
            unreadable=tuple(unreadable),
        )

    def _draw(self, first: int, count: int, attempt: int, turn: int | None = None) -> _Draws:
        """Frames and windows of samples ``first .. first + count - 1``, drawn for the ``attempt``-th time.

        Args:
            first: number of the first sample.
            count: samples.
            attempt: 0 the first time.
            turn: number of the sample whose video the only sample takes; ``None``: each its own.
        """
        width = self._COMMON + self.sampler.WORDS + CropAugmentation.WORDS * len(self._kinds)
        words = streams.words(self.mixture.seed, streams.SAMPLES + attempt, first, count, width)
        common, chosen, *per_crop = self._split(words)
        mirror = streams.uniform(common[:, 2]) < self.augmentation.mirror
        drawn = self.sampler.draw(first if turn is None else turn, chosen)
        rows = [*drawn.templates, drawn.search]
        boxes = [self.mixture.boxes(row) for row in rows]
        if drawn.empty is not None:
            boxes[-1][drawn.empty] = np.nan  # nobody to look at: the policy takes the middle of the frame
        placed = [
            self.policy.place(box, kind.jitter(bits, mirror), search=i == self.sampler.templates)
            for i, (box, kind, bits) in enumerate(zip(boxes, self._kinds, per_crop, strict=True))
        ]
        return _Draws(words, rows, [window for window, _ in placed], [box for _, box in placed], drawn.present)

    def _split(self, words: np.ndarray) -> list[np.ndarray]:
        """A sample's words by owner: common, sampler, each crop."""
        owners = np.cumsum([self._COMMON, self.sampler.WORDS, *[CropAugmentation.WORDS] * (len(self._kinds) - 1)])
        return np.split(words, owners, axis=1)

    def _visible(
        self, drawn: _Draws, sample: int, number: int, unreadable: list[Unreadable]
    ) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
        """Crops and masks of one sample.

        Where a crop is all padding or an image cannot be read, ``drawn`` gets another sample in its place; of the
        latter ``unreadable`` takes note.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            paths = [self.mixture.path(int(rows[sample])) for rows in drawn.rows]
            windows = [window[sample] for window in drawn.windows]
            turn = None
            try:
                made = decode_crops(self.policy, paths, windows, self._sizes, self.decoder)
                if made is not None:
                    return made
                blame = (
                    f"{paths[-1]}: of sample {number}, drawn {_ATTEMPTS} times, a crop lay outside its frame every "
                    "time. Are the boxes in pixels of these frames, and DATA.AUGMENT's SHIFT in the crop policy's unit?"
                )
            except DataError as error:
                unreadable.append(Unreadable.among(paths, error, number))
                bits = streams.words(self.mixture.seed, streams.SUBSTITUTES + attempt, number, 1, 4)[:, 0]
                turn = self.mixture.substitute(number, bits)
                blame = f"{error} Sample {number} was drawn {_ATTEMPTS} times, and none of the images could be used."
            log.debug("sample %d: cannot be made of %s; drawn again", number, paths)
            drawn.replace(sample, self._draw(number, 1, attempt, turn))
        raise DataError(blame)

    def __getitem__(self, address: tuple[int, int]) -> RawBatch | DataError:
        """``make`` for a worker; what is wrong with the data comes back as a value, without a worker's traceback."""
        try:
            return self.make(*address)
        except DataError as error:
            return error
