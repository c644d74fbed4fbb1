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

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Sampler as Order

from siamtrack.config import ConfigError
from siamtrack.contracts import Batch, Crop
from siamtrack.crops import crop_policies
from siamtrack.data.augment import Augmentation, adjust_colours
from siamtrack.data.batches import BatchMaker, RawBatch
from siamtrack.data.decode import keep_heap, prepare_worker
from siamtrack.data.mixture import Mixture
from siamtrack.data.picture import checked_decoder
from siamtrack.data.quarantine import Quarantine
from siamtrack.data.sampling import samplers
from siamtrack.data.sequence import DataError
from siamtrack.data.sets import open_mixture
from siamtrack.data.shelter import outlive_signals

T = TypeVar("T")

__all__ = ["RawBatch", "TrainingData"]


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
        quarantine: counts the images that cannot be read; ``quarantine.write_to`` says in which folder to list them.
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
        mixture = mixture or open_mixture(cfg.DATA.SETS, data_root, int(cfg.SEED), int(cfg.DATA.SAMPLES_PER_EPOCH))
        self.maker = BatchMaker(
            policy=crop_policies.build(cfg.CROP),
            mixture=mixture,
            sampler=samplers.build(cfg.DATA.SAMPLER, mixture=mixture),
            augmentation=Augmentation(cfg.DATA.AUGMENT),
            decoder=checked_decoder(str(cfg.DATA.DECODER)),
        )
        self.quarantine = Quarantine(float(cfg.DATA.UNREADABLE))
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
            DataError: more images cannot be read than DATA.UNREADABLE allows; names the last one.
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
            if not self._workers:
                keep_heap()
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
            self.quarantine.take(len(made), made.unreadable)
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
    outlive_signals()
