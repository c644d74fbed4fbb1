"""What an evaluation gives: hits per sequence and threshold, and the numbers and curves read from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siamtrack.evaluation.protocols import Metric, Protocol

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scores:
    """One tracker on one benchmark by one protocol.

    Attributes:
        tracker: its name.
        benchmark: its name, as rows and tables show it.
        protocol: as resolved for the benchmark.
        sequences: S names, the order of every array below.
        hits: ``success``, ``precision``, ``norm_precision`` -> ``[S, T]`` frames that pass each threshold.
        frames: ``[S]`` what hits are divided by.
        overlap_sum: ``[S]`` overlaps of the scored frames, added up.
        overlap_frames: ``[S]`` how many those are.
        seconds: ``[S]`` tracking time over the timed frames; 0 where no times were recorded.
        timed: ``[S]`` frames with a recorded time.
        rates: ``[S]`` sum of 1 / t over the timed frames.
        attributes: attribute -> names of the sequences that have it.
    """

    tracker: str
    benchmark: str
    protocol: Protocol
    sequences: tuple[str, ...]
    hits: Mapping[str, NDArray[np.int64]]
    frames: Array
    overlap_sum: Array
    overlap_frames: Array
    seconds: Array
    timed: Array
    rates: Array
    attributes: Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)

    def sequence_curves(self, curve: str) -> Array:
        """``[S, T]`` share of frames passing each threshold, in [0, 1] (above 1 where a protocol counts oddly)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.protocol.single:
                single = self.hits[curve].astype(np.float32) / self.frames.astype(np.float32)[:, None]
                return single.astype(np.float64)
            return self.hits[curve] / (self.frames + self.protocol.guard)[:, None]

    def curve(self, curve: str) -> Array:
        """``[T]`` the curve of the whole benchmark, averaged as the protocol says."""
        if self.protocol.average == "frames":
            pooled: Array = self.hits[curve].sum(0) / self.frames.sum()
            return pooled
        curves = self.sequence_curves(curve)
        if self.protocol.skip_zero_curves:
            curves = curves[curves.sum(1) > self.protocol.guard]
        mean: Array = curves.mean(0) if len(curves) else np.zeros(curves.shape[1])
        return mean

    def sequence_values(self, metric: str) -> Array:
        """``[S]`` a metric of each sequence."""
        asked = self.protocol.metric(metric)
        if asked.curve == "overlap":
            with np.errstate(invalid="ignore"):
                overlap: Array = self.overlap_sum / self.overlap_frames * asked.scale
            return overlap
        return _read(self.sequence_curves(asked.curve), asked)

    def value(self, metric: str) -> float:
        """A metric of the whole benchmark; raises ``ValueError`` for one the protocol does not report."""
        asked = self.protocol.metric(metric)
        if asked.curve != "overlap":
            return float(_read(self.curve(asked.curve), asked))
        if self.protocol.average == "frames":
            return float(self.overlap_sum.sum() / self.overlap_frames.sum() * asked.scale)
        return float(np.mean(self.sequence_values(metric)))

    @property
    def fps(self) -> float | None:
        """Frames per second from the recorded times, or ``None`` without any.

        Frames over seconds; protocols of got10k average the rates 1 / t instead, within a sequence and then over
        sequences, or over all frames where they average frames.
        """
        known = self.timed > 0
        if not known.any():
            return None
        if self.protocol.speed == "total":
            return float(self.timed.sum() / self.seconds.sum())
        if self.protocol.average == "frames":
            return float(self.rates.sum() / self.timed.sum())
        return float(np.mean(self.rates[known] / self.timed[known]))

    def metrics(self) -> dict[str, float]:
        """Every number the protocol reports, by name, and ``fps`` where times were recorded."""
        values = {metric.name: self.value(metric.name) for metric in self.protocol.metrics}
        fps = self.fps
        return values if fps is None else {**values, "fps": fps}

    def only(self, names: Collection[str]) -> Scores:
        """The scores on some of the sequences.

        Raises:
            ValueError: none of the names was scored.
        """
        wanted = set(names)
        index = np.array([i for i, name in enumerate(self.sequences) if name in wanted], np.intp)
        if not len(index):
            raise ValueError(f"None of the sequences {sorted(wanted)} was scored for {self.tracker}.")
        arrays = ("frames", "overlap_sum", "overlap_frames", "seconds", "timed", "rates")
        cut: dict[str, Any] = {name: getattr(self, name)[index] for name in arrays}
        return dataclasses.replace(
            self,
            sequences=tuple(self.sequences[i] for i in index),
            hits={name: hits[index] for name, hits in self.hits.items()},
            **cut,
        )

    def with_attribute(self, attribute: str) -> Scores:
        """The scores on the sequences that have an attribute (``occlusion``)."""
        if attribute not in self.attributes:
            known = ", ".join(sorted(self.attributes)) or "none"
            raise ValueError(f"{self.benchmark} has no attribute {attribute!r}; known: {known}.")
        return self.only(self.attributes[attribute])


def _read(curves: Array, metric: Metric) -> Array:
    read: Array = curves.mean(-1) if metric.at is None else curves[..., metric.at]
    return read * metric.scale
