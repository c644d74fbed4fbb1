"""What scoring VOT's experiments gives: numbers, per sequence and per tag, and the curves they are read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from siamtrack.evaluation.vot.protocols import VotProtocol
from siamtrack.evaluation.vot.regions import Array


@dataclass(frozen=True, eq=False)
class VotScores:
    """One tracker on one edition of VOT by one protocol.

    Attributes:
        tracker: its name.
        benchmark: its name, as rows and tables show it.
        protocol: as resolved for the edition.
        sequences: S names, the order of the arrays per sequence.
        values: metric -> number.
        per_sequence: metric -> ``[S]``, for those metrics that a sequence has.
        curves: ``eao`` -> ``[L]`` expected average overlap by sequence length; for long-term ``precision``, ``recall``
            and ``f1`` by threshold, and ``thresholds``.
        ar: point in the AR plot, (robustness in [0, 1], accuracy); None for long-term.
        tags: per-frame attribute -> metric -> number.
        fps: frames per second from recorded times, or None without any.
    """

    tracker: str
    benchmark: str
    protocol: VotProtocol
    sequences: tuple[str, ...]
    values: Mapping[str, float]
    per_sequence: Mapping[str, Array]
    curves: Mapping[str, Array]
    ar: tuple[float, float] | None = None
    tags: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    fps: float | None = None

    def value(self, metric: str) -> float:
        """A number of the whole benchmark; raises ``ValueError`` for one the protocol does not report."""
        return self.values[self.protocol.metric(metric).name]

    def sequence_values(self, metric: str) -> Array:
        """``[S]`` a metric of each sequence.

        Raises:
            ValueError: it is not defined for a single sequence.
        """
        if metric not in self.per_sequence:
            known = ", ".join(self.per_sequence)
            raise ValueError(
                f"{metric} of {self.protocol.name} belongs to all sequences together; of each are {known}."
            )
        return self.per_sequence[metric]

    def metrics(self) -> dict[str, float]:
        """Every number the protocol reports, by name, and ``fps`` where times were recorded."""
        values = {metric.name: self.values[metric.name] for metric in self.protocol.metrics}
        return values if self.fps is None else {**values, "fps": self.fps}
