"""Training batches: from a configuration and a data folder to what a step sees.

::

    data = TrainingData(cfg, data_root)
    for raw in data.micro_batches(epoch, first_step=0, rank=0, world=1):  # uint8, made by worker processes
        batch = data.prepare(raw, device)  # float32, augmented on the device
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.data import Sampler as Order

from siamtrack.config import ConfigError
from siamtrack.contracts import Batch, Crop, map_tensors
from siamtrack.crops import CropPolicy, crop_policies
from siamtrack.data import streams
from siamtrack.data.augment import Augmentation, CropAugmentation, Photometry, adjust_colours
from siamtrack.data.decode import decode_crops, prepare_worker, to_planes
from siamtrack.data.mixture import Mixture, open_mixture
from siamtrack.data.sampling import Sampler, samplers
from siamtrack.data.sequence import DataError

T = TypeVar("T")


@dataclass(eq=False)
class RawBatch:
    """A micro-batch as the workers make it: little to carry, everything else is done on the device.

    Attributes:
        templates: uint8 crops with boxes, one entry per template.
        search: uint8 crops with boxes.
        photometry: one per template, then that of the search crops.
        present: ``[B]`` bool.
        seed: ``[B]`` int64 >= 0, one number per sample for what is drawn on the device.
    """

    templates: tuple[Crop, ...]
    search: Crop
    photometry: tuple[Photometry, ...]
    present: Tensor
    seed: Tensor

    def __len__(self) -> int:
        return int(self.present.shape[0])

    def to(self, device: torch.device | str, non_blocking: bool = False) -> RawBatch:
        """A copy with every tensor on ``device``."""
        return map_tensors(self, lambda t: t.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> RawBatch:
        """A copy in page-locked memory."""
        return map_tensors(self, Tensor.pin_memory)


class BatchMaker(Dataset["RawBatch | DataError"]):
    """Makes the samples ``first .. first + count - 1`` of a run, anywhere and in any order the same.

    Args:
        policy: places and cuts the crops.
        mixture: the data.
        sampler: draws the frames.
        augmentation: draws geometry and colours.
    """

    _COMMON = 4  # words of a sample that are not the sampler's or a crop's: grey, seed

    def __init__(self, policy: CropPolicy, mixture: Mixture, sampler: Sampler, augmentation: Augmentation) -> None:
        self.policy, self.mixture, self.sampler, self.augmentation = policy, mixture, sampler, augmentation

    def make(self, first: int, count: int) -> RawBatch:
        """Samples by number, counted from the beginning of training.

        Raises:
            DataError: an image cannot be read; names its path.
        """
        crops = self.sampler.templates + 1
        owners = np.cumsum([self._COMMON, self.sampler.WORDS, *[CropAugmentation.WORDS] * crops])
        words = streams.words(self.mixture.seed, streams.SAMPLES, first, count, int(owners[-1]))
        common, chosen, *per_crop = np.split(words, owners[:-1], axis=1)
        gray = streams.uniform(common[:, 0]) < self.augmentation.gray
        kinds = [self.augmentation.template] * self.sampler.templates + [self.augmentation.search]

        drawn = self.sampler.draw(first, chosen)
        rows = (*drawn.templates, drawn.search)
        placed = [
            self.policy.place(self.mixture.boxes(rows[i]), kind.jitter(bits), search=i == crops - 1)
            for i, (kind, bits) in enumerate(zip(kinds, per_crop, strict=True))
        ]
        pixels = self._pixels(rows, [affines for affines, _ in placed])
        *templates, search = (
            Crop(torch.from_numpy(image), torch.from_numpy(boxes.astype(np.float32)))
            for image, (_, boxes) in zip(pixels, placed, strict=True)
        )
        return RawBatch(
            templates=tuple(templates),
            search=search,
            photometry=tuple(kind.photometry(bits, gray) for kind, bits in zip(kinds, per_crop, strict=True)),
            present=torch.from_numpy(drawn.present),
            seed=torch.from_numpy((common[:, 1] >> np.uint64(1)).astype(np.int64)),
        )

    def _pixels(self, rows: tuple[np.ndarray, ...], affines: list[np.ndarray]) -> list[np.ndarray]:
        """``[B, 3, S, S]`` uint8 per kind of crop."""
        count = len(rows[0])
        sizes = [self.policy.template_size] * (len(rows) - 1) + [self.policy.train_search_size]
        pixels = [np.empty((count, 3, size, size), np.uint8) for size in sizes]
        for sample in range(count):  # one decode each: nothing here to do for all at once
            paths = [self.mixture.path(int(numbers[sample])) for numbers in rows]
            maps = [affine[sample] for affine in affines]
            for crop, out in zip(decode_crops(self.policy, paths, maps, sizes), pixels, strict=True):
                to_planes(crop, out[sample])
        return pixels

    def __getitem__(self, address: tuple[int, int]) -> RawBatch | DataError:
        """``make`` for a worker; what is wrong with the data comes back as a value, without a worker's traceback."""
        try:
            return self.make(*address)
        except DataError as error:
            return error


