"""Training a tracker's network, as the engine's built-in task."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from siamtrack.config import ConfigError
from siamtrack.contracts import Batch, Crop, Prediction, Targets, map_tensors
from siamtrack.data.loader import RawBatch, TrainingData
from siamtrack.engine.task import Shard, tasks
from siamtrack.losses import Criterion
from siamtrack.models import build_network
from siamtrack.models.build import dry_run
from siamtrack.models.network import SiameseNetwork
from siamtrack.models.pretrained import start_from_pretrained, start_from_run
from siamtrack.preview.live import batch_sheet
from siamtrack.targets import labellers
from siamtrack.tracking.validation import Validation


@tasks.register("tracking")
class TrackingTask:
    """Pairs of crops in, named losses out.

    Args:
        cfg: a resolved configuration; its MODEL, CROP, TARGETS, LOSSES, DATA, TRACK and TRAIN.VALIDATE are read.
        data_root: where the data sets lie; ``None``: what ``SIAMTRACK_DATA`` says.

    Raises:
        ConfigError: parts that do not exist or do not fit each other.
        DataError: a data set is not there.
    """

    def __init__(self, cfg: Any, data_root: str | None = None) -> None:
        torch.manual_seed(cfg.SEED)  # initial weights are part of what a seed fixes
        self.model: SiameseNetwork = build_network(cfg)
        makes = self.model.head.makes
        self.labeller = labellers.build(cfg.TARGETS)
        if makes not in self.labeller.serves:
            served = ", ".join(kind.__name__ for kind in self.labeller.serves)
            raise ConfigError(
                f"TARGETS: labeller {cfg.TARGETS.NAME!r} labels {served}, but the head {cfg.MODEL.HEAD.NAME!r} makes "
                f"{makes.__name__}."
            )
        self.criterion = Criterion(cfg.LOSSES, makes)
        self._rehearse_losses(cfg)
        if cfg.MODEL.INIT:
            start_from_run(self.model, cfg.MODEL.INIT, cfg.MODEL.INIT_FRESH)
        else:
            start_from_pretrained(self.model)
        self.data = TrainingData(cfg, data_root)
        self.validation = Validation(cfg, data_root)
        self.steps_per_epoch = cfg.DATA.SAMPLES_PER_EPOCH // cfg.TRAIN.BATCH
        self._last: tuple[Batch, Targets, Prediction] | None = None  # what pictures are of

    def _rehearse_losses(self, cfg: Any) -> None:
        """Labels and losses of a prediction without numbers, so that a term for which the head gives nothing is refused
        before anything is read or trained.
        """
        blank = dry_run(self.model, cfg.CROP.get("TEMPLATE_SIZE", 127), cfg.CROP.get("SEARCH_SIZE", 255))
        pixels, box = (torch.empty(shape, device="meta") for shape in ((1, 3, blank.size, blank.size), (1, 4)))
        present, seed = (torch.empty(1, dtype=kind, device="meta") for kind in (torch.bool, torch.int64))
        with contextlib.suppress(RuntimeError):  # a plug-in's term may want to read numbers
            self.criterion(blank, self.labeller(blank, Batch((), Crop(pixels, box), present, seed)))

    def begin(self, output: Path) -> None:
        """Images that cannot be read are listed in the run's folder."""
        self.data.quarantine.write_to(output)

    def batches(self, epoch: int, first_step: int, shard: Shard) -> Iterator[RawBatch]:
        """Micro-batches of uint8 crops; see :class:`siamtrack.engine.task.Task`."""
        return self.data.micro_batches(epoch, first_step, shard.rank, shard.world)

    def prepare(self, raw: RawBatch, device: torch.device) -> Batch:
        """The crops on the device, with their colours augmented there."""
        return self.data.prepare(raw, device)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Weighted terms; predictions and losses are float32 whatever the precision of the network."""
        prediction = model(batch.templates, batch.search)
        with torch.autocast(batch.present.device.type, enabled=False):
            targets = self.labeller(prediction, batch)
            self._last = batch, targets, map_tensors(prediction, Tensor.detach)
            return self.criterion(prediction, targets)

    def pictures(self) -> dict[str, np.ndarray]:
        """Some samples of the last micro-batch with their labels and what the network made of them."""
        return {} if self._last is None else {"samples": batch_sheet(*self._last)}

    def validate(self, model: SiameseNetwork) -> dict[str, float]:
        """Scores of a small tracking run, if TRAIN.VALIDATE names sequences."""
        return self.validation(model)
