"""The samples of a configuration, without training: drawn, augmented and labelled as training will."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import torch

from siamtrack.config import ConfigError
from siamtrack.contracts import Batch, Crop, Prediction, map_tensors
from siamtrack.data.loader import TrainingData
from siamtrack.models import build_network
from siamtrack.preview.samples import Sample, describe, samples_of
from siamtrack.targets import labellers

_AT_ONCE = 8  # samples made together


class Previewer:
    """Makes samples of a configuration by their numbers.

    The network is built without weights and run without arithmetic: only the grid of its prediction is asked for.

    Args:
        cfg: a resolved configuration.
        data_root: folder with the data sets; ``None``: what ``SIAMTRACK_DATA`` says.

    Attributes:
        data: what is drawn from.

    Raises:
        ConfigError: parts that do not exist or do not fit each other.
        DataError: a data set is not there.
    """

    def __init__(self, cfg: Any, data_root: str | os.PathLike[str] | None = None) -> None:
        with torch.device("meta"):
            self._network = build_network(cfg).eval()
        self._labeller = labellers.build(cfg.TARGETS)
        makes = self._network.head.makes
        if makes not in self._labeller.serves:
            raise ConfigError(f"TARGETS: labeller {cfg.TARGETS.NAME!r} does not label {makes.__name__}.")
        self.data = TrainingData(cfg, data_root)

    def samples(self, first: int, count: int) -> list[Sample]:
        """Samples ``first .. first + count - 1``, counted from the beginning of training.

        Raises:
            DataError: samples cannot be made of the data.
        """
        return [
            sample for start in range(first, first + count, _AT_ONCE) for sample in self._some(start, first + count)
        ]

    def _some(self, first: int, end: int) -> Iterator[Sample]:
        raw = self.data.maker.make(first, min(_AT_ONCE, end - first))
        batch = self.data.prepare(raw, "cpu")
        prediction = self._blank(batch)
        targets = self._labeller(prediction, batch)
        for i, sample in enumerate(samples_of(batch, targets, prediction, len(batch), scored=False)):
            yield describe(sample, raw, i, self.data.maker.mixture, first + i)

    def _blank(self, batch: Batch) -> Prediction:
        """A prediction of the shape that the network makes of the batch, all zeros."""

        def shape(crop: Crop) -> Crop:
            return map_tensors(crop, lambda tensor: torch.empty_like(tensor, device="meta"))

        with torch.no_grad():
            prediction: Prediction = self._network(tuple(map(shape, batch.templates)), shape(batch.search))
        return map_tensors(prediction, lambda tensor: torch.zeros_like(tensor, device="cpu"))
