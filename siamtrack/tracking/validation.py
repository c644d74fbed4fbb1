"""A small tracking run during training, so that a run is judged by what it is for and not by its loss alone."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from collections.abc import Sequence as SequenceOf
from typing import Any

import numpy as np

from siamtrack import evaluation
from siamtrack.config import ConfigError
from siamtrack.data.readers import open_dataset
from siamtrack.data.sequence import Frames, Sequence
from siamtrack.evaluation import TrackerResults, Truth
from siamtrack.models import SiameseNetwork
from siamtrack.tracking.load import build_tracker
from siamtrack.tracking.run import follow

PROTOCOL = "pysot"
METRICS = {"success": "success", "precision": "precision@20"}  # as the log names them, as the protocol does


class Validation:
    """Tracks parts of some sequences from their first box on (``TRAIN.VALIDATE``) and scores them as pysot does.

    The numbers are for comparing epochs of a run, not trackers: sequences are few and cut short.

    Args:
        cfg: a resolved configuration.
        data_root: where the data sets lie; ``None``: what ``SIAMTRACK_DATA`` says.

    Raises:
        ConfigError: numbers that cannot be, or an option that no reader has.
        DataError: a data set is not there.
    """

    def __init__(self, cfg: Any, data_root: str | os.PathLike[str] | None = None) -> None:
        self.cfg = cfg
        wanted = cfg.TRAIN.VALIDATE
        for key in ("SEQUENCES", "FRAMES"):
            if wanted[key] < 0 or (key, wanted[key]) == ("FRAMES", 1):
                raise ConfigError(
                    f"TRAIN.VALIDATE.{key} is {wanted[key]}; it should be 0 for all, or a number of "
                    f"{key.lower()}{', the first of which only starts the tracker' if key == 'FRAMES' else ''}."
                )
        found = [sequence for section in wanted.SETS for sequence in _open(section, data_root)]
        chosen = min(len(found), wanted.SEQUENCES or len(found))
        places = np.linspace(0, len(found) - 1, chosen).round().astype(int)
        self.sequences = [_beginning(found[i], wanted.FRAMES) for i in places]

    def __call__(self, network: SiameseNetwork) -> dict[str, float]:
        """``success`` (AUC) and ``precision`` (20 px) of the network as it is; nothing where no sets are named."""
        if not self.sequences:
            return {}
        tracker = build_tracker(self.cfg, network, next(network.parameters()).device)
        # two sets may have a sequence of the same name
        tracks = {f"{i:06d}": follow(tracker, sequence).boxes for i, sequence in enumerate(self.sequences)}
        results = TrackerResults.of(tracker.name, tracks)
        (scores,) = evaluation.evaluate_all(_truths(self.sequences), [results], PROTOCOL)
        return {name: scores.value(metric) for name, metric in METRICS.items()}


def _open(section: Any, data_root: str | os.PathLike[str] | None) -> list[Sequence]:
    options = {key.lower(): value for key, value in section.items() if key not in ("NAME", "ROOT")}
    return list(open_dataset(section["NAME"], section.get("ROOT", data_root), **options))


class _First:
    """The first frames of others."""

    def __init__(self, frames: Frames, count: int) -> None:
        self._frames, self._count = frames, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int, /) -> np.ndarray:
        return self._frames[range(self._count)[index]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return itertools.islice(iter(self._frames), self._count)


def _beginning(sequence: Sequence, frames: int) -> Sequence:
    """The first frames of a sequence, as far as scoring needs it; 0: all."""
    if not frames or len(sequence) <= frames:
        return sequence
    visible, cover = (None if a is None else a[:frames] for a in (sequence.visible, sequence.cover))
    return Sequence(
        sequence.name, _First(sequence.frames, frames), sequence.boxes[:frames], visible=visible, cover=cover
    )


def _truths(sequences: SequenceOf[Sequence]) -> list[Truth]:
    return [Truth(f"{i:06d}", s.boxes, visible=s.visible, cover=s.cover) for i, s in enumerate(sequences)]