class TrainingData:
    """The samples of a run, in an order that depends on nothing but configuration, seed and data.

    Not on the number of workers, devices or processes, nor on where a run was interrupted.

    Args:
        cfg: a resolved configuration: SEED, CROP, DATA, TRAIN.BATCH, TRAIN.DEVICE_BATCH are read.
        data_root: folder with the data sets; ``None``: what ``SIAMTRACK_DATA`` says.
        mixture: data that is open already, in place of ``DATA.SETS``.
        pin_memory: hand out page-locked batches; ``None``: if there is a CUDA device.

    Attributes:
        maker: makes single batches without worker processes, for previews and tests.
        steps_per_epoch: whole batches in SAMPLES_PER_EPOCH.

    Raises:
        ConfigError: an option does not fit.
        DataError: the data is not there or cannot be used.
    """

    def __init__(
        self,
        cfg: Any,
        data_root: str | os.PathLike[str] | None = None,
        mixture: Mixture | None = None,
        pin_memory: bool | None = None,
    ) -> None:
        self.batch, self.device_batch = int(cfg.TRAIN.BATCH), int(cfg.TRAIN.DEVICE_BATCH)
        self.steps_per_epoch = int(cfg.DATA.SAMPLES_PER_EPOCH) // max(self.batch, 1)
        if self.batch < 1 or self.steps_per_epoch < 1:
            raise ConfigError(
                f"DATA.SAMPLES_PER_EPOCH {cfg.DATA.SAMPLES_PER_EPOCH} should hold at least one batch of TRAIN.BATCH "
                f"{self.batch} samples, and a batch at least one sample."
            )
        mixture = mixture or open_mixture(cfg.DATA.SETS, data_root, int(cfg.SEED))
        self.maker = BatchMaker(
            policy=crop_policies.build(cfg.CROP),
            mixture=mixture,
            sampler=samplers.build(cfg.DATA.SAMPLER, mixture=mixture),
            augmentation=Augmentation(cfg.DATA.AUGMENT),
        )
        self._order = _Order()
        self._workers = int(cfg.DATA.WORKERS)
        self._pin = torch.cuda.is_available() if pin_memory is None else pin_memory
        self._loader: DataLoader[RawBatch | DataError] | None = None

    def micro_batch_size(self, world: int = 1) -> int:
        """Samples in one forward pass of one device.

        Raises:
            ConfigError: the batch cannot be shared out evenly.
        """
        size = self.device_batch or self.batch // world
        if not size or self.batch % (size * world):
            raise ConfigError(
                f"TRAIN.BATCH {self.batch} cannot be shared out evenly to {world} devices in passes of "
                f"{size or 'at least 1'} (TRAIN.DEVICE_BATCH {self.device_batch}); BATCH should be a multiple of "
                "DEVICE_BATCH times the number of devices."
            )
        return size

    def micro_batches(self, epoch: int, first_step: int = 0, rank: int = 0, world: int = 1) -> Iterator[RawBatch]:
        """The micro-batches of one rank from a step of an epoch to the epoch's end, in order.

        A step's BATCH samples are cut into micro-batches; rank r of R takes numbers r, r + R, ..., so that all ranks
        together see what one would see. Worker processes are started once and kept. One iterator at a time: asking
        for another ends the former.

        Raises:
            ConfigError: the batch cannot be shared out evenly.
            DataError: an image cannot be read; names its path.
        """
        size = self.micro_batch_size(world)
        if not 0 <= rank < world:
            raise ValueError(f"rank {rank} is not one of the {world} ranks 0 to {world - 1}.")
        steps = range(epoch * self.steps_per_epoch + first_step, (epoch + 1) * self.steps_per_epoch)
        numbers = range(rank, self.batch // size, world)
        return self._iterate(_Addresses(steps, numbers, self.batch, size))

    def prepare(self, raw: RawBatch, device: torch.device | str) -> Batch:
        """A micro-batch on the device, its colours augmented there, without host synchronisation."""
        raw = raw.to(device, non_blocking=True)
        *templates, search = (
            Crop(adjust_colours(crop.pixels, photometry), crop.box, crop.mask)
            for crop, photometry in zip((*raw.templates, raw.search), raw.photometry, strict=True)
        )
        return Batch(tuple(templates), search, raw.present, raw.seed)

    def _iterate(self, addresses: _Addresses) -> Iterator[RawBatch]:
        if self._loader is None:
            self._loader = DataLoader(
                self.maker,
                batch_size=None,  # a worker makes whole batches
                sampler=self._order,
                num_workers=self._workers,
                collate_fn=_as_it_is,
                pin_memory=self._pin,
                worker_init_fn=_start_worker if self._workers else None,
                persistent_workers=self._workers > 0,
                generator=torch.Generator(),  # the loader draws a seed for itself; not from the run's generator
            )
        self._order.addresses = addresses
        batches = iter(self._loader)
        while True:
            if self._order.addresses is not addresses:
                raise RuntimeError("these micro-batches have ended: another iteration over the training data began.")
            made = next(batches, None)
            if made is None:
                return
            if isinstance(made, DataError):
                # a new one: raised from a local name it would hold its own frame, and with it the loader, in a cycle
                raise type(made)(*made.args)
            yield made


@dataclass(frozen=True)
class _Addresses:
    """Which samples the micro-batches of one iteration hold: (first, count) of each, in order."""

    steps: range
    numbers: range
    batch: int
    size: int

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return ((step * self.batch + n * self.size, self.size) for step in self.steps for n in self.numbers)


class _Order(Order[tuple[int, int]]):
    """The addresses of the present iteration; the loader is kept from one to the next, and its workers with it."""

    addresses = _Addresses(range(0), range(0), 0, 0)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.addresses)


def _as_it_is(batch: T) -> T:
    return batch


def _start_worker(worker: int) -> None:
    prepare_worker()
